package loop

import (
	"errors"
	"fmt"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"github.com/panjf2000/gnet/v2"
	"golang.org/x/sys/unix"

	"covey/codec"
	"covey/ifaces"
	"covey/peer"
)

// beacon sends and hears announces: as UDP broadcasts from the engine's own port, and as
// Ethernet frames where the node may.
type beacon struct {
	n       *node
	pattern ifaces.Pattern
	changed atomic.Bool                        // a card may have changed; looked at by the ticker
	cards   atomic.Pointer[[]ifaces.Interface] // the last listing, with verdicts
	mac     ifaces.MAC                         // of the first usable card at the start; zero without one
	listed  int64                              // when, ns: the ticker's own

	mu      sync.Mutex
	fd      int                  // duplicate of a UDP listener, -1 until the engine runs
	targets []unix.SockaddrInet4 // directed broadcast addresses, and this machine
	frames  []frameBeacon        // one for each usable card
	denied  bool                 // said already that Ethernet frames are not permitted
	buf     []byte
}

// frameBeacon is the layer-2 beacon of one card and the address that goes along: an Ethernet
// frame has no source address of its own.
type frameBeacon struct {
	b    *ifaces.Beacon
	addr netip.Addr
	card string
}

func newBeacon(n *node, pattern ifaces.Pattern) (*beacon, error) {
	b := &beacon{n: n, pattern: pattern, fd: -1}
	all, err := ifaces.List()
	if err != nil {
		return nil, fmt.Errorf("cannot list the network cards: %w", err)
	}
	// The name of a node does not depend on where it listens.
	b.mac, _ = ifaces.NodeMAC(ifaces.Choose(all, pattern))
	chosen := b.choose(all)
	b.cards.Store(&chosen)
	return b, nil
}

// choose adds to the verdicts of ifaces what --listen implies: a node that listens on one
// address uses that address's card alone, and on loopback none.
func (b *beacon) choose(all []ifaces.Interface) []ifaces.Interface {
	chosen := ifaces.Choose(all, b.pattern)
	for i := range chosen {
		// At the start this is an error (exposed); an address may come later.
		if name, addr, found := PublicCard(chosen[i : i+1]); found && chosen[i].Usable && b.n.guard == nil && !b.n.cfg.ListenSet {
			chosen[i].Usable = false
			chosen[i].Reason = fmt.Sprintf("%s is a public address, and there is no secret; --listen 0.0.0.0:%d would use %s", addr, b.n.cfg.Listen.Port(), name)
		}
	}
	only := b.n.cfg.Listen.Addr()
	if only.IsUnspecified() {
		return chosen
	}
	for i := range chosen {
		c := &chosen[i]
		if c.Usable && !hasAddr(c, only) {
			c.Usable, c.Reason = false, fmt.Sprintf("--listen %s is not an address of it", only)
		}
	}
	return chosen
}

func hasAddr(c *ifaces.Interface, a netip.Addr) bool {
	for _, have := range c.Addrs {
		if have.Prefix.Addr() == a {
			return true
		}
	}
	return false
}

// start opens the sockets; the engine runs by now.
func (b *beacon) start() error {
	listener := netip.AddrPortFrom(netip.IPv4Unspecified(), b.n.cfg.DiscoveryPort).String()
	fd, err := b.n.engine.DupListener("udp", listener)
	if err != nil {
		return fmt.Errorf("cannot use UDP port %d: %w", b.n.cfg.DiscoveryPort, err)
	}
	b.mu.Lock()
	b.fd = fd
	b.mu.Unlock()
	b.aim(*b.cards.Load())
	return nil
}

// aim points the beacon at the usable cards.
func (b *beacon) aim(cards []ifaces.Interface) {
	b.closeFrames()
	b.mu.Lock()
	defer b.mu.Unlock()
	b.targets = b.targets[:0]
	port := int(b.n.cfg.DiscoveryPort)
	for _, c := range cards {
		for _, a := range c.Addrs {
			if c.Usable && a.Broadcast.IsValid() {
				b.targets = append(b.targets, unix.SockaddrInet4{Port: port, Addr: a.Broadcast.As4()})
			}
		}
	}
	if l := b.n.cfg.Listen.Addr(); l.IsUnspecified() || l.IsLoopback() {
		b.targets = append(b.targets, unix.SockaddrInet4{Port: port, Addr: [4]byte{127, 255, 255, 255}})
	}
	for _, c := range cards {
		if c.Usable {
			b.openFrames(c)
		}
	}
}

// openFrames opens the layer-2 beacon of one card, or says once that it may not. b.mu is held.
func (b *beacon) openFrames(c ifaces.Interface) {
	if b.denied {
		return
	}
	fb, err := ifaces.OpenBeacon(c, func(payload []byte, _ ifaces.MAC) { b.hearFrame(payload) })
	switch {
	case err == nil:
		b.frames = append(b.frames, frameBeacon{b: fb, addr: c.Addrs[0].Prefix.Addr(), card: c.Name})
	case errors.Is(err, ifaces.ErrNotPermitted), errors.Is(err, ifaces.ErrUnsupported):
		b.denied = true
		b.n.log.Info("no announces as Ethernet frames, UDP broadcasts alone find peers", "reason", err.Error())
	default:
		b.n.log.Warn("no announces as Ethernet frames on this card", "card", c.Name, "reason", err.Error())
	}
}

