package peer

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"covey/codec"
	"covey/store"
)

// certain reports whether a node is sure that a key is there, or is not.
func (b *bench) certain(n *bnode, key string) bool {
	return n.store.Certain([]byte(key), n.store.Hash([]byte(key)), n.clock.Cluster(b.now))
}

// partly makes the leaf of a key partial.
func (n *bnode) partly(key string) {
	hash := n.store.Hash([]byte(key))
	n.store.SetPartial(int(hash>>56), leavesOf{count: n.store.LeafCount()}.leaf(hash), true)
}

// TestR16_OfWhatItsDonorHasEvictedANewcomerIsNotCertain: the ghost cannot be sent, and nobody has the value. The donor is certain of all else.
func TestR16_OfWhatItsDonorHasEvictedANewcomerIsNotCertain(t *testing.T) {
	b, small, large := little(t)
	b.crash(large)
	b.deliverAll()
	b.pass(5 * time.Second)
	if small.partialsOf().count != 0 {
		t.Fatal("the donor has forgotten a ghost")
	}
	b.store.MaxBytes = 64 << 20
	x := b.add("x", 3<<16|9000, 0, 0)
	b.wire(x, small, 31)
	b.deliverAll()
	ready := 0
	for end := b.now + int64(20*time.Second); b.now < end; b.pass(TickInterval) {
		if x.State() != codec.StateReady {
			continue
		}
		if ready++; b.get(x, "k") != "(none)" || b.certain(x, "k") {
			t.Fatalf("k is %q, certain %v, %d looks after it was ready", b.get(x, "k"), b.certain(x, "k"), ready)
		}
	}
	if ready == 0 {
		t.Fatal("it is not ready")
	}
}

func TestR16_WhatIsPartialWithTheOnlyDonorIsPartialWithTheNewcomer(t *testing.T) {
	b, x, y, _ := pair(t)
	for _, n := range []*bnode{x, y} {
		n.partly("k")
	}
	b.pass(5 * time.Second)
	z := b.add("z", 3<<16|9000, 0, 0)
	b.wire(z, x, 31)
	b.wire(z, y, 32)
	b.deliverAll()
	b.pass(10 * time.Second)
	if left := z.partialsOf().count; z.State() != codec.StateReady || b.certain(z, "k") || left != 1 {
		t.Errorf("%v, certain %v, %d partial leaves", z.State(), b.certain(z, "k"), left)
	}
}

// TestR16_WhoHasForgottenGhostsStaysUncertain: it has no room for what a complete peer holds.
func TestR16_WhoHasForgottenGhostsStaysUncertain(t *testing.T) {
	b := newBench(t)
	b.store.MaxBytes = 1 << 20
	n := b.add("n", 1<<16|9000, 0, 0)
	for i := 0; !n.store.Forgets(); i++ {
		if b.set(n, fmt.Sprint("key ", i), "value"); i > 1_000_000 {
			t.Fatal("nothing is forgotten")
		}
	}
	was := n.partialsOf().count
	n.takePartial(nil, allComplete)
	if left := n.partialsOf().count; was == 0 || left != was {
		t.Errorf("%d of %d leaves are partial", left, was)
	}
}

// TestR16_WhatIsStaleInAPartialLeafIsScrubbed: no root tells of it.
func TestR16_WhatIsStaleInAPartialLeafIsScrubbed(t *testing.T) {
	for _, of := range []string{"both", "the higher id", "the lower id"} {
		b, x, y, c := pair(t)
		for _, s := range c.sides {
			s.link.out.scrub = scrub{} // from the first key hash on: all of them are named at once
		}
		old, newer := record(b, x, "k", "old", 77), record(b, x, "k", "new", 77)
		for i, r := range []*codec.Record{old, newer} {
			r.Stamp -= uint64(20_000-5000*i) << 16
			r.ExpireStamp = r.Stamp
		}
		b.holds(x, old)
		b.holds(y, newer)
		if of != "the higher id" {
			x.partly("k")
		}
		if of != "the lower id" {
			y.partly("k")
		}
		b.pass(10 * time.Second)
		if repairs := x.counters.repairs.Load() + y.counters.repairs.Load(); repairs != 0 || b.get(x, "k") != "new" || b.get(y, "k") != "new" {
			t.Errorf("partial with %s: %q and %q, %d repairs", of, b.get(x, "k"), b.get(y, "k"), repairs)
		}
	}
}

// TestR13_WhoWasNeverComparedWithHoldsTombstonesBack: it may have been away with what they ended.
func TestR13_WhoWasNeverComparedWithHoldsTombstonesBack(t *testing.T) {
	b, x, y, _ := pair(t)
	x.horizon = int64(2 * time.Second)
	b.set(x, "k", "v")
	b.deliverAll()
	b.pass(6 * time.Second)
	compared := func() uint64 {
		x.mu.Lock()
		defer x.mu.Unlock()
		return x.comparedTo(b.now)
	}
	if compared() == 0 {
		t.Fatal("the pair is not compared")
	}
	b.greetsAs(x, y.at(9), 7<<16|9000)
	if to := compared(); to != 0 || !slices.ContainsFunc(x.members, func(m *member) bool { return m.id == 7<<16|9000 }) {
		t.Errorf("compared up to %d with all of %d", to, len(x.members))
	}
}

// TestR16_GhostsThatOneSideLacksAreSeenByIt: a listing that lacks them is answered with one that has them, once a comparison; and who sees them is
// certain no more of what is absent in their leaf.
func TestR16_GhostsThatOneSideLacksAreSeenByIt(t *testing.T) {
	b, x, _, c := pair(t)
	l, cluster := c.sides[0].link, x.clock.Cluster(b.now)
	ghost := store.Print{Hash: x.store.Hash([]byte("k")), V: store.Version{Stamp: 1 << 26, Node: 7}, Ghost: true}
	m := &codec.Listing{Epoch: 9, Prefix: ghost.Hash >> 48 << 48, Bits: 16}
	for range 2 {
		l.compareGhosts(m, &worktop{prints: []store.Print{ghost}}, cluster)
	}
	if r := &l.out.repair; len(r.work) != 1 || r.work[0].prefix != m.Prefix || r.work[0].bits != m.Bits || r.work[0].epoch != m.Epoch || !b.certain(x, "k") {
		t.Errorf("ghosts of this node: %+v, certain %v", r.work, b.certain(x, "k"))
	}
	l.compareGhosts(m, &worktop{theirs: []store.Print{ghost}}, cluster)
	if len(l.out.repair.work) != 1 || b.certain(x, "k") {
		t.Errorf("ghosts of the other: %+v, certain %v", l.out.repair.work, b.certain(x, "k"))
	}
}
