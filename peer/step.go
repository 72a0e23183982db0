package peer

import (
	"slices"
	"sync/atomic"
	"time"

	"covey/codec"
	"covey/store"
)

// Steps of the cluster's time (R7). Records and digests pass only between nodes of one time: with the same number of the
// last step, and clocks no more than StepFrom apart. Any other link is held: heartbeats alone go over it (inTime, hold).
//
//  1. Two groups meet. After stepDelay the lowest id of the smaller one that has a link with the other proposes a step; the
//     others of it do so when it does not (groups.go).
//  2. The proposal goes to all, from peer to peer. Of several the lowest id's counts (proposed).
//  3. After stepWait it is taken: at a Tick, while no loop is in a turn (takeSteps). Clock, store, ring and all that waits to
//     be sent go over to the new time and number at once.
//  4. The step is told to all peers. Those of the group who did not know of the proposal take it too; the other group goes
//     over to the number, by a step that changes nothing else (catchUp).
//  5. A batch that was on its way meanwhile has the old number: it is mapped when it comes (present). A node that was away
//     is told the steps that are known when it links, and takes those that explain its clock (way).
type steps struct {
	number atomic.Uint32 // of the last one; as taken, it changes only while no loop is in a turn
	taken  []codec.Step  // by this node, oldest first
	known  []codec.Step  // taken by anyone, this node included, in the order in which they came to be known

	due      []codec.Step // to be taken now, one after the other
	best     codec.Step   // the proposal that will be taken at bestAt; To 0: none
	bestAt   int64
	foreign  codec.Step // the last one of another group
	yieldTo  int64      // until then another group is about to step
	yields   budget     // how often that was put off
	lookAt   int64      // when groups are compared next
	wanted   bool       // this node is to propose a step
	wantedBy int64      // ms that the time of the others is ahead
	wantedTo uint32     // the number
	hosts    hosts      // of this node's time, in an open mesh
	restTo   int64      // until then no step to a time of fewer hosts
	climbAt  int64      // when the number may be raised again for nothing but a peer's being higher
	climbs   budget     // how often it was
}

// apart reports whether clocks are so far from each other that it cannot be drift that slewing has not caught up with.
// A clock is known to half of the time that asking takes.
func (m *member) apart() bool {
	off := m.offset
	if off < 0 {
		off = -off
	}
	return off-m.rtt/2e6 > StepFrom
}

// inTime reports whether records may pass between this node and the peer of l: not before its clock is known, nor while this node's
// is about to step (R6). With Node.mu.
func (n *Node) inTime(l *Link) bool {
	if n.weak&WithoutStep != 0 {
		return true
	}
	return n.join.follows == 0 && l.member.measured && l.told == n.steps.number.Load() && !l.member.apart()
}

// tell notes the number of a peer's last step. On the loop of l, with Node.mu.
func (l *Link) tell(number uint32) { l.told = min(number, codec.MaxStep) }

// sameStep reports whether what comes on l without a number, not from before the other's last word, is of the time here.
func (l *Link) sameStep() bool {
	return l.told == l.node.steps.number.Load() || l.node.weak&WithoutStep != 0
}

// hold holds a link, or lets its records flow. With Node.mu.
func (n *Node) hold(now int64, l *Link) {
	held := !n.inTime(l)
	if held == l.held.Load() {
		return
	}
	l.held.Store(held)
	l.heldAt = now
	if held {
		l.parted = now
	} else {
		m := l.member
		m.roots = told{}
		n.verdict.apart(n.clock.Cluster(now))
		n.stepDebt(now, l)
		if m.readiness == codec.StateReady && n.State() != codec.StateSeeking && !m.stream.synced && !l.debt.owed {
			n.require(now, l, 0) // nobody waited for it
		}
		n.pend(l)
		n.feed(now, l)
	}
}

// foreign reports whether a link has been held for longer than a step takes: then nobody waits for what its other end has. One held for
// a moment only is not foreign: it is of this mesh, and will soon tell what it has. With Node.mu.
func (l *Link) foreign(now int64) bool {
	return l.held.Load() && now-max(l.chosenAt, l.parted) >= int64(heldPatience)
}

