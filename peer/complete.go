package peer

import "covey/codec"

// Leaves become partial here with a copy, and complete, or not, with what is compared after it (R16).

// inherit has the leaves that were partial with all donors be partial here (R16); applied when the node is unlocked.
func (n *Node) inherit(now int64) {
	all := n.copied(now)
	if all.count == 0 {
		return
	}
	n.join.inherited = all
	for _, m := range n.members { // one with a lower floor may be complete
		if m.link != nil && m.readiness == codec.StateReady && n.floorOf(now, m).Compare(n.floor()) < 0 {
			m.link.bitmaps.low = now
		}
	}
}

// copied returns the leaves that are partial with all donors of which all is here. It counts those alone whose floor is taken: that
// something is absent at one with a lower floor does not say that what the higher one covers was deleted.
func (n *Node) copied(now int64) *partials {
	var all *partials
	var floor codec.Version
	for _, m := range n.members {
		if m.link == nil || m.readiness != codec.StateReady || !m.stream.synced {
			continue
		}
		told := n.floorOf(now, m)
		switch c := told.Compare(floor); {
		case n.weak&AnyFloor != 0 && all != nil:
			all = intersect(all, m.link.bitmaps.theirs)
		case all == nil || c > 0:
			all, floor = m.link.bitmaps.theirs, told
		case c == 0:
			all = intersect(all, m.link.bitmaps.theirs)
		}
	}
	if all == nil {
		return allComplete
	}
	return all
}

// completes makes those leaves complete that are complete with a peer of which all is here now, if its floor is not below this node's.
// Otherwise this node might say of a key there that it was deleted, though both have merely missed it; all is compared with that peer once
// more (askAgain).
func (n *Node) completes(now int64, l *Link) {
	if n.floorOf(now, l.member).Compare(n.floor()) >= 0 || n.weak&AnyFloor != 0 {
		n.join.completed = l.bitmaps.theirs
		return
	}
	l.bitmaps.low = now
}

// floor is that of the store, or that which it is about to have.
func (n *Node) floor() codec.Version {
	if floor := codec.Version(n.store.Floor()); floor.Compare(n.join.floor) > 0 {
		return floor
	}
	return n.join.floor
}

// askAgain has all compared once more with a peer whose floor was too low for its word about partial leaves, when it is so no more.
func (n *Node) askAgain(now int64) {
	if n.partial.own.count == 0 || n.store.Forgets() {
		return
	}
	for _, m := range n.members {
		l := m.link
		if l == nil || l.bitmaps.low == 0 || now-l.bitmaps.low < int64(repairMax) || m.readiness != codec.StateReady || n.floorOf(now, m).Compare(n.floor()) < 0 {
			continue
		}
		l.bitmaps.low = 0
		n.require(now, l, 0)
	}
}

// regain has all compared with each ready peer where this node has forgotten ghosts and has had room for a minute: what it missed meanwhile, or
// had to give up, no root tells of. What comes may fill it up again, so that is once an hour at most. Its leaves stay partial: that nothing
// came of a key does not show that it was never written.
func (n *Node) regain(now int64) {
	p := &n.partial
	if !n.store.Forgets() || !n.store.Roomy() {
		p.cramped = now
		return
	}
	if now-p.cramped < int64(repairMax) || p.regained != 0 && now-p.regained < int64(ScrubPass) || n.weak&WithoutRegain != 0 {
		return
	}
	p.regained = now
	for _, m := range n.members {
		if m.link != nil && m.readiness == codec.StateReady {
			n.require(now, m.link, 0)
		}
	}
}

// takePartial makes leaves partial that were so with all donors, and those complete of which a full exchange with a complete
// one is over. A node that has forgotten ghosts of its own has no room for what others have: its leaves stay as they are.
func (n *Node) takePartial(inherited, completed *partials) {
	leaves := n.store.LeafCount()
	for shard := range 256 {
		if inherited != nil {
			bits := inherited.resized(shard, leaves)
			for i := range leaves {
				if bits[i/64]>>(i%64)&1 != 0 {
					n.store.SetPartial(shard, i, true)
				}
			}
		}
		if completed == nil || n.store.Forgets() {
			continue
		}
		words := n.store.Partial(nil, shard)
		bits := completed.resized(shard, leaves)
		for i := range leaves {
			if words[i/64]>>(i%64)&1 != 0 && bits[i/64]>>(i%64)&1 == 0 {
				n.store.SetPartial(shard, i, false)
			}
		}
	}
}
