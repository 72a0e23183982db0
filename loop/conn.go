package loop

import (
	"net/netip"
	"sync/atomic"

	"github.com/panjf2000/gnet/v2"

	"covey/codec"
	"covey/command"
	"covey/peer"
	"covey/seal"
	"covey/store"
)

// protocol is what a connection turned out to speak; its first frame decides, for good.
type protocol uint8

const (
	protocolUnknown protocol = iota
	protocolRESP
	protocolBinary // client frames
	protocolPeer
	protocolProving // a peer's, accepted under a secret: its first record is to come
)

// conn is one connection. It belongs to the goroutine of its loop, but for the fields at its head.
type conn struct {
	// Any goroutine.
	queued  atomic.Bool  // it is on its loop's bell queue
	closing atomic.Bool  // the state machine wants it closed after a last flush
	tooMuch atomic.Bool  // it holds too much memory and is to be closed
	weight  atomic.Int64 // held, for other loops to compare
	doom    int64        // what it held when it was told to close; 0: it was not told. Guarded by holdings.mu

	// Who it is.
	g        gnet.Conn
	l        *eventLoop
	protocol protocol
	ours     bool           // this node dialed it
	near     bool           // it came by the Unix socket
	counted  netip.Addr     // the address under which an accepted connection is counted; not valid if it was refused
	local    netip.Addr     // of a peer's connection: the address of this end; set before the state machine knows of the link
	link     *peer.Link     // not nil: a peer's connection
	client   command.Client // of any other
	proved   bool           // it had authenticated, and of what has come since not all was tried: a RESET, say, and an AUTH behind it
	session  *seal.Session  // not nil: the connection is sealed, and in holds opened bytes

	// What comes. in[from:] is what has come and could not be carried out yet: the beginning of a command or frame, and what came behind one
	// that waits. Mostly it is empty, for whole commands are parsed where gnet or the loop has read them. need is how many bytes it must have
	// before parsing is tried again.
	got      []byte // bytes that have come for this turn; they alias the engine's buffer or the loop's
	in       []byte
	from     int
	worn     int // how much of the slab that in is in has memory, in bytes, also where nothing lies any more
	need     int
	rest     bool // in holds whole commands or frames, for which the last turn had no time left
	full     bool // the loop's last read of it filled the buffer, so the socket may have more
	spoke    bool // of a peer's connection: a whole frame has come
	parser   codec.Parser
	draft    *store.Draft // not nil: it takes the value of the command whose stub is in in
	lastByte int64        // when bytes last came, ns
	begun    int64        // when the unfinished command or frame in in began, or else the connection, ns

	// What the connection is owed (pay.go). reply[paid:] is the part of a large reply, or of a large frame for a peer, that was not
	// written yet; reply is empty when there is none. pin is a value in the store that was not written to its end yet. Nothing else
	// is written meanwhile, and no further command of a client is carried out.
	reply  []byte
	paid   int
	pin    *store.Pin
	debtor bool   // it is in eventLoop.debtors
	kept   bool   // the loop keeps a reply to it back (eventLoop.kept)
	bulky  bool   // its last turn had a large reply
	missed uint64 // of a connection that is owed a pinned value: how many values could not be pinned (store.PinsRefused) when due last changed

	// What it hears (push.go).
	pushes []byte // waits to be written
	pushed bool   // it is in eventLoop.pushed

	// When it waits (parked.go, waits.go).
	waiting bool // its next command waits: for peers, for time, or for its own replies to drain
	await   await
	gauged  int64 // when it was last decided whether the reader is slow, ns
	left    int   // of a parked connection: bytes that the engine had queued for it at the last look
	drained int   // how many of those were sent since gauged
	slow    bool  // its reader is slow (gauge)

	// Where it is served (roster.go, round_linux.go, span.go, move.go).
	seat     int     // in the loop's roster
	given    uint32  // the number (eventLoop.batch) of the last batch of the engine's events that had one for it
	part     portion // its share of the loop's work
	goes     bool    // it is to move to a loop of the other side
	homeward bool    // it is in eventLoop.homeward

	// The pace of a link (holds).
	flushed int64  // when records were last written to the link, ns
	turns   uint64 // eventLoop.turns at the last look

	// What it is counted with (holdings.go).
	held  int64 // bytes
	heavy bool  // it is in holdings.heavy

	post *post // not nil: where messages for it are left, if it tracks (tracking.go)

	// How it ends (ended.go; finish).
	closed  bool  // gnet has closed it: the descriptor may belong to another connection by now
	broken  bool  // a write failed: the other side is gone
	tail    *tail // not nil: the client has ended its side and the engine has closed the connection
	ending  bool  // it takes no more input, and is closed when its replies are sent
	due     int   // of a connection with a tail, that is ending, or is owed a pinned value: bytes that it was owed at the last look
	stirred int64 // when due last changed, ns
	closeBy int64 // it is to close when its last bytes are read, and by then at the latest, ns; 0: it is not to close
	shut    bool  // it is to close, and its sending half was shut after the last byte
}

