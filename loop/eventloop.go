package loop

import (
	"iter"
	"sync"
	"sync/atomic"

	"github.com/panjf2000/gnet/v2"

	"covey/codec"
	"covey/command"
	"covey/store"
)

// eventLoop is covey's side of one gnet event loop: all that its connections share. It belongs to the loop's goroutine,
// except for bell, turning and the atomics.
type eventLoop struct {
	n    *node
	gnet gnet.EventLoop

	turning sync.Mutex // held for each turn; node.still waits for it
	inTurn  bool       // a turn is under way: within it gnet may call OnClose, when a write fails

	bell      bell
	bellRead  int     // descriptor of the loop's end of the bell; -1 when it is not known
	bellWrite int     // descriptor of the written end, until OnOpen publishes it in bell.fd
	answering []*conn // connections that answer has still to look at

	// Its connections.
	roster  roster      // all of them
	sockets []*conn     // by descriptor
	swept   int64       // when the last sweep began, ns
	resting atomic.Bool // the loop has no connection and nothing to sweep: the ticker need not wake it
	parked  parked
	waits   waits // clients whose next command is a WAIT

	// The turn.
	now       int64 // when it began, ns
	turn      command.Turn
	stage     codec.Stage
	ran       uint64       // commands carried out in this turn
	work      workload     // what the loop has carried out since it began
	behind    codec.Header // header of the binary message behind those that were gathered last
	due       []*conn      // links to flush at its end
	turns     uint64       // how many turns clients have had
	lastSmall int64        // when a client last had a turn with commands, none of which had to do with a large value, ns

	// Rounds (round_linux.go).
	poller  *poller          // the epoll instance of the engine's loop; nil when it is not known
	kept    kept             // short replies of the round under way
	later   []*conn          // scratch of round
	fetched [readBuffer]byte // what the loop has read by itself for a turn
	batch   uint32           // number of the engine's batch of events, counted when rounds end so that the engine can see to one
	inBatch bool             // events of that batch may be left

	// What comes that is large.
	input       [readMost]byte    // the buffer of a turn that reads more than the engine's buffer has (topUp)
	keptFrame   []byte            // a slab kept for the next large frame or command that comes; nil: none
	keptWorn    int               // how much of it has memory, in bytes
	framed      bool              // it was used since the last sweep
	drafts      []*store.Draft    // free ones, for the next large values
	behindValue [behindBytes]byte // what is read behind the last bytes of a value

	// What is written.
	slab   []byte   // the memory in which out begins
	spare  []byte   // the slab that is used next; nil: a new one
	out    []byte   // replies of this turn, or control frames of this flush
	short  []byte   // keeps the replies of this turn while out is used for a flush
	sealed []byte   // records on their way to a socket
	room   [][]byte // scratch: the places that a value is read to or written from
	vector vector   // scratch: the same for the kernel

	// What connections are owed (pay.go).
	pins    []*store.Pin // free ones, for the next large values
	budget  int          // bytes of it that this turn may still write; valid if settled
	settled bool         // budget was set in this turn
	debtors []*conn      // connections that are owed something and whose sockets take it, the one that has waited longest first

	// What connections hear (push.go).
	pushed    []*conn // those that have something to be written, each once
	pushBytes int     // of it

	// Clients that track (tracking.go).
	posts posts
	noted []byte // scratch of invalidate

	// The reserve (reserve.go, span.go, move.go).
	side     int // atHome or inReserve
	span     span
	homeward []*conn     // connections that are to go home though no event of theirs comes (goHome)
	crowded  atomic.Bool // some of them have to wait for a slot (reserve.slots)
}

// loopOf returns covey's side of an event loop; its first event creates it.
func (n *node) loopOf(g gnet.EventLoop) *eventLoop {
	if l, ok := n.loops.Load(g); ok {
		return l.(*eventLoop)
	}
	n.birth.Lock() // not while nothing may run
	defer n.birth.Unlock()
	l := n.newLoop(g)
	if prev, raced := n.loops.LoadOrStore(g, l); raced {
		freeSlab(l.slab)
		return prev.(*eventLoop)
	}
	if err := l.hang(); err != nil {
		n.fail(err)
	}
	return l
}

// newLoop is a loop without a bell.
func (n *node) newLoop(g gnet.EventLoop) *eventLoop {
	l := &eventLoop{n: n, gnet: g, bellRead: -1, parked: parked{conns: make(map[*conn]struct{})}}
	l.slab = newSlab(largeReply)
	l.out = l.slab
	l.bell.fd.Store(-1)
	l.turn = command.Turn{Store: n.store, Host: n, Stage: &l.stage, Pin: new(store.Pin), Scripts: &n.scripts, Tracking: n.tracking, Commit: l.commit, Budget: n.cfg.MaxMemory,
		Audience: &n.audience, Mail: &command.Mailbox{Ring: func() { l.bell.ring(nil) }}}
	if n.guard != nil {
		l.turn.Door = doorman{n}
	}
	return l
}

// eachLoop yields the loops that there are.
func (n *node) eachLoop() iter.Seq[*eventLoop] {
	return func(yield func(*eventLoop) bool) {
		n.loops.Range(func(_, v any) bool { return yield(v.(*eventLoop)) })
	}
}

