package loop

import (
	"fmt"
	"runtime/debug"
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
		l.bell.fd.Store(int64(l.bellWrite))
		l.bell.strike() // somebody may have rung before there was a bell
		return nil, gnet.None
	}
	n := h.n
	n.counters.accepted.Add(1)
	open := n.counters.connections.Add(1)
	l := n.loopOf(g.EventLoop())
	defer l.exit(l.enter())
	now := n.clock.now()
	c := &conn{g: g, l: l, lastByte: now}
	d, ours := g.Context().(*dialed)
	g.SetContext(c)
	l.conns[c] = struct{}{}
	if !ours && open > int64(n.share.conns) {
		n.counters.refused.Add(1)
		c.protocol = protocolRESP
		return []byte("-ERR this node serves as many connections as it may; close some, or raise the descriptor limit (ulimit -n) and restart it\r\n"), gnet.Close
	}
	if from := remote(g).Addr(); !ours && !n.serves(from) {
		n.counters.denied.Add(1)
		c.protocol = protocolRESP
		return denial(from), gnet.Close
	}
	if ours {
		c.session = d.session
		l.becomePeer(c, true, d.number, now)
		l.flush(c, now)
	} else {
		c.client = command.Client{ID: n.clientIDs.Add(1), Addr: remote(g).String(), From: remote(g).Addr(), Proto: 2, Created: now}
	}
	return nil, gnet.None
}

func (h *handler) OnClose(g gnet.Conn, _ error) gnet.Action {
	c, ok := g.Context().(*conn)
	if !ok {
		return gnet.None
	}
	l, n := c.l, h.n
	defer l.exit(l.enter())
	c.closed = true
	n.counters.connections.Add(-1)
	delete(l.conns, c)
	l.unpark(c)
	c.forgive()
	if c.link != nil {
		l.last(c, n.clock.now())
	}
	c.release()
	if c.link != nil {
		now := n.clock.now()
		n.linkClosed(c, now)
	}
	return gnet.None
}

func (h *handler) OnTraffic(g gnet.Conn) (act gnet.Action) {
	switch c := g.Context().(type) {
	case *conn:
		defer c.l.exit(c.l.enter())
		defer h.survive(c, &act)
		return c.l.traffic(c)
	case *bellConn:
		defer c.l.exit(c.l.enter())
		_, _ = g.Discard(-1)
		c.l.answer()
	default:
		defer h.survive(nil, &act)
		h.n.datagram(g)
	}
	return gnet.None
}

// survive turns a panic in a handler into the loss of one connection, or of one datagram.
func (h *handler) survive(c *conn, act *gnet.Action) {
	if r := recover(); r != nil {
		h.n.panicked(r)
		if c != nil {
			*act = gnet.Close
		}
	}
}

func (n *node) panicked(r any) {
	n.counters.panics.Add(1)
	n.log.Error("handler panicked, what it worked on is dropped", "panic", fmt.Sprint(r), "stack", string(debug.Stack()))
}

// traffic dispatches by protocol; the first byte decides (DESIGN: one TCP port).
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

// decide looks at the first bytes of an accepted connection; told is false when they are too few to tell.
func (l *eventLoop) decide(c *conn, now int64) (act gnet.Action, told bool) {
	first, _, err := c.source()
	switch {
	case err != nil || len(first) == 0:
		return gnet.None, false
	case first[0] == seal.Magic:
		return l.accept(c, first)
	case first[0] != codec.Magic:
		c.protocol = protocolRESP
		return gnet.None, true
	case len(first) < codec.HeaderLen:
		c.keep(first, 0)
		return gnet.None, false
	}
	switch peers := codec.Kind(first[1]).Peer(); {
	case peers && l.n.guard != nil:
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
		n.mind.Tick(now)
		n.beacon.tick(now)
		n.drain(now)
		n.watchWall(now)
		n.store.Sweep(n.cluster.Cluster(now), sweepBudget)
	}
	return n.beatLoops(now), gnet.None
}

// beatLoops wakes the loops with parked clients, and all of them once a second for their sweep.
// It returns when to tick next.
func (n *node) beatLoops(now int64) time.Duration {
	if now-n.rungAll >= int64(sweepInterval) {
		n.rungAll = now
		n.loops.Range(func(_, v any) bool {
			v.(*eventLoop).bell.ring(nil)
			return true
		})
	}
	if n.waiting.Load() == 0 {
		return tickInterval
	}
	n.ringParked()
	return tickBusy
}

// ringParked has the loops with parked clients try them again: a peer may have acknowledged what
// a WAIT waits for.
func (n *node) ringParked() {
	n.loops.Range(func(_, v any) bool {
		if l := v.(*eventLoop); l.waiters.Load() > 0 {
			l.bell.ring(nil)
		}
		return true
	})
}
