package loop

import (
	"fmt"
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

// A client that goes away in the middle of a long command leaves nothing that counts.
func TestWhoGoesAwayHoldsNothing(t *testing.T) {
	tn := startNode(t, testConfig(t, freePort(t)))
	c := dialRaw(t, tn.addr)
	var sets []byte
	const keys = 20_000
	for i := range keys {
		sets = append(sets, respCommand("SET", fmt.Sprintf("key:%036d", i), "v")...)
	}
	go func() { _, _ = c.Write(sets) }()
	for range keys {
		if got := c.reply(); got != "+OK" {
			t.Fatal(got)
		}
	}
	for range 10 {
		gone := dialRaw(t, tn.addr)
		if _, err := gone.Write(respCommand("KEYS", "*")); err != nil {
			t.Fatal(err)
		}
		_ = gone.Close()
	}
	eventually(t, "what those held that are gone is given back", func() bool {
		w := &tn.n.holdings
		w.mu.Lock()
		defer w.mu.Unlock()
		return tn.n.served.Load() == 1 && w.held.Load() < 1<<10 && len(w.heavy) == 0
	})
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
