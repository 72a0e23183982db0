package store

import (
	"fmt"
	"testing"
)

func TestNothingIsAllocatedInTheSteadyState(t *testing.T) {
	if raceEnabled || invariants {
		t.Skip("the race detector allocates")
	}
	s := newStore(t, Options{Node: 1})
	key, value := []byte("some key of some length"), make([]byte, 100)
	hash := s.Hash(key)
	number := []byte("a number")
	numberHash := s.Hash(number)
	now := epoch0
	dst := make([]byte, 0, 256)
	r := set(t, s, now, string(key), string(value), SetOptions{})
	s.Increment(dst, number, numberHash, now, 1, false)
	run, hashes, outcomes := make([]Record, 1), []uint64{hash}, make([]Outcome, 1)

	for _, c := range []struct {
		name string
		op   func()
	}{
		{"Hash", func() { hash = s.Hash(key) }},
		{"Get", func() { s.Get(dst, key, hash, now) }},
		{"Get of an absent key", func() { s.Get(dst, number[:2], hash, now) }},
		{"Set", func() { s.Set(dst, key, value, hash, now, SetOptions{}) }},
		{"Set with expiry", func() { s.Set(dst, key, value, hash, now, SetOptions{ExpireAt: now + 10_000, Get: true}) }},
		{"Merge", func() {
			r.Stamp++
			r.ExpireStamp++
			if s.Merge(&r, hash, now) == Ahead {
				t.Fatal("ahead")
			}
		}},
		{"MergeRun", func() {
			r.Stamp++
			r.ExpireStamp++
			run[0] = r
			if s.MergeRun(run, hashes, outcomes, now); outcomes[0] == Ahead {
				t.Fatal("ahead")
			}
		}},
		{"Expire", func() { s.Expire(key, hash, now, now+5000, 0) }},
		{"Persist", func() { s.Persist(key, hash, now) }},
		{"Increment", func() { s.Increment(dst, number, numberHash, now, 1, false) }},
		{"Delete and Set", func() {
			s.Delete(key, hash, now, false)
			s.Set(dst, key, value, hash, now, SetOptions{})
		}},
		{"Take and Set", func() {
			s.Take(dst, key, hash, now, false)
			s.Set(dst, key, value, hash, now, SetOptions{})
		}},
		{"Set of another length", func() { s.Set(dst, key, value[:now%100], hash, now, SetOptions{KeepTTL: true}) }},
		{"Meta", func() { s.Meta(key, hash, now) }},
		{"Lookup", func() { s.Lookup(dst, key, hash, now) }},
		{"Sweep", func() { s.Sweep(now, 1000) }},
		{"Digest", func() { s.Digest(now) }},
	} {
		if n := testing.AllocsPerRun(1000, func() { now++; c.op() }); n != 0 {
			t.Errorf("%s: %v allocations", c.name, n)
		}
	}
}

func TestRangeAndScanAllocateNothingIntoLargeEnoughSlices(t *testing.T) {
	if raceEnabled || invariants {
		t.Skip("the race detector allocates")
	}
	s := newStore(t, Options{Node: 1})
	for i := range 1000 {
		set(t, s, epoch0, fmt.Sprint("key ", i), "value", SetOptions{})
	}
	recs, keys, buf := make([]Record, 0, 100), make([][]byte, 0, 2000), make([]byte, 0, 1<<16)
	if n := testing.AllocsPerRun(100, func() {
		s.Range(recs, buf, 17, 0, 1<<20, epoch0)
		s.Scan(keys, buf, 0, 1000, epoch0)
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

// A value of some MiB is no number, which its first bytes tell: neither INCR nor the counter of another node has a copy of it made.
func TestWhatIsTooLongToBeANumberIsNotCopiedToTellThat(t *testing.T) {
	if raceEnabled || invariants {
		t.Skip("the race detector allocates")
	}
	s, other := newStore(t, Options{Node: 1, MaxBytes: 64 << 20}), newStore(t, Options{Node: 2})
	key := []byte("key")
	hash := s.Hash(key)
	held := set(t, s, epoch0, "key", string(make([]byte, 4<<20)), SetOptions{})
	_, _, r, err := other.Increment(nil, key, hash, epoch0, 1, false)
	if err != nil {
		t.Fatal(err)
	}
	r.BaseStamp, r.BaseNode, r.Stamp = held.Stamp, held.Node, held.Stamp+1
	start := append(origin{held.Version(), held.Content, originSet}.append(nil), make([]byte, 8)...) // as if it had been a number
	r.Value = other.addTo(nil, start, r.Stamp, 1, false)
	r.Content = Content(r.Kind, false, r.Value)
	if n := testing.AllocsPerRun(50, func() {
		if _, _, _, err := s.Increment(nil, key, hash, epoch0, 1, false); err != ErrNotInteger {
			t.Fatal(err)
		}
		if o := s.Merge(&r, hash, epoch0); o != Older {
			t.Fatal(o)
		}
	}); n > 0 {
		t.Errorf("%v allocations", n)
	}
	if v, _ := get(s, epoch0, "key"); len(v) != 4<<20 {
		t.Errorf("%d bytes are left", len(v))
	}
}
