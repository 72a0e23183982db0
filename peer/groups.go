package peer

import (
	"math"

	"covey/codec"
)

// compareGroups looks whether this node's group has met one whose clocks are apart, and which of the two is to step (R7): the smaller; of
// two of one size the one whose lowest id is higher. If the other group should step and does not, this one does.
func (n *Node) compareGroups(now int64) {
	s := &n.steps
	for _, m := range n.members {
		l := m.link
		if l == nil || !m.measured || !m.apart() || m.linkedAt <= l.chosenAt || now < s.yieldTo || now-l.touched.Load() >= int64(vouchAge) {
			continue
		}
		waited := now - max(l.chosenAt, l.heldAt)
		if waited < int64(stepDelay) {
			continue
		}
		ours, theirs := n.sides(m)
		smaller := ours.size < theirs.size || ours.size == theirs.size && ours.low > theirs.low
		switch {
		case smaller && ours.low == n.id:
		case smaller && waited >= int64(stepDelay+2*stepWait):
		case waited >= int64(stepPatience) && n.mayStepTo(now, m):
		default:
			continue
		}
		to := max(s.number.Load(), min(l.told, s.number.Load()+maxClimb))
		if to < codec.MaxStep {
			s.wanted, s.wantedBy, s.wantedTo = true, m.offset, to+1
			return
		}
	}
}

// sides returns this node's group and that of m. A group is the set of nodes whose clocks agree. With a secret a node without a link to
// this one is counted with the peer that lists it; without a secret hosts are counted instead of nodes (hosts.go).
func (n *Node) sides(m *member) (ours, theirs side) {
	if n.countsHosts() {
		return n.hostSides(m)
	}
	of := map[uint64]bool{n.id: true} // by id: whether the node is of our group
	for _, p := range n.members {
		if p.link == nil {
			continue
		}
		if !p.apart() {
			of[p.id] = true
		} else if p.near(m) {
			of[p.id] = false
		}
	}
	for _, p := range n.members {
		own, ok := of[p.id]
		if p.link == nil || !ok {
			continue
		}
		for _, e := range p.linked {
			id := e.id
			if o := n.known(id); o != nil && o.link != nil {
				continue
			}
			if _, ok := of[id]; !ok {
				of[id] = own
			}
		}
	}
	ours.low, theirs.low = n.id, m.id
	for id, own := range of {
		s := &theirs
		if own {
			s = &ours
		}
		s.size++
		s.low = min(s.low, id)
	}
	return ours, theirs
}

// near reports whether the clocks of two members agree.
func (m *member) near(o *member) bool {
	d := m.offset - o.offset
	return max(d, -d) <= StepFrom
}

// propose proposes the step that compareGroups wants. The store is asked with no lock held.
func (n *Node) propose(now int64) {
	n.mu.Lock()
	s := &n.steps
	wanted, by, to := s.wanted, s.wantedBy, s.wantedTo
	s.wanted = false
	n.mu.Unlock()
	if !wanted {
		return
	}
	old := n.clock.Cluster(now)
	k := codec.Step{From: s.number.Load(), To: to, Old: old, New: uint64(max(int64(old)+by, 1))}
	if k.New < k.Old {
		if least := n.store.LeastAbove(k.New<<stampBits, old); least < k.Old<<stampBits {
			k.Least = least
		}
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	if s.best.To == 0 {
		k.Node = n.id
		s.best, s.bestAt = k, now+int64(stepWait)
		n.passStep(now, nil, k)
	}
}

// passStep sends a step to all peers but one.
func (n *Node) passStep(now int64, but *Link, k codec.Step) {
	for _, m := range n.members {
		if m.link != nil && m.link != but {
			n.send(m.link, func(b []byte) []byte { return codec.AppendStep(b, k) })
		}
	}
}

// passSteps tells a new peer of the steps that are known.
func (n *Node) passSteps(now int64, l *Link) {
	for _, k := range n.steps.known {
		n.send(l, func(b []byte) []byte { return codec.AppendStep(b, k) })
	}
}

// stepHeard takes a step that a peer proposes, knows of, or has just taken. On the loop of l.
func (n *Node) stepHeard(now int64, l *Link, body []byte) error {
	k, err := codec.DecodeStep(body)
	if err != nil {
		return err
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	if l.member == nil || n.weak&WithoutStep != 0 {
		return nil
	}
	switch k.Phase {
	case codec.StepProposed:
		n.proposed(now, l, k)
	case codec.StepTaken:
		l.tell(k.To)
		l.member.offset += int64(k.New - k.Old)
		n.steps.learn(k)
		n.hold(now, l)
	default:
		n.steps.learn(k)
	}
	return nil
}

// proposed takes a proposal and passes it on. A proposal of this group is kept until it is time to take it, if its proposer's id is lower
// than that of the one kept so far; without a secret only if this node sees for itself that its group is to yield. A proposal of another
// group, to step to this group's time, ends a proposal of this group, unless the latter's proposer has the lower id: then the other
// group will drop its own.
func (n *Node) proposed(now int64, l *Link, k codec.Step) {
	s := &n.steps
	if k == s.best || k == s.foreign {
		return
	}
	cluster := n.clock.Cluster(now)
	fromOld, fromNew := gap(cluster, k.Old), gap(cluster, k.New)
	rival := s.best.To != 0 && s.best.Node <= k.Node && (s.best.From == s.number.Load() || k.From != s.number.Load())
	switch {
	case rival || min(fromOld, fromNew) > 2*StepFrom:
		return
	case now < s.yieldTo && s.foreign.Node <= k.Node:
		return
	case fromOld < fromNew && (k.To > s.number.Load()+maxClimb+1 || !n.consents(now, k)):
		return
	case fromOld < fromNew && s.best.To != 0 && k.From != s.number.Load() && s.best.From == s.number.Load():
		return // it could not be taken
	case fromOld < fromNew:
		if s.best.To == 0 {
			s.bestAt = now + int64(stepWait)
		}
		s.best = k
	case !n.mayYield(now):
		return
	default:
		s.best, s.foreign, s.yieldTo = codec.Step{}, k, now+int64(stepYield)
	}
	n.passStep(now, l, k)
}

// mayYield counts how often this node has left a step to another group, and reports whether it may once more. A peer that keeps proposing
// steps for another group, which nobody takes, can so hold up this group for less than half of each minute.
func (n *Node) mayYield(now int64) bool {
	most := maxYields
	if !n.countsHosts() {
		most = math.MaxInt
	}
	return n.steps.yields.spend(now, most)
}

// gap is how many ms are between two times.
func gap(a, b uint64) uint64 { return max(a, b) - min(a, b) }
