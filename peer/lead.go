package peer

import (
	"covey/codec"
	"covey/store"
)

// debt says that a comparison with a peer is owed, because something that the peer holds may be missing here (R10, R21).
type debt struct {
	owed    bool
	epoch   uint64 // a comparison of this epoch or a later one settles it
	patient bool   // a comparison has ended without settling it: it waits for that epoch
}

// descent is a comparison that this node leads. It goes in rounds, each over a range of leaves, so that it ends however much
// differs, even if some of it cannot be mended.
type descent struct {
	id          uint32 // of the comparison
	epoch       uint64 // of the round
	low         uint64 // the lowest epoch of all rounds
	whole       bool   // compared is all that is held now, not an epoch
	debts       uint64 // Link.debts when the comparison began
	from, until int    // leaves of the round, of allLeaves
	listed      int    // about how many bytes of listings the round has
	split       bool   // the other has answered a listing with listings: what it lacks is asked for only after its answer
	awaits      int    // Digests of leaves that are not answered yet
	asks        bool   // the round ends with the last of these answers
}

// The low bits of Link.due, below the epoch that is to be compared.
const (
	dueSettles = 1 << iota // the comparison settles what is owed
	dueWhole               // not an epoch but all that is held now is to be compared
	dueBits    = iota
)

// allLeaves is how many leaves the tree has; the first leafBits bits of a key hash name one.
const (
	leafBits  = 4 * codec.DigestsLeaves
	allLeaves = 1 << leafBits
)

// require notes that all the other holds now has to be compared, because records may be missing here. It waits for the current epoch to
// end: what was written in an epoch is no longer on its way when that epoch is compared.
func (n *Node) require(now int64, l *Link, stamp uint64) {
	m := l.member
	if m == nil {
		return
	}
	m.stream.synced = false
	if n.State() == codec.StateSeeking {
		n.oweAll(now, l)
		return
	}
	l.debt.owed, l.debt.patient = true, false
	l.debts.Add(1)
	if store.TooFarAhead(stamp, n.clock.Cluster(now)) {
		stamp = 0 // of a time that was stepped back from (R7)
	}
	l.debt.epoch = max(l.debt.epoch, n.latest(now, m), store.EpochOf(store.StampTime(stamp)))
}

// stepDebt restates a debt in the new time after a step of either side (R7).
func (n *Node) stepDebt(now int64, l *Link) {
	if l.debt.owed {
		l.debts.Add(1)
		l.debt = debt{owed: true, epoch: n.latest(now, l.member)}
	}
}

// latest returns the epoch that this node and a peer are in, the later one if they are in two.
func (n *Node) latest(now int64, m *member) uint64 {
	own := int64(n.clock.Cluster(now))
	return store.EpochOf(uint64(max(own, own+m.offset)))
}

// remind tells the loops which owed comparisons to lead now: those with ready peers, once all that can be pulled was pulled. They go by turns, or
// peers that say nothing to it would keep the others waiting.
func (n *Node) remind(now int64) {
	if n.State() == codec.StateSeeking || n.State() == codec.StateLoading && !n.join.covered.full() {
		return
	}
	leading := 0
	for _, m := range n.members {
		if m.link != nil && m.link.leading(now) {
			leading++
		}
	}
	next, found := n.find(n.reminded)
	if found {
		next++
	}
	for i := range n.members {
		m := n.members[(next+i)%len(n.members)]
		l := m.link
		if l == nil || !l.debt.owed || m.readiness != codec.StateReady || l.held.Load() || l.leading(now) || leading >= repairsAtOnce {
			continue
		}
		closed := n.closedWith(now, m)
		untold := m.knows == 0 && m.linkedAt > l.chosenAt // it has become ready a moment ago: no root of what ended before
		if closed == 0 || untold && n.State() != codec.StateLoading || closed < l.debt.epoch && l.debt.patient {
			continue
		}
		leading++
		n.reminded = m.id
		due := closed << dueBits
		switch {
		case untold:
			due |= dueWhole
		case closed >= l.debt.epoch:
			due |= dueSettles
		}
		l.due.Store(due)
		n.pend(l)
	}
}

