package peer

// root is the fingerprint of all entries as of the end of an epoch (R18).
type root struct {
	epoch, sum uint64
}

// roots are the newest ones of one node; epoch 0 is none.
type roots [rootsKept]root

func (r *roots) add(n root) { r[n.epoch%rootsKept] = n }

func (r *roots) at(epoch uint64) (sum uint64, ok bool) {
	x := r[epoch%rootsKept]
	return x.sum, x.epoch == epoch && epoch != 0
}

// verdict is what is needed to answer Verify.
type verdict struct {
	own     roots
	newest  uint64 // epoch of the newest own root
	differs uint64 // the newest epoch in which a member was seen to differ
	begun   uint64 // cluster ms of the node's start
}

func (v *verdict) begin(now uint64) { v.begun = now }

// restart forgets the roots of a time that was stepped from (R7).
func (v *verdict) restart(now uint64) { v.own, v.newest, v.differs = roots{}, 0, now>>epochBits }

// Verdict says whether all members held the same (R20).
type Verdict struct {
	Converged bool
	Epoch     uint64 // the one compared: the newest that all have told of; 0: there is none yet
	Root      uint64
	Since     uint64   // cluster ms: the end of the last epoch in which they differed, the start of the node if none
	Members   int      // compared, this node included
	Differing []uint64 // ids of those that differ, or that have not told of a common epoch
}

// ownRoot notes this node's own root, taken with a heartbeat.
func (n *Node) ownRoot(c cut) {
	v := &n.verdict
	if c.epoch == 0 || c.epoch <= v.newest {
		return
	}
	v.newest = c.epoch
	v.own.add(root{c.epoch, c.root})
	for _, m := range n.members {
		if sum, ok := m.roots.at(c.epoch); ok && m.link != nil && sum != c.root {
			v.differs = max(v.differs, c.epoch)
		}
	}
}

// takeRoot notes a member's root.
func (n *Node) takeRoot(m *member, r root) {
	if r.epoch == 0 {
		return
	}
	m.roots.add(r)
	if sum, ok := n.verdict.own.at(r.epoch); ok && sum != r.sum {
		n.verdict.differs = max(n.verdict.differs, r.epoch)
	}
}

// Verify compares the roots of the newest epoch that this node and all its peers have told of. Members that are alive
// without a link here have told nothing: they count as differing.
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
		v.Members++
		if m.link == nil || n.differed(m, v.Epoch) && n.differed(m, v.Epoch-1) {
			v.Differing = append(v.Differing, m.id)
		}
	}
	v.Converged = v.Epoch != 0 && len(v.Differing) == 0
	return v
}

// differed reports whether a member's root of an epoch is not this node's, or is not known.
//
// One epoch alone is no alarm: of two writes to one key, on two nodes and on two sides of an epoch's end, who hears of
// the later one first never counts the earlier, so the roots of that one epoch differ although all hold the same.
func (n *Node) differed(m *member, epoch uint64) bool {
	own, ok := n.verdict.own.at(epoch)
	sum, told := m.roots.at(epoch)
	return !ok || !told || own != sum
}

// allTold reports whether all peers have told their root of this epoch.
func (n *Node) allTold(epoch uint64) bool {
	for _, m := range n.members {
		if _, ok := m.roots.at(epoch); m.link != nil && !ok {
			return false
		}
	}
	return true
}
