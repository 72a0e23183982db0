package peer

import (
	"slices"
	"testing"
	"time"

	"covey/codec"
	"covey/store"
)

// answerable has x lead a comparison that would settle what it owes y. All of it is done but the end of the round: no Compared comes, nor
// what is lost with it: heartbeats, for equal roots would settle it too.
func (b *bench) answerable(c *bconn, lost ...codec.Kind) (l *Link) {
	l = c.sides[0].link
	c.slow = func(k codec.Kind) bool { return k == codec.KindCompared || slices.Contains(lost, k) }
	for range 2 * int(repairPatience/TickInterval) {
		for _, s := range c.sides {
			s.link.Touched(b.now)
		}
		b.pass(TickInterval)
		r, newest := &l.out.repair, store.EpochOf(store.StampTime(c.sides[1].node.store.Newest()))
		if l.debt.owed && l.leads.Load() && len(r.work) == 0 && (r.whole || r.low >= min(l.debt.epoch, newest)) {
			c.slow = nil
			return l
		}
	}
	b.t.Fatal("what is owed is not compared")
	return nil
}

// asked hands y the question that ends the round, and x what y says then.
func (b *bench) asked(c *bconn) {
	r, other := &c.sides[0].link.out.repair, c.sides[1]
	if err := hand(other.link, b.now, codec.AppendCompared(nil, codec.Compared{Epoch: r.low, ID: r.id, Form: codec.ComparedAsk})); err != nil {
		b.t.Fatal(err)
	}
	b.flush(other, false)
}

// holds puts a record of a third node into the store of n.
func (b *bench) holds(n *bnode, r *codec.Record) {
	if o := n.store.Merge((*store.Record)(r), n.store.Hash(r.Key), n.clock.Cluster(b.now)); o != store.Applied {
		b.t.Fatalf("%s is not taken: %v", r.Key, o)
	}
}

// TestR19_AComparisonOfWhichAPartWasGivenUpSettlesNothing: the other had too much to send and let it go.
func TestR19_AComparisonOfWhichAPartWasGivenUpSettlesNothing(t *testing.T) {
	b, x, _, c := pair(t)
	x.owe(b.now, c.sides[0].link, 0)
	l := b.answerable(c, codec.KindHeartbeat)
	was := l.member.roots.compared
	c.sides[1].link.queue(work{frame: make([]byte, RepairQueue+1)})
	if !c.sides[1].link.out.repair.lost {
		t.Fatal("a queue without bound")
	}
	b.asked(c)
	b.deliverAll()
	if !l.debt.owed || l.leads.Load() || l.member.roots.compared != was {
		t.Errorf("owed %v, goes on %v, compared up to %d, before it was %d", l.debt.owed, l.leads.Load(), l.member.roots.compared, was)
	}
	b.pass(10 * time.Second)
	if l.debt.owed || l.member.roots.compared <= was {
		t.Errorf("it is not compared once more: owed %v, up to %d", l.debt.owed, l.member.roots.compared)
	}
}

// TestR19_WhatAnAnsweringListingBringsIsWaitedFor: the other has answered a listing with listings before it was asked whether all was sent. What
// they tell of is asked for only now.
func TestR19_WhatAnAnsweringListingBringsIsWaitedFor(t *testing.T) {
	b, x, y, c := pair(t)
	x.owe(b.now, c.sides[0].link, 0)
	l := b.answerable(c, codec.KindHeartbeat)
	r := record(b, y, "k", "v", 77)
	r.Stamp -= 10_000 << 16
	r.ExpireStamp = r.Stamp
	b.holds(y, r)
	hash := y.store.Hash(r.Key)
	c.sides[1].link.queue(work{epoch: l.out.repair.epoch, prefix: hash >> 48 << 48, bits: leafBits})
	b.asked(c)
	for range 2 { // the listing and the answer
		b.deliver(c.sides[0])
	}
	if !l.debt.owed || !l.leads.Load() || b.get(x, "k") != "(none)" {
		t.Errorf("owed %v, goes on %v, although k is %q here", l.debt.owed, l.leads.Load(), b.get(x, "k"))
	}
	b.deliverAll()
	if l.debt.owed || b.get(x, "k") != "v" {
		t.Errorf("owed %v, k is %q", l.debt.owed, b.get(x, "k"))
	}
}

