package peer

import (
	"errors"
	"math/rand/v2"
	"net/netip"
	"slices"
	"testing"
	"time"

	"covey/codec"
)

// TestTheChangesOfAListMakeIt: whatever lists follow each other, who takes their changes has each.
func TestTheChangesOfAListMakeIt(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 5))
	var told, theirs listing
	for range 2000 {
		var next listing
		for id := range uint64(30) {
			if r.IntN(3) > 0 {
				next = append(next, listed{id: id, ip: [4]byte{10, 0, 0, byte(r.IntN(3))}, port: uint16(r.IntN(2) * 9000)})
			}
		}
		if r.IntN(2) == 0 {
			next = slices.Clone(told)
		}
		changes := appendChanges(nil, told, next)
		if slices.Equal(told, next) && changes.Len() != 0 {
			t.Fatalf("%d changes of a list that is the same", changes.Len())
		}
		for i := range changes.Len() {
			theirs.take(changes.At(i))
		}
		for i, e := range next { // without a port there is no address
			if e.port == 0 {
				next[i].ip = [4]byte{}
			}
		}
		if told = next; !slices.Equal(theirs, told) {
			t.Fatalf("told %v, taken %v", told, theirs)
		}
	}
	var all listing
	for id := range uint64(codec.MaxLinked + 10) {
		all.take(codec.LinkChange{Node: id})
	}
	if len(all) != codec.MaxLinked {
		t.Errorf("a list grows to %d", len(all))
	}
}

// heartbeatsTo are the heartbeats that wait for a side, and how long they are.
func heartbeatsTo(t *testing.T, s *bside) (all []codec.Heartbeat, bytes int) {
	for _, f := range s.in {
		if f.head.Kind == codec.KindHeartbeat {
			h, err := codec.DecodeHeartbeat(f.body)
			if err != nil {
				t.Fatal(err)
			}
			all, bytes = append(all, h), bytes+codec.HeaderLen+len(f.body)
		}
	}
	return all, bytes
}

// TestR25_TheListOfLinksIsToldOnceAndThenItsChanges: at rest a heartbeat is as long as that of a node with one link.
func TestR25_TheListOfLinksIsToldOnceAndThenItsChanges(t *testing.T) {
	b, x, y, c := pair(t)
	for i := range 20 {
		b.wire(b.add(string(rune('A'+i)), uint64(100+i)<<16|9000, 0, 0), x, 1)
		b.deliverAll()
	}
	b.pass(2e9)
	if n := len(y.known(x.ID()).linked); n != 21 {
		t.Fatalf("y knows of %d links of x, which has %d", n, len(x.Links()))
	}
	b.now += int64(HeartbeatInterval)
	for _, l := range x.Links() {
		l.Touched(b.now)
	}
	x.Tick(b.now)
	b.carryOut(x)
	at := c.sides[0]
	if at.node != y {
		at = c.sides[1]
	}
	told, bytes := heartbeatsTo(t, at)
	if len(told) != 1 || told[0].Anew || told[0].Links.Len() != 0 || bytes != codec.HeaderLen+88 {
		t.Fatalf("at rest %d heartbeats of %d bytes: %+v", len(told), bytes, told)
	}
	b.deliverAll()
	b.drop(x, b.nodes["A"])
	b.pass(TickInterval)
	if y.known(x.ID()).linked.has(b.nodes["A"].ID()) {
		t.Error("y was not told that a link of x has ended")
	}
	b.drop(x, y)
	b.wire(y, x, 9)
	b.pass(1e9)
	if got, want := y.known(x.ID()).linked, x.beat.told; !slices.Equal(got, want) {
		t.Errorf("on a new link y was told %v of %v", got, want)
	}
}

// TestR25_ADeathBySilenceIsNoNews: that it is not heard was told long before. In a mesh of many all find it at about one time, and heartbeats of
// each to all others would hold up those that have not yet.
func TestR25_ADeathBySilenceIsNoNews(t *testing.T) {
	b, x, y, _ := pair(t)
	z := b.add("z", 100<<16|9000, 0, 0)
	b.wire(z, x, 1)
	b.wire(z, y, 2)
	b.deliverAll()
	b.pass(2e9)
	b.cut(z, x)
	b.cut(z, y)
	begun, told := b.now, x.beat.sequence
	for x.known(z.ID()).state != Dead && b.now-begun < int64(2*deadAfter) {
		b.pass(TickInterval)
	}
	b.pass(2 * TickInterval)
	if took := b.now - begun; took > int64(deadAfter+4*TickInterval) || int64(x.beat.sequence-told) > took/int64(HeartbeatInterval)+1 {
		t.Errorf("dead after %v, with %d rounds of heartbeats meanwhile", time.Duration(took), x.beat.sequence-told)
	}
}

