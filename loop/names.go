package loop

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"slices"
	"sync"
	"time"

	"covey/ifaces"
)

// peerNames are the --peer arguments and what they mean at the moment. A name is looked up again and again: the machine behind
// it may get another address, and DNS may be there later than the node. Safe for concurrent use.
type peerNames struct {
	names []peerName // fixed

	mu    sync.Mutex
	found [][]netip.AddrPort          // by name, sorted
	said  map[netip.AddrPort]struct{} // of which it was said that they cannot be reached
}

// peerName is one argument: a name and a port, or an address.
type peerName struct {
	host string
	port uint16
}

// parsePeers reads host:port, or host alone for port 9000, of each. Nothing is looked up but the names of ports.
func parsePeers(peers []string) (*peerNames, error) {
	p := &peerNames{said: make(map[netip.AddrPort]struct{}), found: make([][]netip.AddrPort, len(peers))}
	for i, text := range peers {
		host, port, err := ParsePeer(text)
		if err != nil {
			return nil, err
		}
		if addr, err := netip.ParseAddr(host); err == nil {
			p.found[i] = []netip.AddrPort{netip.AddrPortFrom(addr.Unmap(), port)}
		}
		p.names = append(p.names, peerName{host: host, port: port})
	}
	return p, nil
}

// ParsePeer reads what --peer says: host:port, or host alone for port 9000, where host is an IPv4 address or a name. The error is a
// sentence for the user.
func ParsePeer(text string) (host string, port uint16, err error) {
	host, service, err := net.SplitHostPort(text)
	if err != nil {
		host, service = text, "9000"
	}
	number, err := net.LookupPort("tcp", service)
	addr, notIP := netip.ParseAddr(host)
	switch {
	case err != nil || number == 0 || host == "":
		return "", 0, fmt.Errorf("%w: --peer %s: give host:port, such as 10.0.0.5:9000", ErrConfig, text)
	case notIP == nil && !addr.Unmap().Is4():
		return "", 0, fmt.Errorf("%w: --peer %s: give an IPv4 address or a name", ErrConfig, text)
	}
	return host, uint16(number), nil
}

// isName reports whether names[i] has to be looked up.
func (p *peerNames) isName(i int) bool {
	_, err := netip.ParseAddr(p.names[i].host)
	return err != nil
}

// lookUp looks up all names, at the same time, and reports whether any has come to mean something else. A name for which there
// is no answer keeps what it meant.
func (p *peerNames) lookUp(ctx context.Context, log *slog.Logger) (changed bool) {
	ctx, cancel := context.WithTimeout(ctx, nameTimeout)
	defer cancel()
	var group sync.WaitGroup
	var mu sync.Mutex
	for i, name := range p.names {
		if !p.isName(i) {
			continue
		}
		group.Go(func() {
			ips, err := net.DefaultResolver.LookupNetIP(ctx, "ip4", name.host)
			if err != nil || len(ips) == 0 {
				if p.unknown(i) && ctx.Err() != context.Canceled {
					log.Warn("--peer has no IPv4 address yet, it is looked up again", "name", name.host, "every", nameRetry.String())
				}
				return
			}
			if p.take(i, ips) {
				mu.Lock()
				changed = true
				mu.Unlock()
			}
		})
	}
	group.Wait()
	return changed
}

// take notes what name i means, and reports whether that is news.
func (p *peerNames) take(i int, ips []netip.Addr) bool {
	var addrs []netip.AddrPort
	for _, ip := range ips[:min(len(ips), maxNameAddrs)] {
		addrs = append(addrs, netip.AddrPortFrom(ip.Unmap(), p.names[i].port))
	}
	slices.SortFunc(addrs, netip.AddrPort.Compare)
	p.mu.Lock()
	defer p.mu.Unlock()
	if slices.Equal(p.found[i], addrs) {
		return false
	}
	p.found[i] = addrs
	return true
}

// unknown reports, once, that nothing is known of name i.
func (p *peerNames) unknown(i int) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.found[i] != nil {
		return false
	}
	p.found[i] = []netip.AddrPort{}
	return true
}

// addrs is what all of them mean now.
func (p *peerNames) addrs() []netip.AddrPort {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.Concat(p.found...)
}

// complain reports whether addr is one of them, and it was not said yet that it cannot be reached.
func (p *peerNames) complain(addr netip.AddrPort) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if _, said := p.said[addr]; said {
		return false
	}
	for _, found := range p.found {
		if slices.Contains(found, addr) {
			p.said[addr] = struct{}{}
			return true
		}
	}
	return false
}

// answered notes that somebody answers at an address.
func (p *peerNames) answered(addr netip.AddrPort) {
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.said, addr)
}

// followNames looks the names of --peer up again until ctx is done.
func (n *node) followNames(ctx context.Context) {
	if !slices.ContainsFunc(n.names.names, func(name peerName) bool { _, err := netip.ParseAddr(name.host); return err != nil }) {
		return
	}
	beat := time.NewTicker(nameRetry)
	defer beat.Stop()
	last := time.Now()
	for {
		select {
		case <-ctx.Done():
			return
		case <-beat.C:
		}
		if time.Since(last) < nameRest && n.namesLinked() {
			continue
		}
		last = time.Now()
		if n.names.lookUp(ctx, n.log) {
			now := n.clock.now()
			n.mind.SetStatic(now, n.names.addrs())
			n.drain(now)
		}
	}
}

// namesLinked reports whether for each name there is a link with one of its machines, or the name means this one.
func (n *node) namesLinked() bool {
	links := n.mind.Links()
	n.names.mu.Lock()
	defer n.names.mu.Unlock()
	for _, found := range n.names.found {
		if !slices.ContainsFunc(found, func(a netip.AddrPort) bool {
			for _, link := range links {
				if link.Remote().Addr().Unmap() == a.Addr() {
					return true
				}
			}
			return slices.ContainsFunc(*n.beacon.cards.Load(), func(c ifaces.Interface) bool { return hasAddr(&c, a.Addr()) })
		}) {
			return false
		}
	}
	return true
}
