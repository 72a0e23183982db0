package loop

import (
	"runtime"

	"github.com/panjf2000/gnet/v2"
	"golang.org/x/sys/unix"
)

// rounds follows a turn that the engine began: in each round the loop looks by itself what else is ready, and gives every connection
// of that its turn. What it saves is what the engine does for each event and around all of them, and Go's scheduler, which is
// told of none of these system calls: of a loop that it knows to be in one its monitor takes the processor (P), has another
// thread look for work, and goes to sleep; the next event has to wake all of them.
//
// So a loop lingers here too: it waits for the next event, lingerFor at most. What that costs is bounded: another goroutine that
// becomes ready meanwhile, as the ticker, may wait for so long; those that were ready before run first. It is for a process that is
// a node and nothing else: clients in the same one would wait as the ticker does.
//
// The engine's part is what is no connection of the loop, and what is wrong with one: listeners, datagrams, its own wake-up, sockets
// that have ended or have room again. They are left as they are, ready, and the engine finds them next; it is in charge again after
// roundsFor in any case, and for all that it has found (begins). Of connections it believes what is true: nothing has come of them that a turn has not taken, and what a socket
// did not take was given to it.
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

// begins reports whether rounds may begin after an event of the engine. When they were ended because of the engine, they begin again
// with its next batch of events: each takes a while, and what else the engine is asked to do, such as to take a new link, it does after
// all that it has found. A new batch it is when a connection is given the second time.
func (l *eventLoop) begins(c *conn) bool {
	if l.inBatch && c.given != l.batch {
		c.given = l.batch
		return false
	}
	l.inBatch = false
	return true
}

// lingers is for how long a round may wait for its first event. Others that are ready run before that. A loop in reserve without a
// processor of its own does not wait: it would with that of a loop at home, whose clients had to wait as long.
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

// round gives all that is ready its turn, those behind the others of which there was more than one read the last time. Of those that
// send large values, or got one the last time, only one has its turn, the last: who has waited longest, for small commands may have come
// by then. Before it comes the bell, where it is to remind of large replies. false: some of it is the engine's.
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

// fetch reads what has come of a connection, as much as the engine does at a time, for a turn; a turn that is to fill a draft reads by
// itself. false: the engine is to see to it.
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
