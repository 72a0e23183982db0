package loop

import "covey/store"

// What a connection is owed: a large reply, or frame, of which the engine does not have all yet. It is paid a slice in each turn,
// so that others get theirs between, and no more than the engine is to queue; where nobody else waits a slice is larger. Pages of the
// store are written from where they lie.

// owes reports whether a connection is owed something.
func (c *conn) owes() bool { return len(c.reply) > 0 || c.pin != nil }

// pay writes a slice of what is owed, if this turn has not written its share. While the socket takes more the connection's turn
// comes again. false: the connection is gone.
func (c *conn) pay() bool { return c.payBehind(nil) }

// payBehind is pay, of a connection with nothing in a slab; first is written before the slice, and may be empty.
func (c *conn) payBehind(first []byte) bool {
	l := c.l
	for c.owes() && c.takes() && (len(first) > 0 || l.share() > 0) {
		paid, alive := 0, false
		if len(c.reply) > 0 {
			paid, alive = c.paySlab(l.share())
		} else {
			paid, alive = c.payPin(first, l.share())
		}
		if !alive {
			return false
		}
		first = nil
		l.budget -= paid
	}
	if len(first) > 0 && !c.write(first) {
		return false
	}
	if c.owes() && c.takes() {
		l.owe(c)
	}
	c.weigh()
	return true
}

// share is how many bytes of what is owed this turn may still write. It is settled when it is first asked for: more where nobody waits.
func (l *eventLoop) share() int {
	if !l.settled {
		if l.settled, l.budget = true, turnPay; !l.poller.waits() {
			l.budget = quietPay
		}
	}
	return l.budget
}

// takes reports whether the engine is to have more of what is owed.
func (c *conn) takes() bool {
	if len(c.reply) > 0 {
		return c.g.OutboundBuffered() < maxOwed
	}
	return c.g.OutboundBuffered() < maxOwedPin
}

// paySlab writes at most so many bytes of what lies in the slab.
func (c *conn) paySlab(most int) (paid int, alive bool) {
	paid = min(most, len(c.reply)-c.paid)
	if !c.write(c.reply[c.paid : c.paid+paid]) {
		return 0, false
	}
	if c.paid += paid; c.paid == len(c.reply) {
		c.forgive()
	}
	return paid, true
}

// payPin writes at most so many bytes of what is pinned, behind first.
func (c *conn) payPin(first []byte, most int) (paid int, alive bool) {
	l := c.l
	l.room = l.room[:0]
	if len(first) > 0 {
		l.room = append(l.room, first)
	}
	left := c.pin.Left()
	l.room = c.pin.Next(l.room, most)
	paid = left - c.pin.Left()
	whole := paid == left
	if whole && c.protocol == protocolRESP {
		l.room = append(l.room, lineEnd)
	}
	alive = l.send(c, l.room)
	clear(l.room)
	if alive && whole {
		c.unpin()
	}
	return paid, alive
}

var lineEnd = []byte("\r\n")

// send writes places, one after the other; what the socket does not take is the engine's to queue. false: the connection is gone.
func (l *eventLoop) send(c *conn, places [][]byte) bool {
	if c.kept {
		l.sendKept()
	}
	if c.closed {
		return false
	}
	sent := 0
	if c.g.OutboundBuffered() == 0 {
		var err error
		if sent, err = l.vector.write(c.g.Fd(), places); err != nil {
			return c.breaks()
		}
	}
	for _, b := range places {
		if sent >= len(b) {
			sent -= len(b)
			continue
		}
		if !c.write(b[sent:]) {
			return false
		}
		sent = 0
	}
	return true
}

// handOver makes what is in the loop's slab, from a byte on, the reply that a connection is owed; the loop takes another slab.
// false: the connection is gone.
func (l *eventLoop) handOver(c *conn, out []byte, from int) bool {
	if cap(out) > cap(l.slab) { // it outgrew the slab, and is not in it
		freeSlab(l.slab)
	}
	c.reply, c.paid = out, from
	if l.slab = l.spare; l.slab == nil {
		l.slab = newSlab(largeReply)
	}
	l.spare, l.out = nil, l.slab
	return c.pay()
}

// madeInVain has the loop take another slab when more than keepSlab of its own was written for a frame that is made again later.
func (l *eventLoop) madeInVain(written int) {
	if written > keepSlab {
		freeSlab(l.slab)
		l.slab = newSlab(largeReply)
		l.out = l.slab
	}
}

// forgive drops what is owed out of a slab, if anything. One slab is kept for the loop's next, with the memory that it has, which
// need not be got anew then, unless that is more than keepSlab.
func (c *conn) forgive() {
	if l := c.l; l.spare == nil && cap(c.reply) == largeReply && len(c.reply) <= keepSlab {
		l.spare = c.reply[:0]
	} else {
		freeSlab(c.reply)
	}
	c.reply, c.paid = nil, 0
}

// unpin ends what is owed out of the store's pages.
func (c *conn) unpin() {
	if c.pin == nil {
		return
	}
	c.pin.Unpin()
	if l := c.l; len(l.pins) < keepPins {
		l.pins = append(l.pins, c.pin)
	}
	c.pin = nil
}

// takePin makes the value that the last command has pinned, if it has, what its client is owed. more: what comes behind it has a turn
// of its own.
func (l *eventLoop) takePin(c *conn, more bool) (taken bool) {
	if !l.turn.Pin.Begun() {
		return false
	}
	c.pin = l.turn.Pin
	if n := len(l.pins); n > 0 {
		l.turn.Pin, l.pins = l.pins[n-1], l.pins[:n-1]
	} else {
		l.turn.Pin = new(store.Pin)
	}
	if more {
		l.comeAgain(c)
	}
	return true
}

// owe puts a connection at the end of those that are owed something, and whose sockets take it.
func (l *eventLoop) owe(c *conn) {
	if !c.debtor {
		c.debtor = true
		l.debtors = append(l.debtors, c)
		l.bell.ring(nil)
	}
}

// payDebtors pays those at the front as long as the turn's share lasts. The others are next.
func (l *eventLoop) payDebtors(now int64) {
	n := 0
	for all := len(l.debtors); n < all && l.share() > 0; n++ {
		c := l.debtors[n]
		c.debtor = false
		l.attend(c, now)
	}
	left := copy(l.debtors, l.debtors[n:])
	clear(l.debtors[left:])
	if l.debtors = l.debtors[:left]; left > 0 {
		l.bell.ring(nil)
	}
}
