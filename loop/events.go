package loop

import (
	"fmt"
	"net/netip"
	"time"

	"github.com/panjf2000/gnet/v2"

	"covey/codec"
	"covey/command"
	"covey/seal"
)

// handler receives gnet's events. OnOpen, OnTraffic and OnClose of a connection run on its
// loop's goroutine, OnTick on one of its own.
type handler struct {
	gnet.BuiltinEventEngine
	n *node
}

// OnBoot only notes the engine: gnet cannot use it before the first tick.
func (h *handler) OnBoot(e gnet.Engine) gnet.Action {
	h.n.engine = e
	return gnet.None
}

func (h *handler) OnOpen(g gnet.Conn) (out []byte, act gnet.Action) {
	if b, ok := g.Context().(*bellConn); ok {
		l := b.l
		l.bellRead, l.poller = g.Fd(), pollerOf(g.Fd())
		l.bell.fd.Store(int64(l.bellWrite))
		l.bell.strike() // somebody may have rung before there was a bell
		return nil, gnet.None
	}
	n := h.n
	if m, ok := g.Context().(*move); ok {
		l := n.loopOf(g.EventLoop())
		l.resting.Store(false)
		defer l.exit(l.enter())
		if !l.arrive(g, m) {
			return nil, gnet.Close
		}
		return nil, gnet.None
	}
	n.counters.accepted.Add(1)
	n.counters.connections.Add(1)
	l := n.loopOf(g.EventLoop())
	l.resting.Store(false)
	defer l.exit(l.enter())
	now := n.clock.now()
	d, ours := g.Context().(*dialed)
	_, near := g.Context().(nearby)
	c := &conn{g: g, l: l, ours: ours, near: near, lastByte: now, begun: now, part: l.span.none()}
	g.SetContext(c)
	l.roster.add(c)
	l.place(g.Fd(), c)
	from, addr := remote(g).Addr(), remote(g).String()
	if near {
		from, addr = thisMachine, n.cfg.Unix+":0" // as Redis shows it
	}
	if !ours {
		if refusal := n.admit(c, from); refusal != nil {
			c.protocol = protocolRESP
			return refusal, gnet.Close
		}
	}
	if ours {
		n.called.Add(1)
		c.session = d.session
		l.becomePeer(c, true, d.number, now)
		l.flush(c, now)
	} else {
		c.client = command.Client{ID: n.clientIDs.Add(1), Addr: addr, From: from, Proto: 2, Created: now, Since: now, Ear: c}
	}
	return nil, gnet.None
}

// admit counts an accepted connection, or returns the line with which it is refused.
func (n *node) admit(c *conn, from netip.Addr) []byte {
	open := n.served.Add(1)
	if open > int64(n.share.conns) {
		n.counters.refused.Add(1)
		return []byte("-ERR this node serves as many connections as it may; close some, or raise the descriptor limit (ulimit -n) and restart it\r\n")
	}
	if !n.serves(from) {
		n.counters.denied.Add(1)
		return denial(from)
	}
	if !n.sources.add(from) {
		n.counters.refused.Add(1)
		return fmt.Appendf(nil, "-ERR this node serves %d connections of one address at most, and %s has as many; close some\r\n", maxSourceConns, from)
	}
	c.counted = from
	return nil
}

// dismissed takes a connection that has closed out of the counts that OnOpen put it in.
func (n *node) dismissed(c *conn) {
	if c.ours {
		n.called.Add(-1)
		return
	}
	n.served.Add(-1)
	if c.counted.IsValid() {
		n.sources.drop(c.counted)
	}
}

func (h *handler) OnClose(g gnet.Conn, err error) gnet.Action {
	c, ok := g.Context().(*conn)
	if !ok {
		return gnet.None
	}
	l := c.l
	outside := l.enter()
	defer l.exit(outside)
	l.place(g.Fd(), nil)
	if !l.outlives(c, err, !outside) {
		l.gone(c)
	}
	return gnet.None
}

