package peer

import (
	"math/rand/v2"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"covey/codec"
	"covey/store"
)

// The life of a node:
//
//  1. NewNode, then Start(now) when its sockets are open.
//  2. Step(now, event) for every announce heard, dial failed, link opened or closed; Link.Frame for every frame.
//  3. Tick(now) every TickInterval.
//  4. After any of these, if Pending(), Drain(&outbox): carry out what it wishes.
//  5. Leave(now) at the end.
//
// Read without entering it: ID (it changes at a re-key), State, TimeSettled, Links, Linked, Acked, Pending, Counters.
//
// Time is the boot-time clock in ns; it never goes back. Cluster time is ms, from Clock.

// Config is what a node is made of. Rand is the node's own from then on.
type Config struct {
	ID, Incarnation, Stream uint64 // of this start: who it is, when it was started (R26), and its stream, which is random (R9)
	Cluster                 string // the cluster's name
	Port                    uint16 // own TCP port
	Rand                    *rand.Rand
	Store                   *store.Store
	Ring                    *Ring // of the same Stream
	Clock                   *Clock
	Static                  []netip.AddrPort // --peer: dialed for ever
	Past                    []netip.AddrPort // where members of an earlier start were: dialed for the horizon
	Horizon                 time.Duration    // how long dead and left members are remembered; 0: defaultHorizon
	Keyed                   bool             // members have proved that they know a secret: their word counts
	Deliver                 Deliver          // nil: nobody listens
	Still                   func(f func())   // runs f while no loop is in a turn; nil: Tick is called when none is
}

// Node is a node's mind: members, detection, greeting, joining, wishes. Its methods may be called from any goroutine;
// none of them blocks for long, and none is on the way of an update.
type Node struct {
	// Fixed at birth.
	cluster, stream uint64
	port            uint16
	horizon         int64
	keyed           bool
	weak            Weakness
	store           *store.Store
	ring            *Ring
	relay           relay
	clock           *Clock
	still           func(f func())
	give            Deliver

	// Read by anyone.
	ident       atomic.Uint64 // the node id: changes at a re-key
	state       atomic.Uint32
	timeSettled atomic.Bool
	wishes      atomic.Bool
	open        atomic.Int32 // links, greeting ones included
	chosen      atomic.Pointer[[]*Link]
	counters    counters
	worktops    sync.Pool // of *worktop

	mu          sync.Mutex
	rand        *rand.Rand
	id          uint64
	incarnation uint64    // one more after each re-key (R26)
	rekeys      budget    // how often another id was taken
	members     []*member // by id, this node not among them
	links       []*Link   // in the order of their opening
	streams     []*stream
	events      uint64 // counts openings and choices (R23)
	leaving     bool
	started     bool
	lastTick    int64
	out         Outbox

	beacon    beacon
	dialing   dialing
	join      join
	beat      beat
	verdict   verdict
	partial   partial
	doubts    doubts
	steps     steps
	lag       lag
	offers    uint64           // counts offers
	reminded  uint64           // id of the member that a comparison was last to be led with because it was owed
	lost      bool             // there may be a member whose link was lost and that is not judged for good
	begun     int64            // when the node was started
	unrest    int64            // when something was last seen to change that decides what is passed on (R12)
	lateUntil int64            // until then nothing is repaired: records came that were late (R18)
	lateFrom  int64            // since when that is so, at times
	scratch   []handover       // scratch
	offsets   []int64          // scratch
	peers     []codec.PeerAddr // scratch
	greeting  codec.Greeting   // scratch
}

// NewNode makes a node that knows nobody. It is silent until Start.
func NewNode(cfg Config) *Node {
	n := &Node{
		cluster: ClusterTag(cfg.Cluster), incarnation: cfg.Incarnation, stream: cfg.Stream, port: cfg.Port,
		horizon: int64(cfg.Horizon), keyed: cfg.Keyed, store: cfg.Store, ring: cfg.Ring, clock: cfg.Clock, still: cfg.Still, give: cfg.Deliver, rand: cfg.Rand, id: cfg.ID,
	}
	n.relay.limit = n.ring.limit
	if n.still == nil {
		n.still = func(f func()) { f() }
	}
	if n.horizon == 0 {
		n.horizon = int64(defaultHorizon)
	}
	n.ident.Store(cfg.ID)
	n.chosen.Store(new([]*Link))
	n.beacon.heard = make(map[start]uint64)
	n.doubts = make(doubts)
	n.steps.hosts = make(hosts)
	n.partial.own = &partials{leaves: n.store.LeafCount()}
	n.partial.last = n.partial.own
	n.dialing.byAddr = make(map[netip.AddrPort]*target)
	for _, addr := range cfg.Static {
		n.staticTarget(addr)
	}
	for _, addr := range cfg.Past {
		n.pastTarget(addr)
	}
	return n
}

