package loop

import (
	"golang.org/x/sys/unix"

	"covey/store"
)

// A connection is owed what is left of a large reply, or of a large frame: conn.reply, or a pinned value. A slice of it is paid
// (written) in each turn, so that other connections have their turns in between, and no more than the engine may queue. The slice is
// larger when nothing else is ready. A pinned value is written from where it lies in the store.

// A reader may stop for as long as it likes, as with Redis, while there is room: what it is owed is bounded. All pinned values together take no
// more than their share of the store's budget, beyond which replies are copies; who keeps a pin then without reading is closed (stuck), and of
// those that hold copies the one that holds most when memory is short (holdings.go). So a program that a debugger has stopped, or a machine
// that sleeps, mostly keeps its connection.

// owes reports whether a connection is owed something.
func (c *conn) owes() bool { return len(c.reply) > 0 || c.pin != nil }

// pay writes a slice of what is owed, unless this turn has written its share already. While the socket takes more, the connection is
// a debtor: a later turn goes on. false: the connection is gone.
func (c *conn) pay() bool { return c.payBehind(nil) }

// payBehind is pay for a connection that is owed a pinned value only. It writes first, which may be empty, before the slice.
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

// share returns how many bytes of what is owed this turn may still write. The first call in a turn sets it: little if clients with small
// commands are about, much if nothing else is ready.
func (l *eventLoop) share() int {
	if !l.settled {
		l.settled = true
		switch {
		case l.careful():
			l.budget = carefulPay
		case l.poller.waits():
			l.budget = turnPay
		default:
			l.budget = quietPay
		}
	}
	return l.budget
}

// careful reports whether clients with small commands are about, which should not have to wait long.
func (l *eventLoop) careful() bool { return l.now-l.lastSmall < int64(carefulFor) }

// takes reports whether the engine may queue more of what is owed.
func (c *conn) takes() bool {
	if len(c.reply) > 0 {
		return c.g.OutboundBuffered() < maxOwed
	}
	return c.g.OutboundBuffered() < maxOwedPin
}

// paySlab writes at most most bytes of c.reply.
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

// payPin writes first, and behind it at most most bytes of the pinned value.
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

// handOver makes out[from:], which lies in the loop's slab, the reply that a connection is owed. The slab is the connection's then,
// and the loop takes another. false: the connection is gone.
func (l *eventLoop) handOver(c *conn, out []byte, from int) bool {
	if cap(out) > cap(l.slab) { // append has moved it out of the slab
		freeSlab(l.slab)
	}
	c.reply, c.paid = out, from
	if l.slab = l.spare; l.slab == nil {
		l.slab = newSlab(largeReply)
	}
	l.spare, l.out = nil, l.slab
	return c.pay()
}

// madeInVain notes that a frame of so many bytes was made in the loop's slab and not sent, for it does not fit the window. Beyond keepSlab
// the loop takes a new slab, which has no memory yet.
func (l *eventLoop) madeInVain(written int) {
	if written > keepSlab {
		freeSlab(l.slab)
		l.slab = newSlab(largeReply)
		l.out = l.slab
	}
}

// forgive drops c.reply, if there is one. The loop keeps one such slab for its next, with the memory that it has, if that is no
// more than keepSlab.
func (c *conn) forgive() {
	if l := c.l; l.spare == nil && cap(c.reply) == largeReply && len(c.reply) <= keepSlab {
		l.spare = c.reply[:0]
	} else {
		freeSlab(c.reply)
	}
	c.reply, c.paid = nil, 0
}

// unpin drops the pinned value that is owed, if there is one, and gives its pages back to the store.
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

// takePin makes the value that the last command pinned, if it pinned one, what its client is owed. more says that commands follow it:
// they get a turn of their own.
func (l *eventLoop) takePin(c *conn, more bool) (taken bool) {
	if !l.turn.Pin.Begun() {
		return false
	}
	c.pin, c.due = l.turn.Pin, 0
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

// stuck reports whether a client has kept a pinned value for too long: it has not taken a byte for stuckTimeout, and meanwhile values of
// others could not be pinned. It is looked at once in sweepInterval. What its kernel takes counts as taken.
func (c *conn) stuck(now int64) bool {
	refused := c.l.n.store.PinsRefused()
	unsent, _ := unix.IoctlGetInt(c.g.Fd(), unix.TIOCOUTQ) // with an error, what the engine has queued has to tell
	if due := c.pin.Left() + c.g.OutboundBuffered() + unsent; due != c.due {
		c.due, c.stirred, c.missed = due, now, refused
	}
	return now-c.stirred > int64(stuckTimeout) && refused != c.missed
}

// owe puts a connection that is owed something, and whose socket takes it, at the end of the debtors.
func (l *eventLoop) owe(c *conn) {
	if !c.debtor {
		c.debtor = true
		l.debtors = append(l.debtors, c)
		l.bell.ring(nil)
	}
}

// payDebtors pays the first of the debtors as long as the turn's share lasts. The others are first the next time.
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
