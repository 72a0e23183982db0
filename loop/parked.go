package loop

import "github.com/panjf2000/gnet/v2"

// A parked connection is looked at whenever the loop's bell rings, and at every tick: it waits for something that no event of its own
// socket tells. A WAIT waits in another way (waits.go).

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
	if _, parked := l.parked[c]; parked {
		return
	}
	l.parked[c] = struct{}{}
	if c.slow {
		l.slow++
	}
	l.setWaiters()
}

// unpark is park undone, also when the connection closes.
func (l *eventLoop) unpark(c *conn) {
	if _, parked := l.parked[c]; !parked {
		return
	}
	delete(l.parked, c)
	if c.slow {
		l.slow--
	}
	l.setWaiters()
}

// gauge decides whether the reader of a parked connection is slow: so slow that what the engine has queued for it lasts beyond the next
// tickInterval. Then there is no use in looking at it every tickBusy. A client that does not read at all would otherwise keep the ticker
// busy for ever, and the loops from lingering.
func (l *eventLoop) gauge(c *conn, now int64) {
	if _, parked := l.parked[c]; !parked {
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
			l.slow++
			l.setWaiters()
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
	if _, parked := l.parked[c]; parked {
		l.slow--
		l.setWaiters()
	}
}

// setWaiters publishes how many connections of this loop are parked, and how many of them are not slow.
func (l *eventLoop) setWaiters() {
	n := int32(len(l.parked))
	l.n.waiting.Add(int64(n - l.waiters.Swap(n)))
	hurried := n - l.slow
	l.n.hurried.Add(int64(hurried - l.hurried))
	l.hurried = hurried
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
