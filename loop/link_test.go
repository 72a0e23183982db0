package loop

import (
	"net/netip"
	"testing"
	"time"

	"github.com/panjf2000/gnet/v2"

	"covey/codec"
	"covey/peer"
)

// wall is an ear that takes nothing: what is said to it waits.
type wall struct{ ear }

func (*wall) OutboundBuffered() int { return maxQueuedPeer + 1 }

var stranger = netip.MustParseAddrPort("10.0.0.7:40000")

// A peer that piles up whole frames faster than its slices of the loop's time take them is closed at the limit, and told.
func TestAPeerThatPilesUpFramesIsClosed(t *testing.T) {
	t.Parallel()
	l := loopFor(t, nil)
	e := &ear{}
	c := &conn{g: e, l: l, protocol: protocolPeer}
	c.link = peer.NewLink(l.n.mind, false, 0, stranger, ringFor)
	l.n.mind.Step(1, peer.Event{Kind: peer.EventOpened, Link: c.link})
	defer c.release()
	skipped := append(codec.AppendHeader(nil, codec.Header{Kind: 0x7F, Flags: codec.FlagSkippable, Length: 1000}), make([]byte, 1000)...)
	var piece []byte
	for len(piece)+len(skipped) < readBuffer {
		piece = append(piece, skipped...)
	}
	past := l.n.clock.now() - int64(time.Second) // each slice is over when it is looked
	for turns := 1; ; turns++ {
		c.got = piece
		act := l.peer(c, past)
		if act == gnet.Close {
			break
		}
		if lies := len(c.in) - c.from; lies > maxWaitingPeer+len(piece) {
			t.Fatalf("%d bytes lie there after %d turns", lies, turns)
		}
	}
	if lies := len(c.in) - c.from; lies < maxWaitingPeer {
		t.Errorf("closed at %d bytes", lies)
	}
	h, ok, err := codec.DecodeHeader(e.said)
	if !ok || err != nil || h.Kind != codec.KindBye {
		t.Fatalf("it is told %x, %v", e.said, err)
	}
	if m, err := codec.DecodeBye(e.said[codec.HeaderLen:][:h.Length]); err != nil || m.Reason != codec.ReasonProtocol {
		t.Errorf("%+v, %v", m, err)
	}
	if n := &l.n.counters; n.overloads.Load() != 1 || n.badInput.Load() != 1 {
		t.Errorf("%d overloads and %d breaches are counted", n.overloads.Load(), n.badInput.Load())
	}
}

// A link that is to go because it holds too much is told so where that can be sent at once, and otherwise just ends.
func TestALinkThatHoldsTooMuchIsToldSo(t *testing.T) {
	for name, g := range map[string]gnet.Conn{"that reads": &ear{}, "that does not read": &wall{}} {
		l := loopFor(t, nil)
		c := &conn{g: g, l: l, protocol: protocolPeer}
		c.link = peer.NewLink(l.n.mind, false, 0, stranger, ringFor)
		l.n.mind.Step(1, peer.Event{Kind: peer.EventOpened, Link: c.link})
		c.tooMuch.Store(true)
		if act := l.overload(c); act != gnet.Close {
			t.Fatalf("a peer %s: %v", name, act)
		}
		e, reads := g.(*ear)
		if !reads {
			if e = &g.(*wall).ear; len(e.said) > 0 {
				t.Errorf("behind what waits it is told %x", e.said)
			}
			continue
		}
		h, ok, err := codec.DecodeHeader(e.said)
		if !ok || err != nil || h.Kind != codec.KindBye {
			t.Fatalf("it is told %x, %v", e.said, err)
		}
		if m, err := codec.DecodeBye(e.said[codec.HeaderLen:][:h.Length]); err != nil || m.Reason != codec.ReasonOverload {
			t.Errorf("%+v, %v", m, err)
		}
	}
}

// What waits on a link that its peer does not read is part of what all connections hold.
func TestWhatWaitsOnALinkCounts(t *testing.T) {
	l := loopFor(t, nil)
	c := &conn{g: &wall{}, l: l, protocol: protocolPeer}
	e := &c.g.(*wall).ear
	c.link = peer.NewLink(l.n.mind, false, 0, stranger, ringFor)
	l.n.mind.Step(1, peer.Event{Kind: peer.EventOpened, Link: c.link})
	defer func() { c.closed = true; c.release() }()
	g := codec.Greeting{Dialed: true, Cluster: peer.ClusterTag("test"), Node: 7<<16 | 9000, Incarnation: 1, Stream: 7, ProtoMin: 1, ProtoMax: 1, Port: 9000, Dial: 1}
	full := g
	full.Full = true
	c.got = codec.AppendGreeting(codec.AppendGreeting(nil, g), full)
	if act := l.peer(c, l.n.clock.now()); act == gnet.Close || l.n.mind.Linked() != 1 {
		t.Fatalf("no link: %x", e.said)
	}
	c.weigh()
	before := c.held
	for range 1000 {
		c.got = codec.AppendHeartbeat(nil, codec.Heartbeat{Anew: true})
		if l.peer(c, l.n.clock.now()) == gnet.Close {
			break
		}
	}
	if c.held-before < 30_000 || l.n.holdings.held.Load() != c.held {
		t.Errorf("%d bytes are held, %d before; %d of all", c.held, before, l.n.holdings.held.Load())
	}
	c.closed = true
	if c.release(); c.held != 0 || l.n.holdings.held.Load() != 0 {
		t.Errorf("closed it holds %d bytes, and all %d", c.held, l.n.holdings.held.Load())
	}
}
