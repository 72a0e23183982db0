package store

import (
	"fmt"
	"math/rand/v2"
	"testing"
)

// TestBytesStayWithinTheBudget churns stores of a few sizes with values of all sizes, and looks after every call.
func TestBytesStayWithinTheBudget(t *testing.T) {
	for _, c := range []struct {
		shards int
		bytes  int64
		most   int // of a value
	}{{1, 64 << 10, 30_000}, {4, 256 << 10, 150_000}, {256, 8 << 20, 3 << 20}} {
		t.Run(fmt.Sprint(c.shards, " shards"), func(t *testing.T) {
			rng := rand.New(rand.NewPCG(uint64(c.shards), 6))
			s := newStore(t, Options{Node: 1, Shards: c.shards, MaxBytes: c.bytes, Horizon: 10_000})
			large := make([]byte, c.most)
			now := epoch0
			for i := range max(few(20_000), 4000) {
				now += rng.Uint64N(3)
				k := fmt.Append(nil, "key ", rng.IntN(20_000))
				h := s.Hash(k)
				value := large[:rng.IntN(200)]
				switch rng.IntN(200) {
				case 0:
					value = large[:rng.IntN(c.most)]
				case 1, 2, 3:
					s.Delete(k, h, now, true)
				case 4:
					s.Sweep(now, 200)
				case 5:
					s.Merge(&Record{Key: k, Value: value, Kind: KindString, Stamp: now << 16, ExpireAt: now + 9, ExpireStamp: now << 16}, h, now)
				}
				_, r := s.Set(nil, k, value, h, now, SetOptions{ExpireAt: (now + 5000) * uint64(i%2)})
				if !r.Written {
					t.Fatalf("a value of %d bytes: %v", len(value), r.Err)
				}
				if v, _, ok := s.Get(nil, k, h, now); !ok || len(v) != len(value) {
					t.Fatal("what was just written is not there")
				}
				if used := s.env.memory.used.Load(); used > c.bytes {
					t.Fatalf("after call %d: %d bytes in a budget of %d", i, used, c.bytes)
				}
				if i%500 == 0 {
					check(t, s)
				}
			}
			check(t, s)
			got := s.Counts()
			if got.Evictions == 0 || got.Bytes < c.bytes/2 || got.MaxBytes != c.bytes {
				t.Errorf("the budget was not used: %+v", got)
			}
		})
	}
}

func TestALargeValueFitsAfterManySmallOnes(t *testing.T) {
	s := newStore(t, Options{Node: 1, Shards: 16, MaxBytes: 4 << 20})
	fillKeys(t, s, "k", 50_000)
	for range 3 {
		set(t, s, epoch0, "large", string(make([]byte, 2<<20)), SetOptions{})
		check(t, s)
	}
	if c := s.Counts(); c.Bytes > 4<<20 {
		t.Errorf("%+v", c)
	}
}

func TestWhatCanNeverFitIsRefused(t *testing.T) {
	s := newStore(t, Options{Node: 1, Shards: 16, MaxBytes: 4 << 20})
	for _, c := range []struct{ key, value int }{{MaxKeyBytes + 1, 1}, {1, MaxValueBytes + 1}, {1, 4 << 20}} {
		k, v := make([]byte, c.key), make([]byte, c.value)
		if _, r := s.Set(nil, k, v, s.Hash(k), epoch0, SetOptions{}); r.Err != ErrTooLarge || r.Written {
			t.Errorf("set of %d and %d bytes: %v", c.key, c.value, r.Err)
		}
		if o := merge(s, epoch0, Record{Key: k, Value: v, Kind: KindString, Stamp: epoch0 << 16}); o != Refused {
			t.Errorf("merge of %d and %d bytes: %v", c.key, c.value, o)
		}
	}
	k := make([]byte, MaxKeyBytes+1)
	if _, _, written := s.Delete(k, s.Hash(k), epoch0, true); written {
		t.Error("a tombstone of a key over the limit")
	}
	if _, _, _, err := s.Increment(nil, k, s.Hash(k), epoch0, 1); err != ErrTooLarge {
		t.Error(err)
	}
	if c := s.Counts(); c.Refused != 3 || c.Keys != 0 {
		t.Errorf("%+v", c)
	}
	// The largest that can be made to fit does, beside nothing.
	k = []byte("k")
	fillKeys(t, s, "k", 10_000)
	if _, r := s.Set(nil, k, make([]byte, s.limit-1), s.Hash(k), epoch0, SetOptions{}); !r.Written {
		t.Error(r.Err)
	}
	check(t, s)
}

func TestEvictionSparesWhatIsRead(t *testing.T) {
	s := newStore(t, Options{Node: 1, Shards: 1, MaxBytes: 256 << 10})
	const hot = 200
	for i := range 20_000 {
		set(t, s, epoch0, fmt.Sprint("cold ", i), "some value", SetOptions{})
		if i < hot {
			set(t, s, epoch0, fmt.Sprint("hot ", i), "some value", SetOptions{})
		}
		get(s, epoch0, fmt.Sprint("hot ", i%hot))
	}
	kept := 0
	for i := range hot {
		if _, ok := get(s, epoch0, fmt.Sprint("hot ", i)); ok {
			kept++
		}
	}
	if c := s.Counts(); kept < hot*95/100 || c.Evictions < 10_000 {
		t.Errorf("of %d keys read all the while %d are left, %d evictions", hot, kept, c.Evictions)
	}
	check(t, s)
}

func TestR13_TombstonesGoWhenNothingElseIsLeftToGive(t *testing.T) {
	s := newStore(t, Options{Node: 1, Shards: 1, MaxBytes: 64 << 10})
	for i := range 3000 { // more than fit, all young
		k := fmt.Append(nil, i)
		s.Delete(k, s.Hash(k), epoch0, true)
	}
	check(t, s)
	deleted := s.Counts()
	if deleted.Purged == 0 || deleted.Tombstones == 0 || s.Floor() == (Version{}) {
		t.Errorf("%+v", deleted)
	}
	for i := range 3000 { // dead as they are written, all with their bytes
		set(t, s, epoch0+1, fmt.Sprint(i), "a value of some length", SetOptions{ExpireAt: 1})
	}
	check(t, s)
	if c := s.Counts(); c.Purged < deleted.Purged+2000 || c.Keys != 0 {
		t.Errorf("%+v", c)
	}
}
