package peer

// Sizes is what a node holds beside its store: numbers, and bytes. Of what there is on each link it is the most on one.
type Sizes struct {
	Members, Links, Streams, Targets, Dialing int
	Ring, Relay                               int // bytes
	Control, Repair, Unacknowledged, Wanted   int // bytes
	Asked                                     int
}

// Sizes measures the node. It looks at what belongs to the loops of the links, so it is for tests that have no loops.
func (n *Node) Sizes() Sizes {
	n.mu.Lock()
	defer n.mu.Unlock()
	s := Sizes{
		Members: len(n.members) + 1, Links: len(n.links), Streams: len(n.streams),
		Targets: len(n.dialing.order), Dialing: n.dialing.busy, Ring: n.ring.bytes, Relay: n.relay.bytes,
	}
	for _, l := range n.links {
		s.Control = max(s.Control, len(l.control))
		s.Repair = max(s.Repair, l.out.repair.bytes)
		s.Unacknowledged = max(s.Unacknowledged, int(l.out.sent-l.out.taken))
		s.Wanted = max(s.Wanted, len(l.in.wanted))
		s.Asked = max(s.Asked, len(l.out.asked))
	}
	return s
}
