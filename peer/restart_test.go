package peer

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"
)

// crashed ends a node as a power cut does: no goodbye, and its connections close; with hang they stay, and nothing comes on them.
func (b *bench) crashed(n *bnode, hang bool) {
	if n.down = true; !hang {
		b.crash(n)
		b.deliverAll()
	}
	b.conns = slices.DeleteFunc(b.conns, func(c *bconn) bool { return c.sides[0].node == n || c.sides[1].node == n })
}

// refused has all dials of a node fail that it wishes for.
func (b *bench) refused(n *bnode) {
	for _, d := range n.dials {
		n.Step(b.now, Event{Kind: EventDialFailed, Addr: d.Addr, Number: d.Number})
	}
	n.dials = n.dials[:0]
	b.carryOut(n)
}

// TestAMachineThatCrashesAgainAndAgainDisturbsNobodyAndFillsNothing: 300 starts in a minute, more than streams are passed on, and each has
// written something. What is kept of them has its bounds and is forgotten after the horizon.
func TestAMachineThatCrashesAgainAndAgainDisturbsNobodyAndFillsNothing(t *testing.T) {
	const starts, life = 300, 100 * time.Millisecond
	for _, hang := range []bool{false, true} {
		t.Run(fmt.Sprintf("its connections hang %v", hang), func(t *testing.T) {
			b, x, y, c := pair(t)
			b.quiet = true
			b.store.MaxBytes = 1 << 20
			for i := range starts {
				b.shortLife(i, life, hang, x, y)
				key := fmt.Sprint("meanwhile ", i)
				b.set(x, key, "v")
				b.deliverAll()
				if got := b.get(y, key); got != "v" {
					t.Fatalf("start %d: what one of the others writes is %s at the next", i, got)
				}
				b.pass(life)
				checkKept(t, x, starts)
				checkKept(t, y, starts)
			}
			if l := c.sides[0].link; x.known(y.ID()).link != l || l.closing || l.member == nil {
				t.Error("the link of the others has ended")
			}
			for _, line := range b.log {
				if strings.HasPrefix(line, "x: y was") || strings.HasPrefix(line, "y: x was") {
					t.Error(line)
				}
			}
			b.forgotten(x, y)
		})
	}
}

// shortLife starts z anew, has it link with x, and with y every second time, write something, and crash.
func (b *bench) shortLife(i int, life time.Duration, hang bool, x, y *bnode) {
	z := b.add("z", 3<<16|9000, 0, 0)
	b.heard(z, x, 0)
	b.wire(z, x, 31)
	if i%2 == 0 {
		b.wire(z, y, 32)
	}
	b.deliverAll()
	b.pass(life)
	b.set(z, fmt.Sprint("of start ", i), "v")
	b.deliverAll()
	b.crashed(z, hang)
	b.refused(x)
	b.refused(y)
}

// checkKept looks at all that a node keeps of others while one machine is started again and again.
func checkKept(t *testing.T, n *bnode, starts int) {
	t.Helper()
	for _, k := range []struct {
		name        string
		count, most int
	}{
		{"members", len(n.members), 2},
		{"links", len(n.links), 2 + int((GreetingTimeout+byeTimeout)/TickInterval)},
		{"chosen links", len(n.Links()), 2},
		{"streams", len(n.streams), 1 + starts},
		{"targets", len(n.dialing.order), 2},
		{"targets by address", len(n.dialing.byAddr), 2},
		{"dials under way", n.dialing.busy, 2},
		{"announces heard", len(n.beacon.heard), starts},
		{"hosts", len(n.steps.hosts), 2},
		{"doubts", len(n.doubts), 0},
		{"steps", len(n.steps.known), 0},
		{"changes", len(n.out.Changes), 0},
	} {
		if k.count > k.most {
			t.Fatalf("%s keeps %d %s, more than %d", n.name, k.count, k.name, k.most)
		}
	}
	for _, l := range n.Links() {
		if len(l.relaying()) > maxPassed || len(l.in.others) > MaxStreams {
			t.Fatalf("%s passes %d streams on, and takes %d", n.name, len(l.relaying()), len(l.in.others))
		}
	}
}

// forgotten looks at what two nodes keep of the third after the horizon: nothing.
func (b *bench) forgotten(nodes ...*bnode) {
	for _, n := range nodes {
		n.horizon = int64(10 * time.Second)
	}
	for range 30 {
		b.pass(time.Second)
		for _, n := range nodes {
			b.refused(n)
		}
	}
	for _, n := range nodes {
		if len(n.members) != 1 || len(n.links) != 1 || len(n.streams) != 1 || len(n.dialing.order) > 1 || len(n.relay.log) != 0 {
			b.t.Errorf("%s keeps, after the horizon, %d members, %d links, %d streams, %d targets, %d batches", n.name, len(n.members), len(n.links),
				len(n.streams), len(n.dialing.order), len(n.relay.log))
		}
	}
}

// TestR13_AMemberThatHasLeftHoldsNothingBackUntilItIsLinkedAgain: one that was killed does, and so does one that came back after its goodbye
// and is cut off then.
func TestR13_AMemberThatHasLeftHoldsNothingBackUntilItIsLinkedAgain(t *testing.T) {
	b, x, y, _ := pair(t)
	z := b.add("z", 3<<16|9000, 0, 0)
	b.wire(z, x, 31)
	b.wire(z, y, 32)
	b.deliverAll()
	b.pass(8 * time.Second)
	x.begun -= x.horizon // it has run for as long
	holdsBack := func() bool { return x.comparedTo(b.now) < x.clock.Cluster(b.now-int64(20*time.Second))<<stampBits }
	if holdsBack() {
		t.Fatal("who is linked holds back what is 20 s old")
	}
	z.Leave(b.now)
	b.carryOut(z)
	b.deliverAll()
	b.crashed(z, false)
	b.pass(40 * time.Second)
	if m := x.known(z.ID()); m == nil || m.state != Left || holdsBack() {
		t.Fatalf("who has left holds back: %+v", m)
	}
	z = b.add("z", 3<<16|9000, 0, 0)
	b.wire(z, x, 33)
	b.wire(z, y, 34)
	b.deliverAll()
	b.pass(8 * time.Second)
	if holdsBack() {
		t.Error("who is back holds back")
	}
	b.crashed(z, false)
	b.pass(40 * time.Second)
	if m := x.known(z.ID()); m == nil || m.state != Dead || !holdsBack() {
		t.Errorf("who was killed after it came back holds nothing back: %+v", m)
	}
}
