package loop

import (
	"context"
	"log/slog"
	"sync"
	"sync/atomic"

	"github.com/panjf2000/gnet/v2"

	"covey/command"
	"covey/peer"
	"covey/store"
	"covey/tracking"
)

// node is one running node: the pure parts and what connects them to this machine.
type node struct {
	cfg Config
	tag uint64 // of announces of its cluster
	log *slog.Logger
	ctx context.Context // done: the node is leaving

	// The pure parts. Each guards itself.
	store   *store.Store
	ring    *peer.Ring
	mind    *peer.Node
	cluster *peer.Clock
	scripts command.Scripts

	audience        command.Audience
	tracking        *tracking.Table
	noted           []byte // scratch of the ticker (tickTracking)
	trackingCharged int64  // what it has charged the store's budget with, bytes

	// The machine.
	clock    *bootClock
	beacon   *beacon
	guard    *guard        // nil without a secret
	unix     *unixListener // nil without --unix
	engine   gnet.Engine   // set in OnBoot, used after running is closed
	counters counters

	share       share         // of the descriptors
	changeLines lines         // of members' changes in the log
	strangers   strangers     // nodes that do not link with this one
	hearing     hearing       // of datagrams
	names       *peerNames    // --peer
	past        *past         // addresses of members, for the next start
	dialSlots   chan struct{} // one for each dial under way
	leaving     atomic.Bool   // clients are not served any more
	reserve     reserve       // loops
	holdings    holdings      // what all connections hold
	sources     sources       // of accepted connections
	served      atomic.Int64  // accepted connections open now
	called      atomic.Int64  // dialed ones
	warned      atomic.Int64  // when the last breach was logged, ns
	clientIDs   atomic.Uint64
	parked      atomic.Int64 // parked connections of all loops
	hurried     atomic.Int64 // those of them whose readers are not slow
	awaiting    atomic.Int64 // connections with a WAIT that waits
	loops       sync.Map     // gnet.EventLoop -> *eventLoop
	birth       sync.Mutex   // of an event loop
	dials       sync.WaitGroup

	booted  sync.Once
	running chan struct{} // closed by the first tick
	failed  chan error    // what ends the node unasked; one place, the first counts

	wallOffset      wallOffset
	wall            wallWatch
	ticked, rungAll int64 // the ticker's own: when it last let time pass, and rang every loop, ns
}

// fail ends the node with an error.
func (n *node) fail(err error) {
	select {
	case n.failed <- err:
	default:
	}
}

// linkClosed tells the state machine that a peer's connection is gone.
func (n *node) linkClosed(c *conn, now int64) {
	n.mind.Step(now, peer.Event{Kind: peer.EventClosed, Link: c.link})
	n.drain(now)
}
