package store

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"
)

const hour = 3_600_000

// steps back of all sizes, as a group of any age meets them.
func stepsBack(r *rand.Rand) Step {
	back := []uint64{2_001, 10_000, hour, 7 * 24 * hour, 56 * 365 * 24 * hour}[r.IntN(5)]
	st := Step{Old: epoch0, New: epoch0 - back}
	if r.IntN(2) == 0 {
		st.Least = (st.Old - r.Uint64N(back)) << stampBits
	}
	return st
}

func TestR7_AStepBackKeepsTheOrderOfStamps(t *testing.T) {
	r := rand.New(rand.NewPCG(7, 1))
	for range 2000 {
		st := stepsBack(r)
		to, last := st.New<<stampBits, uint64(0)
		stamp, most := to-r.Uint64N(stepWidth), (st.Old-st.New)<<stampBits/16
		for stamp < st.Old<<stampBits+most {
			m := st.Stamp(stamp)
			switch {
			case stamp <= to && m != stamp:
				t.Fatalf("%+v moves %x, which is not ahead, to %x", st, stamp, m)
			case m < last:
				t.Fatalf("%+v maps %x to %x, below %x", st, stamp, m, last)
			case stamp <= st.Old<<stampBits && m > to+stepWidth:
				t.Fatalf("%+v maps %x to %x, over a second ahead", st, stamp, m)
			}
			last = m
			stamp += 1 + r.Uint64N(most)
		}
	}
	st := Step{Old: epoch0, New: epoch0 - hour, Least: (epoch0 - 60_000) << stampBits}
	a, b := (epoch0-50_000)<<stampBits, (epoch0-49_999)<<stampBits
	if d := st.Stamp(b) - st.Stamp(a); d < 1000 {
		t.Fatalf("a millisecond of a minute is %d of the second's 65,536,000 stamps", d)
	}
	forward := Step{Old: epoch0, New: epoch0 + hour}
	if forward.Stamp(a) != a || forward.Expiry(epoch0) != epoch0 {
		t.Fatal("a step forward changes stamps or expiries")
	}
}

func TestR7_AStepBackChangesNothingOfWhetherAnExpiryCounts(t *testing.T) {
	r := rand.New(rand.NewPCG(7, 2))
	counts := func(rec *Record) bool {
		e := rec.Expiry()
		return e.Compare(rec.Version()) >= 0 || rec.Flags&Keeps != 0 && e.Compare(Version{rec.BaseStamp, rec.BaseNode}) >= 0
	}
	for range 100_000 {
		st := stepsBack(r)
		near := func() uint64 { return st.Old<<stampBits - 5 + r.Uint64N(10) } // so near that they become one
		rec := Record{Stamp: near(), Node: r.Uint64N(3), ExpireStamp: near(), ExpireNode: r.Uint64N(3), ExpireAt: epoch0 + 1000}
		if r.IntN(2) == 0 {
			rec.Flags, rec.BaseStamp, rec.BaseNode = Keeps, near(), r.Uint64N(3)
		}
		m := rec
		st.Record(&m)
		if counts(&m) != counts(&rec) || (m.Version() == m.Expiry()) != (rec.Version() == rec.Expiry()) {
			t.Fatalf("%+v maps %+v to %+v", st, rec, m)
		}
	}
}

// aged is a store that much has happened to for some minutes up to epoch0: all kinds of records, several nodes.
func aged(t *testing.T, seed uint64, o Options) *Store {
	r := rand.New(rand.NewPCG(seed, 3))
	o.Node = 1
	s := newStore(t, o)
	for now := epoch0 - 300_000; now < epoch0; now += r.Uint64N(1000) {
		key := fmt.Appendf(nil, "key %d", r.IntN(300))
		hash := s.Hash(key)
		s.SetNode(1 + r.Uint64N(3))
		switch p := r.IntN(100); {
		case p < 1:
			s.Flush(now)
		case p < 20:
			s.Delete(key, hash, now, true)
		case p < 40:
			s.Expire(key, hash, now, now+r.Uint64N(20_000), 0)
		case p < 60:
			s.Increment(nil, key, hash, now, 1, false)
		default:
			o := SetOptions{}
			if r.IntN(2) == 0 {
				o.ExpireAt = now + 1 + r.Uint64N(100_000)
			}
			s.Set(nil, key, fmt.Appendf(nil, "%d", r.IntN(1000)), hash, now, o)
		}
		if r.IntN(4) == 0 {
			s.Sweep(now, 64)
		}
	}
	return s
}

