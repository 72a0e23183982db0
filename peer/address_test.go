package peer

import (
	"net/netip"
	"slices"
	"testing"
	"time"

	"covey/codec"
)

// at is another address of a node on the table: the same last number in 10.0.N.0.
func (n *bnode) at(network byte) netip.AddrPort {
	ip := n.addr.Addr().As4()
	ip[2] = network
	return netip.AddrPortFrom(netip.AddrFrom4(ip), n.addr.Port())
}

// heardAt hands an announce of one node, the last one made or a new one, to another as from an address.
func (b *bench) heardAt(a codec.Announce, addr netip.AddrPort, to *bnode) {
	to.Step(b.now, Event{Kind: EventAnnounce, Announce: a, Addr: addr})
	b.carryOut(to)
}

// linkedPair is two nodes with one link, which x dialed.
func linkedPair(t *testing.T) (b *bench, x, y *bnode, c *bconn) {
	t.Helper()
	b = newBench(t)
	x, y = b.add("x", 0x10000, 0, 0), b.add("y", 0x20000, 0, 0)
	b.heard(y, x, codec.FormAnnounce)
	b.pass(200 * time.Millisecond)
	c = b.connect(x, y)
	b.pass(time.Second)
	if len(x.Links()) != 1 || len(y.Links()) != 1 {
		t.Fatalf("%d and %d links", len(x.Links()), len(y.Links()))
	}
	x.dials, y.dials = nil, nil
	return b, x, y, c
}

// dialsTo says whether a node wishes to dial an address.
func (n *bnode) dialsTo(addr netip.AddrPort) bool {
	for _, d := range n.dials {
		if d.Addr == addr {
			return true
		}
	}
	return false
}

func TestAMemberIsDialedAtItsOtherAddressWhenItsLinkIsSilent(t *testing.T) {
	b, x, y, c := linkedPair(t)
	a := y.Node.Announce(codec.FormAnnounce)
	b.heardAt(a, y.addr, x)
	b.heardAt(a, y.at(1), x) // the same announce over another card
	b.pass(time.Second)
	if len(x.dials) != 0 {
		t.Fatalf("a member with a working link is dialed: %v", x.dials)
	}
	c.deaf = true
	b.pass(suspectAfter + 600*time.Millisecond)
	if !x.dialsTo(y.at(1)) || x.dialsTo(y.addr) {
		t.Fatalf("with a silent link %v are dialed, want %v alone", x.dials, y.at(1))
	}
	// Both take the new link, though each still holds the silent one.
	y.addr = y.at(1)
	b.connect(x, y)
	b.pass(300 * time.Millisecond)
	for _, n := range []*bnode{x, y} {
		if links := n.Links(); len(links) != 1 || links[0].remote.Addr().As4()[2] == 0 && n == x {
			t.Fatalf("%s has links %v", n.name, links)
		}
		if m := n.Members(nil)[1]; m.State != Alive {
			t.Errorf("%s shows the other %s", n.name, m.State)
		}
	}
}

func TestAnOldAddressOfAMemberIsForgotten(t *testing.T) {
	b, x, y, _ := linkedPair(t)
	old := y.addr
	y.addr = y.at(1)
	b.heardAt(y.Node.Announce(codec.FormAnnounce), y.addr, x)
	for _, l := range x.Links() {
		x.Step(b.now, Event{Kind: EventMoved, Link: l}) // as when its own card went
	}
	b.carryOut(x)
	b.pass(300 * time.Millisecond)
	if !x.dialsTo(y.addr) {
		t.Fatalf("the member is not dialed where it is now: %v", x.dials)
	}
	b.connect(x, y)
	for range 7 {
		b.pass(5 * time.Second)
		b.heardAt(y.Node.Announce(codec.FormAnnounce), y.addr, x)
		for _, d := range x.dials {
			x.Step(b.now, Event{Kind: EventDialFailed, Addr: d.Addr, Number: d.Number})
		}
		x.dials = nil
		b.carryOut(x)
	}
	if x.dialing.byAddr[old] != nil || x.dialing.byAddr[y.addr] == nil {
		t.Errorf("after half a minute the old address is still known, or the new one is not: %v", x.dialing.byAddr)
	}
}

