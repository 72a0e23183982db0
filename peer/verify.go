package peer

import (
	"math"

	"covey/codec"
)

// root is the fingerprint of all entries as of the end of an epoch (R18).
type root struct {
	epoch, sum uint64
	left       uint32 // print of the leaves that it leaves out (R16)
}

// roots are the newest ones of one node; epoch 0 is none.
type roots [rootsKept]root

func (r *roots) add(n root) { r[n.epoch%rootsKept] = n }

func (r *roots) at(epoch uint64) (sum uint64, ok bool) {
	x := r[epoch%rootsKept]
	return x.sum, x.epoch == epoch && epoch != 0
}

// told are the roots of two nodes, each as told to the other: those that leave out the same leaves can be compared.
type told struct {
	ours, theirs roots
	compared     uint64 // the newest epoch in which they were equal, or that a comparison has settled
}

// know reports whether the roots of an epoch can be compared, and whether they are equal.
func (t *told) know(epoch uint64) (known, equal bool) {
	a, b := t.ours[epoch%rootsKept], t.theirs[epoch%rootsKept]
	return epoch != 0 && a.epoch == epoch && b.epoch == epoch && a.left == b.left, a.sum == b.sum
}

// newest returns the newest epoch up to one that both have told of, 0 when there is none. What they leave out may differ.
func (t *told) newest(epoch uint64) uint64 {
	for e := epoch; e != 0 && e+rootsKept > epoch; e-- {
		if t.ours[e%rootsKept].epoch == e && t.theirs[e%rootsKept].epoch == e {
			return e
		}
	}
	return 0
}

// verdict is what is needed to answer Verify.
type verdict struct {
	own     roots
	newest  uint64 // epoch of the newest own root
	differs uint64 // the newest epoch in which a member was seen to differ, or was not compared yet
	begun   uint64 // cluster ms of the node's start
}

func (v *verdict) begin(now uint64) { v.begun = now }

// apart notes that a member comes, has a link again or is of this time again: until now it was not compared, whatever it held.
func (v *verdict) apart(now uint64) { v.differs = max(v.differs, now>>epochBits-1) }

// restart forgets the roots of a time that was stepped from (R6, R7).
func (v *verdict) restart(now uint64) { v.own, v.newest, v.differs = roots{}, 0, now>>epochBits }

// Verdict says whether all members held the same (R20).
type Verdict struct {
	Converged bool
	Epoch     uint64   // the one compared: the newest that all have told of; 0: there is none yet
	Root      uint64   // this node's, of that epoch
	Since     uint64   // cluster ms: the end of the last epoch in which they differed or one of them was not compared, the start of the node if none
	Members   int      // compared, this node included
	Differing []uint64 // ids of those that differ, or that have not told of a common epoch
	Unlinked  int      // alive without a link here, by the word of a peer: they are not compared
	LeftOut   int      // leaves, of 65,536, that are partial on one of them: they are not compared (R16)
}

// ownRoot notes this node's own root, taken with a heartbeat. The later one of an epoch counts, as with those that members are told: what was copied or
// repaired since is part of it.
func (n *Node) ownRoot(c cut) {
	v := &n.verdict
	if c.epoch == 0 || c.epoch < v.newest {
		return
	}
	v.newest = c.epoch
	v.own.add(root{epoch: c.epoch, sum: c.root})
}

// takeRoot notes a root that a member has told, or was told: it is one of of.
func (n *Node) takeRoot(m *member, of *roots, r root) {
	if r.epoch == 0 {
		return
	}
	of.add(r)
	switch known, equal := m.roots.know(r.epoch); {
	case known && equal:
		m.roots.compared = max(m.roots.compared, r.epoch)
	case known:
		n.verdict.differs = max(n.verdict.differs, r.epoch)
	}
}

// comparedTo returns the stamp up to which this node was compared with every member that has not left and is not forgotten
// (R13): those that are away count. Until it has run for the horizon somebody may be away whom it has never had a link with in
// this start, and with whom it was compared before, or never.
func (n *Node) comparedTo(now int64) uint64 {
	if now-n.begun < n.horizon && n.weak&(WithoutGuard|WithoutYouth) == 0 {
		return 0
	}
	to := uint64(math.MaxUint64)
	for _, m := range n.members {
		if m.state == Left || n.weak&WithoutGuard != 0 {
			continue
		}
		if m.roots.compared == 0 || n.State() != codec.StateReady {
			return 0
		}
		to = min(to, (m.roots.compared+1)<<(epochBits+stampBits)-1)
	}
	return to
}

// Verify compares the roots of the newest epoch that this node and all its peers have told of, over the leaves that are
// partial on neither side. Members that a peer passes on have told nothing here: they are counted, and not compared, for as long as the mesh
// is not full. One that has lost its link and is on no peer's list counts as differing until it is linked or dead.
func (n *Node) Verify() Verdict {
	n.mu.Lock()
	defer n.mu.Unlock()
	v := Verdict{Members: 1, Since: n.verdict.begun}
	if n.verdict.differs != 0 {
		v.Since = (n.verdict.differs + 1) << epochBits
	}
	for e := n.verdict.newest; e != 0 && e+rootsKept > n.verdict.newest; e-- {
		if sum, ok := n.verdict.own.at(e); ok && n.allTold(e) {
			v.Epoch, v.Root = e, sum
			break
		}
	}
	for _, m := range n.members {
		if m.state != Alive && m.state != Suspect {
			continue
		}
		if m.link == nil && n.via(n.lastTick, m.id) != nil {
			v.Unlinked++
			continue
		}
		v.Members++
		if m.link == nil || n.differed(m, v.Epoch) && n.differed(m, v.Epoch-1) {
			v.Differing = append(v.Differing, m.id)
		}
	}
	v.Converged = v.Epoch != 0 && len(v.Differing) == 0
	v.LeftOut = n.leftOut()
	v.Unlinked += len(n.appendRelayed(nil))
	return v
}

// leftOut counts the leaves that are partial here or with a peer.
func (n *Node) leftOut() int {
	all := n.partial.own
	for _, m := range n.members {
		if m.link != nil {
			all = unite(all, m.link.bitmaps.theirs)
		}
	}
	return all.count
}

// differed reports whether a member's root of an epoch is not this node's, or is not known.
//
// One epoch alone is no alarm: of two writes to one key, on two nodes and on two sides of an epoch's end, a node that
// hears of the later one first never counts the earlier, so the roots of that one epoch differ although all hold the same.
func (n *Node) differed(m *member, epoch uint64) bool {
	known, equal := m.roots.know(epoch)
	return !known || !equal
}

// allTold reports whether all peers of this time have told their root of this epoch. One of another tells none.
func (n *Node) allTold(epoch uint64) bool {
	for _, m := range n.members {
		if known, _ := m.roots.know(epoch); m.link != nil && !m.link.held.Load() && !known {
			return false
		}
	}
	return true
}
