package peer

import (
	"testing"

	"covey/codec"
	"covey/store"
)

// A large value that was evicted before it could be sent goes out as its version alone. The peer acknowledges it, and has not got it: WAIT does
// not count that, and counts what is written before and after.
func TestR11_WhatWasEvictedBeforeItWasSentIsNotAcknowledged(t *testing.T) {
	b, x, y, c := pair(t)
	now := y.clock.Cluster(b.now)
	b.set(y, "before", "1")
	before := y.ring.Head()
	var st codec.Stage
	st.AddRef(&codec.Record{Kind: codec.KindString, Key: []byte("gone"), Content: 7, Stamp: now << 16, Node: y.ID(), ExpireStamp: now << 16, ExpireNode: y.ID()})
	y.ring.Append(&st)
	gone := y.ring.Head()
	b.set(y, "after", "1")
	b.flush(c.sides[1], false)
	b.deliverAll()
	b.pass(HeartbeatInterval)
	if applied := x.Applied(y.stream); applied != gone+1 {
		t.Fatalf("applied %d of %d", applied, gone+1)
	}
	for _, w := range []struct {
		seq  uint64
		want int
	}{{before, 1}, {gone, 0}, {gone + 1, 1}} {
		if got := y.Acked(w.seq); got != w.want {
			t.Errorf("write %d is acknowledged by %d peers, not %d", w.seq, got, w.want)
		}
	}
	for seq := range uint64(maxHollow) {
		c.sides[1].link.hollow.add(gone + 10 + seq)
	}
	for _, w := range []struct {
		seq  uint64
		want bool
	}{{before, true}, {gone, true}, {gone + 1, false}, {gone + 9, false}, {gone + 10, true}, {gone + 9 + maxHollow, true}, {gone + 10 + maxHollow, false}} {
		if got := c.sides[1].link.hollow.has(w.seq); got != w.want {
			t.Errorf("of more places than are known one by one, write %d is hollow: %v", w.seq, got)
		}
	}
	if n := len(c.sides[1].link.hollow.seqs); n != maxHollow {
		t.Errorf("%d places are known", n)
	}
}

// The newest write to a key was evicted where it was made before a peer had it. Nobody can get it any more, and what the peer has is older:
// its leaf becomes partial, and the two agree about all others.
func TestR16_AnEntryThatIsOlderThanAGhostIsInAPartialLeaf(t *testing.T) {
	b := newBench(t)
	x := b.add("x", 1<<16|9000, 0, 0)
	b.store.MaxBytes = 1 << 20
	y := b.add("y", 2<<16|9000, 0, 0)
	b.wire(x, y, 1)
	b.deliverAll()
	b.pass(2 * HeartbeatInterval)
	b.quiet = true
	b.set(x, "other", "1")
	b.set(x, "key", "old")
	b.pass(4 * HeartbeatInterval)
	now := y.clock.Cluster(b.now)
	value := make([]byte, 2<<20) // y has no room for it: it is evicted at once
	r := store.Record{Kind: store.KindString, Key: []byte("key"), Value: value, Content: store.Content(store.KindString, false, value), Stamp: now << 16, Node: y.ID(), ExpireStamp: now << 16, ExpireNode: y.ID()}
	y.store.Merge(&r, y.store.Hash(r.Key), now)
	if c := y.store.Counts(); c.Ghosts != 1 || b.get(y, "key") != "(none)" || b.get(x, "key") != "old" {
		t.Fatalf("%+v", c)
	}
	for range 240 {
		b.pass(HeartbeatInterval)
	}
	for _, n := range []*bnode{x, y} {
		if v := n.Verify(); !v.Converged || v.LeftOut == 0 || v.LeftOut > 64 || v.Members != 2 {
			t.Errorf("%s: %+v", n.name, v)
		}
	}
	if b.get(x, "other") != "1" || b.get(y, "other") != "1" {
		t.Error("another key is gone")
	}
}
