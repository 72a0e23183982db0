package peer

import (
	"covey/codec"
	"covey/store"
)

// When a node is ready (R21, R22).

// setReadiness changes this node's own state; the others hear of it with the next Tick.
func (n *Node) setReadiness(s codec.State) {
	n.state.Store(uint32(s))
	n.beatSoon()
}

// judgeReadiness looks whether the node has become ready, and what is to be asked for again once it is.
func (n *Node) judgeReadiness(now int64) {
	if now-n.join.since >= int64(seekTime) {
		n.timeSettled.Store(true)
	}
	switch n.State() {
	case codec.StateReady:
		n.amend(now)
		n.askAgain(now)
		n.regain(now)
	case codec.StateLoading:
		if n.weak&EarlyFloor != 0 {
			n.takeFloors(now)
		}
		n.load(now)
	default:
		if found, all := n.sought(now); found && (all || n.hasten(now)) {
			n.setReadiness(codec.StateReady)
		}
	}
	for _, m := range n.members {
		if m.link != nil {
			n.feed(now, m.link)
		}
	}
	if n.State() == codec.StateLoading && !n.join.covered.full() {
		n.hedge(now)
	}
	n.remind(now)
}

// sought reports whether a seeking node has found all there is (R22): its second has passed, everybody it has heard of
// has greeted or had a second to, and what its peers, none of them ready, hold was copied. After donorPatience it has, be that all or
// not.
func (n *Node) sought(now int64) (found, all bool) {
	waited := now - n.join.since
	if waited < int64(seekTime) || waited < int64(seekLimit) && n.expects(now) {
		return false, false
	}
	all = true
	for _, m := range n.members {
		if m.link == nil || m.link.foreign(now) {
			continue
		}
		if m.link.pulls.owed && waited < int64(donorPatience) || m.readiness == codec.StateLoading && waited < int64(loadingPatience) {
			return false, false
		}
		all = all && !m.link.pulls.owed
	}
	return true, all
}

// expects reports whether a node that was heard of may still greet.
func (n *Node) expects(now int64) bool {
	for _, l := range n.links {
		if l.phase != phaseGreeted && !l.closing && now-l.opened < int64(seekTime) {
			return true
		}
	}
	for _, t := range n.dialing.order {
		if now-t.heard < int64(seekTime) && !t.own && !n.reached(t) {
			return true
		}
	}
	return false
}

// load looks whether loading is done (R21): every shard came from a ready donor, what each of them holds was compared after
// that, and all of its stream that was there when it greeted is here. Once that is so of one donor, the others have donorPatience: one
// that never comes to an end keeps nobody from becoming ready, but then no absence is certain here (hasten). Those of another time are
// no donors beside one of this; they are compared with when their links are held no more (hold).
func (n *Node) load(now int64) {
	// One that was heard of and has not greeted yet may hold what the donors so far do not have: as in R22 it has a second.
	expecting := now-n.join.since < int64(seekLimit) && n.expects(now)
	donors, foreign, finished, done := 0, 0, 0, n.join.covered.full() && !expecting
	for _, m := range n.members {
		if m.link == nil || m.readiness != codec.StateReady {
			continue
		}
		if m.link.foreign(now) {
			foreign++
			continue
		}
		donors++
		if m.link.pulls.owed || m.link.debt.owed && n.weak&WithoutDebt == 0 || m.stream.applied.Load() < m.link.greeting.Head {
			done = false
		} else {
			finished++
		}
	}
	if finished == 0 || !n.join.covered.full() {
		n.join.finished = now
	}
	switch {
	case donors == 0 && foreign == 0:
		n.seekAgain(now)
	case donors == 0: // of another time all of them: one is to step first
	case done || now-n.join.finished >= int64(donorPatience) && n.hasten(now):
		for _, m := range n.members {
			if m.link != nil && m.readiness == codec.StateReady && done && !m.link.foreign(now) {
				m.stream.synced = true
			}
		}
		n.takeFloors(now)
		n.inherit(now)
		n.withhold(now)
		n.setReadiness(codec.StateReady)
	}
}

// withhold has no root told of the epochs that ended before the node was ready, if it was not one of them that was compared: of
// a key that was written while it was copied only the last version came. Those that end from now on are whole.
func (n *Node) withhold(now int64) {
	if !n.join.whole {
		return
	}
	for _, m := range n.members {
		if m.link != nil && n.inTime(m.link) {
			n.store.Withhold(n.latest(now, m) - 1)
		}
	}
}

// hasten has every leaf be partial of a node that is to be ready before all that others hold is here: it is no witness of the absence
// of what has not come. It reports whether they are so already: the node is ready one look later.
func (n *Node) hasten(now int64) bool {
	j := &n.join
	if j.hasty != nil {
		return true
	}
	j.hasty, j.hastened = unite(n.partial.own, n.copied(now)), now
	j.inherited, j.completed = everyLeaf, nil
	return false
}

// amend ends what hasten began, when nobody owes anything any more: who did has given all or is gone. Partial is then what was so
// without haste, and a comparison with each ready peer tells the rest (R16).
func (n *Node) amend(now int64) {
	j := &n.join
	if j.hasty == nil {
		return
	}
	for _, m := range n.members {
		if m.link != nil && !m.link.foreign(now) && (m.link.pulls.owed || m.link.debt.owed) && now-j.hastened < int64(hasteLimit) {
			return
		}
	}
	n.takeFloors(now)
	j.completed, j.hasty = unite(j.hasty, n.copied(now)), nil
	for _, m := range n.members {
		if m.link != nil && m.readiness == codec.StateReady {
			n.require(now, m.link, 0)
		}
	}
}

// takeFloors has the floor raised to the highest of those of the donors of which all is here (R14).
func (n *Node) takeFloors(now int64) {
	for _, m := range n.members {
		copied := m.stream.synced || n.weak&EarlyFloor != 0
		if floor := n.floorOf(now, m); m.link != nil && m.readiness == codec.StateReady && copied && floor.Compare(n.join.floor) > 0 {
			n.join.floor = floor
		}
	}
}

// floorOf returns the floor that a member has told, none if it is from too far ahead of time (R4): that counts for nothing.
func (n *Node) floorOf(now int64, m *member) codec.Version {
	if store.TooFarAhead(m.floor.Stamp, n.clock.Cluster(now)) {
		return codec.Version{}
	}
	return m.floor
}

// seekAgain goes back from loading: all donors are gone.
func (n *Node) seekAgain(now int64) {
	n.join.since = now
	n.setReadiness(codec.StateSeeking)
	for _, m := range n.members {
		if m.link != nil && !m.stream.synced {
			n.oweAll(now, m.link)
		}
	}
}