// leading reports whether this node leads a comparison here that goes on. Safe for concurrent use.
func (l *Link) leading(now int64) bool {
	return l.leads.Load() && now-l.moved.Load() < int64(repairPatience)
}

// closedWith returns the newest epoch that is closed here and at a peer.
func (n *Node) closedWith(now int64, m *member) uint64 {
	return store.ClosedEpoch(uint64(int64(n.clock.Cluster(now)) + min(0, m.offset)))
}

// beginOwed leads a comparison that is owed: of the epoch that settles it, or of the newest closed one if nothing was written since.
// A loading node does not wait for an epoch: it compares all that is held now, and what is on its way counts as a difference.
func (l *Link) beginOwed(now int64) {
	n := l.node
	due := l.due.Swap(0)
	epoch := due >> dueBits
	if due == 0 {
		return
	}
	whole := due&dueWhole != 0 || due&dueSettles == 0 && store.EpochOf(store.StampTime(n.store.Newest())) > epoch
	if whole && n.State() != codec.StateLoading {
		return
	}
	if l.begin(now, epoch, whole) {
		n.counters.comparisons.Add(1)
	}
}

// repairRoot leads a comparison because the two roots of an epoch differed, unless they are equal by now.
func (l *Link) repairRoot(now int64, theirs root) {
	n := l.node
	if own, ok := n.store.Root(theirs.epoch, n.clock.Cluster(now)); ok && (theirs.left != 0 || own != theirs.sum) && l.begin(now, theirs.epoch, false) {
		n.counters.repairs.Add(1)
	}
}

// begin leads a comparison of a closed epoch, or of all that is held, unless one is under way on this link.
func (l *Link) begin(now int64, epoch uint64, whole bool) bool {
	r := &l.out.repair
	if l.leading(now) || now < r.follows || len(r.work) > 0 {
		return false
	}
	r.descent = descent{id: r.id + 1, low: epoch, whole: whole, debts: l.debts.Load()}
	l.moved.Store(now)
	l.out.listed, l.out.lacked = nil, false
	l.leads.Store(true)
	if whole {
		epoch = store.Everything
	}
	return l.round(now, epoch)
}

// round sends the first Digests of a round.
func (l *Link) round(now int64, epoch uint64) bool {
	r := &l.out.repair
	r.epoch, r.low, r.until, r.listed, r.inSums = epoch, min(r.low, epoch), allLeaves, 0, 0
	r.awaits, r.asks = 0, false
	var sums [codec.DigestsWidth]uint64
	if _, err := l.children(now, epoch, 0, 0, &sums); err != nil {
		l.leads.Store(false)
		return false
	}
	l.queue(work{frame: codec.AppendDigests(nil, codec.Digests{Epoch: epoch, Count: 1, Nodes: codec.AppendDigestsNode(nil, 0, &sums)})})
	return true
}

// descended goes on with the answer to this node's Digests.
func (l *Link) descended(now int64, m *codec.Digests) error {
	n, r := l.node, &l.out.repair
	l.moved.Store(now)
	if m.Retry {
		l.giveUp(now)
		return nil
	}
	if m.Level == codec.DigestsLeaves {
		l.partsAnswered()
		return nil
	}
	each := listedBytes(n.store.Len())
	next := codec.Digests{Epoch: m.Epoch, Level: m.Level + 1}
	err := l.differing(now, m, func(child uint32, bits uint8) error {
		first := int(child) << (16 - bits)
		end := first + allLeaves>>bits
		switch {
		case end <= r.from || first >= r.until:
			return nil
		case next.Count >= roundShards || r.listed > repairListing:
			r.until = first
			return nil
		}
		ok, err := l.deeper(now, &next, child)
		if err == nil && !ok {
			r.listed += each * (end - first)
			l.queue(work{epoch: m.Epoch, prefix: uint64(child) << (64 - bits), bits: bits, parts: bits == leafBits})
		}
		return err
	})
	switch err {
	case nil:
	case errPast: // the answer was that long on its way
		l.giveUp(now)
		return nil
	default:
		return err
	}
	if next.Count > 0 {
		l.queue(work{frame: codec.AppendDigests(nil, next)})
	} else {
		l.queue(work{form: codec.ComparedAsk, epoch: r.low})
	}
	return nil
}