// source returns the bytes to parse: the loop's read buffer itself, or in with the new bytes
// added to it. What is not consumed must be handed to keep. more: the read buffer was full, so there may be more to read.
func (c *conn) source() (buf []byte, more bool) {
	more = len(c.got) >= readBuffer
	if len(c.in) == 0 {
		return c.got, more
	}
	if len(c.got) > 0 {
		c.grow(len(c.got))
		c.in = append(c.in, c.got...)
		c.got = nil
	}
	if more && c.need-(len(c.in)-c.from) > readBuffer {
		c.readOn()
	}
	c.weigh()
	return c.in[c.from:], more
}

// readOn reads what else has come of a long command or frame right into in, as much as a turn may.
func (c *conn) readOn() {
	c.grow(readMost - readBuffer)
	end := len(c.in) + readMost - readBuffer
	c.in = c.in[:len(c.in)+readNow(c.g.Fd(), c.in[len(c.in):end])]
}

// peerSource is source for a peer's connection, opened if it is sealed. It reads up to readMost bytes, for such a turn is bounded by time.
func (c *conn) peerSource() ([]byte, error) {
	if c.session != nil {
		return c.open()
	}
	buf, more := c.source()
	if !more || len(c.in) > 0 {
		return buf, nil
	}
	return c.l.topUp(c, buf), nil
}

// grow makes room for n more bytes. A small buffer at most doubles with what really came, whatever length the sender
// claims, and does not outgrow a claim by more than one step. A large one is a slab as long as the claim, from the first
// slabFrom bytes of it on: what did not come has no memory, and what came is never moved.
func (c *conn) grow(n int) {
	if len(c.in)+n <= cap(c.in) {
		return
	}
	want := len(c.in) - c.from + n
	size := max(want, 2*(cap(c.in)-c.from), minGrow)
	var in []byte
	worn := 0
	switch {
	case size > keepBuffer, c.need > keepBuffer && want >= slabFrom:
		in, worn = c.l.frameSlab(max(c.need+behindFrame, size)) // the read that ends it brings what is behind it
	case c.need >= want:
		in = make([]byte, 0, min(size, c.need))
	default:
		in = make([]byte, 0, size)
	}
	in = append(in, c.in[c.from:]...)
	c.dropIn()
	c.in, c.worn = in, worn
}

// dropIn gives back the buffer in.
func (c *conn) dropIn() {
	c.l.dropFrame(c.in, max(c.worn, len(c.in)))
	c.in, c.from, c.worn = nil, 0, 0
}

// frameSlab returns an empty slab of at least size bytes for a large frame or command: the one that the loop keeps, if it is there and
// large enough, for it has memory already: worn bytes.
func (l *eventLoop) frameSlab(size int) (slab []byte, worn int) {
	if size > keptFrame {
		return newSlab(size), 0
	}
	slab, worn = l.keptFrame, l.keptWorn
	if l.keptFrame, l.framed = nil, true; slab == nil {
		return newSlab(keptFrame), 0
	}
	return slab, worn
}