// TestR9_ASecondGapIsComparedToo: the comparison that mends the first is almost over.
func TestR9_ASecondGapIsComparedToo(t *testing.T) {
	b, x, y, c := pair(t)
	c.sides[1].link.out.sent += 1 << 20 // what the test forges counts as sent
	says := func(first uint64) {
		r := record(b, y, "other", "v", 77)
		b.holds(y, r)
		if err := hand(c.sides[0].link, b.now, batchOf(c.sides[0].link, first, r)); err != nil {
			t.Fatal(err)
		}
	}
	says(7)
	l := b.answerable(c, codec.KindHeartbeat)
	b.holds(y, record(b, y, "k", "v", 77)) // 8 to 19
	says(20)
	b.asked(c)
	b.deliverAll()
	if applied := x.Applied(y.stream); !l.debt.owed || applied != 0 || b.get(x, "k") != "(none)" {
		t.Errorf("owed %v, applied %d, k is %q", l.debt.owed, applied, b.get(x, "k"))
	}
	b.pass(10 * time.Second)
	if applied := x.Applied(y.stream); l.debt.owed || applied != 20 || b.get(x, "k") != "v" {
		t.Errorf("after a while: owed %v, applied %d, k is %q", l.debt.owed, applied, b.get(x, "k"))
	}
}

// TestR10_AGapIsClosedOnceTheEpochOfItsStampIs: the highest stamp that was sent is of a later epoch than that in which the Gap comes.
func TestR10_AGapIsClosedOnceTheEpochOfItsStampIs(t *testing.T) {
	b, x, y, c := pair(t)
	r := record(b, y, "k", "v", 77)
	r.Stamp += 6000 << 16
	r.ExpireStamp = r.Stamp
	b.holds(y, r)
	if err := hand(c.sides[0].link, b.now, codec.AppendGap(nil, codec.Gap{Stream: y.stream, Head: 5, Stamp: r.Stamp})); err != nil {
		t.Fatal(err)
	}
	for end := b.now + int64(12*time.Second); b.now < end; b.pass(TickInterval) {
		if applied := x.Applied(y.stream); applied != 0 && b.get(x, "k") != "v" {
			t.Fatalf("applied %d %v before the end, k is %q", applied, time.Duration(end-b.now), b.get(x, "k"))
		}
	}
	if applied := x.Applied(y.stream); applied != 5 || b.get(x, "k") != "v" {
		t.Errorf("applied %d, k is %q", applied, b.get(x, "k"))
	}
}

// TestR10_AComparisonOfAllSettlesNothingThatCameMeanwhile: of what is compared some was looked at before a Gap came.
func TestR10_AComparisonOfAllSettlesNothingThatCameMeanwhile(t *testing.T) {
	b, x, _, _ := pair(t)
	b.set(x, "k", "v")
	b.deliverAll()
	z := b.add("z", 3<<16|9000, 0, 0)
	c := b.wire(z, x, 31)
	b.deliverAll()
	l := b.answerable(c) // its first heartbeat has to come
	if !l.out.repair.whole || z.State() != codec.StateLoading {
		t.Fatalf("%v, all is compared %v", z.State(), l.out.repair.whole)
	}
	if err := hand(l, b.now, codec.AppendGap(nil, codec.Gap{Stream: x.stream, Head: 7, Stamp: x.store.Newest()})); err != nil {
		t.Fatal(err)
	}
	b.asked(c)
	b.deliverAll()
	if applied := z.Applied(x.stream); !l.debt.owed || applied >= 7 || z.State() != codec.StateLoading {
		t.Errorf("owed %v, applied %d, %v", l.debt.owed, applied, z.State())
	}
	b.pass(5 * time.Second)
	if applied := z.Applied(x.stream); l.debt.owed || applied != 7 || z.State() != codec.StateReady {
		t.Errorf("after a while: owed %v, applied %d, %v", l.debt.owed, applied, z.State())
	}
}
