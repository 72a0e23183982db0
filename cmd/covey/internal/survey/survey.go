// Package survey looks at the local network as a node does: it announces itself, hears which nodes answer, and tries to connect to them.
//
//  1. Look sends announces of a node that does not exist on every usable card, and gathers what is heard for a while: nodes answer a
//     stranger at once, and announce themselves every few seconds anyway.
//  2. Dial connects to those heard, and says what became of it.
//  3. Stuck says to which of those that answer no packets of the full size get through.
//
// It knows no verdict: the doctor gives those.
package survey

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"sync"
	"syscall"
	"time"

	"covey/cmd/covey/internal/machine"
	"covey/codec"
	"covey/ifaces"
)

const (
	// MaxHeard bounds the nodes that are remembered.
	MaxHeard = 1024
	// maxDials is how many connections are tried at one time.
	maxDials = 64
	// dialTimeout is how long one may take.
	dialTimeout = 1500 * time.Millisecond
	// again is the time between two announces: nodes answer at most one a second.
	again = 1200 * time.Millisecond
	// longest is the longest datagram that is read, in bytes; an announce is shorter.
	longest = 256
)

// Heard is a node of which an announce came.
type Heard struct {
	Announce codec.Announce
	Addr     netip.AddrPort // of its TCP port
	Bytes    []byte         // the announce as it came
	UDP      bool           // it came as a datagram
	Frame    bool           // it came as an Ethernet frame
}

// Sight is what Look has seen.
type Sight struct {
	Nodes    []Heard
	Returned bool         // an announce of its own came back: this machine lets broadcasts in and out
	Refused  error        // why an announce could not be sent, if one could not
	Clones   []netip.Addr // machines whose card has the MAC address of one of ours
	Twins    []netip.Addr // addresses of ours that another machine has too
}

// A Survey is under way while Look runs.
type Survey struct {
	Port     uint16             // UDP port of announces
	Cards    []ifaces.Interface // with verdicts
	Announce codec.Announce     // of the node that does not exist; it is sent with another sequence each time
	Sign     func(b []byte)     // fills in the authenticator; nil without a secret

	mu    sync.Mutex
	sight Sight
}

// Look announces and listens until patience is over. The error says that the port cannot be opened.
func (s *Survey) Look(ctx context.Context, patience time.Duration) (Sight, error) {
	conn, err := machine.ListenSharedUDP(ctx, s.Port)
	if err != nil {
		return Sight{}, err
	}
	for i := range s.Cards {
		if c := s.Cards[i]; c.Usable {
			if b, err := ifaces.OpenBeacon(c, func(payload []byte, src ifaces.MAC) { s.frame(c, payload, src) }); err == nil {
				defer b.Close()
			}
		}
	}
	done := make(chan struct{})
	go func() { defer close(done); s.listen(conn) }()
	s.announce(ctx, conn, patience)
	_ = conn.Close()
	<-done
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.sight, nil
}

// announce sends on every usable card, again and again until patience is over.
func (s *Survey) announce(ctx context.Context, conn net.PacketConn, patience time.Duration) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	beat := time.NewTicker(again)
	defer beat.Stop()
	for {
		s.Announce.Sequence++
		b := codec.AppendAnnounce(nil, s.Announce)
		if s.Sign != nil {
			s.Sign(b)
		}
		for _, c := range s.Cards {
			for _, a := range c.Addrs {
				if !c.Usable || !a.Broadcast.IsValid() {
					continue
				}
				if _, err := conn.WriteTo(b, net.UDPAddrFromAddrPort(netip.AddrPortFrom(a.Broadcast, s.Port))); err != nil {
					s.mu.Lock()
					s.sight.Refused = err
					s.mu.Unlock()
				}
			}
		}
		select {
		case <-ctx.Done():
			return
		case <-beat.C:
		}
	}
}

