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

// A client may end its side (shut its sending half) while commands of it wait for their turn, or replies for room in its socket: `nc -N`
// does at the end of its input. The engine closes a connection when it reads that end. But commands that came whole are to be carried out,
// and a client that goes on reading is to get the replies. So the loop keeps the connection, with a descriptor of its own (tail), and goes
// on with it whenever its bell rings. Until it is closed it counts among the connections, and what it holds among their holdings.
//
// It is closed when nothing is left to do; after frameTimeout without progress; if the other side is gone altogether, after
// frameTimeout in any case. All its WAITs together take no longer than endedWait.
//
// A connection that the node ends while replies are on their way, as after QUIT, is treated likewise (conn.ending): it takes no more
// input.

// tail takes the place of the engine's connection in conn.g. No poller watches it: the connection is parked, and looked at again and again.
type tail struct {
	gnet.Conn        // nil: only the methods below are called
	fd        int    // -1: the other side is gone, and replies are dropped
	unread    int    // descriptor in which input may be left when fd is -1; -1: none
	out       []byte // out[from:] is what the socket did not take
	from      int
	since     int64 // when the engine closed the connection, ns
}

// Fd is the descriptor that can still be read or written.
func (t *tail) Fd() int { return max(t.fd, t.unread) }

// OutboundBuffered is how many bytes the socket did not take.
func (t *tail) OutboundBuffered() int { return len(t.out) - t.from }

// Write writes b, or queues what the socket does not take. It never fails: from an error of the socket on everything is dropped.
func (t *tail) Write(b []byte) (int, error) {
	if t.fd < 0 {
		return len(b), nil
	}
	t.out = append(t.out, b...)
	t.flush()
	return len(b), nil
}

// flush writes as much of what is queued as the socket takes.
func (t *tail) flush() {
	for t.fd >= 0 && t.from < len(t.out) {
		n, err := unix.Write(t.fd, t.out[t.from:])
		if err == unix.EAGAIN || err == unix.EINTR {
			break
		}
		if err != nil {
			t.mute()
			return
		}
		t.from += n
	}
	t.trim()
}

// trim gives back the memory of what the socket took: there is to be about as much as OutboundBuffered tells, which is what is counted.
func (t *tail) trim() {
	switch left := t.out[t.from:]; {
	case len(left) == 0:
		t.out, t.from = nil, 0
	case cap(t.out) > 2*max(len(left), minGrow):
		t.out, t.from = append(make([]byte, 0, len(left)), left...), 0
	}
}

// mute closes fd; what is written from now on is dropped.
func (t *tail) mute() {
	if t.fd >= 0 {
		_ = unix.Close(t.fd)
	}
	t.fd, t.out, t.from = -1, nil, 0
}

// close closes both descriptors.
func (t *tail) close() {
	t.mute()
	if t.unread >= 0 {
		_ = unix.Close(t.unread)
		t.unread = -1
	}
}

// readOut is a turn with input that a client had sent before it was found to be gone.
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

// outlives keeps a client's connection that the engine is about to close because of the other side, if anything is left to do for it, and
// reports whether it did. why is the engine's error. within says that a turn of the loop is under way, which may have more to do.
func (l *eventLoop) outlives(c *conn, why error, within bool) bool {
	switch {
	case c.protocol != protocolRESP && c.protocol != protocolBinary, l.n.leaving.Load(), c.tooMuch.Load():
		return false
	case why == nil && !c.broken: // this node closes it
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
		l.await(c) // anew: its WAIT has to end after endedWait
	}
	l.park(c)
	l.bell.ring(c)
	return true
}

// takeQueued takes the output that gnet has queued for a connection, which gnet is about to close: it would be lost. gnet does not give it
// out, so it is read from a private field. known is false if this version of gnet has no such field.
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

// endsWell begins to end a connection: it is closed once its replies are sent. To close it at once would make the kernel drop the
// replies that it has, with a reset, if input of the connection was not read or is still to come.
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

// seeOff looks at a connection with a tail, or that is ending, and closes it when nothing is left to do for it, or there was no
// progress for too long.
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
	case c.rest && !c.waiting, c.await.on && due == 0, c.tail != nil && c.tail.unread >= 0 && !c.waiting:
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

// gone undoes what OnOpen did, for a connection that is closed.
func (l *eventLoop) gone(c *conn) {
	defer l.exit(l.enter())
	n := l.n
	c.closed = true
	n.counters.connections.Add(-1)
	n.dismissed(c)
	l.leaves(c)
	l.unpark(c)
	l.unawait(c)
	l.turn.EndTracking(&c.client)
	c.forgive()
	c.unpin()
	l.turn.Leave(&c.client)
	c.pushes = nil
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