// closeFrames closes the layer-2 beacons. Close waits for a reader that may be about to announce,
// so b.mu is not held over it.
func (b *beacon) closeFrames() {
	b.mu.Lock()
	old := b.frames
	b.frames = nil
	b.mu.Unlock()
	for _, f := range old {
		_ = f.b.Close()
	}
}

// announce sends one announce everywhere. Any goroutine. A card that cannot send right now is
// no error: the announce is repeated, and the listing of cards will tell.
func (b *beacon) announce(a codec.Announce) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.fd < 0 {
		return
	}
	b.buf = codec.AppendAnnounce(b.buf[:0], a)
	if g := b.n.guard; g != nil {
		g.announcer.Sign(b.buf)
	}
	for i := range b.targets {
		_ = unix.Sendto(b.fd, b.buf, unix.MSG_DONTWAIT, &b.targets[i])
	}
	for _, f := range b.frames {
		ip := f.addr.As4()
		_ = f.b.Send(append(b.buf, ip[:]...))
	}
}

// datagram is a UDP datagram that a loop received.
func (n *node) datagram(g gnet.Conn) {
	n.loopOf(g.EventLoop()) // a loop without connections is met here and gets its doorbell
	n.hearing.heard(g.Fd())
	buf, err := g.Peek(-1)
	if err != nil {
		return
	}
	a, err := codec.DecodeAnnounce(buf)
	from := remote(g).Addr()
	genuine := err == nil && n.genuine(buf, &a, from)
	_, _ = g.Discard(-1)
	if err != nil {
		n.counters.badAnnounce.Add(1)
		return
	}
	if genuine {
		n.heard(a, from)
	}
}

// hearFrame is an announce in an Ethernet frame; payload is the beacon's. It is on the goroutine of that, where no handler survives a panic.
func (b *beacon) hearFrame(payload []byte) {
	defer time.Sleep(b.n.hearing.rest())
	defer func() {
		if r := recover(); r != nil {
			b.n.panicked(r)
		}
	}()
	a, used, err := codec.DecodeAnnouncePrefix(payload)
	if err != nil || len(payload) < used+4 {
		b.n.counters.badAnnounce.Add(1)
		return
	}
	if from := netip.AddrFrom4([4]byte(payload[used:])); b.n.genuine(payload[:used], &a, from) {
		b.n.heard(a, from)
	}
}

// heard hands an announce to the state machine. The address is where it came from: nothing
// wrong can be advertised.
func (n *node) heard(a codec.Announce, from netip.Addr) {
	if !from.Is4() || from.IsUnspecified() || from.IsMulticast() || a.Port == 0 {
		n.counters.badAnnounce.Add(1)
		return
	}
	if !n.within(from) {
		return
	}
	n.tellOfCluster(&a, from)
	now := n.clock.now()
	if n.guard != nil && !n.guard.announcer.Fresh(now, a.Node, a.Incarnation, a.Sequence, from) {
		return
	}
	n.mind.Step(now, peer.Event{Kind: peer.EventAnnounce, Announce: a, Addr: netip.AddrPortFrom(from, a.Port)})
	n.drain(now)
}

// welcome reports whether an announce from this address counts: what came over a card that is
// skipped does not, or --interfaces would keep a node from speaking on a network and not from
// joining it. The card is told by its network; an address of none of them came by a router.
func welcome(cards []ifaces.Interface, from netip.Addr) bool {
	skipped := false
	for _, c := range cards {
		for _, a := range c.Addrs {
			if !from.IsLoopback() && a.Prefix.Contains(from) {
				if c.Usable {
					return true
				}
				skipped = true
			}
		}
	}
	return !skipped
}

// deaf reports, and says, whether a layer-2 beacon has stopped: all are opened anew then.
func (b *beacon) deaf() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, f := range b.frames {
		if err := f.b.Err(); err != nil {
			b.n.log.Warn("announces as Ethernet frames have stopped on a card and are begun anew", "card", f.card, "reason", err.Error())
			return true
		}
	}
	return false
}

// tick lists the cards again when something may have changed, or now and then, and looks whether the beacons still hear.
func (b *beacon) tick(now int64) {
	if !b.changed.Swap(false) && now-b.listed < int64(cardPoll) {
		return
	}
	b.listed = now
	all, err := ifaces.List()
	if err != nil {
		return // the next tick lists again; what is known stays in use
	}
	chosen := b.choose(all)
	if ifaces.Equal(*b.cards.Load(), chosen) {
		if b.deaf() {
			b.aim(chosen)
		}
		return
	}
	b.n.logCards(*b.cards.Load(), chosen)
	b.cards.Store(&chosen)
	b.aim(chosen)
	b.n.cutLoose(now, chosen)
	b.n.mind.AnnounceSoon(now)
}

// close gives the sockets back.
func (b *beacon) close() {
	b.closeFrames()
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.fd >= 0 {
		_ = unix.Close(b.fd)
		b.fd = -1
	}
}
