package loop

import (
	"net/netip"
	"sync"
)

// sources counts the accepted connections of each address that is not this machine's own: one host's leak is not to be
// the others' too. The programs of this machine share one address and are not counted by it.
type sources struct {
	mu    sync.Mutex
	conns map[netip.Addr]int
}

// add reports whether one more of this address is served; then it counts until drop.
func (s *sources) add(from netip.Addr) bool {
	if from.IsLoopback() {
		return true
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.conns == nil {
		s.conns = make(map[netip.Addr]int)
	}
	if s.conns[from] >= maxSourceConns {
		return false
	}
	s.conns[from]++
	return true
}

func (s *sources) drop(from netip.Addr) {
	if from.IsLoopback() {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.conns[from]--; s.conns[from] <= 0 {
		delete(s.conns, from)
	}
}