// listen takes datagrams until the socket is closed.
func (s *Survey) listen(conn net.PacketConn) {
	var b [longest]byte
	for {
		n, from, err := conn.ReadFrom(b[:])
		if errors.Is(err, net.ErrClosed) {
			return
		}
		source, ok := from.(*net.UDPAddr)
		if err != nil || !ok {
			continue
		}
		if a, err := codec.DecodeAnnounce(b[:n]); err == nil {
			s.note(a, b[:n], source.AddrPort().Addr().Unmap(), false)
		}
	}
}

// frame takes an Ethernet frame that came over a card: the announce, and the sender's IPv4 address.
func (s *Survey) frame(c ifaces.Interface, payload []byte, src ifaces.MAC) {
	a, used, err := codec.DecodeAnnouncePrefix(payload)
	if err != nil || len(payload) < used+4 {
		return
	}
	from := netip.AddrFrom4([4]byte(payload[used:]))
	s.note(a, payload[:used], from, true)
	s.mu.Lock()
	defer s.mu.Unlock()
	// Own frames do not come back: whoever sends from our MAC, or says that it has our address, is another machine.
	if src == c.MAC {
		s.sight.Clones = add(s.sight.Clones, from)
	}
	for _, own := range c.Addrs {
		if own.Prefix.Addr() == from {
			s.sight.Twins = add(s.sight.Twins, from)
		}
	}
}

func add(all []netip.Addr, a netip.Addr) []netip.Addr {
	for _, have := range all {
		if have == a {
			return all
		}
	}
	if len(all) == MaxHeard {
		return all
	}
	return append(all, a)
}

// note remembers an announce, or that the survey's own came back.
func (s *Survey) note(a codec.Announce, b []byte, from netip.Addr, frame bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if a.Node == s.Announce.Node && a.Incarnation == s.Announce.Incarnation {
		s.sight.Returned = s.sight.Returned || !frame
		return
	}
	addr := netip.AddrPortFrom(from, a.Port)
	for i := range s.sight.Nodes {
		if n := &s.sight.Nodes[i]; n.Announce.Node == a.Node && n.Addr == addr {
			n.Announce, n.UDP, n.Frame = a, n.UDP || !frame, n.Frame || frame
			return
		}
	}
	if len(s.sight.Nodes) < MaxHeard && a.Lifetime != 0 {
		s.sight.Nodes = append(s.sight.Nodes, Heard{Announce: a, Addr: addr, Bytes: append([]byte(nil), b...), UDP: !frame, Frame: frame})
	}
}

// Outcome is what became of a connection.
type Outcome uint8

// The outcomes.
const (
	Connected   Outcome = iota + 1
	Rejected            // the machine says that nobody listens there
	TimedOut            // nothing came back
	Unreachable         // there is no way to it
)

// Dial tries all addresses, several at a time.
func Dial(ctx context.Context, addrs []netip.AddrPort) map[netip.AddrPort]Outcome {
	outcomes := make(map[netip.AddrPort]Outcome, len(addrs))
	for i, o := range ofEach(addrs, func(addr netip.AddrPort) Outcome { return dial(ctx, addr) }) {
		outcomes[addrs[i]] = o
	}
	return outcomes
}

// ofEach asks something of each address, maxDials of them at a time, and returns the answers in the order of the addresses.
func ofEach[T any](addrs []netip.AddrPort, ask func(netip.AddrPort) T) []T {
	answers := make([]T, len(addrs))
	var group sync.WaitGroup
	slots := make(chan struct{}, maxDials)
	for i, addr := range addrs {
		slots <- struct{}{}
		group.Go(func() {
			defer func() { <-slots }()
			answers[i] = ask(addr)
		})
	}
	group.Wait()
	return answers
}

func dial(ctx context.Context, addr netip.AddrPort) Outcome {
	dialer := net.Dialer{Timeout: dialTimeout}
	conn, err := dialer.DialContext(ctx, "tcp4", addr.String())
	var slow net.Error
	switch {
	case err == nil:
		_ = conn.Close()
		return Connected
	case errors.Is(err, syscall.ECONNREFUSED):
		return Rejected
	case errors.As(err, &slow) && slow.Timeout():
		return TimedOut
	}
	return Unreachable
}