func TestR25_AListThatBeginsWithAChangeIsABreach(t *testing.T) {
	_, x, _, c := pair(t)
	l := c.sides[0].link
	if l.node != x.Node {
		l = c.sides[1].link
	}
	l.theirLinks = false
	frame := codec.AppendHeartbeat(nil, codec.Heartbeat{Sequence: 9, Links: codec.LinkChanges(nil).Append(codec.LinkChange{Node: 7})})
	h, _, _ := codec.DecodeHeader(frame)
	if err := l.Frame(2*int64(1e12), h, frame[codec.HeaderLen:]); !errors.Is(err, ErrOrder) {
		t.Fatal(err)
	}
}

// TestAddressesThatOthersTellOfLeaveRoom: for dials of nodes that were heard, and on the list of addresses.
func TestAddressesThatOthersTellOfLeaveRoom(t *testing.T) {
	_, x, _, c := pair(t)
	l, now := c.sides[0].link, int64(1e13)
	if l.node != x.Node {
		l = c.sides[1].link
	}
	for i := range 2 * MaxHints {
		x.takeHint(now, l, codec.PeerAddr{Node: uint64(1000 + i), Addr: netip.AddrPortFrom(netip.AddrFrom4([4]byte{10, 9, byte(i >> 8), byte(i)}), 9000)}, true)
	}
	if got := len(x.dialing.order); got != MaxHints {
		t.Errorf("%d addresses are remembered", got)
	}
	heard := netip.MustParseAddrPort("10.0.0.77:9000")
	x.hint(now, heard, 77)
	var o Outbox
	x.out.Reset()
	x.dial(now + int64(time.Second))
	x.Drain(&o)
	if len(o.Dials) != maxTold+1 || !slices.ContainsFunc(o.Dials, func(d Dial) bool { return d.Addr == heard }) {
		t.Errorf("%d dials, of %d that may be for addresses nobody was heard at", len(o.Dials), maxTold)
	}
	for _, d := range o.Dials {
		x.dialFailed(now+int64(time.Second), d.Addr, d.Number)
	}
	o.Reset()
	x.dial(now + int64(time.Hour))
	x.Drain(&o)
	if len(o.Dials) != maxTold+1 {
		t.Errorf("%d dials after those have failed", len(o.Dials))
	}
}

// TestWhatOnlyAPeerIsLinkedWithIsListed: a node of another network, once, by the peer that has it; where that says 127.0.0.1, at the
// peer's own address. It is no member: nothing waits for it, and it is gone with the peer's word.
func TestWhatOnlyAPeerIsLinkedWithIsListed(t *testing.T) {
	b, x, y, c := pair(t)
	at := c.sides[0]
	if at.node != x {
		at = c.sides[1]
	}
	say := func(changes ...codec.LinkChange) {
		h := codec.Heartbeat{State: codec.StateReady, Anew: true, Clock: x.clock.Cluster(b.now)}
		for _, m := range changes {
			h.Links = h.Links.Append(m)
		}
		frame := codec.AppendHeartbeat(nil, h)
		head, _, _ := codec.DecodeHeader(frame)
		if err := at.link.Frame(b.now, head, frame[codec.HeaderLen:]); err != nil {
			t.Fatal(err)
		}
	}
	far, own := netip.MustParseAddrPort("10.9.0.1:9000"), netip.MustParseAddrPort("127.0.0.1:9001")
	say(codec.LinkChange{Node: x.ID()}, codec.LinkChange{Node: 77, Addr: far}, codec.LinkChange{Node: 78, Addr: own})
	all := x.Members(nil)
	if len(all) != 4 || len(x.members) != 1 {
		t.Fatalf("%d listed, %d members", len(all), len(x.members))
	}
	for i, want := range []Member{{ID: 77, Addr: far, State: Alive, Via: y.ID()}, {ID: 78, Addr: netip.AddrPortFrom(at.link.remote.Addr(), 9001), State: Alive, Via: y.ID()}} {
		got := all[2+i]
		got.Seen = 0
		if got != want {
			t.Errorf("listed %+v, want %+v", got, want)
		}
	}
	say(codec.LinkChange{Node: x.ID()})
	if all := x.Members(nil); len(all) != 2 {
		t.Errorf("%d are listed after the peer's word", len(all))
	}
}

// TestR25_AVouchThatIsNotRenewedCountsNoMore: whoever gave it has been silent since, and may know no better.
func TestR25_AVouchThatIsNotRenewedCountsNoMore(t *testing.T) {
	b, x, y, c := pair(t)
	z := b.add("z", 3<<16|9000, 0, 0)
	b.wire(z, x, 31)
	b.wire(z, y, 32)
	b.deliverAll()
	b.pass(3 * time.Second)
	lost := x.known(z.ID())
	b.drop(x, z)
	b.pass(2 * time.Second)
	if lost.state != Alive || lost.link != nil {
		t.Fatalf("%v though the third node is linked with it", lost.state)
	}
	c.deaf = true
	b.pass(vouchAge + 2*HeartbeatInterval)
	if m := x.known(y.ID()); lost.state != Dead || m.link == nil || m.state != Suspect {
		t.Errorf("%v by the word of one that is %v", lost.state, m.state)
	}
}
