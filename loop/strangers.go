package loop

import (
	"net/netip"
	"sync"

	"covey/codec"
)

// strangers are the addresses whose nodes do not belong to this one's: a line each, once one has been heard for strangerAfter, and not
// again before strangerEvery. It is bounded, for an address is easily made up: where it is full nothing more is said. Safe for
// concurrent use.
type strangers struct {
	mu    sync.Mutex
	heard map[whose]hearsay
}

// whose is what is said of an address: that its node is of another cluster, or has another secret.
type whose struct {
	addr    netip.Addr
	cluster bool
}

type hearsay struct {
	since int64 // when it was heard first, ns
	told  bool
}

// due reports whether it is to be said now.
func (s *strangers) due(now int64, of whose) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if was, ok := s.heard[of]; ok && now-was.since < int64(strangerEvery) {
		if was.told || now-was.since < int64(strangerAfter) {
			return false
		}
		was.told = true
		s.heard[of] = was
		return true
	}
	if len(s.heard) >= maxStrangers {
		for a, was := range s.heard {
			if now-was.since >= int64(strangerEvery) {
				delete(s.heard, a)
			}
		}
	}
	if len(s.heard) < maxStrangers {
		if s.heard == nil {
			s.heard = make(map[whose]hearsay)
		}
		s.heard[of] = hearsay{since: now}
	}
	return false
}

// warnOfSecret says that a node of this cluster announces itself with another secret. It goes on until somebody does something about it.
// Of one that is a member it says nothing: while a secret is replaced, who has both signs with the one that others may not have yet.
func (n *node) warnOfSecret(a *codec.Announce, from netip.Addr) {
	if !n.within(from) || !n.strangers.due(n.clock.now(), whose{addr: from}) {
		return
	}
	for _, m := range n.mind.Members(nil) {
		if m.ID == a.Node && m.Linked {
			return
		}
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
	if a.Cluster == n.tag || n.mind.State() != codec.StateReady || len(n.mind.Links()) > 0 || !n.strangers.due(n.clock.now(), whose{from, true}) {
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