// judgeTime looks which links are held, and what is to be done about those that are. It reports whether steps are due.
func (n *Node) judgeTime(now int64) bool {
	s := &n.steps
	if n.weak&WithoutStep != 0 || n.leaving {
		return false
	}
	n.holdAll(now)
	n.catchUp(now)
	if s.best.To != 0 && now >= s.bestAt && len(s.due) == 0 {
		if s.best.From == s.number.Load() && gap(n.clock.Cluster(now), s.best.Old) <= 2*StepFrom && n.consents(now, s.best) {
			s.due = append(s.due, s.best)
		}
		s.best = codec.Step{}
	}
	if len(s.due) == 0 && s.best.To == 0 && now >= s.lookAt {
		s.lookAt = now + int64(stepLook)
		s.hosts.note(now, n.members)
		n.compareGroups(now)
	}
	return len(s.due) > 0
}

// catchUp makes the steps due that lead to the number of a peer that is ahead: those that explain its clock, or none but
// the number where the clocks agree as they are. No word of a peer leads far at once, or it could use up all numbers.
func (n *Node) catchUp(now int64) {
	s := &n.steps
	own := s.number.Load()
	for _, m := range n.members {
		if len(s.due) > 0 {
			return
		}
		if m.link == nil || !m.measured || m.link.told <= own {
			continue
		}
		cluster, told := n.clock.Cluster(now), m.link.told
		way, off := s.way(own, told, int64(cluster), m.offset, nil)
		explained := way != nil && off <= StepFrom && off < max(m.offset, -m.offset) && told <= own+maxClimb
		if m.apart() {
			if explained && n.mayStepTo(now, m) {
				s.due = append(s.due, way...)
			}
			continue
		}
		to := n.climb(now, m)
		switch {
		case to == own:
			continue
		case explained && to == told:
			s.due = append(s.due, way...)
		default:
			s.due = append(s.due, codec.Step{From: own, To: to, Node: m.id, Old: cluster, New: cluster})
		}
		s.climbAt = now + int64(stepDelay)
		s.climbs.spent++ // also of those that the word of two hosts leads to
	}
}

// climb returns the number that this node goes over to because m has a higher one and the same time; its own: none now. Each such
// step holds all links for a moment. So what peers of two hosts have is followed each stepDelay, by maxClimb, and the word of one
// alone no more than loneClimbs times a minute, by loneClimb: two nodes that meet are a step or a few apart.
func (n *Node) climb(now int64, m *member) uint32 {
	s := &n.steps
	own := s.number.Load()
	if now < s.climbAt {
		return own
	}
	s.climbs.renew(now)
	second := own // the highest number that another than m and its host has
	for _, o := range n.members {
		if o.ours() && o.link.donor() != m.link.donor() {
			second = max(second, o.link.told)
		}
	}
	switch {
	case second > own:
		return min(second, m.link.told, own+maxClimb)
	case s.climbs.spent < loneClimbs:
		return min(m.link.told, own+loneClimb)
	}
	return own
}

// way finds the known steps from one number to another that together come closest to moving the time, which is at, by some ms.
// off is by how much they miss it. A step from a time that has not come here yet is of a group whose clocks are ahead of this
// one's, be it of the right size or not. Numbers rise and few steps are known: this ends soon.
func (s *steps) way(from, to uint32, at, by int64, before []codec.Step) (best []codec.Step, off int64) {
	if from == to {
		return before, max(by, -by)
	}
	for _, k := range s.known {
		if k.From != from || k.To > to || int64(k.Old) > at+2*StepFrom {
			continue
		}
		moves := int64(k.New - k.Old)
		if w, o := s.way(k.To, to, at+moves, by-moves, append(slices.Clone(before), k)); w != nil && (best == nil || o < off) {
			best, off = w, o
		}
	}
	return best, off
}

// learn notes a step that somebody took. It reports whether it is new.
func (s *steps) learn(k codec.Step) bool {
	k.Phase = codec.StepKnown
	if slices.Contains(s.known, k) {
		return false
	}
	s.known = appendStep(s.known, k)
	return true
}

// appendStep adds a step; the oldest goes when there are too many.
func appendStep(all []codec.Step, k codec.Step) []codec.Step {
	if len(all) >= MaxSteps {
		all = slices.Delete(all, 0, 1)
	}
	return append(all, k)
}

