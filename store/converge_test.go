package store

import (
	"fmt"
	"math/rand/v2"
	"testing"
)

// TestR1R2R4_AnyOrderOfMergesGivesTheSameState plays a history on a few stores that hear of each other's writes late or
// not at all, then gives all its records to all stores, in a different order and some twice, expiries passing on the
// way. All must end with the same registers, the same values and the same root.
func TestR1R2R4_AnyOrderOfMergesGivesTheSameState(t *testing.T) {
	oneGoroutine(t)
	eachSeed(t, 1500, func(seed uint64) { converge(t, seed) })
}

type sent struct {
	r    Record
	from *Store
}

func converge(t *testing.T, seed uint64) {
	rng := rand.New(rand.NewPCG(seed, 2))
	var stores []*Store
	for i := range 5 {
		// Two share an id, as clones do: the content hash decides between them.
		stores = append(stores, newStore(t, Options{Node: uint64(1 + i%4), Shards: 1 << rng.IntN(4), Seed: seed}))
	}
	origins := stores[:3]
	now := epoch0
	var all []sent
	for range 10 + rng.IntN(80) {
		now += rng.Uint64N(200)
		from := origins[rng.IntN(len(origins))]
		// Clocks differ: some nodes stamp up to 300 ms ahead.
		if r, ok := randomWrite(rng, from, now+uint64(from.node.Load())*100, 4); ok {
			r.Key, r.Value = append([]byte(nil), r.Key...), append([]byte(nil), r.Value...)
			all = append(all, sent{r, from})
		}
		if len(all) > 0 && rng.IntN(2) == 0 {
			deliver(origins[rng.IntN(len(origins))], all[rng.IntN(len(all))], now)
		}
		if rng.IntN(5) == 0 {
			origins[rng.IntN(len(origins))].Sweep(now, 100)
		}
	}
	for _, s := range stores {
		late := now
		for _, i := range rng.Perm(2 * len(all)) {
			deliver(s, all[i%len(all)], late)
			late += rng.Uint64N(100)
			if rng.IntN(20) == 0 {
				s.Sweep(late, 10)
			}
		}
	}
	end := now + 60_000
	for _, s := range stores {
		askForValues(s, stores, end)
	}
	same(t, stores, end)
}

// deliver merges as a peer does: a record that is asked for is fetched whole from whoever sent the update.
func deliver(s *Store, m sent, now uint64) {
	if merge(s, now, m.r) != NeedRecord {
		return
	}
	if r, ok := lookup(m.from, now, string(m.r.Key)); ok {
		merge(s, now, r)
	}
}

// askForValues asks everyone for the values of records that came back to life after their bytes were gone (R3).
func askForValues(s *Store, all []*Store, now uint64) {
	for _, r := range records(s, now) {
		if e := entryOf(s, r); r.Flags&Bare != Bare || !e.readable(now) {
			continue
		}
		for _, o := range all {
			if whole, ok := lookup(o, now, string(r.Key)); ok {
				merge(s, now, whole)
			}
		}
	}
}

func same(t *testing.T, stores []*Store, now uint64) {
	t.Helper()
	_, root := stores[0].Digest(now)
	want := contents(stores[0], now)
	for i, s := range stores {
		check(t, s)
		if got := contents(s, now); got != want {
			t.Errorf("store %d holds\n%sstore 0\n%s", i, got, want)
		}
		if _, r := s.Digest(now); r != root {
			t.Errorf("store %d has root %x, store 0 %x, with\n%s", i, r, root, want)
		}
	}
}

// TestR1R2R4_CompleteRecordsConvergeByThemselves is the same without the round at the end, for histories in which every store saw a
// write before it wrote itself: then the records alone are complete.
func TestR1R2R4_CompleteRecordsConvergeByThemselves(t *testing.T) {
	eachSeed(t, 1000, func(seed uint64) {
		rng := rand.New(rand.NewPCG(seed, 3))
		var stores []*Store
		for i := range 4 {
			stores = append(stores, newStore(t, Options{Node: uint64(i), Shards: 1 << rng.IntN(3), Seed: seed}))
		}
		var all []sent
		for i := range 60 {
			// Whole records of made-up versions: ties, equal stamps of two nodes, keeps with any base, and flushes.
			all = append(all, sent{madeUp(rng, i), stores[0]})
		}
		for _, s := range stores {
			for _, i := range rng.Perm(2 * len(all)) {
				merge(s, epoch0+100, all[i%len(all)].r)
			}
		}
		same(t, stores, epoch0+60_000)
	})
}

func madeUp(rng *rand.Rand, i int) Record {
	stamp := func() uint64 { return (epoch0 + rng.Uint64N(20)) << 16 }
	r := Record{Key: []byte(fmt.Sprint(rng.IntN(5))), Kind: KindString, Stamp: stamp(), Node: rng.Uint64N(3)}
	if i%30 == 7 {
		return Record{Flags: Flush, Stamp: stamp(), Node: rng.Uint64N(3)}
	}
	switch rng.IntN(4) {
	case 0:
		r.Flags = Deleted
	case 1:
		r.Flags = Keeps
		r.BaseStamp, r.BaseNode = stamp(), rng.Uint64N(3)
		fallthrough
	default:
		r.Value = fmt.Append(nil, rng.IntN(1000))
	}
	r.Content = Content(r.Kind, r.Flags&Deleted != 0, r.Value)
	r.ExpireStamp, r.ExpireNode = r.Stamp, r.Node
	if rng.IntN(2) == 0 {
		r.ExpireStamp, r.ExpireNode = stamp(), rng.Uint64N(3)
	}
	if rng.IntN(2) == 0 {
		r.ExpireAt = epoch0 + 1000 + rng.Uint64N(80_000)
	}
	return r
}
