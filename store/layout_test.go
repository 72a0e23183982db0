package store

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"testing"
)

// TestNodesBeyondTheTableAreKeptInFull merges records of more nodes than the table of short numbers has places for.
func TestNodesBeyondTheTableAreKeptInFull(t *testing.T) {
	s := newStore(t, Options{Node: 1, Shards: 2, MaxBytes: 1 << 20})
	many := uint64(3 * len(s.env.nodes.ids))
	at := func(i uint64) Record {
		return Record{
			Key: fmt.Append(nil, "key ", i), Value: []byte("v"), Kind: KindString, Flags: Keeps, Stamp: epoch0<<16 + i, Node: i<<16 | 9000,
			BaseStamp: epoch0<<16 - i, BaseNode: i << 17, ExpireAt: epoch0 + 50_000, ExpireStamp: epoch0<<16 + 2*i, ExpireNode: i<<18 | 1,
		}
	}
	for i := range many {
		if got := merge(s, epoch0, at(i)); got != Applied {
			t.Fatal(i, got)
		}
	}
	wide := 0
	for i := range many {
		want := at(i)
		r, ok := lookup(s, epoch0, string(want.Key))
		if !ok || r.Version() != want.Version() || r.Expiry() != want.Expiry() || r.BaseNode != want.BaseNode || r.BaseStamp != want.BaseStamp {
			t.Fatalf("%+v, want %+v", r, want)
		}
		var e entry
		s.shardOf(s.Hash(want.Key)).find(&e, want.Key, s.Hash(want.Key))
		if e.wide {
			wide++
		}
		if got := merge(s, epoch0, want); got != Same {
			t.Fatal(got)
		}
	}
	if wide == 0 || wide == int(many) {
		t.Errorf("%d of %d entries carry ids in full", wide, many)
	}
	s.Sweep(epoch0+60_000, 1<<20)
	check(t, s)
}

// TestValuesOfAllSizes writes, reads and overwrites keys and values around every bound of the layout.
func TestValuesOfAllSizes(t *testing.T) {
	s := newStore(t, Options{Node: 1, Shards: 2, MaxBytes: 80 << 20})
	unit := s.env.memory.pages.unit
	sizes := []int{0, 1, 2, 100, unit - 10, unit - 1, unit, unit + 1, 2 * unit, 3*unit - 1, 100_000, MaxKeyBytes, MaxValueBytes}
	if raceEnabled {
		sizes = sizes[:len(sizes)-4]
	}
	rng := rand.New(rand.NewPCG(1, 1))
	fill := func(n int) []byte {
		b := make([]byte, n)
		for i := range b {
			b[i] = byte(rng.Uint32())
		}
		return b
	}
	for round := range 2 {
		for _, n := range sizes {
			for _, m := range sizes {
				if n > MaxKeyBytes {
					continue
				}
				k, v := fill(n), fill(m)
				h := s.Hash(k)
				set(t, s, epoch0, string(k), string(fill(sizes[(m+round)%len(sizes)]%200_000)), SetOptions{})
				set(t, s, epoch0, string(k), string(v), SetOptions{ExpireAt: epoch0 + 1000})
				if got, _, ok := s.Get([]byte("x"), k, h, epoch0); !ok || !bytes.Equal(got[1:], v) {
					t.Fatalf("key of %d, value of %d bytes", n, m)
				}
				if meta, size, ok := s.Meta(k, h, epoch0); !ok || size != m || meta.ExpireAt != epoch0+1000 {
					t.Fatal(meta, size, ok)
				}
				if r, ok := lookup(s, epoch0, string(k)); !ok || !bytes.Equal(r.Key, k) || !bytes.Equal(r.Value, v) {
					t.Fatalf("lookup of key of %d, value of %d bytes", n, m)
				}
				s.Persist(k, h, epoch0)
				s.Increment(nil, k, h, epoch0, 1, false)
			}
			check(t, s)
		}
	}
	s.Sweep(epoch0+2000, 1<<20)
	s.Sweep(epoch0+9000, 1<<20)
	check(t, s)
	s.Flush(epoch0 + 9000)
	check(t, s)
	if s.env.memory.pages.free() == 0 || s.shards[0].pages+s.shards[1].pages != 0 {
		t.Error("pages are not given back")
	}
}

