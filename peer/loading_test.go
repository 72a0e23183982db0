package peer

import (
	"testing"
	"time"

	"covey/codec"
)

// TestR21_WhatALoadingPeerGivesCoversNothing: it does not have all yet. Nor does what it was asked for before it was ready.
func TestR21_WhatALoadingPeerGivesCoversNothing(t *testing.T) {
	b := newBench(t)
	x := b.add("x", 1<<16|9000, 0, 0)
	l := b.greetsIn(x, x.at(7), 7<<16|9000, codec.StateLoading)
	l.SetUser(&bside{})
	b.greetsAs(x, x.at(8), 8<<16|9000).SetUser(&bside{})
	b.repliesIn([]*Link{l}, codec.StateLoading, time.Second)
	if x.State() != codec.StateLoading || l.pulls.owed || x.join.covered != (shards{}) {
		t.Fatalf("%v, all is pulled of a loading peer %v, and covers %x", x.State(), !l.pulls.owed, x.join.covered)
	}

	x = b.add("x", 1<<16|9000, 0, 0)
	l = b.greetsIn(x, x.at(7), 7<<16|9000, codec.StateLoading)
	l.SetUser(&bside{})
	early := nothingOf(t, l)
	ready := codec.AppendHeartbeat(nil, codec.Heartbeat{Anew: true, State: codec.StateReady, Clock: x.clock.Cluster(b.now), Sent: uint64(b.now)})
	for _, frame := range append([][]byte{ready}, early...) {
		if err := hand(l, b.now, frame); err != nil {
			t.Fatal(err)
		}
	}
	if x.State() != codec.StateLoading || len(early) != pullCredit || x.join.covered != (shards{}) {
		t.Errorf("%v, covered %x by what was asked for before it was ready", x.State(), x.join.covered)
	}
}

// TestR21_WhoWasHeardOfHasASecondToGreet: it may hold what no donor so far has.
func TestR21_WhoWasHeardOfHasASecondToGreet(t *testing.T) {
	for _, heard := range []bool{false, true} {
		b := newBench(t)
		y, z := b.add("y", 2<<16|9000, 0, 0), b.add("z", 9<<16|9000, 0, 0)
		b.pass(5 * time.Second)
		x := b.add("x", 3<<16|9000, 0, 0)
		if heard {
			b.heard(z, x, codec.FormAnnounce) // and no dial of it comes to anything
		}
		b.wire(x, y, 31)
		b.deliverAll()
		b.pass(seekTime - TickInterval)
		if ready := x.State() == codec.StateReady; ready == heard {
			t.Errorf("heard of another %v: ready before a second %v", heard, ready)
		}
		b.pass(seekTime)
		if x.State() != codec.StateReady {
			t.Errorf("heard of another %v: %v", heard, x.State())
		}
	}
}

// TestR22_WhoHasLostItsDonorsPullsFromThoseThatLoad: what they hold was of no matter as long as there was a donor.
func TestR22_WhoHasLostItsDonorsPullsFromThoseThatLoad(t *testing.T) {
	b := newBench(t)
	x := b.add("x", 1<<16|9000, 0, 0)
	donor := b.greetsAs(x, x.at(7), 7<<16|9000)
	loads := b.greetsIn(x, x.at(8), 8<<16|9000, codec.StateLoading)
	for _, l := range []*Link{donor, loads} {
		l.SetUser(&bside{})
	}
	b.pass(TickInterval)
	if x.State() != codec.StateLoading || loads.pulls.owed {
		t.Fatalf("%v, pulls from who loads: %v", x.State(), loads.pulls.owed)
	}
	x.Step(b.now, Event{Kind: EventClosed, Link: donor})
	b.pass(TickInterval)
	if x.State() != codec.StateSeeking || !loads.pulls.owed {
		t.Errorf("%v, pulls from who loads: %v", x.State(), loads.pulls.owed)
	}
}

// TestR21_WhoBecomesReadyIsComparedWithOrGivesNothingNew: one that was seeking when it was met, and went on alone, may have taken what others wrote; and
// who owes something does not have all of another.
func TestR21_WhoBecomesReadyIsComparedWithOrGivesNothingNew(t *testing.T) {
	for _, c := range []struct {
		name         string
		met          codec.State // by this node
		was          codec.State // the other, when it was met
		owes         bool
		owed, synced bool
	}{
		{"met while both were none, and was seeking", codec.StateLoading, codec.StateSeeking, false, true, false},
		{"met by a ready node", codec.StateReady, codec.StateSeeking, false, false, true},
		{"has loaded", codec.StateReady, codec.StateLoading, false, false, true},
		{"has loaded, and something of it is owed", codec.StateReady, codec.StateLoading, true, true, false},
	} {
		b, x, _, _ := pair(t)
		x.state.Store(uint32(c.met))
		l := b.greetsIn(x, x.at(7), 7<<16|9000, c.was)
		l.SetUser(&bside{})
		x.state.Store(uint32(codec.StateReady))
		if c.owes {
			x.owe(b.now, l, 0)
		}
		beat := codec.AppendHeartbeat(nil, codec.Heartbeat{Anew: true, State: codec.StateReady, Clock: x.clock.Cluster(b.now), Sent: uint64(b.now)})
		if err := hand(l, b.now, beat); err != nil {
			t.Fatal(err)
		}
		if l.debt.owed != c.owed || l.member.stream.synced != c.synced {
			t.Errorf("%s: owed %v, all is here %v", c.name, l.debt.owed, l.member.stream.synced)
		}
	}
}

// TestR3_WhatWasToBeFetchedOnALinkThatEndsIsOwedByAll: others may have the record, and nobody sends it again.
func TestR3_WhatWasToBeFetchedOnALinkThatEndsIsOwedByAll(t *testing.T) {
	b, x, y, c := pair(t)
	z := b.add("z", 3<<16|9000, 0, 0)
	b.wire(z, x, 31)
	b.deliverAll()
	b.pass(3 * time.Second)
	l, other := c.sides[0].link, b.linkWith(x, z)
	far := record(b, y, "k", "v", 77)
	b.holds(y, far)
	r, _ := y.store.Expire(far.Key, y.store.Hash(far.Key), y.clock.Cluster(b.now), y.clock.Cluster(b.now)+60_000, 0)
	if err := hand(l, b.now, batchOf(l, 1, (*codec.Record)(&r))); err != nil || int(l.in.keys)+l.in.fetches != 1 || other.debt.owed {
		t.Fatalf("%v, %d keys are to be fetched, %d asked for, owed by another %v", err, l.in.keys, l.in.fetches, other.debt.owed)
	}
	b.closed(c.sides[0])
	if !other.debt.owed {
		t.Error("nothing is owed by the one that is left")
	}
}

// TestR21_HasteEndsWithWhatIsOwedOrAfterAnHour: one that never gives all is waited for no longer.
func TestR21_HasteEndsWithWhatIsOwedOrAfterAnHour(t *testing.T) {
	for name, after := range map[string]time.Duration{"what is owed": hasteLimit - 1, "after an hour": hasteLimit} {
		b, x, _, c := pair(t)
		l, j := c.sides[0].link, &x.join
		l.debt.owed, j.hasty, j.hastened = true, everyLeaf, b.now
		if x.amend(b.now + int64(hasteLimit) - 1); j.hasty == nil {
			t.Errorf("%s: it is over before", name)
		}
		l.debt.owed = after == hasteLimit
		if x.amend(b.now + int64(after)); j.hasty != nil {
			t.Errorf("%s: it goes on", name)
		}
	}
}
