package store

import (
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
)

// TestManyGoroutinesAtOnce is for the race detector, and for what must hold afterwards.
func TestManyGoroutinesAtOnce(t *testing.T) {
	s := newStore(t, Options{Node: 1, Shards: 4, MaxBytes: 1 << 20, heap: true})
	rounds := 4000
	if testing.Short() {
		rounds = 500
	}
	var wg sync.WaitGroup
	run := func(f func(rng *rand.Rand, now uint64)) {
		for g := range 2 {
			wg.Go(func() {
				rng := rand.New(rand.NewPCG(uint64(g), 7))
				for i := range rounds {
					f(rng, epoch0+uint64(i))
				}
			})
		}
	}
	key := func(rng *rand.Rand) ([]byte, uint64) {
		k := fmt.Append(nil, "key ", rng.IntN(3000))
		return k, s.Hash(k)
	}
	run(func(rng *rand.Rand, now uint64) { randomWrite(rng, s, now, 3000) })
	run(func(rng *rand.Rand, now uint64) {
		k, h := key(rng)
		s.Set(nil, k, make([]byte, rng.IntN(2000)), h, now, SetOptions{})
	})
	run(func(rng *rand.Rand, now uint64) {
		k, h := key(rng)
		s.Merge(&Record{Key: k, Value: k, Kind: KindString, Stamp: now << 16, Node: 2, ExpireAt: now + 50, ExpireStamp: now << 16, ExpireNode: 2}, h, now)
	})
	run(func(rng *rand.Rand, now uint64) {
		k, h := key(rng)
		if v, _, ok := s.Get(nil, k, h, now); ok && len(v) > 2000 {
			t.Error("a value that nobody wrote")
		}
		s.Lookup(nil, k, h, now)
	})
	run(func(rng *rand.Rand, now uint64) {
		s.Range(nil, nil, rng.IntN(256), 0, 4096, now)
		s.Scan(nil, nil, rng.Uint64N(5000), 10, now)
	})
	run(func(rng *rand.Rand, now uint64) {
		s.Sweep(now, 100)
		if now%16 == 0 {
			s.Digest(now)
			s.Counts()
			s.Len()
		}
		if now%512 == 0 {
			s.Merge(&Record{Flags: Flush, Stamp: (now - 400) << 16, Node: 9}, 0, now)
			s.RaiseFloor(Version{(now - 500) << 16, 1})
			s.SetNode(now)
		}
	})
	wg.Wait()
	check(t, s)
	now := epoch0 + 100_000
	epoch, root := s.Digest(now)
	if want := rootOf(s, epoch, now); root != want {
		t.Errorf("root %x, from scratch %x", root, want)
	}
}
