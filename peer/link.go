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
//
// now is in ns of the boot-time clock, as everywhere here. Remote and User may be called by anyone; of the others those that do not say that they
// are safe for concurrent use are for that loop alone.
type Link struct {
	// Set by NewLink, Near and SetUser, and not changed once EventOpened was given.
	node     *Node
	dialed   bool           // this node dialed it
	remote   netip.AddrPort // of the connection; the port of an accepted one is of no use for dialing
	host     netip.Addr     // at the other end; thisHost for another node of this machine
	doorbell func(*Link)
	user     any // the loop's own (SetUser)

	// Read and written by any goroutine.
	scheduled atomic.Bool                // the doorbell was rung, and the flush has not begun yet
	stalled   atomic.Bool                // the window is full: no data is sent before the next Ack
	paced     atomic.Int64               // until then new records wait for the next Ack (Due), boot-time ns; 0: no record is unacknowledged
	muted     atomic.Bool                // this node has sent a Bye: no more data
	waiting   atomic.Bool                // control is not empty
	owes      atomic.Int64               // capacity of control, in bytes
	held      atomic.Bool                // the clocks of the two are apart: no records and no digests are exchanged (R7); set with Node.mu
	touched   atomic.Int64               // when bytes last came, boot-time ns
	acked     atomic.Uint64              // up to where the other has applied this node's stream
	hollow    hollow                     // places up to there where it got no value
	passes    atomic.Pointer[[]handover] // streams of other nodes that are passed on here (R12); nil: none; set with Node.mu
	leads     atomic.Bool                // this node leads a comparison here that is not over; set by the loop
	moved     atomic.Int64               // when a frame of that last came or went, boot-time ns; set by the loop
	scrubs    atomic.Pointer[partials]   // leaves whose entries are to be named in Scrubs; nil: none
	debts     atomic.Uint64              // how often a comparison came to be owed here
	due       atomic.Uint64              // the comparison that is owed: newest closed epoch << dueBits, with dueSettles or dueWhole; 0: none

	// Guarded by Node.mu.
	number     uint32 // dial number: of this node's dial, or as the dialer's greeting says
	phase      phase
	opened     int64          // when EventOpened was given, boot-time ns
	openOrder  uint64         // its place among the openings and choices of this node's links (R23)
	choice     uint64         // the place of its choice in the same order; 0: it was not chosen
	chosenAt   int64          // when it was chosen, boot-time ns
	greeted    int64          // when this node's last greeting was made, for the round trip, boot-time ns
	greeting   codec.Greeting // the other's last greeting
	member     *member        // the member whose link it is; nil: none
	target     *target        // the address that was dialed; nil: unknown, or it was accepted
	control    []byte         // frames that wait for the next flush
	queued     bool           // it is in Outbox.Pending
	closing    bool           // a Bye was sent or received
	full       bool           // control has passed ControlLimit: frames are lost, and the next Tick closes the link
	metReady   bool           // this node was ready when the link was chosen
	said       codec.Reason   // the reason of the Bye that was sent; 0: none
	heard      codec.Reason   // the reason of the Bye that was received; 0: none
	closeBy    int64          // when the link is closed at the latest after the other's Bye, boot-time ns
	excuse     int64          // silence is counted from here at the earliest, because this node was asleep, boot-time ns
	ourLinks   bool           // the other was told with whom this node is linked
	passedAt   int64          // when the streams to pass on were last chosen, boot-time ns
	theirLinks bool           // the other has told with whom it is linked
	pulls      pulls
	asking     asking
	bitmaps    linkPartial
	debt       debt
	tooEarly   budget
	drain      drain
	repairAt   int64  // when the next repair may begin, boot-time ns
	heldAt     int64  // when it was last held, or this node last stepped while it was held, boot-time ns
	parted     int64  // when it last changed from not held to held, boot-time ns
	told       uint32 // number of the other's last step; written by its loop
	repairWait int64  // how long repairAt was put off by last; 0 once the roots were equal

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
// answers to the other's Pulls and Fetches up to answerSlice bytes.
func (l *Link) Control(now int64, dst []byte) []byte {
	l.scheduled.Store(false) // first: what comes from here on rings again
	if l.waiting.Load() || l.out.mayAsk() {
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
	return l.in.ackOwed || l.in.asking || l.in.mayFetch() || l.out.mayAnswer() || l.out.mayRepair() || l.out.mayFlow(l) || l.out.mayAsk()
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
