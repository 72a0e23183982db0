package store

import "testing"

// A count that was over before its own last contribution is in no fingerprint. When a SET of a higher reset that is older than that
// contribution takes its place, V goes back; the count is not put into the epochs between.
func TestR27_ACountThatNeverCountedIsInNoEpochWhenAnOlderSetReplacesIt(t *testing.T) {
	s, far := newStore(t, Options{Node: 1}), newStore(t, Options{Node: 2})
	at := func(epochs uint64) uint64 { return epoch0 + epochs<<epochBits }
	now, hash := at(11), s.Hash([]byte("n"))
	set(t, far, at(1), "n", "5", SetOptions{})
	_, _, _, err := far.Increment(nil, []byte("n"), hash, at(10), 1, false)
	if err != nil {
		t.Fatal(err)
	}
	x := Record{Key: []byte("n"), Kind: KindCounter, Flags: ExpiryOnly, ExpireAt: at(8) + 100, ExpireStamp: at(3) << stampBits, ExpireNode: 3}
	held, _ := lookup(far, now, "n")
	x.Stamp, x.Node, x.Content = held.Stamp, held.Node, held.Content
	if o := merge(far, now, x); o != Applied { // of a node that did not see the contribution
		t.Fatal(o)
	}
	over, _ := lookup(far, now, "n")
	late := set(t, newStore(t, Options{Node: 4}), at(5), "n", "9", SetOptions{})
	for _, r := range []Record{over, late} {
		if o := merge(s, now, r); o != Applied {
			t.Fatalf("%v: %+v", o, r)
		}
	}
	for epoch := EpochOf(at(6)); epoch <= EpochOf(at(10)); epoch++ {
		if root, ok := s.Root(epoch, at(13)); !ok || root != rootOf(s, epoch, at(13)) {
			t.Errorf("epoch %d after the first: root %x, from scratch %x", epoch-EpochOf(epoch0), root, rootOf(s, epoch, at(13)))
		}
	}
}
