package loop

// What a client hears that is no reply, the messages of the channels that it listens to, is written between two replies: never in the
// middle of one, so it waits while a part of a reply is owed.

// Hear takes a message for a client (command.Ear). It is written when all connections that hear something now have theirs, so that several
// messages go out in one write.
func (c *conn) Hear(b []byte) {
	l := c.l
	c.pushes = append(c.pushes, b...)
	if !c.pushed {
		c.pushed = true
		l.pushed = append(l.pushed, c)
	}
	if l.pushBytes += len(b); l.pushBytes >= maxPushBytes {
		l.sendPushes()
	}
}

// hear gives the loop's listeners what has come for them, for a slice of time. Then it rings the bell for the rest.
func (l *eventLoop) hear() {
	now := l.n.clock.now()
	left := l.turn.Deliver(func() bool { return l.n.clock.now()-now < int64(sliceTime) })
	l.sendPushes()
	if left {
		l.bell.ring(nil)
	}
}

// sendPushes writes what the connections have heard.
func (l *eventLoop) sendPushes() {
	for i, c := range l.pushed {
		l.pushed[i], c.pushed = nil, false
		l.sendPush(c)
	}
	l.pushed, l.pushBytes = l.pushed[:0], 0
}

// sendPush writes what a connection has heard, unless a reply is under way. It closes one that does not read: what it misses could not be
// told to it.
func (l *eventLoop) sendPush(c *conn) {
	if c.closed || len(c.pushes) == 0 {
		return
	}
	if c.owes() || c.client.Midway() {
		c.weigh()
	} else {
		b := c.pushes
		if c.pushes = b[:0]; cap(b) > keepPushes {
			c.pushes = nil
		}
		if !c.write(b) {
			return
		}
		if c.g.OutboundBuffered() > 0 {
			c.weigh()
		}
	}
	if len(c.pushes) > maxUnheard || c.g.OutboundBuffered() > maxUnheard {
		l.n.counters.overloads.Add(1)
		c.close()
	}
}
