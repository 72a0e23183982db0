package store

import "testing"

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