// dropFrame gives back a slab of frameSlab, of which worn bytes have memory, or a smaller buffer. The loop keeps one slab.
func (l *eventLoop) dropFrame(b []byte, worn int) {
	if cap(b) == keptFrame && l.keptFrame == nil {
		l.keptFrame, l.keptWorn = b[:0], worn
		return
	}
	freeSlab(b)
}

// releaseFrame frees the kept slab if it was not used since the last call.
func (l *eventLoop) releaseFrame() {
	if !l.framed {
		freeSlab(l.keptFrame)
		l.keptFrame = nil
	}
	l.framed = false
}

// release gives back the buffer in, and drops the draft.
func (c *conn) release() {
	c.dropDraft()
	c.dropIn()
	if len(c.pushes) == 0 {
		c.pushes = nil
	}
	c.weigh()
}

// cut returns the first n of the bytes that source returned, and forgets those behind them.
func (c *conn) cut(buf []byte, n int) []byte {
	if len(c.in) > 0 {
		c.in = c.in[:c.from+n]
	}
	return buf[:n]
}

// keep stores buf[used:], where buf is what source returned, for the next turn.
func (c *conn) keep(buf []byte, used int) {
	rest := buf[used:]
	switch {
	case len(c.in) == 0:
		if len(rest) > 0 {
			c.grow(len(rest))
			c.in = append(c.in[:0], rest...)
		}
		c.got = nil
	case used == 0 && c.from == 0:
	case cap(c.in) > keepBuffer && len(rest) <= keepBuffer:
		slab, worn := c.in, max(c.worn, len(c.in))
		c.in, c.from, c.worn = nil, 0, 0
		if len(rest) > 0 {
			c.grow(len(rest))
			c.in = append(c.in, rest...)
		}
		c.l.dropFrame(slab, worn)
	case c.from+used < len(rest):
		c.from += used // moving much for each little that is taken would cost time in the square of it
	default:
		c.in, c.from = c.in[:copy(c.in, rest)], 0
	}
	c.weigh()
}

// write hands bytes to the socket; false: the connection is gone.
func (c *conn) write(b []byte) bool {
	if len(b) == 0 {
		return !c.closed
	}
	if c.closed {
		return false
	}
	if c.session != nil {
		return c.writeSealed(b)
	}
	return c.push(b)
}

// push writes to the socket; the engine queues what it does not take, and sees errors. false: the connection is gone.
func (c *conn) push(b []byte) bool {
	if c.kept {
		if c.l.sendKept(); c.closed {
			return false
		}
	}
	if c.g.OutboundBuffered() == 0 {
		if b = b[writeNow(c.g.Fd(), b):]; len(b) == 0 {
			return true
		}
	}
	// A failing Write runs OnClose inside. It is as within a turn for a reply too that was kept until behind one: what has come may not be read yet.
	outside := c.l.enter()
	_, _ = c.g.Write(b)
	c.l.exit(outside)
	return !c.closed
}

// breaks ends a connection after a failed write. alive says that the loop keeps it all the same (ended.go).
func (c *conn) breaks() (alive bool) {
	if c.tail != nil {
		c.tail.mute()
	} else {
		c.broken = true
		c.close()
	}
	return !c.closed
}

// close ends the connection at once, on its loop.
func (c *conn) close() {
	if c.kept {
		c.l.sendKept()
	}
	switch {
	case c.closed:
	case c.tail != nil:
		c.l.gone(c)
	default:
		_ = c.l.gnet.Close(c.g)
	}
}

// remote is the address on the other side; the zero value when it has none.
func remote(g gnet.Conn) netip.AddrPort {
	type addrPorter interface{ AddrPort() netip.AddrPort }
	a, ok := g.RemoteAddr().(addrPorter)
	if !ok {
		return netip.AddrPort{}
	}
	ap := a.AddrPort()
	return netip.AddrPortFrom(ap.Addr().Unmap().WithZone(""), ap.Port())
}
