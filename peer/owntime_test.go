package peer

import (
	"net/netip"
	"testing"
	"time"

	"covey/codec"
)

// TestR6_NothingIsSentOfATimeThatTheOtherDoesNotKnow: a node that has not stamped goes over to the time of more hosts, and a client of it writes
// at that moment: before the step, or after it. Who is of the time before is not sent what is stamped an hour ahead of it.
func TestR6_NothingIsSentOfATimeThatTheOtherDoesNotKnow(t *testing.T) {
	for name, late := range map[string]bool{"before the step": false, "after it": true} {
		b := newBench(t)
		b.quiet = true
		one := b.add("one", 1<<16|9000, 0, 0)
		more := []*bnode{b.add("more", 2<<16|9000, 0, hourMS), b.add("most", 3<<16|9000, 0, hourMS)}
		b.wire(more[0], more[1], 1)
		b.pass(3 * time.Second)
		n := b.add("n", 4<<16|9000, 0, 0)
		b.wire(n, one, 1)
		b.deliverAll()
		b.pass(TickInterval)
		for i, o := range more {
			b.wire(n, o, uint32(2+i))
			b.deliverAll()
		}
		if n.stamped() || !n.TimeSettled() || n.join.follows == 0 || n.clock.Offset() != 0 {
			t.Fatalf("%s: stamped %v, follows %x, %d ms", name, n.stamped(), n.join.follows, n.clock.Offset())
		}
		if late {
			n.Tick(b.now)
			if n.clock.Offset() != hourMS {
				t.Fatalf("stepped by %d ms", n.clock.Offset())
			}
		}
		b.set(n, "k", "v")
		for _, l := range n.Links() {
			b.flush(l.User().(*bside), false)
		}
		b.deliverAll()
		if !late {
			b.pass(TickInterval)
			if n.clock.Offset() != 0 || b.get(one, "k") != "v" {
				t.Fatalf("a node that has stamped steps by %d ms", n.clock.Offset())
			}
		}
		b.wire(one, more[0], 4)
		b.wire(one, more[1], 5)
		b.pass(20 * time.Second)
		for _, o := range append(more, one, n) {
			if ahead := o.counters.ahead.Load(); ahead > 0 || b.get(o, "k") != "v" {
				t.Errorf("%s: %s has %q, and %d records from the future", name, o.name, b.get(o, "k"), ahead)
			}
		}
	}
}

// TestR6_OfOneMachineANodeKeepsTheTimeItTook: nodes that share its host are one, and one is not more than one.
func TestR6_OfOneMachineANodeKeepsTheTimeItTook(t *testing.T) {
	b := newBench(t)
	n := b.add("n", 9<<16|9000, 0, 0)
	var members []*member
	for i, addr := range []string{"127.0.0.1:1", "127.0.0.1:2", "10.9.9.8:1"} {
		l := b.greetsAs(n, netip.MustParseAddrPort(addr), uint64(i+1)<<16|9000)
		members = append(members, l.member)
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	m := members[1]
	m.offset = hourMS
	members[2].offset = 10 * hourMS
	if n.outvoted(m) {
		t.Error("by its own host")
	}
	members[2].offset = hourMS
	if !n.outvoted(m) {
		t.Error("not by two hosts")
	}
}

// TestR21_WhoLacksTheHeadOfADonorsStreamIsNotReady: all that the donor holds was copied and compared, but the batches that it had written before it
// greeted are still on their way.
func TestR21_WhoLacksTheHeadOfADonorsStreamIsNotReady(t *testing.T) {
	b, x, _, _ := pair(t)
	b.set(x, "k", "v")
	b.set(x, "k", "w")
	z := b.add("z", 3<<16|9000, 0, 0)
	c := b.wire(z, x, 31)
	c.slow = func(k codec.Kind) bool { return k == codec.KindBatch }
	b.deliverAll()
	b.pass(10 * time.Second)
	l := c.sides[0].link
	if !z.join.covered.full() || l.pulls.owed || l.debt.owed || l.in.own.gapped || b.get(z, "k") != "w" || l.greeting.Head != 2 {
		t.Fatalf("copied %v, owed %v, compared %v, gap %v, k is %q, head %d", z.join.covered.full(), l.pulls.owed, !l.debt.owed, l.in.own.gapped, b.get(z, "k"), l.greeting.Head)
	}
	for i, want := range []codec.State{codec.StateLoading, codec.StateReady} {
		if err := hand(l, b.now, batchOf(l, uint64(i+1), record(b, x, "k", "w", 1<<16|9000))); err != nil {
			t.Fatal(err)
		}
		b.pass(TickInterval)
		if z.State() != want {
			t.Errorf("%v with %d of the 2 that the donor had written", z.State(), i+1)
		}
	}
}

// TestR22_ALoadingPeerIsWaitedFor: it will soon be ready, and have what others hold. For so long, and no longer.
func TestR22_ALoadingPeerIsWaitedFor(t *testing.T) {
	b := newBench(t)
	b.quiet = true
	x := b.add("x", 1<<16|9000, 0, 0)
	l := b.greetsIn(x, x.at(7), 7<<16|9000, codec.StateLoading)
	l.SetUser(&bside{})
	b.repliesIn([]*Link{l}, codec.StateLoading, loadingPatience-time.Second)
	if l.pulls.owed || x.State() != codec.StateSeeking {
		t.Errorf("%v beside a loading peer, whose copy is here: %v", x.State(), !l.pulls.owed)
	}
	b.repliesIn([]*Link{l}, codec.StateLoading, 2*time.Second)
	if x.State() != codec.StateReady {
		t.Errorf("%v beside a peer that loads for ever", x.State())
	}
}
