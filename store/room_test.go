package store

import (
	"fmt"
	"math/rand/v2"
	"testing"
)

// fill sets values of so many bytes until the store has evicted some.
func fill(t testing.TB, s *Store, now uint64, bytes int) {
	t.Helper()
	value := make([]byte, bytes)
	for i := 0; s.Counts().Evictions < 10; i++ {
		set(t, s, now, fmt.Sprint("filler ", i), string(value), SetOptions{})
	}
}

func TestWhatTheCallerHoldsIsEvictedForUpToItsShare(t *testing.T) {
	const budget = 48 << 20
	s := newStore(t, Options{Node: 1, MaxBytes: budget, Shards: 4})
	fill(t, s, epoch0, 256<<10)
	most := chargeable(budget)
	if most < 1<<20 || most > budget/chargeShare {
		t.Fatalf("%d bytes of %d can be charged", most, budget)
	}
	for _, c := range []struct{ asked, taken int64 }{{1 << 20, 1 << 20}, {1 << 30, most}, {-1 << 30, 1 << 20}, {-1 << 20, 0}} {
		s.Charge(c.asked)
		s.Sweep(epoch0, 1000)
		check(t, s)
		if got := s.env.charged(); got != c.taken {
			t.Errorf("after %d more bytes %d are charged, want %d", c.asked, got, c.taken)
		}
		if counts := s.Counts(); counts.Bytes > s.env.maxBytes-c.taken {
			t.Errorf("with %d bytes charged the store holds %d of %d", c.taken, counts.Bytes, s.env.maxBytes)
		}
	}
}

func TestASmallBudgetIsNotCharged(t *testing.T) {
	s := newStore(t, Options{Node: 1, MaxBytes: 8 << 20})
	s.Charge(4 << 20)
	check(t, s)
	if got := s.env.charged(); got != 0 {
		t.Errorf("%d bytes of a budget that is smaller than a value are charged", got)
	}
	s.Charge(-4 << 20)
	check(t, s)
}

// The regions never had more in use than the budget and what one small write may take: a large value is not written
// before there is room for it.
func TestALargeWriteEvictsBeforeItIsMade(t *testing.T) {
	oneGoroutine(t)
	const budget, large = 48 << 20, 3 << 20
	s := newStore(t, Options{Node: 1, MaxBytes: budget, Shards: 4})
	if large > chargeable(budget) {
		t.Fatalf("a value of %d bytes is not made room for", large)
	}
	value := make([]byte, large)
	random := rand.New(rand.NewPCG(1, 1))
	for i := range 200 {
		key := fmt.Sprint("key ", random.IntN(30))
		if i%2 == 0 {
			set(t, s, epoch0, key, string(value[:roomFrom+random.IntN(large-roomFrom)]), SetOptions{})
			continue
		}
		r := Record{Key: []byte(key), Value: value, Kind: KindString, Content: Content(KindString, false, value), Stamp: (epoch0 + uint64(i)) << stampBits, Node: 2}
		r.ExpireStamp, r.ExpireNode = r.Stamp, r.Node
		if got := merge(s, epoch0+uint64(i), r); got != Applied {
			t.Fatal(got)
		}
	}
	check(t, s)
	if s.Counts().Evictions == 0 {
		t.Fatal("nothing was evicted")
	}
	m := s.env.memory
	reached := int64(m.pages.fresh)*m.pages.cost + int64(m.segments.fresh)*m.segments.cost
	if most := int64(budget + 8*maxSegment); reached > most {
		t.Errorf("%d bytes of the regions were in use, want at most %d", reached, most)
	}
	if s.env.ahead.Load() != 0 {
		t.Errorf("%d bytes are still waited for", s.env.ahead.Load())
	}
}

// A write that is refused because what it finds has expired applies the expiry all the same, and that may take a table for the leaves of
// the epoch it was in. The store is within its budget when the call returns, not only after the next write or sweep.
func TestAWriteThatIsRefusedLeavesTheStoreWithinItsBudget(t *testing.T) {
	oneGoroutine(t)
	const keys = 2000
	for _, c := range []struct {
		name  string
		write func(s *Store, key []byte, hash, now uint64) (written bool)
	}{
		{"SET XX", func(s *Store, key []byte, hash, now uint64) bool {
			_, res := s.Set(nil, key, []byte("v"), hash, now, SetOptions{XX: true, Sure: true})
			return res.Written
		}},
		{"SET IFEQ", func(s *Store, key []byte, hash, now uint64) bool {
			_, res := s.Set(nil, key, []byte("v"), hash, now, SetOptions{If: &Condition{Value: []byte("v")}, Sure: true})
			return res.Written
		}},
		{"DELEX", func(s *Store, key []byte, hash, now uint64) bool {
			_, _, written, _ := s.DeleteIf(key, hash, now, Condition{Value: []byte("v")})
			return written
		}},
		{"GETDEL", func(s *Store, key []byte, hash, now uint64) bool {
			_, _, _, written, _ := s.Take(nil, key, hash, now, false)
			return written
		}},
		{"EXPIRE", func(s *Store, key []byte, hash, now uint64) bool {
			_, ok := s.Expire(key, hash, now, now+1000, 0)
			return ok
		}},
		{"PERSIST", func(s *Store, key []byte, hash, now uint64) bool {
			_, ok := s.Persist(key, hash, now)
			return ok
		}},
	} {
		s := newStore(t, Options{Node: 1, MaxBytes: 4 << 20})
		fill(t, s, epoch0, 100)
		now := epoch0 + 3<<epochBits
		key := func(i int) []byte { return fmt.Appendf(nil, "key %d", i) }
		for i := range keys {
			set(t, s, now, string(key(i)), "v", SetOptions{ExpireAt: now + 2<<epochBits})
		}
		check(t, s)
		now += 3 << epochBits
		for i := range keys {
			if c.write(s, key(i), s.Hash(key(i)), now) {
				t.Fatalf("%s wrote to a key that has expired", c.name)
			}
			if s.over() {
				t.Fatalf("after %s number %d the store holds %d bytes of %d", c.name, i, s.Counts().Bytes, s.env.maxBytes)
			}
		}
		check(t, s)
	}
}
