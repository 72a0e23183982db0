package loop

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net/netip"
	"time"

	"github.com/panjf2000/gnet/v2"

	"covey/codec"
	"covey/ifaces"
	_ "covey/internal/unixonly"
	"covey/peer"
	"covey/store"
	"covey/tracking"
)

// Run runs a node until ctx is done, then says left to its peers, flushes and returns nil.
// An error that wraps ErrConfig is mended on the command line.
func Run(ctx context.Context, cfg Config) error {
	pattern, err := cfg.check()
	if err != nil {
		return err
	}
	if cfg.Loops == 0 {
		cfg.Loops = DefaultLoops()
	}
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	names, err := parsePeers(cfg.Peers)
	if err != nil {
		return err
	}
	past, err := openPast(cfg.StateDir, cfg.Cluster)
	if err != nil {
		return err
	}
	names.lookUp(ctx, cfg.Logger)
	if ctx.Err() != nil {
		return nil // told to end before it began
	}
	addr, release, err := claimFrom(cfg.Listen, cfg.ListenSet)
	if err != nil {
		return err
	}
	defer release()
	moved := addr != cfg.Listen
	cfg.Listen = addr

	n, err := newNode(ctx, cfg, pattern, names, past)
	if err != nil {
		return err
	}
	if cfg.seen != nil {
		cfg.seen(n)
	}
	web, err := n.serveHTTP()
	if err != nil {
		return err
	}
	defer web.close()
	if cfg.Unix != "" {
		ln, release, err := listenUnix(cfg.Unix)
		if err != nil {
			return err
		}
		defer release()
		n.unix = ln
	}
	return n.run(ctx, moved, web)
}

// turnHook, where a test sets it before the node starts, is told when a turn begins, and when a peer's part of it has ended.
var turnHook func(l *eventLoop, begins bool)

// turned tells it.
func (l *eventLoop) turned(begins bool) {
	if turnHook != nil {
		turnHook(l, begins)
	}
}

// newNode builds the parts; nothing of it is on the network yet.
func newNode(ctx context.Context, cfg Config, pattern ifaces.Pattern, names *peerNames, past *past) (*node, error) {
	n := &node{
		tag:   peer.ClusterTag(cfg.Cluster),
		names: names, past: past, cfg: cfg, log: cfg.Logger, ctx: ctx, clock: newBootClock(), guard: newGuard(cfg.Secrets),
		running: make(chan struct{}), failed: make(chan error, 1), holdings: newHoldings(cfg.MaxMemory), tracking: tracking.New(cfg.MaxMemory / trackingShare),
	}
	var err error
	limit := descriptorLimit()
	if limit < reserveDescriptors {
		n.cfg.Reserve = 0
	}
	if cfg.Unix != "" {
		limit -= min(limit, unixDescriptors)
	}
	if n.share, err = shareDescriptors(limit, cfg.Loops, n.cfg.Reserve); err != nil {
		return nil, err
	}
	n.dialSlots = make(chan struct{}, n.share.dials)
	if n.beacon, err = newBeacon(n, pattern); err != nil {
		return nil, err
	}
	if err := n.exposed(); err != nil {
		return nil, err
	}
	random := rand.New(rand.NewPCG(rand.Uint64(), rand.Uint64()))
	id := nodeID(n.beacon.mac, cfg.Listen.Port(), random)
	stream := random.Uint64() | 1
	n.cluster = peer.NewClock(n.clock.wallAtStart() + cfg.skew.Milliseconds())
	n.ring = peer.NewRing(stream, int(cfg.MaxMemory/ringShare))
	n.store, err = store.New(store.Options{
		Node: id, MaxBytes: cfg.MaxMemory - cfg.MaxMemory/ringShare,
		Seed: peer.HashSeed(cfg.Cluster), Horizon: uint64(cfg.Horizon.Milliseconds()), Stream: stream,
	})
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrConfig, err)
	}
	n.mind = peer.NewNode(peer.Config{
		ID: id, Incarnation: uint64(time.Now().UnixMilli())<<16 | random.Uint64()&0xffff, Stream: stream,
		Cluster: cfg.Cluster, Port: cfg.Listen.Port(), Rand: random,
		Store: n.store, Ring: n.ring, Clock: n.cluster, Static: names.addrs(), Past: past.addrs(), Horizon: cfg.Horizon, Keyed: n.guard != nil, Still: n.still,
		Deliver: func(channel, message []byte) { n.audience.Publish(channel, message) },
	})
	return n, nil
}