func TestTakeIsGetAndDelete(t *testing.T) {
	s := newStore(t, Options{Node: 1})
	set(t, s, epoch0, "k", "value", SetOptions{})
	k := []byte("k")
	out, r, existed, written, _ := s.Take([]byte("so: "), k, s.Hash(k), epoch0, false)
	if string(out) != "so: value" || r.Flags != Deleted || !existed || !written {
		t.Error(string(out), r, existed, written)
	}
	if out, _, existed, written, _ := s.Take(nil, k, s.Hash(k), epoch0, false); out != nil || existed || written {
		t.Error("taken twice")
	}
}

// TestSpaceIsGivenBack fills a store, empties it and looks at what is still in use.
func TestSpaceIsGivenBack(t *testing.T) {
	oneGoroutine(t)
	s := newStore(t, Options{Node: 1, Shards: 4, MaxBytes: 32 << 20, Horizon: 1000})
	empty := s.Counts().Bytes
	for round := range min(few(30), 3) {
		fillKeys(t, s, fmt.Sprint("round ", round, " "), 50_000)
		full := s.Counts().Bytes
		for i := range 50_000 {
			k := fmt.Appendf(nil, "round %d %d", round, i)
			s.Delete(k, s.Hash(k), epoch0, false)
		}
		for range 200 {
			s.Sweep(epoch0+2000, 10_000)
		}
		if left := s.Counts().Bytes - empty; left > (128<<10)+(2*8<<s.env.leafBits) || full < 2<<20 {
			t.Errorf("of %d bytes %d are left", full, left)
		}
		check(t, s)
	}
}

// TestOverwritesOfOtherSizesReuseTheirSpace churns sizes without eviction: left places must not pile up.
func TestOverwritesOfOtherSizesReuseTheirSpace(t *testing.T) {
	s := newStore(t, Options{Node: 1, Shards: 4, MaxBytes: 64 << 20})
	rng := rand.New(rand.NewPCG(2, 2))
	payload := map[int]int{}
	value := make([]byte, 3000)
	for i := range few(200_000) {
		n, size := rng.IntN(5000), rng.IntN(300)
		if rng.IntN(20) == 0 {
			size = rng.IntN(3000)
		}
		k := fmt.Append(nil, "key ", n)
		s.Set(nil, k, value[:size], s.Hash(k), epoch0+uint64(i)/100, SetOptions{})
		payload[n] = len(k) + size
	}
	total := 0
	for _, n := range payload {
		total += n + headBytes + 12
	}
	c := s.Counts()
	tables := int64(8<<s.env.leafBits) * 10
	if in := c.Bytes - tables; c.Evictions > 0 || in > int64(total)*3/2+256<<10 {
		t.Errorf("%d bytes for %d of entries, %d evictions", in, total, c.Evictions)
	}
	check(t, s)
}

// TestTheIndexGrowsAndShrinksInSteps keeps every key found while cells move.
func TestTheIndexGrowsAndShrinksInSteps(t *testing.T) {
	m, err := newMemory(1<<20, 1, false)
	if err != nil {
		t.Fatal(err)
	}
	var x index
	rng := rand.New(rand.NewPCG(3, 3))
	there := map[uint64]uint64{} // place to tag
	moved, given := 0, 0
	phase := max(few(40_000), 15_000)
	for i := range 5 * phase {
		grow := i/phase%2 == 0
		if grow || len(there) < 10 {
			tag := rng.Uint64N(tagEnd)
			if rng.IntN(10) == 0 {
				tag = tagEnd - 1 - rng.Uint64N(3) // a crowd at the end of the table
			}
			place := uint64(i + 1)
			there[place] = tag
			x.insert(m, tag, place)
		} else {
			for place, tag := range there {
				x.remove(tag, place)
				delete(there, place)
				break
			}
			x.shrink(m)
		}
		if x.step(m, stepCells) {
			moved++
		}
		if i%(phase/4) == 0 || x.freed > 0 && i%500 == 0 {
			given = max(given, x.freed)
			for place, tag := range there {
				if x.cell(tag, place) == nil {
					t.Fatalf("after %d: tag %d is lost", i, tag)
				}
			}
		}
	}
	if moved == 0 || given == 0 || x.used != len(there) {
		t.Error(moved, given, x.used, len(there))
	}
	x.reset(m)
}
