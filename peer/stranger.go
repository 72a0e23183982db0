package peer

import (
	"net/netip"
	"slices"
)

// strangers are addresses of which no more is known than an announce. Who sends made-up announces is not to have a node knock
// everywhere, nor again and again at one door.
type strangers struct {
	strange int    // dials of them under way
	recent  []call // and those that began within StrangerRest, oldest first
}

// call is one dial of a stranger.
type call struct {
	addr netip.AddrPort
	at   int64
}

// mayCall reports whether t, at which no member is, may be dialed now; it is, then.
func (n *Node) mayCall(now int64, t *target) bool {
	if t.static || t.past || t.vouched {
		return true
	}
	s := &n.dialing.strangers
	for len(s.recent) > 0 && now-s.recent[0].at >= int64(StrangerRest) {
		s.recent = s.recent[1:]
	}
	if s.strange >= MaxStrangers || slices.ContainsFunc(s.recent, func(c call) bool { return c.addr == t.addr }) {
		return false
	}
	t.strange = true
	s.strange++
	s.recent = append(s.recent, call{t.addr, now})
	return true
}

// dialEnds follows the end of a dial, whatever came of it.
func (n *Node) dialEnds(t *target) {
	t.number = 0
	n.dialing.busy--
	if t.strange {
		t.strange = false
		n.dialing.strange--
	}
}
