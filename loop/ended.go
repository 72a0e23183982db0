package loop

import (
	"errors"
	"io"
	"reflect"

	"github.com/panjf2000/gnet/v2"
	"github.com/panjf2000/gnet/v2/pkg/buffer/elastic"
	"golang.org/x/sys/unix"

	"covey/codec"
)

// A client may end its side while commands of it wait for their turn, or replies for its socket: `nc -N` does when its file is over. The
// engine closes a connection when it reads the end. But what came whole is carried out, and who reads on gets the replies: the loop keeps
// the connection, with a descriptor of its own, and goes on with it at each bell. All its WAITs together take no longer than endedWait, and
// it ends after frameTimeout without a step, or, where nobody is there any more, after frameTimeout in any case; it counts among the connections, and what it holds among their holdings, until then.
//
// The same goes for a connection that the node ends, as after QUIT, with replies on their way: it takes no more input.

// tail is what such a connection has in the place of the engine's. It is in no poller: it is looked at as long as it is parked.
type tail struct {
	gnet.Conn        // none: only what is below is asked for
	fd        int    // -1: the other side is not there any more, and replies are dropped
	unread    int    // where it is not, what came before may lie in this descriptor; -1: there is none
	out       []byte // what the socket did not take, from a byte on
	from      int
	since     int64 // when it became one, ns
}

// Fd is what can still be read or written.
func (t *tail) Fd() int { return max(t.fd, t.unread) }

func (t *tail) OutboundBuffered() int { return len(t.out) - t.from }

// Write queues bytes, behind what the socket takes at once. What is wrong with the socket makes it mute, and is no error.
func (t *tail) Write(b []byte) (int, error) {
	if t.fd < 0 {
		return len(b), nil
	}
	if t.from > len(t.out)/2 {
		t.out, t.from = t.out[:copy(t.out, t.out[t.from:])], 0
	}
	t.out = append(t.out, b...)
	t.flush()
	return len(b), nil
}

// flush writes what is queued, as much as the socket takes.
func (t *tail) flush() {
	for t.fd >= 0 && t.from < len(t.out) {
		n, err := unix.Write(t.fd, t.out[t.from:])
		switch {
		case err == unix.EAGAIN || err == unix.EINTR:
			return
		case err != nil:
			t.mute()
			return
		}
		t.from += n
	}
	if t.from == len(t.out) {
		t.out, t.from = nil, 0
	}
}

// mute gives the socket up.
func (t *tail) mute() {
	if t.fd >= 0 {
		_ = unix.Close(t.fd)
	}
	t.fd, t.out, t.from = -1, nil, 0
}

// close gives both up.
func (t *tail) close() {
	t.mute()
	if t.unread >= 0 {
		_ = unix.Close(t.unread)
		t.unread = -1
	}
}

// readOut is a turn with what a client had sent before it was found to be gone. Nothing more comes after the last.
func (l *eventLoop) readOut(c *conn, now int64) {
	n := readNow(c.tail.unread, l.fetched[:])
	if n == 0 {
		c.tail.close()
		return
	}
	c.got = l.fetched[:n]
	c.stirred = now
	l.bell.ring(c)
	if l.client(c, now) == gnet.Close {
		c.close()
	}
	c.got = nil
}

// outlives keeps a client's connection that the engine is about to close because of the other side, if anything is left to do for it. within: a
// turn is under way, which knows.
func (l *eventLoop) outlives(c *conn, why error, within bool) bool {
	switch {
	case c.protocol != protocolRESP && c.protocol != protocolBinary, l.n.leaving.Load(), c.tooMuch.Load():
		return false
	case why == nil && !c.broken: // the node closes it
		return false
	case !within && !c.broken && !c.waiting && !c.rest && !c.owes() && c.g.OutboundBuffered() == 0:
		return false
	}
	t := &tail{fd: -1, unread: -1}
	fd, err := unix.FcntlInt(uintptr(c.g.Fd()), unix.F_DUPFD_CLOEXEC, 0)
	switch queued, known := takeQueued(c.g); {
	case err != nil:
	case known && errors.Is(why, io.EOF) && !c.broken:
		t.fd, t.out = fd, queued
	default:
		t.unread = fd
	}
	c.g, c.tail = t, t
	t.since = l.n.clock.now()
	c.stirred = t.since
	if c.await.on {
		l.await(c) // not for as long
	}
	l.park(c)
	l.bell.ring(c)
	return true
}

// takeQueued takes from the engine what it has queued of a connection, which is to be closed and would lose it. The engine does not tell;
// of one that has it elsewhere it is not known.
func takeQueued(g gnet.Conn) (queued []byte, known bool) {
	if g.OutboundBuffered() == 0 {
		return nil, true
	}
	v := reflect.Indirect(reflect.ValueOf(g))
	if v.Kind() != reflect.Struct {
		return nil, false
	}
	f := v.FieldByName("outboundBuffer")
	if !f.IsValid() || f.Type() != reflect.TypeFor[elastic.Buffer]() {
		return nil, false
	}
	b := (*elastic.Buffer)(f.Addr().UnsafePointer())
	places, err := b.Peek(-1)
	if err != nil {
		return nil, false
	}
	queued = make([]byte, 0, b.Buffered())
	for _, p := range places {
		queued = append(queued, p...)
	}
	b.Release()
	return queued, true
}

// endsWell ends a connection of itself, when its replies are gone. To close it at once would drop, with a reset, what the kernel has of them,
// if anything of its input was not read, or comes yet.
func (l *eventLoop) endsWell(c *conn) gnet.Action {
	if c.kept {
		l.sendKept()
	}
	if c.closed {
		return gnet.Close
	}
	c.ending = true
	c.stirred = l.now
	c.release()
	l.park(c)
	l.bell.ring(c)
	return gnet.None
}

// seeOff looks at a connection that has outlived its client's side, or is ending: it is closed when nothing is left to do for it, or nothing
// of that has been done for too long.
func (l *eventLoop) seeOff(c *conn, now int64) {
	if c.kept {
		l.sendKept()
	}
	due := c.g.OutboundBuffered() + len(c.reply) - c.paid
	if c.pin != nil {
		due += c.pin.Left()
	}
	if due != c.due {
		c.due, c.stirred = due, now
	}
	switch {
	case c.tail != nil && c.tail.fd < 0 && now-c.tail.since > int64(frameTimeout):
		l.n.counters.idleClosed.Add(1)
		c.close()
	case c.rest, c.await.on && due == 0, c.tail != nil && c.tail.unread >= 0 && !c.waiting:
	case !c.waiting && due == 0 && c.tail == nil:
		l.finish(c, now)
	case !c.waiting && due == 0:
		c.close()
	case now-max(c.stirred, c.begun) > int64(frameTimeout):
		l.n.counters.idleClosed.Add(1)
		c.close()
	default:
		l.park(c)
	}
}

// gone undoes what OnOpen has done, for a connection that is closed.
func (l *eventLoop) gone(c *conn) {
	defer l.exit(l.enter())
	n := l.n
	c.closed = true
	n.counters.connections.Add(-1)
	n.dismissed(c)
	l.leaves(c)
	l.unpark(c)
	l.unawait(c)
	c.forgive()
	c.unpin()
	c.parser = codec.Parser{}
	if c.tail != nil {
		c.tail.close()
	}
	if c.link != nil {
		l.last(c, n.clock.now())
	}
	c.release()
	if c.link != nil {
		n.linkClosed(c, n.clock.now())
	}
}
