package peer

import (
	"slices"
	"time"

	"covey/codec"
	"covey/store"
)

// timeSource says whose time an unstamped node has taken (R6). A higher one is never given up for a lower one.
type timeSource uint8

const (
	timeOwn     timeSource = iota
	timeSeeking            // of a seeking node with a lower id
	timeStamped            // of one that has stamped
	timeReady              // of a ready one
)

// setReadiness changes this node's own state; the others hear of it with the next Tick.
func (n *Node) setReadiness(s codec.State) {
	n.state.Store(uint32(s))
	n.beatSoon()
}

// settle looks whether the node has become ready.
func (n *Node) settle(now int64) {
	if now-n.join.since >= int64(seekTime) {
		n.settled.Store(true)
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

// settleTime steps the clock of a node that has not stamped (R6): to its first ready peer's; of two that are equally far
// the higher id to the lower's, unless only one has stamped. With the first peer whose clock is known the time is settled (R8): from
// the next Tick on, for a turn under way may have read the clock before. A step that comes later waits for a Tick too, if it leads
// to another time, and all links are held until then: records pass on them, and clients may write.
func (n *Node) settleTime(now int64, m *member, stamped, theirs bool) {
	j := &n.join
	if !m.measured {
		return
	}
	first := !j.timed && !n.settled.Load()
	j.timed = true
	ready := m.readiness == codec.StateReady
	if stamped || j.time == timeReady && !(ready && n.outvoted(m)) {
		return
	}
	switch {
	case n.State() == codec.StateReady && !ready:
		return
	case ready && n.State() != codec.StateReady:
		j.time = timeReady
	case theirs && j.time < timeStamped:
		j.time = timeStamped
	case !theirs && m.id < n.id && (j.time == timeOwn || j.time == timeSeeking && m.id < j.timeOf):
		j.time, j.timeOf = timeSeeking, m.id
	default:
		return
	}
	if first || !m.apart() {
		n.follow(now, m)
		return
	}
	j.follows = m.id
	n.holdAll(now)
}

// holdAll holds the links that are to be held now, or lets their records flow.
func (n *Node) holdAll(now int64) {
	for _, m := range n.members {
		if m.link != nil {
			n.hold(now, m.link)
		}
	}
}

// stepStill is what Tick does while no loop is in a turn.
func (n *Node) stepStill(now int64, settling bool) {
	if settling {
		n.settleStill(now)
	}
	n.mu.Lock()
	rewound := n.join.rewound
	n.join.rewound = false
	n.mu.Unlock()
	if rewound {
		n.store.Rewind(n.clock.Cluster(now))
	}
	n.takeSteps(now)
}

// settleStill has clients' writes stamped from here on, and takes the step that waits for that, unless something was stamped meanwhile. It
// runs while no loop is in a turn.
func (n *Node) settleStill(now int64) {
	stamped := n.stamped()
	n.mu.Lock()
	defer n.mu.Unlock()
	j := &n.join
	m := n.known(j.follows)
	switch may := m != nil && m.link != nil && m.measured && !stamped; {
	case j.follows == 0:
	case may:
		j.follows = 0
		n.follow(now, m)
	default:
		j.follows, j.time = 0, timeOwn
		n.holdAll(now)
	}
	n.settled.Store(true)
}

// follow steps the clock to that of m. Links whose other end is of another time then are held before anything is stamped or sent: no
// number tells the others of this step.
func (n *Node) follow(now int64, m *member) {
	j, step := &n.join, m.offset
	n.clock.step(now, step)
	j.rewound = j.rewound || step < 0
	n.steps.best, n.steps.due, n.steps.wanted = codec.Step{}, nil, false // they were of the time before
	clear(n.steps.hosts)
	n.verdict.restart(n.clock.Cluster(now))
	if told := min(m.link.told, n.steps.number.Load()+maxClimb); told > n.steps.number.Load() {
		n.steps.number.Store(told)
		n.ring.restamp(told, func(s uint64) uint64 { return s }, func(*codec.Record) {})
	}
	for _, o := range n.members {
		o.offset -= step
		o.roots = told{}
		if o.link != nil {
			n.stepDebt(now, o.link)
		}
	}
	n.holdAll(now)
}

// slewTime moves the clock of a ready node toward the median of the ready peers' clocks and its own, for ever, so that no
// drift adds up (R6).
func (n *Node) slewTime(now int64) {
	dt := now - n.lastTick
	if n.State() != codec.StateReady || dt <= 0 || n.weak&WithoutSlew != 0 {
		return
	}
	all := append(n.offsets[:0], 0)
	for _, m := range n.members {
		if m.link != nil && m.readiness == codec.StateReady && n.inTime(m.link) {
			all = append(all, m.offset)
		}
	}
	n.offsets = all
	slices.Sort(all)
	median := (all[(len(all)-1)/2] + all[len(all)/2]) / 2
	if median >= slewFrom || median <= -slewFrom {
		n.clock.slew(median, min(dt, int64(time.Second)))
	}
}
