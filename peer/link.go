package peer

import (
	"errors"
	"net/netip"
	"sync/atomic"

	"covey/codec"
)

// Link is one connection with another node. The loop that owns the connection makes it, hands it every frame, and after
// each turn in which it did, or when the doorbell rang, flushes it:
//
//	out := link.Control(now, out[:0])               write out
//	for { b, _, ok := link.Data(now, room); ... }   write b, then link.Sent(len(b))
//	if link.More() { flush again after the others }
type Link struct {
	// Fixed at birth.
	node     *Node
	dialed   bool
	remote   netip.AddrPort // of the connection: the port of an accepted one is of no use for dialing
	host     netip.Addr     // of the other end; thisHost for another node of this machine
	doorbell func(*Link)
	user     any

	// Touched by anyone.
	scheduled atomic.Bool                // the doorbell rang, the flush has not begun
	stalled   atomic.Bool                // the window is full: only an Ack lets data flow again
	paced     atomic.Int64               // ns: who has records for it before then leaves them to the next Ack; 0: nothing is on its way
	muted     atomic.Bool                // said Bye: no more data
	waiting   atomic.Bool                // control is not empty
	owes      atomic.Int64               // bytes of control's room
	held      atomic.Bool                // the other is of another time: no records, no digests (R7); set with Node.mu
	touched   atomic.Int64               // boot-time ns of the last byte received
	acked     atomic.Uint64              // what the other has applied of our stream
	passes    atomic.Pointer[[]handover] // streams that are passed on (R12), nil without; set with Node.mu
	leads     atomic.Bool                // this node leads a comparison here, and has not seen its end; set by the loop
	scrubs    atomic.Pointer[partials]   // the leaves that are to be scrubbed now; nil: none
	debts     atomic.Uint64              // how often a comparison came to be owed
	due       atomic.Uint64              // a comparison that is owed: the newest closed epoch << dueBits, and dueSettles or dueWhole; 0: none

	// Guarded by Node.mu.
	number     uint32 // dial number: of our dial, or as the dialer's greeting says
	phase      phase
	opened     int64
	openOrder  uint64 // counts openings and choices in their order here (R23)
	choice     uint64 // the same, of the choice; 0: not chosen
	chosenAt   int64  // when that was
	greeted    int64  // when our last greeting was made, for the round trip
	greeting   codec.Greeting
	member     *member // while this is its link
	target     *target // what was dialed
	control    []byte  // frames that wait for the next flush
	queued     bool    // in the outbox' Pending
	closing    bool    // a Bye was said or heard
	full       bool    // ControlLimit was passed: frames are lost, and the next Tick closes it
	metReady   bool    // this node was ready when the link was chosen
	said       codec.Reason
	heard      codec.Reason
	closeBy    int64 // after a Bye was heard
	excuse     int64 // silence counts from here at the earliest: this node was asleep
	ourLinks   bool  // the other was told with whom this node is linked
	passedAt   int64 // when it was looked which streams are passed on here
	theirLinks bool  // the other has told with whom it is linked
	pulls      pulls
	asking     asking
	bitmaps    linkPartial
	debt       debt
	tooEarly   ahead
	drain      drain
	repairAt   int64  // when the next repair may begin
	heldAt     int64  // since when it is held, or this node has stepped while it was
	parted     int64  // since when it is held though it was not before
	told       uint32 // number of the other's last step; its loop writes it
	repairWait int64  // how long that was after the last one; 0 once the roots were equal

	// Owned by the loop of the connection.
	out sender
	in  receiver
}

// phase is how far the greeting has come.
type phase uint8

const (
	phaseOpened  phase = iota // waits for the other's first greeting
	phaseKnown                // accepted: knows who it is, waits for the full greeting
	phaseGreeted              // both have greeted: the choice was made
)

// Breaches of the protocol: each costs the sender its link.
var (
	ErrOrder  = errors.New("peer: a frame came before the greetings were exchanged")
	ErrClient = errors.New("peer: a client's frame came on a link between nodes")
	ErrFlow   = errors.New("peer: an acknowledgement or a request exceeds what was sent or allowed")
)

// NewLink returns the peer's side of a connection with remote: one that this node dialed under a number, or an accepted
// one whose first frame is a peer's. doorbell is called, from any goroutine, when the link has something to write and
// was not scheduled yet. The link takes part from EventOpened on.
func NewLink(n *Node, dialed bool, number uint32, remote netip.AddrPort, doorbell func(*Link)) *Link {
	l := &Link{node: n, dialed: dialed, number: number, remote: remote, host: hostOf(netip.Addr{}, remote.Addr()), doorbell: doorbell}
	l.bitmaps.theirs = allComplete
	l.held.Store(true)
	return l
}

// User returns what SetUser was given.
func (l *Link) User() any { return l.user }

// SetUser attaches the loop's own to the link; before EventOpened.
func (l *Link) SetUser(u any) { l.user = u }

// Remote returns the address of the connection's other end.
func (l *Link) Remote() netip.AddrPort { return l.remote }