func TestALostCardIsNoDeath(t *testing.T) {
	b, x, y, _ := linkedPair(t)
	x.Step(b.now, Event{Kind: EventMoved, Link: x.Links()[0]})
	b.carryOut(x)
	b.pass(400 * time.Millisecond)
	for _, n := range []*bnode{x, y} {
		if m := n.Members(nil)[1]; m.State == Dead || m.State == Left {
			t.Errorf("%s takes the other for %s", n.name, m.State)
		}
		if len(n.dials) == 0 {
			t.Errorf("%s does not dial the other again", n.name)
		}
	}
}

func TestTheAddressesOfOneNodeAreBounded(t *testing.T) {
	b, x, y, _ := linkedPair(t)
	for network := range byte(2 * maxAddresses) {
		b.heardAt(y.Node.Announce(codec.FormAnnounce), y.at(network+1), x)
		b.pass(TickInterval)
	}
	count := 0
	for _, t := range x.dialing.order {
		if t.id == y.ID() {
			count++
		}
	}
	if count > maxAddresses || x.dialing.byAddr[y.addr] == nil {
		t.Errorf("%d addresses of one node are kept, at most %d may be, and that of its link must", count, maxAddresses)
	}
}

func TestAnAddressOnLoopbackInAGreetingIsOfTheSendersMachine(t *testing.T) {
	b, x, y, _ := linkedPair(t)
	second := netip.MustParseAddrPort("127.0.0.1:9001")
	x.mu.Lock()
	x.takeHints(b.now, x.links[0], []codec.PeerAddr{{Node: 77, Addr: second}})
	x.mu.Unlock()
	want := netip.AddrPortFrom(y.addr.Addr(), 9001)
	if x.dialing.byAddr[second] != nil || x.dialing.byAddr[want] == nil {
		t.Errorf("the addresses known are %v, want %v", x.dialing.byAddr, want)
	}
}

func TestThePastIsTriedOnAndStaticPeersMayChange(t *testing.T) {
	b := newBench(t)
	once, named, later := netip.MustParseAddrPort("10.9.0.1:9000"), netip.MustParseAddrPort("10.9.0.2:9000"), netip.MustParseAddrPort("10.9.0.3:9000")
	x := b.add("x", 0x10000, 0, 0, named)
	x.pastTarget(once)
	x.startTargets(b.now)
	dials := map[netip.AddrPort]int{}
	pass := func(d time.Duration) {
		for end := b.now + int64(d); b.now < end; {
			b.pass(TickInterval)
			for _, d := range x.dials {
				dials[d.Addr]++
				x.Step(b.now, Event{Kind: EventDialFailed, Addr: d.Addr, Number: d.Number})
			}
			x.dials = nil
		}
	}
	pass(10 * time.Minute)
	if got := dials[once]; got < maxTries+8 || got > maxTries+22 {
		t.Errorf("the address of the past was dialed %d times in ten minutes", got)
	}
	x.SetStatic(b.now, []netip.AddrPort{later})
	clear(dials)
	pass(time.Minute)
	if dials[later] < 12 || dials[named] > 1 || x.dialing.byAddr[named] != nil {
		t.Errorf("after the name has come to mean another address: %v", dials)
	}
	pass(time.Hour)
	if x.dialing.byAddr[once] != nil || x.dialing.byAddr[later] == nil {
		t.Errorf("after the horizon the addresses known are %v", x.dialing.byAddr)
	}
}

func TestTheDeathAfterAClosedLinkSaysWhyItWasClosed(t *testing.T) {
	b, x, _, _ := linkedPair(t)
	x.Step(b.now, Event{Kind: EventMoved, Link: x.Links()[0]})
	b.carryOut(x)
	b.log = nil
	b.pass(deadAfter + time.Second)
	for _, want := range []string{"x: y was alive, is dead", "y: x was alive, is dead"} {
		want += ": no new link after one was closed: a card or an address is gone"
		if !slices.Contains(b.log, want) {
			t.Errorf("the log has no %q: %q", want, b.log)
		}
	}
}
