package loop

import (
	"errors"
	"net"
	"os"
	"slices"
	"sync/atomic"

	"github.com/panjf2000/gnet/v2"
	"golang.org/x/sys/unix"

	"covey/codec"
	"covey/command"
)

// How a connection moves from one loop to another:
//
//  1. look marks it (conn.goes), or the sweep of a loop in reserve notes it (eventLoop.homeward).
//  2. Before its next turn in a round, after its next turn by the engine, or after the sweep (goHome), its loop lets it go (moves), if
//     nothing is under way for it: it duplicates the descriptor and has gnet close the one that gnet knows. Input that has come stays in
//     the socket, and the bytes of an unfinished command in conn.in.
//  3. A goroutine enrolls the duplicate in the other side's engine.
//  4. OnOpen there finds a move as the context: from then on the connection is that loop's.
//
// From 2 to 4 only the goroutine owns the connection. Only clients' connections move, and only such as no other goroutine knows of: they
// hold little, and nobody rings for them.
type move struct {
	c    *conn
	to   int         // the side that it moves to
	over atomic.Bool // it has arrived or is lost, whichever was set first
}

// lighten replaces a large buffer by a small one if only a little of a command has come: a connection that holds much does not move, and
// a slab that loops keep stays with this loop.
func (c *conn) lighten() {
	if (c.heavy || cap(c.in) == keptFrame) && len(c.in)-c.from < minGrow && c.draft == nil {
		in := append([]byte(nil), c.in[c.from:]...)
		c.dropIn()
		c.in = in
		c.weigh()
	}
}

// idle reports whether nothing is under way for a connection that would be lost or late if it moved. Who listens to channels stays: a
// message may come at any time.
func (c *conn) idle() bool {
	return !c.closed && (c.protocol == protocolRESP || c.protocol == protocolBinary) && c.tail == nil && !c.ending && !c.waiting && !c.rest && !c.kept && !c.debtor &&
		c.draft == nil && !c.owes() && !c.heavy && !c.client.Listens() && len(c.pushes) == 0 && !c.pushed && !c.queued.Load() && !c.tooMuch.Load() && c.g.OutboundBuffered() == 0
}

// moves begins to move a marked connection, if nothing is under way for it. If moved the caller must not touch it any more.
func (l *eventLoop) moves(c *conn) (moved bool) {
	n := l.n
	if c.lighten(); !c.idle() || n.leaving.Load() {
		return false
	}
	select {
	case n.reserve.slots <- struct{}{}:
	default:
		return false // enough are on their way: it is served here
	}
	side, err := double(c.g.Fd())
	if err != nil {
		<-n.reserve.slots // no freeSlot: this loop would try again and again
		l.stays(c)        // nobody behind it has to wait; the next sweep finds it again
		return false
	}
	c.goes = false
	c.detach()
	l.place(c.g.Fd(), nil)
	l.leaves(c)
	l.span.forget(c)
	g := c.g
	g.SetContext(nil) // OnClose is not to know it
	_ = l.gnet.Close(g)
	m := &move{c: c, to: l.otherSide()}
	n.reserve.moving.Add(1)
	go func() {
		defer n.reserve.moving.Done()
		err := n.hand(side, m)
		n.freeSlot()
		if m.over.CompareAndSwap(false, true) { // gnet does not always say why
			n.log.Debug("a connection is lost between two loops", "reason", err)
			n.lost(c)
		}
	}()
	return true
}

// double duplicates the descriptor of a connection. Not of one that has no other side any more: the engines, which ask for it, take none such,
// and what has come of it is still to be carried out.
func double(fd int) (net.Conn, error) {
	fd, err := unix.FcntlInt(uintptr(fd), unix.F_DUPFD_CLOEXEC, 0)
	if err != nil {
		return nil, err
	}
	f := os.NewFile(uintptr(fd), "connection")
	side, err := net.FileConn(f)
	_ = f.Close()
	if err == nil && side.RemoteAddr() == nil {
		_ = side.Close()
		err = errors.New("it has ended")
	}
	return side, err
}

// hand enrolls a duplicate in the engine of the side that it goes to, which takes it over.
func (n *node) hand(side net.Conn, m *move) error {
	if m.to == inReserve {
		n.seeToReserve(n.clock.now(), true)
		_, err := n.reserve.engine.EnrollContext(side, m)
		return err
	}
	if side, ok := side.(*net.TCPConn); ok {
		_ = side.SetKeepAliveConfig(net.KeepAliveConfig{Enable: true, Idle: keepAlive, Interval: keepAlive / 5, Count: 5}) // as gnet has it
	}
	done, err := n.register(side, m)
	if err != nil {
		return err
	}
	select {
	case res := <-done:
		return res.Err
	case <-n.reserve.over:
		return errors.New("the node ends")
	}
}

// arrive makes a connection that has moved the loop's. false: it was given up.
func (l *eventLoop) arrive(g gnet.Conn, m *move) bool {
	if !m.over.CompareAndSwap(false, true) {
		return false
	}
	c := m.c
	l.side = m.to
	c.g, c.l = g, l
	c.full, c.goes, c.given = false, false, l.batch-1
	c.part = l.span.none()
	g.SetContext(c)
	l.roster.add(c)
	l.place(g.Fd(), c)
	if l.side == inReserve {
		l.n.reserve.conns.Add(1)
	}
	l.n.reserve.moved[m.to].Add(1)
	if c.client.Track != nil {
		c.attach()
	}
	return true
}

// leaves takes a connection that closes or moves out of what is swept.
func (l *eventLoop) leaves(c *conn) {
	l.stays(c)
	if l.roster.remove(c) && l.side == inReserve {
		l.n.reserve.conns.Add(-1)
	}
}

// sendsHome notes a connection that the sweep of a loop in reserve found at rest: for as long as one is here the reserve keeps its
// processors. It moves in goHome, for a round under way may still have a turn of it to come. Those that are too many are found again.
func (l *eventLoop) sendsHome(c *conn) {
	if !c.homeward && len(l.homeward) < maxHomeward {
		c.homeward = true
		l.homeward = append(l.homeward, c)
	}
}

// stays undoes sendsHome.
func (l *eventLoop) stays(c *conn) {
	if c.homeward {
		c.homeward = false
		i := slices.Index(l.homeward, c)
		l.homeward = slices.Delete(l.homeward, i, i+1)
	}
}

// goHome has those move that the sweep found at rest, without an event of theirs, as far as there are slots. It is called between two
// turns, when no round has any of them still to come.
func (l *eventLoop) goHome() {
	for n := len(l.homeward); n > 0; n = len(l.homeward) {
		c := l.homeward[n-1]
		switch {
		case l.now-c.lastByte <= int64(sweepInterval): // no more at rest
			l.stays(c)
		case l.moves(c): // leaves has taken it off
		case !c.homeward: // it cannot move now
		case !c.idle():
			l.stays(c)
		case l.crowded.Swap(true): // noted before, so whoever frees a slot rings
			return
		}
	}
}

// freeSlot lets another connection move.
func (n *node) freeSlot() {
	<-n.reserve.slots
	for l := range n.eachLoop() {
		if l.crowded.Swap(false) {
			l.bell.ring(nil)
		}
	}
}

// lost ends a connection that no engine took.
func (n *node) lost(c *conn) {
	c.closed = true
	(&command.Turn{Store: n.store}).EndTracking(&c.client) // no loop's
	n.counters.connections.Add(-1)
	n.dismissed(c)
	c.parser = codec.Parser{}
	c.release()
}