// Touched notes that bytes came: liveness counts bytes, not frames (R25). Safe for concurrent use.
func (l *Link) Touched(now int64) { l.touched.Store(now) }

// Frame takes one whole frame. Data frames are dealt with here, without the node's lock; control frames go through
// Node.Step. body is the caller's again on return. An error is a breach of the protocol: the Bye that says so waits in
// Control, and the loop closes the connection after it.
func (l *Link) Frame(now int64, h codec.Header, body []byte) error {
	err := l.frame(now, h, body)
	if err != nil {
		l.node.Step(now, Event{Kind: EventBreach, Link: l})
	}
	return err
}

func (l *Link) frame(now int64, h codec.Header, body []byte) error {
	switch h.Kind {
	case codec.KindGreeting, codec.KindBye, codec.KindHeartbeat, codec.KindHeartbeatResponse, codec.KindGap, codec.KindOffer, codec.KindStep, codec.KindPartial:
		return l.node.frame(now, l, h.Kind, body)
	}
	if !h.Kind.Known() {
		return nil // marked skippable, or DecodeHeader had refused it
	}
	if !h.Kind.Peer() {
		return ErrClient
	}
	if l.in.stream == nil {
		return ErrOrder
	}
	switch h.Kind {
	case codec.KindBatch:
		return l.batch(now, body)
	case codec.KindRecords:
		return l.records(now, body)
	case codec.KindPull, codec.KindFetch:
		return l.out.ask(h.Kind, body)
	case codec.KindAck:
		return l.ack(now, body)
	}
	if !l.sameStep() {
		return nil // of before a step: the roots will differ again
	}
	return l.repairFrame(now, h.Kind, body)
}

// Control begins a flush: it appends the control frames that wait, the acknowledgement owed, what is to be fetched, and
// answers to the other's Pulls and Fetches up to AnswerSlice bytes.
func (l *Link) Control(now int64, dst []byte) []byte {
	l.scheduled.Store(false) // first: what comes from here on rings again
	if l.waiting.Load() {
		dst = l.node.takeControl(now, l, dst)
	}
	if l.in.stream == nil || l.muted.Load() {
		return dst
	}
	dst = l.in.appendAck(dst)
	if l.held.Load() {
		return dst
	}
	dst = l.in.appendFetch(dst)
	dst = l.out.appendAnswers(dst, l.node, now)
	if l.due.Load() != 0 {
		l.beginOwed(now)
	}
	if l.scrubs.Load() != nil {
		l.scrub(now)
	}
	if len(l.out.repair.work) > 0 {
		dst = l.appendRepair(now, dst)
	}
	return dst
}

// takeControl moves what waits for l to dst.
func (n *Node) takeControl(now int64, l *Link, dst []byte) []byte {
	n.mu.Lock()
	defer n.mu.Unlock()
	dst = append(dst, l.control...)
	if l.control = l.control[:0]; cap(l.control) > keptControl {
		l.control = nil
	}
	l.owes.Store(int64(cap(l.control)))
	l.waiting.Store(false)
	if l.closing {
		return dst
	}
	return n.appendQuestions(now, l, dst)
}

// Held returns the bytes that wait on the link, for the other to read, to ask for or to be answered. On its loop.
func (l *Link) Held() int {
	held := int(l.owes.Load()) + l.out.repair.bytes + len(l.in.wanted) + partOverhead*len(l.out.listed)
	for i := range l.out.asked {
		held += len(l.out.asked[i].keys)
	}
	return held
}

// More reports whether a flush would write something now.
func (l *Link) More() bool {
	if l.waiting.Load() {
		return true
	}
	if l.in.stream == nil || l.muted.Load() {
		return false
	}
	if l.held.Load() {
		return l.in.ackOwed || l.in.asking
	}
	return l.in.ackOwed || l.in.asking || l.in.mayFetch() || l.out.mayAnswer() || l.out.mayRepair() || l.out.mayFlow(l)
}

// Due tells the link that the ring has grown, and reports whether a flush is to begin for it: the caller sees to that.
// Of a link that was written to within Pace and has not acknowledged it, the Ack begins the next flush: at rest a record
// leaves at once, and under load all that came while one flush was on its way is the next. Safe for concurrent use.
func (l *Link) Due(now int64) bool {
	return !l.stalled.Load() && now >= l.paced.Load() && l.scheduled.CompareAndSwap(false, true)
}

// Flows reports whether Data would give something.
func (l *Link) Flows() bool {
	return l.in.stream != nil && !l.muted.Load() && !l.held.Load() && l.out.mayFlow(l)
}

// Notify is Due, and has the doorbell rung. Safe for concurrent use.
func (l *Link) Notify(now int64) {
	if l.Due(now) {
		l.doorbell(l)
	}
}

// Backlog returns how many updates of ours the other has not acknowledged. Safe for concurrent use.
func (l *Link) Backlog() uint64 {
	head, acked := l.node.ring.Head(), l.acked.Load()
	return head - min(head, acked)
}