// giveUp ends a comparison that this node leads, of an epoch that one of the two does not know: the next heartbeat begins another.
func (l *Link) giveUp(now int64) {
	l.leads.Store(false)
	l.out.repair.follows = now + int64(HeartbeatInterval)
}

// next returns the epoch of the round after that of an epoch.
func (n *Node) next(now int64, l *Link, epoch uint64) uint64 {
	n.mu.Lock()
	defer n.mu.Unlock()
	if l.member == nil {
		return epoch
	}
	return max(epoch, n.closedWith(now, l.member))
}

// appendCompared appends one of the frames that end a round or a comparison.
func (l *Link) appendCompared(dst []byte, w *work) []byte {
	r := &l.out.repair
	m := codec.Compared{Epoch: w.epoch, Newest: l.node.store.Newest(), ID: w.id, Form: w.form}
	switch w.form {
	case codec.ComparedAsk:
		m.ID, r.split = r.id, false
	case codec.ComparedAnswer:
		m.Lost, r.lost = r.lost, false
	}
	return codec.AppendCompared(dst, m)
}

// compared takes a Compared frame.
func (l *Link) compared(now int64, body []byte) error {
	m, err := codec.DecodeCompared(body)
	if err != nil {
		return err
	}
	r := &l.out.repair
	switch m.Form {
	case codec.ComparedAsk:
		r.follows = now + int64(repairPause)
		l.queue(work{form: codec.ComparedAnswer, epoch: m.Epoch, id: m.ID})
	case codec.ComparedAnswer:
		l.answered(now, &m)
	default:
		r.follows = 0
		l.node.settleDebt(now, l, m.Epoch, m.Newest, false)
	}
	return nil
}

// answered goes on with the next round, or ends the comparison: all that this round's listings asked for is here.
func (l *Link) answered(now int64, m *codec.Compared) {
	n, r := l.node, &l.out.repair
	if !l.leads.Load() || m.ID != r.id {
		return
	}
	l.moved.Store(now)
	switch {
	case m.Lost || r.lost:
		r.lost = false
		l.leads.Store(false)
	case r.split:
		l.queue(work{form: codec.ComparedAsk, epoch: r.low})
	case r.until < allLeaves:
		r.from = r.until
		l.round(now, n.next(now, l, r.epoch)) // the epochs of a long comparison must not fall out of the window
	default:
		l.leads.Store(false)
		l.queue(work{form: codec.ComparedEnd, epoch: r.low})
		n.settleDebt(now, l, r.low, m.Newest, r.whole && r.debts == l.debts.Load())
	}
}

// settleDebt notes that all was compared: as of the end of an epoch with a peer that held no stamp above newest, or, if whole, all that the
// peer has held since the debt came to be. On the loop of l.
func (n *Node) settleDebt(now int64, l *Link, epoch, newest uint64, whole bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	switch {
	case l.member == nil:
	case epoch > l.member.roots.compared:
		l.member.roots.compared = epoch
	}
	switch {
	case !l.debt.owed || l.member == nil:
	case whole:
		n.join.whole = true
		n.paid(now, l)
	case epoch >= l.debt.epoch || store.EpochOf(store.StampTime(newest)) <= epoch:
		n.paid(now, l)
	default:
		l.debt.patient = true
	}
}

// paid ends the debt of l: all that the other had when the debt came to be is here. On the loop of l, with the node's lock.
func (n *Node) paid(now int64, l *Link) {
	l.debt = debt{}
	if !l.out.lacked && n.join.hasty == nil {
		n.completes(now, l)
	}
	l.member.stream.synced = true
	n.closeGaps(now, l)
	n.pend(l)
}
