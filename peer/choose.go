package peer

// candidate is one of two links of a pair, as R23 looks at it. Both sides see the same dialer, number and start.
type candidate struct {
	dialer uint64 // id of the node that dialed it
	number uint32 // dial number, as that node counts
	start  start  // of the other node
	opened uint64 // place of its opening in the order of events here
	chosen uint64 // the same of the choice; 0: it was not chosen
	holds  uint32 // dial number of the link that the other named in its full greeting; 0: it holds none
}

// start names one start of a node.
type start struct {
	node, incarnation uint64
}

// better reports whether fresh, on which both have greeted just now, takes the place of held (R23). own and other are
// the ids of the pair.
//
// Both sides prefer by the same order of dialers and numbers, and a link on which both have greeted here will have
// greeted there too, so they end with the same one whatever comes first. Only a link that the other has lost is outside
// of that order: then it says that it holds none, and it says so knowing of the held link, which was chosen here, and so
// greeted in full there, before the fresh one was opened.
func better(fresh, held candidate, own, other uint64) bool {
	if fresh.start != held.start {
		return fresh.start.incarnation > held.start.incarnation
	}
	if fresh.holds == 0 && held.chosen != 0 && held.chosen < fresh.opened {
		return true
	}
	if fresh.dialer == held.dialer {
		return fresh.number > held.number
	}
	return fresh.dialer == min(own, other)
}

// prefers reports whether fresh takes the place of held, the link with the same node.
func (n *Node) prefers(fresh, held *Link) bool {
	return better(n.candidate(fresh), n.candidate(held), n.id, fresh.greeting.Node)
}

func (n *Node) candidate(l *Link) candidate {
	return candidate{
		dialer: n.dialer(l), number: l.number, start: start{l.greeting.Node, l.greeting.Incarnation},
		opened: l.openOrder, chosen: l.choice, holds: l.greeting.Held,
	}
}
