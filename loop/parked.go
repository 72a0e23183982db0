package loop

import (
	"sync/atomic"

	"github.com/panjf2000/gnet/v2"
)

// parked are a loop's parked connections. Such a one is looked at whenever the loop's bell rings, and at every tick: it waits for something
// that no event of its own socket tells. A WAIT waits in another way (waits.go). It belongs to the loop's goroutine; others read count.
type parked struct {
	conns   map[*conn]struct{}
	count   atomic.Int32 // how many there are: the ticker rings for them
	slow    int32        // how many of them have slow readers, for which the ticker need not hurry
	hurried int32        // how many of them have not, as was last added to node.hurried
}

// wait parks the connection: its command stays in c.in and is tried again when a bell rings.
func (l *eventLoop) wait(c *conn) {
	c.waiting = true
	l.park(c)
	if c.client.Dirty {
		// It waits for this turn's own writes to reach the ring, which is about to happen.
		l.bell.ring(c)
	}
}

// park has a connection looked at whenever the loop's bell rings, at every tick at the latest.
func (l *eventLoop) park(c *conn) {
	c.left = c.g.OutboundBuffered()
	if c.left == 0 {
		l.hurry(c)
	}
	if _, parked := l.parked.conns[c]; parked {
		return
	}
	l.parked.conns[c] = struct{}{}
	if c.slow {
		l.parked.slow++
	}
	l.countParked()
}

// unpark is park undone, also when the connection closes.
func (l *eventLoop) unpark(c *conn) {
	if _, parked := l.parked.conns[c]; !parked {
		return
	}
	delete(l.parked.conns, c)
	if c.slow {
		l.parked.slow--
	}
	l.countParked()
}

// gauge decides whether the reader of a parked connection is slow: so slow that what the engine has queued for it lasts beyond the next
// tickInterval. Then there is no use in looking at it every tickBusy. A client that does not read at all would otherwise keep the ticker
// busy for ever, and the loops from lingering.
func (l *eventLoop) gauge(c *conn, now int64) {
	if _, parked := l.parked.conns[c]; !parked {
		return
	}
	queued := c.g.OutboundBuffered()
	c.drained += max(0, c.left-queued)
	c.left = queued
	switch age := now - c.gauged; {
	case queued == 0:
		l.hurry(c)
	case age < int64(slowLook):
		return
	case age < 4*int64(slowLook) && c.drained < slowDrain:
		if !c.slow {
			c.slow = true
			l.parked.slow++
			l.countParked()
		}
	case age < 4*int64(slowLook):
		l.hurry(c)
	}
	c.gauged, c.drained = now, 0
}

// hurry has a connection looked at every tickBusy while it is parked.
func (l *eventLoop) hurry(c *conn) {
	if !c.slow {
		return
	}
	c.slow = false
	if _, parked := l.parked.conns[c]; parked {
		l.parked.slow--
		l.countParked()
	}
}

// countParked publishes how many connections of this loop are parked, and how many of them are not slow.
func (l *eventLoop) countParked() {
	p := &l.parked
	n := int32(len(p.conns))
	l.n.parked.Add(int64(n - p.count.Swap(n)))
	hurried := n - p.slow
	l.n.hurried.Add(int64(hurried - p.hurried))
	p.hurried = hurried
}

// resume tries a parked connection again.
func (l *eventLoop) resume(c *conn, now int64) {
	if c.owes() && (!c.pay() || c.owes()) {
		return
	}
	if c.g.OutboundBuffered() > maxQueuedReply {
		return
	}
	c.waiting = false
	l.unpark(c)
	l.unawait(c)
	if l.client(c, now) == gnet.Close {
		c.close()
	}
}