func TestR7_AStoreThatStepsBackIsTheStoreOfTheMappedRecords(t *testing.T) {
	oneGoroutine(t)
	for seed := range uint64(max(few(40), 8)) {
		for _, back := range []uint64{5_000, hour, 56 * 365 * 24 * hour} {
			o := Options{Shards: 4}
			s := aged(t, seed, o)
			st := Step{Old: epoch0, New: epoch0 - back, Least: s.LeastAbove((epoch0-back)<<stampBits, epoch0)}
			all, floor, flush := records(s, epoch0), s.Floor(), s.Flushed()
			want := newStore(t, o)
			want.RaiseFloor(st.Version(floor))
			if f := st.Version(flush); f != (Version{}) {
				merge(want, st.New, Record{Flags: Flush, Stamp: f.Stamp, Node: f.Node})
			}
			for _, r := range all {
				st.Record(&r)
				merge(want, st.New, r)
			}
			s.Step(st)
			now := st.New
			if seed%2 == 0 { // a flush comes while the step waits
				merge(s, now, Record{Flags: Flush, Stamp: (now - 100) << stampBits, Node: 9})
				merge(want, now, Record{Flags: Flush, Stamp: (now - 100) << stampBits, Node: 9})
			}
			if a, b := contents(s, now), contents(want, now); a != b {
				t.Fatalf("seed %d, back %d\n%s\nwant\n%s", seed, back, a, b)
			}
			if err := s.verify(); err != nil {
				t.Fatalf("seed %d, back %d: %v", seed, back, err)
			}
			if e, root := s.Digest(now); e != 0 || root != 0 {
				t.Fatalf("a root of epoch %d, which was long ago", e)
			}
			for end := now + 200_000; now < end; now += 1000 {
				s.Sweep(now, 1000)
				want.Sweep(now, 1000)
				epoch, root := s.Digest(now)
				_, other := want.Digest(now)
				if now > st.New+6_000 && (epoch == 0 || root != other) {
					t.Fatalf("seed %d, back %d, %d ms later: root %x of epoch %d, want %x", seed, back, now-st.New, root, epoch, other)
				}
			}
			if a, b := contents(s, now), contents(want, now); a != b {
				t.Fatalf("seed %d, back %d: later\n%s\nwant\n%s", seed, back, a, b)
			}
			if err := s.verify(); err != nil {
				t.Fatalf("seed %d, back %d: later: %v", seed, back, err)
			}
		}
	}
}

func TestR7_AStepReachesGhostsAndEntriesOfAllSizes(t *testing.T) {
	s := newStore(t, Options{Shards: 2, MaxBytes: 512 << 10})
	r := rand.New(rand.NewPCG(9, 9))
	put := func(now uint64) {
		key := fmt.Appendf(nil, "key %d", r.IntN(5000))
		o := SetOptions{}
		if r.IntN(3) == 0 {
			o.ExpireAt = now + r.Uint64N(100_000)
		}
		s.Set(nil, key, make([]byte, r.IntN(3)*r.IntN(6000)), s.Hash(key), now, o)
	}
	for i := range uint64(5000) {
		put(epoch0 - 5000 + i)
	}
	if s.Counts().Ghosts == 0 {
		t.Fatal("no ghosts")
	}
	st := Step{Old: epoch0, New: epoch0 - hour}
	s.Step(st)
	s.Step(Step{Old: st.New, New: st.New - hour}) // before anybody came to the entries
	now := st.New - hour
	for i := range uint64(5000) {
		put(now + i)
		if i%500 == 0 {
			if err := s.verify(); err != nil {
				t.Fatal(i, err)
			}
		}
	}
	ahead := (now + 5000 + 2*1000) << stampBits
	if least := s.LeastAbove(ahead, now+5000); least != math.MaxUint64 {
		t.Fatalf("stamp %x is left, ahead of %x", least, ahead)
	}
}

func TestR7_AfterAStepTimesToLiveAndTombstonesLastAsLongAsBefore(t *testing.T) {
	for _, new := range []uint64{epoch0 - 2*hour, epoch0 + hour - 60_000} {
		s := newStore(t, Options{Shards: 1, Node: 1, Horizon: hour})
		set(t, s, epoch0-20_000, "k", "v", SetOptions{ExpireAt: epoch0 + 40_000})
		set(t, s, epoch0-20_000, "gone", "v", SetOptions{})
		s.Delete([]byte("gone"), s.Hash([]byte("gone")), epoch0-10_000, false)
		s.Step(Step{Old: epoch0, New: new})
		s.Sweep(new, 100)
		if new < epoch0 {
			if _, ok := get(s, new+39_999, "k"); !ok {
				t.Error("expired too early")
			}
			if _, ok := get(s, new+40_000, "k"); ok {
				t.Error("expired too late")
			}
		}
		s.Sweep(new+hour-10_001, 100)
		if s.Counts().Tombstones == 0 || s.Floor() != (Version{}) {
			t.Error("the tombstone went before its horizon")
		}
		s.Sweep(new+2*hour, 100)
		if s.Counts().Tombstones != 0 || s.Floor() == (Version{}) {
			t.Error("the tombstone stays")
		}
	}
}