// Start begins the node's life: the second of R22, the first announces, the first dials.
func (n *Node) Start(now int64) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.start(now)
}

func (n *Node) start(now int64) {
	if n.started {
		return
	}
	n.started, n.lastTick, n.begun = true, now, now
	n.join.since = now
	n.verdict.begin(n.clock.Cluster(now))
	n.startTargets(now)
	n.restartAnnounces(now)
}

// ID returns the node id. It changes when the node re-keys (R26).
func (n *Node) ID() uint64 { return n.ident.Load() }

// State returns how far the node is in getting complete (R21).
func (n *Node) State() codec.State { return codec.State(n.state.Load()) }

// TimeSettled reports whether writes may be stamped (R8): the time is settled by a first greeting or by R22's first second.
func (n *Node) TimeSettled() bool { return n.timeSettled.Load() }

// Links returns the chosen links, one a peer. The slice is shared and must not be changed. It takes no lock.
func (n *Node) Links() []*Link { return *n.chosen.Load() }

// Linked returns how many links are open, those that still greet or close included.
func (n *Node) Linked() int { return int(n.open.Load()) }

// Acked returns how many peers that are linked now have acknowledged this node's stream up to seq, and got what was written there (R11). It
// takes no lock but, where values were evicted before they could be sent, a short one.
func (n *Node) Acked(seq uint64) int {
	count := 0
	for _, l := range n.Links() {
		if l.acked.Load() >= seq && !l.hollow.has(seq) {
			count++
		}
	}
	return count
}

// Applied returns up to where a stream is here (R9); 0 when it is not known.
func (n *Node) Applied(stream uint64) uint64 {
	n.mu.Lock()
	defer n.mu.Unlock()
	if s := n.streamBy(stream); s != nil {
		return s.applied.Load()
	}
	return 0
}

// EventKind says what happened.
type EventKind uint8

// What can happen to a node.
const (
	EventAnnounce   EventKind = iota + 1 // Announce came; Addr is the source's IP with the announced TCP port
	EventDialFailed                      // the dial to Addr with Number came to nothing
	EventOpened                          // Link is connected
	EventClosed                          // the connection of Link is gone; on its loop, after its last Frame
	EventFrame                           // a control frame with Header and Body came on Link; on its loop
	EventBreach                          // Link broke the protocol: it gets its Bye, and the loop closes it
	EventMoved                           // this node has lost the address or the card that Link is from: nothing passes on it any more
	EventOverload                        // Link holds too much of this node's memory: the loop closes it
	EventSecret                          // the secret that Link was made with counts no longer: the same
)

// Event is something that happened.
type Event struct {
	Kind     EventKind
	Link     *Link          // of all kinds but EventAnnounce and EventDialFailed
	Addr     netip.AddrPort // of these two
	Number   uint32         // of the Dial that failed
	Announce codec.Announce
	Header   codec.Header
	Body     []byte // the caller's again after Step
}