// takeSteps takes the steps that are due. It runs while no loop is in a turn.
func (n *Node) takeSteps(now int64) {
	n.mu.Lock()
	due := n.steps.due
	n.steps.due = nil
	n.mu.Unlock()
	for _, k := range due {
		if k.From == n.steps.number.Load() {
			n.takeStep(now, k)
		}
	}
}

func (n *Node) takeStep(now int64, k codec.Step) {
	st := store.Step{Old: k.Old, New: k.New, Least: k.Least}
	change := func(r *codec.Record) { st.Record((*store.Record)(r)) }
	if n.weak&WithoutMap != 0 {
		change = func(*codec.Record) {}
	} else if k.Old != k.New {
		n.store.Step(st)
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	by := int64(k.New - k.Old)
	n.clock.step(now, by)
	s := &n.steps
	s.number.Store(k.To)
	s.taken = appendStep(s.taken, k)
	s.learn(k)
	n.counters.steps.Add(1)
	n.ring.restamp(k.To, st.Stamp, change)
	n.relay.restamp(k.To, change)
	for _, t := range n.streams {
		t.stamp.Store(st.Stamp(t.stamp.Load()))
	}
	for _, m := range n.members {
		m.offset -= by
		if by != 0 {
			m.floor, m.roots = codec.Version{}, told{}
		}
	}
	if by != 0 {
		clear(s.hosts)
		s.restTo = now + int64(stepRest)
		n.join.floor = codec.Version{}
		n.verdict.restart(n.clock.Cluster(now))
		n.out.change(Change{ID: n.id, Old: Self, New: Self, Reason: "the time was stepped by " + (time.Duration(by) * time.Millisecond).String() + " to that of a larger group"})
		n.wish()
	}
	k.Phase = codec.StepTaken
	for _, l := range n.links {
		l.restamp(k.To, change)
		if l.member != nil {
			n.send(l, func(b []byte) []byte { return codec.AppendStep(b, k) })
			n.hold(now, l)
			l.heldAt = now
			n.stepDebt(now, l)
		}
	}
	n.beatSoon()
}

// restamp maps what a link holds beside the ring, and gives up its repair.
func (l *Link) restamp(number uint32, change func(*codec.Record)) {
	s := &l.out
	s.repair.clear()
	l.leads.Store(false)
	l.due.Store(0)
	for _, frames := range [...][]byte{s.frame, s.piece.frames} {
		_ = codec.RestampBatches(frames, number, change) // this node wrote it
	}
}

// restamp maps the records of the ring to the time of a step.
func (r *Ring) restamp(number uint32, stamp func(uint64) uint64, change func(*codec.Record)) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.step = number
	r.stamp.Store(stamp(r.stamp.Load()))
	for _, c := range r.chunks {
		_ = codec.RestampBatches(c.buf, number, change) // this node wrote it
	}
}

// restamp maps the batches of the log.
func (r *relay) restamp(number uint32, change func(*codec.Record)) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for i := range r.log {
		_ = codec.RestampBatches(r.log[i].frame, number, change) // this node wrote it
	}
}

// present maps a run of records, and registers that came with it, from the time of an older step to that of the last. It
// reports false when it cannot: the step is none of this node's.
func (n *Node) present(number uint32, run []byte, registers ...*codec.Version) (ok bool, err error) {
	s := &n.steps
	if number == s.number.Load() || n.weak&(WithoutStep|WithoutMap) != 0 {
		return true, nil
	}
	i := slices.IndexFunc(s.taken, func(k codec.Step) bool { return k.From == number })
	if i < 0 {
		return false, nil
	}
	for _, k := range s.taken[i:] {
		if k.Old == k.New {
			continue
		}
		st := store.Step{Old: k.Old, New: k.New, Least: k.Least}
		if err := codec.Restamp(run, func(r *codec.Record) { st.Record((*store.Record)(r)) }); err != nil {
			return false, err
		}
		for _, v := range registers {
			*v = codec.Version(st.Version(store.Version(*v)))
		}
	}
	n.counters.restamped.Add(1)
	return true, nil
}