func (h *handler) OnTraffic(g gnet.Conn) (act gnet.Action) {
	switch c := g.Context().(type) {
	case *conn:
		c.got, _ = g.Peek(-1)
		act = h.turn(c)
		c.got = nil
		switch {
		case c.tail != nil && act == gnet.Close: // the engine has closed it already
			c.close()
			act = gnet.None
		case c.tail == nil && !c.closed:
			_, _ = g.Discard(-1)
		}
		l := c.l
		if act == gnet.None && !(c.goes && l.moves(c)) && l.begins(c) {
			h.rounds(l)
		}
		l.look(l.now)
		return act
	case *bellConn:
		_, _ = g.Discard(-1)
		c.l.rung()
		c.l.goHome()
		c.l.look(c.l.now)
	default:
		defer h.survive(nil, &act)
		h.n.datagram(g)
	}
	return gnet.None
}

// turn is the turn of a connection.
func (h *handler) turn(c *conn) (act gnet.Action) {
	defer c.l.exit(c.l.enter())
	defer h.survive(c, &act)
	return c.l.traffic(c)
}

// traffic dispatches by protocol; the first byte decides (docs/PROTOCOL.md).
func (l *eventLoop) traffic(c *conn) gnet.Action {
	now := l.begin()
	c.lastByte = now
	if c.protocol == protocolUnknown {
		if act, told := l.decide(c, now); !told || act == gnet.Close {
			return act
		}
	}
	switch c.protocol {
	case protocolProving:
		return l.prove(c, now)
	case protocolPeer:
		c.link.Touched(now)
		return l.peer(c, now)
	}
	return l.client(c, now)
}

// tlsHandshake is the first byte of TLS.
const tlsHandshake = 0x16

// decide looks at the first bytes of an accepted connection; told is false when they are too few to tell.
func (l *eventLoop) decide(c *conn, now int64) (act gnet.Action, told bool) {
	first, _ := c.source()
	switch {
	case len(first) == 0:
		return gnet.None, false
	case first[0] == seal.Magic && c.near:
		return l.stranger(), true // no link is made here
	case first[0] == seal.Magic:
		return l.accept(c, first)
	case first[0] == tlsHandshake:
		// What follows may hold lines that a stranger chose: a browser that was led here carries along what a server gave it.
		l.n.counters.badInput.Add(1)
		l.dismiss(c, "Protocol error: this port speaks RESP, not TLS")
		return gnet.Close, true
	case first[0] != codec.Magic:
		c.protocol = protocolRESP
		return gnet.None, true
	case len(first) < codec.HeaderLen:
		if len(c.in) == 0 && c.mayBeSilent() {
			c.begun = now // it was not waited for until now
		}
		c.keep(first, 0)
		return gnet.None, false
	}
	switch peers := codec.Kind(first[1]).Peer(); {
	case peers && (l.n.guard != nil || c.near):
		return l.stranger(), true // it speaks without the handshake
	case peers:
		l.becomePeer(c, false, 0, now)
	default:
		c.protocol = protocolBinary
	}
	return gnet.None, true
}

// OnTick is the node's clock: it drives the state machine and never touches a connection.
func (h *handler) OnTick() (time.Duration, gnet.Action) {
	n := h.n
	n.booted.Do(func() { close(n.running) })
	n.clock.measure()
	now := n.clock.now()
	if now-n.ticked >= int64(tickInterval-tickBusy) {
		n.ticked = now
		n.hearing.tick()
		n.mind.Tick(now)
		n.beacon.tick(now)
		n.drain(now)
		n.watchWall(now)
		n.store.SweepPart(n.cluster.Cluster(now), sweepParts, sweepBudget)
		n.tickTracking()
	}
	return n.beatLoops(now), gnet.None
}

// beatLoops wakes the loops with parked clients, and all that somebody is connected with once a second for their sweep.
// It returns when to tick next.
func (n *node) beatLoops(now int64) time.Duration {
	if now-n.rungAll >= int64(sweepInterval) {
		n.rungAll = now
		for l := range n.eachLoop() {
			if !l.resting.Load() {
				l.bell.ring(nil)
			}
		}
		n.seeToReserve(now, false)
	}
	next := tickInterval
	if until := n.ringWaits(now); until != 0 {
		next = min(max(time.Duration(until-now), tickBusy), tickInterval)
	}
	if n.parked.Load() == 0 {
		return next
	}
	n.ringParked()
	if n.hurried.Load() == 0 {
		return next
	}
	return tickBusy
}

// ringParked has the loops with parked clients try them again: a peer may have answered what one waits for.
func (n *node) ringParked() {
	for l := range n.eachLoop() {
		if l.parked.count.Load() > 0 {
			l.bell.ring(nil)
		}
	}
}
