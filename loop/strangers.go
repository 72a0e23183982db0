package loop

import (
	"net/netip"
	"sync"

	"covey/codec"
)

// strangers are the addresses whose nodes were said not to belong to this one's: a line each, and not again before strangerEvery. It is
// bounded, for an address is easily made up: where it is full nothing more is said. Safe for concurrent use.
type strangers struct {
	mu   sync.Mutex
	told map[netip.Addr]int64 // when, ns
}

// first reports whether an address is to be told of now.
func (s *strangers) first(now int64, addr netip.Addr) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if at, ok := s.told[addr]; ok && now-at < int64(strangerEvery) {
		return false
	}
	if _, ok := s.told[addr]; !ok && len(s.told) >= maxStrangers {
		for a, at := range s.told {
			if now-at >= int64(strangerEvery) {
				delete(s.told, a)
			}
		}
		if len(s.told) >= maxStrangers {
			return false
		}
	}
	if s.told == nil {
		s.told = make(map[netip.Addr]int64)
	}
	s.told[addr] = now
	return true
}

// warnOfSecret says that a node of this cluster announces itself with another secret. It goes on until somebody does something about it.
func (n *node) warnOfSecret(from netip.Addr) {
	if !n.within(from) || !n.strangers.first(n.clock.now(), from) {
		return
	}
	if n.guard == nil {
		n.log.Warn("a node of this cluster has a secret and this one has none: they do not link; start this one with --secret-file too, or that one without", "addr", from.String())
		return
	}
	n.log.Warn("a node of this cluster has another secret, or none: they do not link; give all of them one --secret-file", "addr", from.String())
}

// tellOfCluster says that a node of another cluster is there. Networks with several are nothing special, so it does only while this node
// has found nobody of its own, and could have.
func (n *node) tellOfCluster(a *codec.Announce, from netip.Addr) {
	if a.Cluster == n.tag || n.mind.State() != codec.StateReady || n.alive() > 1 || !n.strangers.first(n.clock.now(), from) {
		return
	}
	n.log.Info("a node of another cluster is here, and none of this one; those with one --cluster link with each other", "addr", from.String(), "cluster", n.cfg.Cluster)
}

// within reports whether what comes from an address is for this node: of its own machine where it listens for that alone, and over no
// card that is skipped.
func (n *node) within(from netip.Addr) bool {
	if !from.Is4() || n.cfg.Listen.Addr().IsLoopback() && !from.IsLoopback() {
		return false
	}
	return welcome(*n.beacon.cards.Load(), from) && n.serves(from)
}