func TestR7_AWriteAfterAStepBackIsAboveWhatWasHeld(t *testing.T) {
	s := newStore(t, Options{Node: 1})
	set(t, s, epoch0, "k", "old", SetOptions{})
	s.Flush(epoch0)
	set(t, s, epoch0, "k", "newer", SetOptions{})
	st := Step{Old: epoch0, New: epoch0 - hour}
	s.Step(st)
	before, ok := lookup(s, st.New, "k")
	r := set(t, s, st.New, "k", "newest", SetOptions{})
	if !ok || r.Stamp <= before.Stamp || r.Stamp <= s.Flushed().Stamp || r.Stamp > (st.New+1_001)<<stampBits {
		t.Fatalf("%x after %x, flush %x, now %x", r.Stamp, before.Stamp, s.Flushed().Stamp, st.New<<stampBits)
	}
}

// FLUSHALL and SETs of one moment get one stamp where an hour becomes a second; what came behind the flush stays, with its time
// to live, and goes to whoever knows the flush (plan 6491 of clocks).
func TestR7_WhatCameRightAfterAFlushOutlivesAStepBack(t *testing.T) {
	s, other := newStore(t, Options{Shards: 1, Node: 1}), newStore(t, Options{Shards: 1, Node: 2})
	const hour, then = 3_600_000, epoch0 - 10
	set(t, s, then, "flushed", "v", SetOptions{})
	s.Flush(then)
	k := set(t, s, then, "k", "v", SetOptions{})
	set(t, s, then, "timed", "v", SetOptions{ExpireAt: epoch0 + 5000})
	s.Expire([]byte("timed"), s.Hash([]byte("timed")), then, epoch0+9000, 0)
	set(t, s, then, "ends", "v", SetOptions{ExpireAt: epoch0 + 5000})
	st := Step{Old: epoch0, New: epoch0 - hour}
	if a := s.Flushed(); st.Stamp(a.Stamp) != st.Stamp(k.Stamp) {
		t.Fatalf("the stamps %x and %x stay two: nothing is tested", a.Stamp, k.Stamp)
	}
	s.Step(st)
	now := st.New
	if _, ok := get(s, now, "flushed"); ok {
		t.Error("what was flushed is back")
	}
	merge(other, now, Record{Flags: Flush, Stamp: s.Flushed().Stamp, Node: s.Flushed().Node})
	for _, r := range records(s, now) {
		merge(other, now, r)
	}
	for _, key := range []string{"k", "timed", "ends"} {
		m, ok := lookup(s, now, key)
		n, there := lookup(other, now, key)
		if !ok || !there || m.Version() != n.Version() || m.Expiry() != n.Expiry() || m.ExpireAt != n.ExpireAt {
			t.Errorf("%s: %+v %v, on the other node %+v %v", key, m, ok, n, there)
		}
	}
	if m, _ := lookup(s, now, "timed"); m.ExpireAt != now+9000 || m.Expiry().Compare(m.Version()) <= 0 {
		t.Errorf("the time to live is %d, of %v beside %v", m.ExpireAt-now, m.Expiry(), m.Version())
	}
	if r := set(t, s, now, "k", "w", SetOptions{}); r.Version().Compare(s.Flushed()) <= 0 {
		t.Error("a write after the step is below the flush")
	} else if o := merge(other, now, r); o != Applied {
		t.Errorf("a write after the step is %v on the other node", o)
	}
	now += 20_000
	for _, s := range []*Store{s, other} {
		s.Sweep(now, 1000)
		check(t, s)
		if c := s.Counts(); c.Keys != 1 {
			t.Errorf("when the times to live are over: %+v", c)
		}
	}
	e, a := s.Digest(now)
	if f, b := other.Digest(now); e == 0 || e != f || a != b {
		t.Errorf("epoch %d has root %x, on the other node %d has %x", e, a, f, b)
	}
}

