package loop

import (
	"runtime"

	"github.com/panjf2000/gnet/v2"
	"golang.org/x/sys/unix"
)

// rounds follows a turn that the engine began. In each round the loop itself asks the engine's epoll instance which connections are
// ready, and gives each of them its turn. That saves what the engine does for each event, and what Go's scheduler does around a system
// call: these calls are raw, so the scheduler does not know of them. If it did, its monitor would take the processor (P) away from a
// loop that is in one, start another thread to look for work, and sleep; the next event would have to wake them all.
//
// For the same reason a loop lingers here: it waits for the next event for up to lingerFor. Meanwhile another goroutine that becomes
// ready, such as the ticker, may have to wait as long; those that were ready before run first. So a loop lingers only in a process that
// is nothing but a node (Config.Linger): clients in the same process would wait like the ticker.
//
// Some events are left to the engine: those of listeners, datagrams and its own wake-up, and of sockets that have ended or have room
// again. They stay ready, so the engine finds them when rounds ends, which is after roundsFor at the latest. What the engine believes of
// a connection stays true: its input was taken, and output that the socket did not take was given to the engine.
func (h *handler) rounds(l *eventLoop) {
	for until := l.now + int64(roundsFor); l.poller != nil && !l.n.leaving.Load(); {
		l.goHome()
		came := l.poller.wait(l.lingers())
		if len(came) == 0 || l.now >= until || !h.round(l, came) {
			l.poller.leave(came)
			if len(came) > fewEvents {
				l.batch, l.inBatch = l.batch+1, true
			}
			return
		}
	}
}

// begins reports whether rounds may begin after an event of the engine. When they ended with much left for the engine, they do not
// begin again before it has handled that whole batch: only then does the engine do what else it is asked to, such as take in a new
// link, and rounds after each event of the batch would delay that. The batch is over when a connection gets its second event.
func (l *eventLoop) begins(c *conn) bool {
	if l.inBatch && c.given != l.batch {
		c.given = l.batch
		return false
	}
	l.inBatch = false
	return true
}

// lingers returns for how many ms a round may wait for its first event, and lets other goroutines that are ready run before. A loop in
// reserve without a processor of its own does not wait: it would hold the processor of a home loop, whose clients had to wait as long.
func (l *eventLoop) lingers() (ms int) {
	if !l.n.cfg.Linger || l.side == inReserve && !l.n.reserve.awake.Load() {
		return 0
	}
	runtime.Gosched()
	if l.n.hurried.Load() > 0 {
		return 0
	}
	return int(lingerFor.Milliseconds())
}

// round gives the ready connections their turns, in this order: those with little input; those whose last read filled the buffer; the
// bell, if connections are owed large replies; and last one of those that send a large value or got one the last time, the one that has
// waited longest. The others of these wait for the next round, for small commands may have come by then. all is false if an event was
// left to the engine.
func (h *handler) round(l *eventLoop, came []unix.EpollEvent) (all bool) {
	all = true
	l.kept.on = len(came) > 1
	var large *conn
	rung := false
	for i := range came {
		fd := int(came[i].Fd)
		switch c := l.at(fd); {
		case came[i].Events != unix.EPOLLIN || c == nil && fd != l.bellRead:
			all = false
		case c == nil:
			readNow(fd, l.fetched[:])
			if rung = len(l.debtors) > 0; !rung {
				l.rung()
			}
		case c.draft != nil || c.bulky:
			if large == nil || c.lastByte < large.lastByte {
				large = c
			}
		case c.full:
			l.later = append(l.later, c)
		default:
			all = h.fetch(c) && all
		}
		l.sendKeptLong()
	}
	l.sendKept()
	l.kept.on = false
	for _, c := range l.later {
		all = h.fetch(c) && all
	}
	clear(l.later)
	if rung {
		l.rung()
	}
	if l.later = l.later[:0]; large != nil {
		all = h.fetch(large) && all
	}
	return all
}

// fetch reads up to readBuffer bytes of a connection and gives it its turn; a turn that fills a draft reads by itself. It reports
// false if nothing could be read: then the engine finds out why.
func (h *handler) fetch(c *conn) (came bool) {
	if c.closed || c.goes && c.l.moves(c) {
		return true
	}
	have := 0
	if d := c.draft; d != nil && d.Left() > readBuffer {
		have = d.Have()
	} else {
		n := readNow(c.g.Fd(), c.l.fetched[:])
		if n == 0 {
			return false
		}
		c.got, c.full = c.l.fetched[:n], n == readBuffer
	}
	if act := h.turn(c); act == gnet.Close {
		c.close()
	}
	c.got = nil
	return c.draft == nil || c.draft.Have() > have
}
