package store

import (
	"fmt"
	"math/rand/v2"
	"testing"
)

// TestR3_SweepFindsEveryExpiryInItsTick compares the wheel with the plain truth, for times from ms to years.
func TestR3_SweepFindsEveryExpiryInItsTick(t *testing.T) {
	const hour = 3_600_000
	reach := []uint64{100, 5000, 300_000, 5 * hour, 400 * hour, 30_000 * hour}
	eachSeed(t, 150, func(seed uint64) {
		rng := rand.New(rand.NewPCG(seed, 5))
		s := newStore(t, Options{Node: 1, Shards: 1, Horizon: MaxHorizon})
		due := map[string]uint64{}
		now := epoch0
		for range 60 {
			for range rng.IntN(12) {
				k := fmt.Sprint(rng.IntN(200))
				due[k] = now + 1 + rng.Uint64N(reach[rng.IntN(len(reach))])
				set(t, s, now, k, "v", SetOptions{ExpireAt: due[k]})
			}
			now += rng.Uint64N(reach[rng.IntN(len(reach))])
			for s.Sweep(now, 3) >= 3 {
				// a small budget: every stop in the middle of a bucket is taken up again
			}
			live := 0
			for _, at := range due {
				if at>>wheelTickBits >= now>>wheelTickBits {
					live++
				}
			}
			if s.Len() != live {
				t.Fatalf("seed %d: %d live after the sweep at %d, want %d", seed, s.Len(), now, live)
			}
			check(t, s)
		}
	})
}

func TestSweepKeepsToItsBudgetUntilNothingIsLeft(t *testing.T) {
	s := newStore(t, Options{Node: 1, Shards: 4})
	const n = 5000
	for i := range n {
		set(t, s, epoch0, fmt.Sprint(i), "v", SetOptions{ExpireAt: epoch0 + 10})
	}
	now, calls := epoch0+200, 0
	for s.Len() > 0 {
		before := s.Len()
		if worked := s.Sweep(now, 100); worked > 100 || before-s.Len() > 100 {
			t.Fatalf("a budget of 100, and %d handled, %d expired", worked, before-s.Len())
		}
		calls++
	}
	if calls != n/100 {
		t.Errorf("%d calls of 100 for %d", calls, n)
	}
	if s.Sweep(now, 100) != 0 {
		t.Error("work is left when there is none")
	}
	check(t, s)
}

// A part of the shards at a time: each is come to once in so many calls, and what moves in steps is done as soon as if each had been
// come to every time.
func TestSweepPartsTogetherAreOneSweep(t *testing.T) {
	const shards, parts, n = 8, 4, 40_000
	filled := func() *Store {
		s := newStore(t, Options{Node: 1, Shards: shards})
		for i := range n {
			set(t, s, epoch0, fmt.Sprint(i), "v", SetOptions{ExpireAt: epoch0 + 10})
		}
		return s
	}
	s := filled()
	for left := parts; left > 0; left-- {
		before := s.Len()
		if s.SweepPart(epoch0+200, parts, n); s.Len() < before/left*9/10*(left-1) || s.Len() > before/left*11/10*(left-1) {
			t.Fatalf("%d of %d are left behind a part, with %d to go", s.Len(), before, left-1)
		}
	}
	if s.Len() != 0 {
		t.Errorf("%d were not come to", s.Len())
	}
	check(t, s)

	moves := func(sweep func(s *Store)) (calls int) {
		s := filled()
		for i := range s.shards {
			sh := &s.shards[i]
			x := &sh.index
			x.finish(sh.env.memory)
			x.start(sh.env.memory, x.cur.homes, 1)
		}
		for moving := true; moving; calls++ {
			sweep(s)
			moving = false
			for i := range s.shards {
				moving = moving || s.shards[i].index.moving()
			}
		}
		check(t, s)
		return calls
	}
	whole := moves(func(s *Store) { s.Sweep(epoch0, n) })
	if parted := moves(func(s *Store) { s.SweepPart(epoch0, parts, n) }); whole < parts || parted > whole+parts {
		t.Errorf("tables move within %d calls, and within %d of a part each", whole, parted)
	}
}

// What expires in more than 12 days is looked through a slice at a time, writes between them, and is not missed.
func TestFarExpiriesComeIntoReachInSlices(t *testing.T) {
	const entries, slice = 1000, 16
	s := newStore(t, Options{Node: 1, Shards: 1, Horizon: MaxHorizon})
	turn := (epoch0>>24>>wheelTickBits + 1) << 24 << wheelTickBits // 2^24 ticks are 12 days
	set(t, s, epoch0, "near", "v", SetOptions{ExpireAt: epoch0 + 60_000})
	for i := range uint64(entries) {
		at := turn + 1 + i*1000
		if i%4 == 0 {
			at += 1 << 24 << wheelTickBits // stays on the list
		}
		set(t, s, epoch0, fmt.Sprint(i), "v", SetOptions{ExpireAt: at})
	}
	sh := &s.shards[0]
	for before := sh.wheel.far; ; before = sh.wheel.far {
		if n, _ := sh.sweep(turn+1<<wheelTickBits, slice); n < slice {
			break
		}
		if before-sh.wheel.far > slice {
			t.Fatalf("%d moved under one hold of the lock", before-sh.wheel.far)
		}
		set(t, s, turn+1, "0", "w", SetOptions{ExpireAt: turn + 2<<24<<wheelTickBits})
		check(t, s)
	}
	if sh.wheel.far != entries/4 {
		t.Fatalf("%d of %d are far off", sh.wheel.far, entries)
	}
	now := turn + entries*1000
	for s.Sweep(now, 1000) == 1000 {
	}
	if s.Len() != entries/4 {
		t.Fatalf("%d live, want %d", s.Len(), entries/4)
	}
}

func TestAnExpiryMovesWithEveryWrite(t *testing.T) {
	s := newStore(t, Options{Node: 1, Shards: 1})
	k := "k"
	for i := range uint64(1000) {
		set(t, s, epoch0+i, k, "v", SetOptions{ExpireAt: epoch0 + 2000 + i*i%7919})
		if c := s.shards[0].wheel.count; c != 1 {
			t.Fatalf("%d places in the wheel for one key", c)
		}
	}
	s.Persist([]byte(k), s.Hash([]byte(k)), epoch0+1000)
	if c := s.shards[0].wheel.count; c != 0 {
		t.Errorf("%d places in the wheel after PERSIST", c)
	}
}