// place notes which connection has a descriptor; nil: none.
func (l *eventLoop) place(fd int, c *conn) {
	for len(l.sockets) <= fd {
		l.sockets = append(l.sockets, nil)
	}
	l.sockets[fd] = c
}

// at returns the loop's connection with this descriptor; nil if it has none.
func (l *eventLoop) at(fd int) *conn {
	if fd < 0 || fd >= len(l.sockets) {
		return nil
	}
	return l.sockets[fd]
}

// enter begins what must not run while the cluster's time steps (R7): everything that reads the time, the store or a link.
// It reports whether the loop was outside of a turn; the caller passes that to exit.
func (l *eventLoop) enter() (outside bool) {
	if l.inTurn {
		return false
	}
	l.turning.Lock()
	l.inTurn = true
	return true
}

func (l *eventLoop) exit(outside bool) {
	if outside {
		l.flushDue()
		if l.n.store.Noted() {
			l.noted = l.n.invalidate(l.noted)
		}
		l.inTurn = false
		l.turning.Unlock()
	}
}

// still runs f while no loop is in a turn: for the ticker, and for who is to wait until all turns that began before have ended.
func (n *node) still(f func()) {
	n.birth.Lock()
	defer n.birth.Unlock()
	for l := range n.eachLoop() {
		l.turning.Lock()
		defer l.turning.Unlock()
	}
	f()
}

// begin starts a turn: the time is read once.
func (l *eventLoop) begin() int64 {
	l.turned(true)
	now := l.n.clock.now()
	l.now, l.settled = now, false
	l.turn.Now = l.n.cluster.Cluster(now)
	l.stage.SetQuiet(!l.n.ring.Live())
	return now
}

// commit puts what a client's turn has written into the ring: at its end, and before a command of it asks the peers (command.Turn.Commit).
// Store before ring before reply. The head of the node's stream after it is what the client's WAIT counts from.
func (l *eventLoop) commit(c *command.Client) {
	if l.stage.Count() == 0 {
		return
	}
	c.LastSeq = l.n.ring.Append(&l.stage)
	c.Dirty = false
	l.stage.Reset()
	l.notifyLinks()
}

// count adds the turn's events to the loop's: once a turn, not once a command.
func (l *eventLoop) count() {
	c, t := &l.work, &l.turn.Tally
	c.commands.Add(l.ran)
	if t.Hits > 0 {
		c.hits.Add(t.Hits)
	}
	if t.Misses > 0 {
		c.misses.Add(t.Misses)
	}
	if t.Errors > 0 {
		c.errors.Add(t.Errors)
	}
	l.ran, *t = 0, command.Tally{}
}

// rung is the turn of the bell.
func (l *eventLoop) rung() {
	defer l.exit(l.enter())
	l.answer()
	l.hear()
}

// answer looks at each connection that is queued on the bell, and at each that is parked, for a slice of time. Those that are left
// come first when the bell rings again, so that none is looked at twice before all were once. Until then they count as queued, and so do
// not move to another loop.
func (l *eventLoop) answer() {
	now := l.begin()
	again := len(l.answering) == 0
	l.answering = l.collect(l.bell.take(l.answering))
	for c := range l.parked.conns {
		if again && !c.debtor && c.queued.CompareAndSwap(false, true) {
			l.answering = append(l.answering, c)
		}
	}
	seen := 0
	for over := false; seen < len(l.answering) && !over; seen++ {
		c := l.answering[seen]
		c.queued.Store(false)
		l.attend(c, now)
		over = l.n.clock.now()-now >= int64(sliceTime)
	}
	left := copy(l.answering, l.answering[seen:])
	clear(l.answering[left:])
	if l.answering = l.answering[:left]; left > 0 {
		l.bell.ring(nil)
	}
	l.answerWaits(now)
	l.payDebtors(now)
	l.sweep(now)
}

// attend looks at one connection: it goes on with whatever waits there. A panic costs that connection.
func (l *eventLoop) attend(c *conn, now int64) {
	if c.closed {
		return
	}
	defer func() {
		if r := recover(); r != nil {
			l.n.panicked(r)
			l.abandon()
			c.close()
		}
	}()
	if c.tail != nil {
		c.tail.flush()
	}
	l.gauge(c, now)
	switch {
	case c.tooMuch.Load():
		l.overload(c)
		c.close()
	case c.link != nil && c.rest:
		if l.peer(c, now) == gnet.Close {
			c.close()
		}
	case c.link != nil:
		l.flush(c, now)
		l.turned(false)
	case c.await.on && !c.owes():
		l.unpark(c) // it is tried again by answerWaits
	case c.waiting:
		l.resume(c, now)
	case c.rest:
		if l.client(c, now) == gnet.Close {
			c.close()
		}
	}
	if t := c.tail; t != nil && t.unread >= 0 && !c.closed && !c.waiting && !c.rest {
		l.readOut(c, now)
	}
	l.tell(c)
	if (c.tail != nil || c.ending) && !c.closed {
		l.seeOff(c, now)
	}
	if !c.closed {
		l.sendPush(c)
	}
	if !c.closed {
		c.left = c.g.OutboundBuffered()
	}
}
