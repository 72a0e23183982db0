package loop

// What a client hears that is no reply, the messages of the channels that it listens to, is written between two replies: never in the
// middle of one, so it waits while a part of a reply is owed.

// Hear takes a message for a client (command.Ear). It is written when the loop's slice of time for what was heard before is over, so that
// several messages go out in one write.
func (c *conn) Hear(b []byte) {
	if c.deaf() {
		return
	}
	l := c.l
	c.pushes = append(c.pushes, b...)
	l.pushBytes += len(b)
	if !c.pushed {
		c.pushed = true
		l.pushed = append(l.pushed, c)
	}
}

// deaf reports whether a client hears nothing any more: it has said QUIT, or has ended its side.
func (c *conn) deaf() bool { return c.ending || c.tail != nil }

// hear gives the loop's listeners what has come for them, for a slice of time. Then it rings the bell for the rest. Nothing is gathered
// before all that was is written: to write takes more time than to gather.
func (l *eventLoop) hear() {
	if len(l.pushed) == 0 && !l.turn.Hears() {
		return
	}
	defer l.hush()
	now := l.n.clock.now()
	more := func() bool { return l.n.clock.now()-now < int64(sliceTime) }
	left := l.sendPushes(more)
	if !left {
		left = l.turn.Deliver(func() bool { return l.pushBytes < maxPushBytes && more() })
		left = l.sendPushes(more) || left
	}
	if left {
		l.bell.ring(nil)
	}
}

// hush drops what the loop was delivering when hear panics. No connection is to blame for it.
func (l *eventLoop) hush() {
	if r := recover(); r != nil {
		l.n.panicked(r)
		l.abandon()
		l.turn.Hush()
		for _, c := range l.pushed {
			c.pushed = false
		}
		l.pushed, l.pushBytes = nil, 0
	}
}

// sendPushes writes what connections have heard, for as long as more says so. left: to some it is not written yet.
func (l *eventLoop) sendPushes(more func() bool) (left bool) {
	n := 0
	for ; n < len(l.pushed) && (n%writesAtOnce != writesAtOnce-1 || more()); n++ {
		c := l.pushed[n]
		c.pushed = false
		l.sendPush(c)
	}
	rest := copy(l.pushed, l.pushed[n:])
	clear(l.pushed[rest:])
	if l.pushed = l.pushed[:rest]; rest == 0 {
		l.pushBytes = 0
	}
	return rest > 0
}

// sendPush writes what a connection has heard, unless a reply is under way. It closes one that does not read: what it misses could not be
// told to it.
func (l *eventLoop) sendPush(c *conn) {
	if c.closed || len(c.pushes) == 0 {
		return
	}
	switch {
	case c.deaf():
		c.pushes = nil
		c.weigh()
	case c.owes() || c.client.Midway():
		c.weigh()
	default:
		b := c.pushes
		if c.pushes = b[:0]; cap(b) > keepPushes {
			c.pushes = nil
		}
		if !c.write(b) {
			return
		}
		c.weigh()
	}
	if len(c.pushes) > maxUnheard || c.g.OutboundBuffered() > maxUnheard {
		l.n.counters.overloads.Add(1)
		c.close()
	}
}
