package loop

import (
	"testing"

	"covey/peer"
)

// A peer that sends and is sent values of 16 MiB holds more than any client: clients that hold much go first, but none that holds little.
func TestClientsThatHoldMuchGoBeforePeers(t *testing.T) {
	w := newHoldings(0)
	holder := func(link *peer.Link, bytes int64) *conn {
		c := &conn{l: &eventLoop{}, link: link}
		c.l.bell.fd.Store(-1)
		w.changed(c, bytes, 0)
		return c
	}
	link, other := holder(new(peer.Link), 30<<20), holder(new(peer.Link), 20<<20)
	little, client, greedy := holder(nil, 500<<10), holder(nil, 2<<20), holder(nil, 5<<20)
	for i, want := range []*conn{greedy, client, link, other, little} {
		got := w.worst()
		if got != want {
			t.Fatalf("the %d. to go holds %d bytes, want %d", i+1, got.weight.Load(), want.weight.Load())
		}
		got.doom = got.weight.Load()
	}
	if w.worst() != nil {
		t.Error("somebody is to go twice")
	}
}

// What was written to a loop's slab in vain is given back, unless it is little.
func TestASlabThatWasWrittenInVainIsGivenBack(t *testing.T) {
	l := &eventLoop{slab: newSlab(largeReply)}
	defer func() { freeSlab(l.slab) }()
	l.out = l.slab
	copy(l.slab[:keepSlab], "kept")
	if l.madeInVain(keepSlab); string(l.slab[:4]) != "kept" {
		t.Error("a slab with little in it was given back")
	}
	l.madeInVain(keepSlab + 1)
	if cap(l.slab) < largeReply || len(l.out) != 0 || cap(l.out) != cap(l.slab) || string(l.out[:4]) == "kept" {
		t.Error("a slab with much in it was kept")
	}
}