// A node that was an hour ahead steps back before it has stamped anything: what it merged expires in time, and its root is
// that of a node that was never ahead.
func TestR6_AStoreThatWasAheadCountsExpiriesInTimeAfterTheStepBack(t *testing.T) {
	const hour = 3_600_000
	now := uint64(1_700_000_000_000)
	ahead, right := newStore(t, Options{Shards: 4, Node: 1}), newStore(t, Options{Shards: 4, Node: 2})
	for i := range uint64(50) {
		ahead.Sweep(now+hour+i*100, 64)
	}
	ahead.Withhold(EpochOf(now + hour))
	ahead.Rewind(now)
	key := []byte("key")
	_, res := right.Set(nil, key, []byte("v"), right.Hash(key), now, SetOptions{ExpireAt: now + 1500})
	if o := ahead.Merge(&res.Record, ahead.Hash(key), now+5); o != Applied {
		t.Fatal(o)
	}
	for at := now; at < now+10_000; at += 50 {
		ahead.Sweep(at, 64)
		right.Sweep(at, 64)
		e, a := ahead.Digest(at)
		f, b := right.Digest(at)
		if at > now+6000 && (e != f || a != b) {
			t.Fatalf("%d ms later epoch %d has root %x, and %d has %x", at-now, e, a, f, b)
		}
	}
	if c := ahead.Counts(); c.Keys != 0 || c.Expired != 1 {
		t.Fatalf("%+v", c)
	}
}

// A SET and the EXPIRE after it become neighbours where an hour is squeezed into a second. The next write of the shard is above both:
// with the stamp of the EXPIRE it would have its expiry on every other node.
func TestR7_TheFirstWriteAfterAStepBackIsAboveAllThatWasMapped(t *testing.T) {
	for seed := range uint64(50) {
		r := rand.New(rand.NewPCG(seed, 8))
		a, b := newStore(t, Options{Node: 1, Shards: 1, MaxBytes: 1 << 20}), newStore(t, Options{Node: 2, Shards: 1, MaxBytes: 1 << 20})
		key := []byte("key")
		hash := a.Hash(key)
		set(t, a, epoch0, "key", "1", SetOptions{})
		if r.IntN(2) == 0 {
			a.Flush(epoch0)
			set(t, a, epoch0, "key", "1", SetOptions{})
		}
		for range r.IntN(3) {
			a.Increment(nil, key, hash, epoch0, 1, false)
			set(t, a, epoch0, "key", "2", SetOptions{KeepTTL: true})
		}
		if _, ok := a.Expire(key, hash, epoch0, epoch0+100_000, 0); !ok {
			t.Fatal("no expiry")
		}
		b.Merge(&Record{Flags: Flush, Stamp: a.Flushed().Stamp, Node: a.Flushed().Node}, 0, epoch0)
		held, _ := lookup(a, epoch0, "key")
		merge(b, epoch0, held)
		st := Step{Old: epoch0 + 1, New: epoch0 + 1 - hour}
		for _, s := range []*Store{a, b} {
			s.Step(st)
			s.Sweep(st.New, 100)
			check(t, s)
		}
		written := set(t, a, st.New, "key", "3", SetOptions{})
		if o := merge(b, st.New, written); o != Applied {
			t.Fatalf("the first write is %v: %+v", o, written)
		}
		if ours, theirs := contents(a, st.New), contents(b, st.New); ours != theirs {
			t.Fatalf("seed %d: the writer holds\n%swhere its write went\n%s", seed, ours, theirs)
		}
	}
}

// TestR7_NoEpochOfTheSecondThatWasFilledHasARoot: what was squeezed into it is of later epochs on a node that has not stepped yet.
func TestR7_NoEpochOfTheSecondThatWasFilledHasARoot(t *testing.T) {
	for _, into := range []uint64{0, 20, 30, 1<<epochBits - 1} { // ms of its epoch that are over at the new time
		s := newStore(t, Options{Node: 1})
		to := epoch0 - hour + into
		s.Step(Step{Old: epoch0, New: to})
		if got, want := s.Withheld(), EpochOf(to+1000); got < want || got > want+1 {
			t.Errorf("%d ms into an epoch: withheld up to %d, and the second ends in %d", into, got, want)
		}
	}
}

// TestR7_TheLowestStampOfTheAnnouncerMayBeAnyOfTheStep, or none of it.
func TestR7_TheLowestStampOfTheAnnouncerMayBeAnyOfTheStep(t *testing.T) {
	to, from := (epoch0-hour)<<stampBits, epoch0<<stampBits
	for _, least := range []uint64{0, to - 1, to, to + 1, from - 1, from, from + 1, 1<<64 - 1} {
		st := Step{Old: epoch0, New: epoch0 - hour, Least: least}
		last := uint64(0)
		for _, stamp := range []uint64{to - 1, to, to + 1, to + 2, to + hour, from - 2, from - 1, from, from + 1} {
			m := st.Stamp(stamp)
			if m < last || m < min(stamp, to) || stamp <= from && m > to+stepWidth {
				t.Errorf("with the lowest at %x, %x becomes %x, after %x", least, stamp, m, last)
			}
			last = m
		}
	}
}
