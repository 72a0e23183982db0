package loop

import (
	"net/netip"
	"sync"

	"covey/codec"
)

// strangers remembers addresses of nodes of another cluster or secret, to log a line about each once it was heard for strangerAfter,
// and again after strangerEvery. It is bounded, for an address is easily made up: when it is full, further ones are not logged. Safe
// for concurrent use.
type strangers struct {
	mu    sync.Mutex
	heard map[whose]hearsay
}

// whose is what is logged about an address: that its node is of another cluster, or has another secret.
type whose struct {
	addr    netip.Addr
	cluster bool
}

type hearsay struct {
	since int64 // when it was first heard, ns
	told  bool
}

// due reports whether a line about it is to be logged now.
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

// warnOfSecret warns of a node of this cluster that announces itself with another secret, again and again until somebody mends it. It is
// silent about linked nodes: while a secret is replaced, a node that has both signs with the new one, which others may not have yet.
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

// tellOfCluster logs that a node of another cluster is there. Several clusters on one network are nothing special, so it does only while
// this node has found none of its own, and has had the time to.
func (n *node) tellOfCluster(a *codec.Announce, from netip.Addr) {
	if a.Cluster == n.tag || n.mind.State() != codec.StateReady || len(n.mind.Links()) > 0 || !n.strangers.due(n.clock.now(), whose{from, true}) {
		return
	}
	n.log.Info("a node of another cluster is here, and none of this one; those with one --cluster link with each other", "addr", from.String(), "cluster", n.cfg.Cluster)
}

// within reports whether announces from an address count here: not over a card that is skipped, not from a host that is not served,
// and only from this machine if the node listens on loopback.
func (n *node) within(from netip.Addr) bool {
	if !from.Is4() || n.cfg.Listen.Addr().IsLoopback() && !from.IsLoopback() {
		return false
	}
	return welcome(*n.beacon.cards.Load(), from) && n.serves(from)
}