// Step takes in what happened.
func (n *Node) Step(now int64, e Event) {
	var c cut
	switch e.Kind {
	case EventFrame:
		_ = e.Link.Frame(now, e.Header, e.Body)
		return
	case EventOpened:
		e.Link.touched.Store(now)
		c = n.registers()
	case EventClosed:
		defer n.beatNow(now) // once the lock is free: others judge by whom this node is still linked with (R24)
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	n.start(now)
	switch e.Kind {
	case EventAnnounce:
		n.hear(now, &e.Announce, e.Addr)
	case EventDialFailed:
		n.dialFailed(now, e.Addr, e.Number)
	case EventOpened:
		n.opened(now, e.Link, c)
	case EventClosed:
		n.closed(now, e.Link)
	case EventBreach:
		if !e.Link.closing {
			n.counters.breaches.Add(1)
		}
		n.close(now, e.Link, codec.ReasonProtocol)
	case EventMoved, EventOverload, EventSecret:
		n.close(now, e.Link, farewells[e.Kind])
	}
}

// frame takes a control frame, on the loop of l. The store is asked before the node is locked: no lock is held over another's.
func (n *Node) frame(now int64, l *Link, kind codec.Kind, body []byte) error {
	switch kind {
	case codec.KindGreeting:
		return n.greet(now, l, body)
	case codec.KindBye:
		m, err := codec.DecodeBye(body)
		if err != nil {
			return err
		}
		n.mu.Lock()
		defer n.mu.Unlock()
		n.bye(now, l, m.Reason)
		return nil
	}
	if l.in.stream == nil {
		return ErrOrder
	}
	switch kind {
	case codec.KindHeartbeat:
		return n.heartbeat(now, l, body)
	case codec.KindHeartbeatResponse:
		return n.heartbeatResponse(now, l, body)
	case codec.KindOffer:
		return n.offerHeard(now, l, body)
	case codec.KindPartial:
		return n.partialHeard(l, body)
	case codec.KindStep:
		return n.stepHeard(now, l, body)
	}
	return n.gapHeard(now, l, body)
}

// Tick lets time pass. The loop's ticker calls it every TickInterval; it costs microseconds, and a look at the store's
// digest every HeartbeatInterval.
func (n *Node) Tick(now int64) {
	cut := n.look(now)
	n.mu.Lock()
	n.start(now)
	n.excuse(now)
	n.detect(now)
	n.judgeReadiness(now)
	n.slewTime(now)
	stepping := n.judgeTime(now)
	settling := n.join.timed && !n.timeSettled.Load() || n.join.follows != 0
	floor, rewound := n.join.floor, n.join.rewound
	n.join.floor = codec.Version{}
	inherited, completed := n.join.inherited, n.join.completed
	n.join.inherited, n.join.completed = nil, nil
	n.dial(now)
	n.announce(now)
	n.heartbeats(now, cut)
	n.lag.note(now, n.ring.Head())
	n.lastTick = now
	n.mu.Unlock()
	if inherited != nil || completed != nil {
		n.takePartial(inherited, completed) // before the floor: what is not certain it does not refuse
	}
	if !floor.IsZero() && !store.TooFarAhead(floor.Stamp, n.clock.Cluster(now)) {
		n.store.RaiseFloor(store.Version(floor))
	}
	n.propose(now)
	if stepping || rewound || settling {
		n.still(func() { n.stepStill(now, settling) })
	}
}

// cut is what the node tells others about its store.
type cut struct {
	stamped      bool
	floor, flush codec.Version
	due          bool // the digest was taken: a heartbeat is due
	epoch, root  uint64
	left         []leftOut // sums that roots leave out
}

// look reads the store, without the node's lock.
func (n *Node) look(now int64) cut {
	c := n.registers()
	if c.due = now >= n.beat.due.Load(); c.due {
		c.epoch, c.root = n.store.Digest(n.clock.Cluster(now))
		n.lookPartial(now, &c)
	}
	return c
}

// registers reads the store's registers, without the node's lock.
func (n *Node) registers() cut {
	return cut{stamped: n.stamped(), floor: codec.Version(n.store.Floor()), flush: codec.Version(n.store.Flushed())}
}

// stamped reports whether the store may hold a stamp: of this node, or of another. Until it does the time is free (R6).
func (n *Node) stamped() bool {
	return n.store.Stamped() || n.counters.merged.Load() > 0 || n.store.Flushed() != store.Version{}
}

// takeFlush merges another's flush register (R4).
func (n *Node) takeFlush(now int64, flush codec.Version) {
	if flush.Compare(codec.Version(n.store.Flushed())) > 0 {
		r := store.Record{Flags: store.Flush, Stamp: flush.Stamp, Node: flush.Node}
		n.store.Merge(&r, 0, n.clock.Cluster(now))
	}
}

// Members appends a snapshot of all members to dst, this node first, the others by id, then the nodes that only peers are linked
// with: alive, and Via one of these.
func (n *Node) Members(dst []Member) []Member {
	n.mu.Lock()
	defer n.mu.Unlock()
	self := netip.AddrPortFrom(netip.IPv4Unspecified(), n.port)
	dst = append(dst, Member{ID: n.id, Addr: self, State: Self, Readiness: n.State(), Incarnation: n.incarnation,
		Seen: n.lastTick, Synced: n.State() == codec.StateReady})
	for _, m := range n.members {
		s := Member{ID: m.id, Addr: m.addr, State: m.state, Readiness: m.readiness, Incarnation: m.incarnation, Seen: m.seen,
			RTT: time.Duration(m.rtt), Offset: m.offset, Linked: m.link != nil}
		if l := m.link; l != nil {
			s.Seen = max(m.seen, l.touched.Load())
			s.Lag, s.LagAge = l.Backlog(), n.lag.age(n.lastTick, l.acked.Load(), n.ring.Head())
			s.Synced = m.readiness == codec.StateReady && s.Lag == 0 && !l.pulls.owed && !l.debt.owed && m.stream.applied.Load() >= m.head
		}
		if p := n.via(n.lastTick, m.id); m.link == nil && (m.state == Alive || m.state == Suspect) && p != nil {
			s.Via = p.id
		}
		dst = append(dst, s)
	}
	return n.appendRelayed(dst)
}

// publish makes the chosen links known to all.
func (n *Node) publish() {
	links := make([]*Link, 0, len(n.members))
	for _, m := range n.members {
		if m.link != nil {
			links = append(links, m.link)
		}
	}
	n.chosen.Store(&links)
}

// Leave says goodbye to everybody: Bye(left) on each link, an announce with lifetime 0. Afterwards the node does nothing.
func (n *Node) Leave(now int64) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.leaving = true
	n.wishAnnounce(codec.FormAnnounce)
	for _, l := range n.links {
		n.close(now, l, codec.ReasonLeft)
	}
}
