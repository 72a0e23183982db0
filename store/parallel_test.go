package store

import (
	"fmt"
	"math/rand/v2"
	"runtime"
	"sync"
	"sync/atomic"
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
		_, other := key(rng)
		s.Warm([]Aim{{Hash: h}, {Hash: other, Bytes: 1024, Write: true}})
		if v, _, ok := s.Get(nil, k, h, now); ok && len(v) > 2000 {
			t.Error("a value that nobody wrote")
		}
		s.Lookup(nil, k, h, now)
		if m, n, ok := s.Meta(k, h, now); ok && (n > 2000 || m.ExpireAt != 0 && m.ExpireAt <= now) {
			t.Error("what nobody wrote, or what is past", m, n)
		}
		s.Certain(k, h, now)
	})
	run(func(rng *rand.Rand, now uint64) { // one key that everybody wants
		k := []byte("hot")
		h := s.Hash(k)
		switch rng.IntN(16) {
		case 0:
			s.Set(nil, k, k, h, now, SetOptions{ExpireAt: now + 100})
		case 1:
			s.Take(nil, k, h, now, false)
		case 2:
			s.Drop(k, h, Version{now << 16, 9}, now)
		default:
			if v, _, ok := s.Get(nil, k, h, now); ok && string(v) != "hot" {
				t.Errorf("the hot key is %q", v)
			}
		}
	})
	run(func(rng *rand.Rand, now uint64) {
		s.Range(nil, nil, rng.IntN(256), 0, 4096, now)
		s.Scan(nil, nil, rng.Uint64N(5000), 10, now)
		s.List(nil, uint64(rng.IntN(256))<<56, 8, 100, now)
		_, h := key(rng)
		s.ByHash(nil, nil, h, now)
	})
	walkers := walkAll(t, s, &wg, rounds/100)
	run(func(rng *rand.Rand, now uint64) {
		s.Sweep(now, 100)
		if now%16 == 0 {
			epoch, _ := s.Digest(now)
			s.Leaves(nil, rng.IntN(256), epoch, now)
			s.Partial(nil, rng.IntN(256))
			s.SetPartial(rng.IntN(256), rng.IntN(s.LeafCount()), rng.IntN(2) == 0)
			s.Counts()
			s.Len()
			s.Floor()
			s.Flushed()
		}
		if now%512 == 0 {
			s.Merge(&Record{Flags: Flush, Stamp: (now - 400) << 16, Node: 9}, 0, now)
			s.RaiseFloor(Version{(now - 500) << 16, 1})
			s.SetNode(now)
		}
	})
	wg.Wait()
	if walks := walkers.Load(); walks == 0 {
		t.Error("no walk came to its end")
	}
	check(t, s)
	now := epoch0 + 100_000
	epoch, root := s.Digest(now)
	if want := rootOf(s, epoch, now); root != want {
		t.Errorf("root %x, from scratch %x", root, want)
	}
}

// walkAll walks all shards by Range, and all keys by Scan, from end to end, so many times, while others write. It counts the
// walks; each must end.
func walkAll(t *testing.T, s *Store, wg *sync.WaitGroup, times int) (walks *atomic.Int32) {
	walks = new(atomic.Int32)
	for range 2 {
		wg.Go(func() {
			for i := range times {
				now, steps := epoch0+uint64(i)*100, 0
				for shard := range MaxShards {
					for cursor, done := uint64(0), false; !done; steps++ {
						_, _, cursor, done = s.Range(nil, nil, shard, cursor, 2000, now)
					}
				}
				for cursor := uint64(1); cursor != 0; steps++ {
					_, _, cursor = s.Scan(nil, nil, cursor, 20, now)
				}
				if steps > 100_000 {
					t.Error("a walk of", steps, "calls")
				}
				walks.Add(1)
			}
		})
	}
	return walks
}

// TestOnlySoManyLargeWritesAreMadeAtOnce: a write takes its pages before it has evicted for them. While the locks of every other shard are
// held no reclaim gets on, and each write that has begun keeps what it took; those that would take more than the region has wait.
func TestOnlySoManyLargeWritesAreMadeAtOnce(t *testing.T) {
	s := newStore(t, Options{Node: 1, MaxBytes: 4 << 20})
	pages, value := &s.env.memory.pages, make([]byte, 300<<10)
	taken := func() int {
		pages.mu.Lock()
		defer pages.mu.Unlock()
		return int(pages.fresh) * pages.unit
	}
	var writes sync.WaitGroup
	for n := range s.shards {
		if n%2 == 1 {
			s.shards[n].mu.Lock()
		}
	}
	for n := 0; n < len(s.shards); n += 2 {
		key := []byte("key")
		for s.shardNumber(s.Hash(key)) != n {
			key = fmt.Appendf(key[:0], "key %d", rand.Uint32())
		}
		r := Record{Key: key, Value: value, Kind: KindString, Content: Content(KindString, false, value), Stamp: epoch0 << stampBits, Node: 2, ExpireStamp: epoch0 << stampBits, ExpireNode: 2}
		writes.Go(func() {
			hash := s.Hash(key)
			switch n % 3 {
			case 0:
				s.Set(nil, key, value, hash, epoch0, SetOptions{})
			case 1:
				s.Merge(&r, hash, epoch0)
			default:
				s.MergeRun([]Record{r}, []uint64{hash}, make([]Outcome, 1), epoch0)
			}
		})
	}
	for taken() < largeWrites*len(value) {
		runtime.Gosched()
	}
	for range 10_000 { // as far as the others get
		runtime.Gosched()
	}
	for n := range s.shards {
		if n%2 == 1 {
			s.shards[n].mu.Unlock()
		}
	}
	writes.Wait()
	if most := int(s.env.budget) + (largeWrites+1)*len(value); taken() > most {
		t.Errorf("%d bytes of pages were in use at one time, want at most %d", taken(), most)
	}
	if s.over() {
		t.Errorf("the store holds %d bytes of %d", s.Counts().Bytes, s.env.maxBytes)
	}
	check(t, s)
}
