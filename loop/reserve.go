package loop

import (
	"sync"
	"sync/atomic"
	"time"

	"github.com/panjf2000/gnet/v2"
)

// reserve is the loops in reserve. Home loops accept connections and have the links. Loops in reserve have no listeners: from a home loop
// that has more to do than a processor can, they take over connections that send much at a time (span.go), and give them back when they do
// so no more. Large batches are worth a second loop. Small requests that come one by one are not: the programs that send them need the
// other processors more.
//
// The reserve is gnet's client engine, which has event loops without listeners. For gnet a connection that moves is closed in the one
// engine, and a duplicate of its descriptor is enrolled in the other (move.go).
type reserve struct {
	engine *gnet.Client // nil: there is no reserve
	loops  int

	work  [2]atomic.Int64  // by side: work a second of all its loops, as of their last looks
	busy  [2]atomic.Int64  // by side: percent of a processor, likewise
	moved [2]atomic.Uint64 // by side: connections that came to it from the other
	conns atomic.Int64     // connections in reserve

	moving sync.WaitGroup // goroutines that hand connections over
	slots  chan struct{}  // bounds them: a connection on its way has more than one descriptor
	over   chan struct{}  // closed when the node ends

	awake atomic.Bool // the scheduler has processors for it; written under mu

	mu    sync.Mutex
	given int64 // when a loop in reserve was last given a connection, ns
}

// The sides that a loop can be on; they index reserve.work, busy and moved.
const (
	atHome = iota
	inReserve
)

// otherSide is the side that the loop's connections move to.
func (l *eventLoop) otherSide() int {
	if l.side == atHome {
		return inReserve
	}
	return atHome
}

// startReserve starts the loops in reserve, if the node is to have any, before there are home loops.
func (n *node) startReserve() error {
	if n.cfg.Reserve == 0 {
		return nil
	}
	engine, err := gnet.NewClient(&reserveEvents{handler{n: n}},
		gnet.WithNumEventLoop(n.cfg.Reserve),
		gnet.WithReadBufferCap(readBuffer),
		gnet.WithTCPKeepAlive(keepAlive),
		gnet.WithLogger(engineLog{n.log}),
	)
	if err == nil {
		err = engine.Start()
	}
	if err != nil {
		return engineError(err)
	}
	h := &n.reserve
	h.engine, h.loops = engine, n.cfg.Reserve
	h.slots, h.over = make(chan struct{}, maxMoving), make(chan struct{})
	return nil
}

// reserveEvents are a handler's but for those of an engine, of which the node has another.
type reserveEvents struct{ handler }

// OnBoot does nothing.
func (*reserveEvents) OnBoot(gnet.Engine) gnet.Action { return gnet.None }

// stopReserve ends them; no connection moves any more.
func (n *node) stopReserve() {
	h := &n.reserve
	if h.engine == nil {
		return
	}
	n.leaving.Store(true)
	close(h.over)
	moved := make(chan struct{})
	go func() { h.moving.Wait(); close(moved) }()
	select {
	case <-moved:
	case <-time.After(dialGrace): // gnet may never answer for a connection that it did not take
	}
	_ = h.engine.Stop()
}

// seeToReserve gives the reserve processors of Go's scheduler when one of its loops is given a connection (given), and takes them away when it
// has had no connection for reserveRest. If the scheduler had more processors than loops at work, each wait of a loop would start and stop a
// thread. If it had fewer, a loop that sleeps in a system call would keep another's processor until the scheduler's monitor looks, some
// 15 ms later. So a loop in reserve has a processor as long as it has a connection, and is not woken otherwise.
func (n *node) seeToReserve(now int64, given bool) {
	h := &n.reserve
	if h.engine == nil {
		return
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if given {
		h.given = now
	}
	awake := h.given != 0 && now-h.given < int64(reserveRest) || h.conns.Load() > 0
	if awake == h.awake.Load() {
		return
	}
	loops := n.cfg.Loops
	if awake {
		loops += h.loops
	}
	h.awake.Store(false) // until there are processors: see lingers
	if n.cfg.Procs != nil {
		n.cfg.Procs(loops)
	}
	h.awake.Store(awake)
}

// mean returns what all[side] is per loop of that side.
func (n *node) mean(all *[2]atomic.Int64, side int) int64 {
	loops := n.cfg.Loops
	if side == inReserve {
		loops = n.reserve.loops
	}
	return all[side].Load() / int64(max(loops, 1))
}
