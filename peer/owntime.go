package peer

import (
	"slices"
	"time"

	"covey/codec"
)

// Whose time a node takes before it has stamped, and how it keeps to it (R6).

// timeSource says whose time an unstamped node has taken (R6). A higher one is never given up for a lower one.
type timeSource uint8

const (
	timeOwn     timeSource = iota
	timeSeeking            // of a seeking node with a lower id
	timeStamped            // of one that has stamped
	timeReady              // of a ready one
)

// settleTime steps the clock of a node that has not stamped (R6): to its first ready peer's; of two that are equally far
// the higher id to the lower's, unless only one has stamped. With the first peer whose clock is known the time is settled (R8): from
// the next Tick on, for a turn under way may have read the clock before. A step that comes later waits for a Tick too, if it leads
// to another time, and all links are held until then: records pass on them, and clients may write.
func (n *Node) settleTime(now int64, m *member, stamped, theirs bool) {
	j := &n.join
	if !m.measured {
		return
	}
	first := !j.timed && !n.timeSettled.Load()
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
		n.settleTimeStill(now)
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

// settleTimeStill has clients' writes stamped from here on, and takes the step that waits for that, unless something was stamped meanwhile. It
// runs while no loop is in a turn.
func (n *Node) settleTimeStill(now int64) {
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
	n.timeSettled.Store(true)
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
