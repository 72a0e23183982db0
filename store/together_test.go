package store

import (
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
)

// Of many who set overlapping sets of keys, in any order, at the same time as others flush, one sets each key, and all of its set with it.
func TestKeysThatAreSetTogetherAreOfOne(t *testing.T) {
	s := newStore(t, Options{Node: 1, MaxBytes: 1 << 20, Shards: 16, heap: true})
	var won atomic.Int32
	var all sync.WaitGroup
	const rounds, keys = 200, 12
	for g := range 4 {
		r := rand.New(rand.NewPCG(uint64(g), 8))
		all.Go(func() {
			for round := range rounds {
				var pairs [][]byte
				for _, k := range r.Perm(keys) {
					pairs = append(pairs, fmt.Appendf(nil, "%d key %d", round, k), fmt.Append(nil, g))
				}
				written, existed, _, err := s.SetNew(pairs, epoch0, 0)
				if err != nil || existed == (len(written) > 0) {
					t.Errorf("%d written, existed %v, %v", len(written), existed, err)
				}
				if !existed {
					won.Add(1)
				}
			}
		})
	}
	all.Go(func() {
		for range rounds {
			s.Flush(epoch0 - 1_000_000)
		}
	})
	all.Wait()
	if n := won.Load(); n < rounds {
		t.Errorf("%d sets of %d were made", n, rounds)
	}
	for round := range rounds {
		first, there := get(s, epoch0, fmt.Sprint(round, " key 0"))
		for k := range keys {
			if v, ok := get(s, epoch0, fmt.Sprint(round, " key ", k)); v != first || ok != there {
				t.Errorf("round %d: key %d is of %q, the first of %q", round, k, v, first)
			}
		}
	}
	check(t, s)
}

func TestKeysAreSetTogetherOrNot(t *testing.T) {
	s, other := newStore(t, Options{Node: 1, MaxBytes: 1 << 20, Shards: 4}), newStore(t, Options{Node: 2, MaxBytes: 1 << 20, Shards: 2})
	words := func(list ...string) (all [][]byte) {
		for _, w := range list {
			all = append(all, []byte(w))
		}
		return all
	}
	set(t, s, epoch0, "old", "v", SetOptions{ExpireAt: epoch0 + 5})
	if written, existed, _, err := s.SetNew(words("a", "1", "old", "2"), epoch0, 0); !existed || err != nil || written != nil {
		t.Errorf("with a key that is there: %v %v %v", written, existed, err)
	}
	written, existed, _, err := s.SetNew(words("a", "1", "old", "2", "a", "3"), epoch0+5, 0)
	if existed || err != nil || len(written) != 3 {
		t.Fatalf("%v %v %v", written, existed, err)
	}
	for i := range written {
		if o := other.Merge(&written[i], s.Hash(written[i].Key), epoch0+5); o != Applied {
			t.Errorf("update %d: %v", i, o)
		}
	}
	for key, want := range map[string]string{"a": "3", "old": "2"} {
		for _, s := range []*Store{s, other} {
			if v, _ := get(s, epoch0+5, key); v != want {
				t.Errorf("%q is %q, want %q", key, v, want)
			}
		}
	}
	if _, _, _, err := s.SetNew([][]byte{[]byte("b"), make([]byte, 2<<20)}, epoch0, 0); err != ErrTooLarge {
		t.Errorf("too large: %v", err)
	}
}