// nodeID is the MAC address of the first usable card and the TCP port (docs/PROTOCOL.md). A
// machine without one takes a random locally administered address.
func nodeID(mac ifaces.MAC, port uint16, random *rand.Rand) uint64 {
	if mac.IsZero() {
		v := random.Uint64()
		mac = ifaces.MAC{0x02, byte(v), byte(v >> 8), byte(v >> 16), byte(v >> 24), byte(v >> 32)}
	}
	return codec.NodeID(mac, port)
}

// run starts the engine and waits for the end, asked for or not.
func (n *node) run(ctx context.Context, moved bool, web *webServer) error {
	defer n.closeBells()
	if err := n.startReserve(); err != nil {
		n.beacon.close()
		return err
	}
	defer n.stopReserve()
	stopped := make(chan error, 1)
	go func() { stopped <- n.rotate() }()
	defer n.beacon.close()
	select {
	case <-n.running:
	case err := <-stopped:
		if inUse(err) { // the TCP port is claimed before
			return fmt.Errorf("UDP port %d is held by a program that does not share it; stop it, or give every node the same other --discovery-port", n.cfg.DiscoveryPort)
		}
		return engineError(err)
	case <-time.After(bootTimeout):
		return errors.New("the engine did not start in time; is the machine overloaded?")
	}
	if err := n.beacon.start(); err != nil {
		_ = n.stop(stopped)
		return err
	}
	watching, endWatch := context.WithCancel(ctx)
	defer endWatch()
	if n.unix != nil {
		go n.acceptUnix(watching, n.unix)
	}
	go func() { _ = ifaces.Watch(watching, func() { n.beacon.changed.Store(true) }) }()
	go n.followSecrets(watching)
	n.greetUser(moved, web)
	n.mind.Start(n.clock.now())
	go n.announceReady(watching)
	go n.followNames(watching)
	kept := make(chan struct{})
	go func() { defer close(kept); n.keepPast(watching) }()
	defer func() { endWatch(); <-kept }()

	select {
	case <-ctx.Done():
		n.leave()
		return n.stop(stopped)
	case err := <-n.failed:
		n.leaving.Store(true)
		_ = n.stop(stopped)
		return err
	case err := <-stopped:
		return engineError(err)
	}
}

// rotate runs the engine until it is stopped.
func (n *node) rotate() error {
	udp := netip.AddrPortFrom(netip.IPv4Unspecified(), n.cfg.DiscoveryPort)
	return gnet.Rotate(&handler{n: n},
		[]string{"udp4://" + udp.String(), "tcp4://" + n.cfg.Listen.String()},
		gnet.WithNumEventLoop(n.cfg.Loops),
		gnet.WithTicker(true),
		gnet.WithReuseAddr(true),
		gnet.WithReusePort(true),
		gnet.WithReadBufferCap(readBuffer),
		gnet.WithTCPKeepAlive(keepAlive),
		gnet.WithLoadBalancing(gnet.LeastConnections),
		gnet.WithLogger(engineLog{n.log}),
	)
}

// engineError explains an engine that ended although nobody asked: that is always fatal.
func engineError(err error) error {
	if err != nil {
		return fmt.Errorf("the engine stopped: %w; see the lines above, and start the node again", err)
	}
	return errors.New("the engine stopped by itself, most likely out of file descriptors; raise the limit (ulimit -n) and start the node again")
}

// leave stops serving clients, lets the peers have what was written here, and says goodbye.
func (n *node) leave() {
	n.leaving.Store(true)
	n.still(func() {}) // turns that began before may be about to write
	waitFor(drainTimeout, func() bool {
		for _, link := range n.mind.Links() {
			if link.Backlog() > 0 {
				return false
			}
		}
		return true
	})
	now := n.clock.now()
	n.mind.Leave(now)
	n.drain(now)
	waitFor(leaveTimeout, func() bool { return n.mind.Linked() == 0 })
}

// waitFor waits for a condition, but not longer than limit.
func waitFor(limit time.Duration, cond func() bool) {
	deadline := time.NewTimer(limit)
	defer deadline.Stop()
	beat := time.NewTicker(tickBusy)
	defer beat.Stop()
	for !cond() {
		select {
		case <-beat.C:
		case <-deadline.C:
			return
		}
	}
}

// stop ends the engine and waits for it. A context that is done already makes gnet's Stop return
// at once instead of polling every 500 ms; Rotate's return is what counts.
func (n *node) stop(stopped <-chan error) error {
	done, cancel := context.WithCancel(context.Background())
	cancel()
	_ = n.engine.Stop(done)
	err := <-stopped
	dialed := make(chan struct{})
	go func() { n.dials.Wait(); close(dialed) }()
	select {
	case <-dialed: // canceled by the context of Run
	case <-time.After(dialGrace): // gnet may never answer for a connection that it did not take
	}
	return err
}
