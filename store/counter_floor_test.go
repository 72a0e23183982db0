package store

import (
	"bytes"
	"encoding/binary"
	"testing"
)

// TestR27_ADeletionEndsWhatIsBelowItWhateverWasForgotten: the floor of a node says that it may have forgotten a deletion, and counted
// since. What is all below a deletion was not: it comes back on nobody (seed 5550345).
func TestR27_ADeletionEndsWhatIsBelowItWhateverWasForgotten(t *testing.T) {
	for seed := range uint64(20) {
		all := sites(t, 3, Options{})
		a, b, c := all[0], all[1], all[2]
		for _, key := range []string{"deleted", "counted anew", "dropped"} {
			a.incr(key, 4, 4)
		}
		exchange(seed, all)
		c.now += 5
		c.incr("counted since", 1, 1)
		c.sent = nil
		for _, key := range []string{"deleted", "counted anew", "counted since"} {
			c.del(key)
		}
		c.incr("counted anew", 1, 1)
		floor := Version{(c.now + 10) << stampBits, 9}
		for _, s := range []*site{a, b} {
			s.now = c.now + 20
			s.RaiseFloor(floor)
		}
		if key := []byte("dropped"); !c.Drop(key, c.Hash(key), floor, c.now+20) {
			t.Fatal("not dropped")
		}
		r, _ := lookup(c.Store, c.now+20, "dropped")
		c.sent = append(c.sent, r)
		b.incr("counted since", 2, 2) // as if it had forgotten the deletion, of which it never heard
		exchange(seed, all)
		for _, s := range all {
			s.reads("deleted", "")
			s.reads("dropped", "")
			s.reads("counted anew", "1")
		}
		r, _ = lookup(b.Store, b.now, "counted since")
		if base := (Version{r.BaseStamp, r.BaseNode}); base != c.sent[2].Version() {
			t.Errorf("goes on from %v, and the deletion is %v", base, c.sent[2].Version())
		}
		merge(c.Store, c.now, r)
		for _, s := range all {
			s.reads("counted since", "2")
		}
	}
}

// TestR27_AContributionIsAboveWhatItGoesOnFrom, also where the turn that counts began before the one that saw the value expire: below that
// it would be of what has expired.
func TestR27_AContributionIsAboveWhatItGoesOnFrom(t *testing.T) {
	s := newStore(t, Options{Node: 1})
	set(t, s, epoch0, "key", "7", SetOptions{ExpireAt: epoch0 + 1000})
	if _, ok := get(s, epoch0+1000, "key"); ok {
		t.Fatal("it has not expired")
	}
	s.Sweep(epoch0+1100, 100)
	_, n, r, err := s.Increment(nil, []byte("key"), s.Hash([]byte("key")), epoch0+900, 1, false)
	if err != nil || n != 1 {
		t.Fatalf("%d, %v", n, err)
	}
	if reset := (Version{r.BaseStamp, r.BaseNode}); r.Version().Compare(reset) <= 0 || reset.Stamp < (epoch0+1000)<<stampBits {
		t.Errorf("%x is not above %x, or goes on from before the expiry", r.Version(), reset)
	}
	check(t, s)
}

// TestR27_WhatWasDroppedLeavesACounterNoExpiry: the tombstone of a drop keeps the E that set its V too, and the time that came with it.
func TestR27_WhatWasDroppedLeavesACounterNoExpiry(t *testing.T) {
	s := newStore(t, Options{Node: 1})
	key := []byte("key")
	r := set(t, s, epoch0, "key", "7", SetOptions{ExpireAt: epoch0 + 1000})
	v := r.Version()
	if below := (Version{v.Stamp, v.Node - 1}); s.Drop(key, s.Hash(key), below, epoch0+1) {
		t.Fatal("dropped above the floor")
	}
	if !s.Drop(key, s.Hash(key), v, epoch0+1) {
		t.Fatal("not dropped at the floor")
	}
	if _, n, _, err := s.Increment(nil, key, s.Hash(key), epoch0+2, 1, false); err != nil || n != 1 {
		t.Fatalf("%d, %v", n, err)
	}
	if got, m, ok := s.Get(nil, key, s.Hash(key), epoch0+2000); !ok || string(got) != "1" || m.ExpireAt != 0 {
		t.Errorf("%q, %+v, %t", got, m, ok)
	}
	check(t, s)
}

// TestR27_TheSameContributionTwiceIsOneWhicheverComesFirst, even where two nodes that share a stream make two of it.
func TestR27_TheSameContributionTwiceIsOneWhicheverComesFirst(t *testing.T) {
	counter := func(order uint64, sum int64) []byte {
		b := make([]byte, counterHead)
		for _, x := range []uint64{7, 100, order, uint64(sum)} {
			b = binary.LittleEndian.AppendUint64(b, x)
		}
		return b
	}
	for _, c := range []struct{ a, b, want []byte }{
		{counter(5, 1), counter(5, 2), counter(5, 2)},
		{counter(5, 9), counter(6, 2), counter(6, 2)},
	} {
		head := make([]byte, originBytes)
		if ab, ba := joinCounters(head, c.a, c.b), joinCounters(head, c.b, c.a); !bytes.Equal(ab, c.want) || !bytes.Equal(ba, c.want) {
			t.Errorf("%x and %x make %x, the other way round %x", c.a, c.b, ab, ba)
		}
	}
}

// TestR27_AnEvictedCounterThatComesBackOtherwiseIsNotAllOurs: where versions are equal and contents are not, what comes may lack a
// contribution of this node, which then opens another.
func TestR27_AnEvictedCounterThatComesBackOtherwiseIsNotAllOurs(t *testing.T) {
	for _, same := range []bool{true, false} {
		s := sites(t, 1, Options{})[0]
		s.incr("n", 4, 4)
		r, _ := lookup(s.Store, s.now, "n")
		if !same {
			contribAt(r.Value, 0).set(contribAt(r.Value, 0).order()-1, 3)
			r.Content = Content(KindCounter, false, r.Value)
		}
		s.evict("n")
		if o := merge(s.Store, s.now, r); o != Applied {
			t.Fatal(o)
		}
		want, opened := int64(5), 1
		if !same {
			want, opened = 4, 2
		}
		s.incr("n", 1, want)
		if r, _ := lookup(s.Store, s.now, "n"); contributions(r.Value) != opened {
			t.Errorf("the same: %t, %d contributions", same, contributions(r.Value))
		}
	}
}
