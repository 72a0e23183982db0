package loop

import (
	"sync"
	"sync/atomic"
	"time"

	"github.com/panjf2000/gnet/v2"
)

// Home loops accept connections, and have the links. Loops in reserve have no listeners: they get connections from a home loop that has more
// to do than a processor can, of those that send much at a time (span.go says which), and give back those that do so no
// more. For small requests that come one by one the programs which send them need the other processors more than a second loop
// does; large batches are worth one.
//
// The reserve is gnet's client engine, which is event loops without listeners. To gnet a connection that moves is closed in the one
// engine, and enrolled in the other under a duplicate of its descriptor (move.go).
type reserve struct {
	engine *gnet.Client // nil: there are none
	loops  int

	work  [2]atomic.Int64  // a second, of all home loops and of all in reserve, as of their last looks
	busy  [2]atomic.Int64  // percent of a processor, the same
	moved [2]atomic.Uint64 // connections that came to loops of a side from the other
	conns atomic.Int64     // that are in reserve

	moving sync.WaitGroup // goroutines that hand connections over
	slots  chan struct{}  // one for each of them: on their way connections have more descriptors than one
	over   chan struct{}  // closed when the node ends

	awake atomic.Bool // the scheduler has processors for it; written under mu

	mu    sync.Mutex
	given int64 // when one last got a connection, ns
}

// The sides that a loop can be of; the index of what is published of both.
const (
	atHome = iota
	inReserve
)

// otherSide is the one that the loop's connections move to.
func (l *eventLoop) otherSide() int {
	if l.side == atHome {
		return inReserve
	}
	return atHome
}

// startReserve starts them, if the node is to have any: before there is a loop that asks.
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

// seeToReserve gives the reserve processors of Go's scheduler, and takes them when it has had no connection for reserveRest. Where the
// scheduler has more processors than loops are at work, each wait of a loop starts and stops a thread. Where it has fewer, a loop that
// goes to sleep in a system call keeps the processor of another until the scheduler's monitor looks, some 15 ms later: so a loop in
// reserve has processors for as long as anybody is connected with it, and is not woken otherwise. given: one is about to get a
// connection.
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

// mean is the mean of what was published of the loops of a side.
func (n *node) mean(all *[2]atomic.Int64, side int) int64 {
	loops := n.cfg.Loops
	if side == inReserve {
		loops = n.reserve.loops
	}
	return all[side].Load() / int64(max(loops, 1))
}
