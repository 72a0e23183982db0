package peer

import (
	"errors"
	"slices"

	"covey/codec"
	"covey/store"
)

// Repair (R18, R19): two peers compare fingerprints of a closed epoch down a tree, 16 children a node, by turns, list the
// leaves that differ, and send each other what is newer.
//
//  1. A heartbeat tells a root that differs: the node with the lower id leads. Or a comparison is owed (R10, R21): the node that owes it
//     leads. The leader begins with Digests of level 0 (lead.go).
//  2. Digests of a level are answered with Digests of those children that differ, one level down, or with Listings
//     (descend, descended). Of a leaf with many entries its parts are compared once more (parts.go). Digests without nodes
//     end the descent.
//  3. A Listing is answered with the records that are newer here, then a Want of those that are newer there (compare).
//  4. A Want is answered with records. If the round left leaves out, the next begins where it ended.
//  5. At the end of a round the leader asks by a Compared whether all was sent that its listings asked for, the other answers by another,
//     and a third says that both have compared all of it.
//
// From what a listing leaves out nothing is concluded but that the other may lack it. What is to be sent waits in one queue a link, in
// its order, and goes out in slices, within the window. The loop of the connection owns it.
type repair struct {
	work   []work
	bytes  int      // cost of work, in bytes
	sums   []uint64 // fingerprints of the leaves of shard inSums-1, as of the epoch of the current message
	inSums int      // 0: sums holds nothing

	refused  []byte // keys of records that came, are absent here and lie below the floor (R14)
	refusals uint32

	walked int // entries that this flush has added up for parts

	descent        // of the one that leads (lead.go)
	follows int64  // until then the other leads, boot-time ns
	led     uint64 // the epoch of the round that the other leads
	lost    bool   // a part of what the other asked for was given up
}

// work is one piece of what a repair has to send: a frame, a listing, a leaf's parts, records, or a Compared.
type work struct {
	frame  []byte // ready to go
	epoch  uint64 // of a listing or a Compared
	prefix uint64 // the part of the key hashes to list, with bits
	bits   uint8
	parts  bool               // a leaf is to be listed; if it has many entries its parts are compared instead
	sums   *sums              // the other's fingerprints of a leaf's parts: the parts that differ are listed
	hashes []uint64           // the records with these key hashes are sent
	form   codec.ComparedForm // a Compared of this form is sent
	id     uint32             // of the ask that it answers
}

func (w *work) cost() int {
	cost := len(w.frame) + 8*len(w.hashes) + workOverhead
	if w.sums != nil {
		cost += codec.DigestsNodeLen
	}
	return cost
}

// queue queues a piece of work. When too much waits the comparison is given up: the roots will differ again, and what is
// owed stays so.
func (l *Link) queue(w work) {
	r := &l.out.repair
	if r.bytes += w.cost(); r.bytes > RepairQueue {
		l.leads.Store(false)
		r.clear()
		r.lost = true
		return
	}
	r.work = append(r.work, w)
}

// clear gives all memory back.
func (r *repair) clear() {
	*r = repair{descent: r.descent, follows: r.follows, led: r.led, lost: r.lost}
}

// mayRepair returns the peer's root of the epoch with which a repair of the two is to begin; epoch 0: none is to begin. Two nodes that
// stay different after all was exchanged repair less and less often. If the peer's clock is ahead, by two epochs at most, its newest
// epoch is never closed here; then it is the newest one that both have told of. While records come late, here or probably there, nothing
// is repaired.
func (n *Node) mayRepair(now int64, l *Link, h *codec.Heartbeat) (theirs root) {
	m, epoch := l.member, h.Epoch
	if epoch > store.ClosedEpoch(n.clock.Cluster(now)) {
		epoch = m.roots.newest(epoch)
	}
	if n.weak&WithoutRepair != 0 || n.State() != codec.StateReady || h.State != codec.StateReady || epoch <= n.store.Withheld() {
		return root{}
	}
	if !n.differed(m, epoch) {
		l.repairWait = 0
		return root{}
	}
	if !n.differed(m, epoch-1) || m.id < n.id || now < max(l.repairAt, n.lateUntil) {
		return root{}
	}
	under := 0
	for _, o := range n.members {
		if o.link != nil && now < o.link.repairAt && o.link.repairWait == int64(repairMin) {
			under++
		}
	}
	if under >= repairsAtOnce {
		return root{}
	}
	l.repairWait = min(max(2*l.repairWait, int64(repairMin)), int64(repairMax))
	l.repairAt = now + l.repairWait
	return m.roots.theirs[epoch%rootsKept]
}

// repairFrame takes a frame of a repair.
func (l *Link) repairFrame(now int64, kind codec.Kind, body []byte) error {
	switch kind {
	case codec.KindDigests:
		return l.descend(now, body)
	case codec.KindListing:
		return l.compare(now, body)
	case codec.KindWant:
		return l.wanted(body)
	case codec.KindCompared:
		return l.compared(now, body)
	case codec.KindScrub:
		return l.scrubbed(now, body)
	}
	return l.absent(now, body)
}

// errPast says that an epoch is known here no more, or not yet: nothing can be said of what differs in it.
var errPast = errors.New("no fingerprints of that epoch")

// children sums up the fingerprints of the children of a node of the tree. ok is false when the leaves of the store are too coarse for
// it to have any.
func (l *Link) children(now int64, epoch uint64, level uint8, node uint32, sums *[codec.DigestsWidth]uint64) (ok bool, err error) {
	n, r := l.node, &l.out.repair
	*sums = [codec.DigestsWidth]uint64{}
	count := n.store.LeafCount()
	shards, first := 256>>(4*level), int(node)<<8>>(4*level)
	if level >= 2 {
		shards, first = 1, int(node>>(4*(level-2)))
	}
	for shard := first; shard < first+shards; shard++ {
		if r.inSums != shard+1 {
			if r.sums, ok = n.store.Leaves(r.sums[:0], shard, epoch, n.clock.Cluster(now)); !ok {
				r.inSums = 0
				return false, errPast
			}
			r.inSums = shard + 1
		}
		if level < 2 {
			child := shard * codec.DigestsWidth / shards % codec.DigestsWidth
			for _, sum := range r.sums {
				sums[child] += sum
			}
			continue
		}
		// Of level 2 the children are 16ths of the shard, of level 3 16ths of those.
		parts := codec.DigestsWidth << (4 * (level - 2))
		if count < parts {
			return false, nil
		}
		each := count / parts
		begin := int(node&(1<<(4*(level-2))-1)) * codec.DigestsWidth
		for i := range sums {
			for _, sum := range r.sums[(begin+i)*each : (begin+i+1)*each] {
				sums[i] += sum
			}
		}
	}
	return true, nil
}

// descend answers Digests. Those of even levels come from the node that leads.
func (l *Link) descend(now int64, body []byte) error {
	m, err := codec.DecodeDigests(body)
	if err != nil {
		return err
	}
	n, r := l.node, &l.out.repair
	r.inSums = 0
	switch leads := l.leads.Load(); {
	case m.Count == 0 || m.Level%2 == 1:
		if !leads || m.Epoch != r.epoch {
			return nil // of a descent that was given up
		}
		return l.descended(now, &m)
	case l.leading(now) && m.Level == 0 && n.ID() < l.greeting.Node:
		l.queue(work{frame: codec.AppendDigests(nil, codec.Digests{Epoch: m.Epoch, Retry: true})}) // both began at the same time
		return nil
	}
	if m.Level == 0 {
		l.leads.Store(false)
		r.lost = false
		l.out.listed, l.out.lacked = nil, false
	}
	r.follows, r.led = now+int64(repairPause), m.Epoch
	if m.Level == codec.DigestsLeaves {
		return l.partsHeard(&m)
	}
	next := codec.Digests{Epoch: m.Epoch, Level: m.Level + 1}
	err = l.differing(now, &m, func(child uint32, bits uint8) error {
		ok, err := l.deeper(now, &next, child)
		if err == nil && !ok {
			l.queue(work{epoch: m.Epoch, prefix: uint64(child) << (64 - bits), bits: bits})
		}
		return err
	})
	switch err {
	case nil:
		l.queue(work{frame: codec.AppendDigests(nil, next)})
	case errPast:
		l.queue(work{frame: codec.AppendDigests(nil, codec.Digests{Epoch: m.Epoch, Level: m.Level, Retry: true})})
		return nil
	}
	return err
}

// differing calls visit for the children of all nodes of m that differ here: their first bits as a number, and how many. It ends with
// errPast where the epoch is not known: to take all for different would list all that is held. Leaves alone are taken so, those of the
// few nodes that differed a moment ago: they are compared by their parts, which tell of any epoch.
func (l *Link) differing(now int64, m *codec.Digests, visit func(child uint32, bits uint8) error) (err error) {
	var theirs, ours [codec.DigestsWidth]uint64
	for run := m.Nodes; len(run) > 0; {
		var node uint32
		if node, run, err = codec.DecodeDigestsNode(run, m.Level, &theirs); err != nil {
			return err
		}
		known, err := l.children(now, m.Epoch, m.Level, node, &ours)
		if err != nil && m.Level+1 < codec.DigestsLeaves {
			return err
		}
		for i := range theirs {
			if known && theirs[i] == ours[i] {
				continue
			}
			if err := visit(node<<4|uint32(i), 4*(m.Level+1)); err != nil {
				return err
			}
		}
	}
	return nil
}

// deeper adds a node to the answer; false when it has no children here: it is to be listed.
func (l *Link) deeper(now int64, next *codec.Digests, node uint32) (ok bool, err error) {
	if next.Level >= codec.DigestsLeaves {
		return false, nil
	}
	var sums [codec.DigestsWidth]uint64
	if ok, err := l.children(now, next.Epoch, next.Level, node, &sums); !ok {
		return false, err
	}
	if next.Count >= codec.MaxDigestsNodes {
		l.out.repair.lost = true // a leader that keeps to roundShards never asks for as many
		return true, nil
	}
	next.Nodes = codec.AppendDigestsNode(next.Nodes, node, &sums)
	next.Count++
	return true, nil
}

// appendRepair works on the queue until about answerSlice bytes are appended or the window is full.
func (l *Link) appendRepair(now int64, dst []byte) []byte {
	s := &l.out
	r := &s.repair
	begun := len(dst)
	r.walked = 0
	for len(r.work) > 0 && s.window() > 0 && len(dst)-begun < answerSlice && r.walked < partsSlice {
		w := &r.work[0]
		if w.epoch != 0 || len(w.hashes) > 0 {
			l.moved.Store(now) // what answers a listing alone may be of a scrub
		}
		switch {
		case len(w.hashes) > 0:
			dst = l.appendNewer(now, dst, w)
			if len(w.hashes) > 0 {
				continue
			}
		case w.parts:
			dst = l.appendParts(now, dst)
			continue
		case w.sums != nil:
			dst = l.appendDiffering(now, dst, *w)
		case w.bits > 0:
			dst = l.appendListing(now, dst, *w)
		case w.form == codec.ComparedAsk && r.awaits > 0:
			r.asks = true // when the last of them is answered
		case w.form != 0:
			dst = l.appendCompared(dst, w)
		}
		if len(r.work) == 0 {
			break // the comparison was given up
		}
		w = &r.work[0] // what was queued meanwhile may have moved it
		dst = append(dst, w.frame...)
		r.pop()
	}
	if len(r.work) == 0 && !l.leads.Load() && r.refusals == 0 {
		r.clear()
	}
	l.node.counters.repairBytes.Add(uint64(len(dst) - begun))
	return dst
}

// pop takes the first piece of work off the queue.
func (r *repair) pop() {
	r.bytes -= r.work[0].cost()
	r.work[0] = work{}
	r.work = r.work[1:]
}

// mayRepair reports whether appendRepair would append something.
func (s *sender) mayRepair() bool { return len(s.repair.work) > 0 && s.window() > 0 }

// appendListing appends the listing of a part, or queues those of its 16 parts: where it is long, and where ghosts were forgotten of some of its leaves,
// for what a listing leaves out counts or not as a whole.
func (l *Link) appendListing(now int64, dst []byte, w work) []byte {
	n, r := l.node, &l.out.repair
	top := n.borrow()
	defer n.repay(top)
	partial, some := l.partial(w.prefix, w.bits)
	ok := partial == some
	if ok {
		top.prints, ok = n.store.List(top.prints[:0], w.prefix, uint(w.bits), listedAtOnce, n.clock.Cluster(now))
	}
	if !ok && w.bits > maxListBits {
		return dst // so many keys of one hash were made on purpose
	}
	if !ok {
		for i := range uint64(codec.DigestsWidth) {
			part := work{epoch: w.epoch, prefix: w.prefix | i<<(60-w.bits), bits: w.bits + 4}
			r.bytes += part.cost()
			r.work = slices.Insert(r.work, 1+int(i), part)
		}
		return dst
	}
	m := codec.Listing{Epoch: w.epoch, Prefix: w.prefix, Bits: w.bits, Partial: partial, Count: uint32(len(top.prints))}
	for i := range top.prints {
		p := &top.prints[i]
		e := codec.ListingEntry{KeyHash: p.Hash, V: codec.Version(p.V), E: codec.Version(p.E), ExpireAt: p.ExpireAt, Content: p.Content}
		if p.Ghost {
			e.Flags |= codec.ListingGhost
		}
		if p.Gone {
			e.Flags |= codec.ListingGone
		}
		m.Entries = codec.AppendListingEntry(m.Entries, e)
	}
	return codec.AppendListing(dst, m)
}

// appendNewer appends one frame of the records that w still names, and takes them off it.
func (l *Link) appendNewer(now int64, dst []byte, w *work) []byte {
	n, s := l.node, &l.out
	start, cluster := len(dst), n.clock.Cluster(now)
	m := codec.Records{Step: n.steps.number.Load(), Done: true, Floor: codec.Version(n.store.Floor()), Flush: codec.Version(n.store.Flushed())}
	dst = codec.BeginRecords(dst)
	top := n.borrow()
	defer n.repay(top)
	for len(w.hashes) > 0 && len(dst)-start < repairSlice {
		dst = top.byHash(n, dst, w.hashes[0], cluster)
		size := 0
		for i := range top.recs {
			size += codec.RecordLen((*codec.Record)(&top.recs[i]))
		}
		if m.Count > 0 && len(dst)-start+size > codec.MaxFrame {
			break
		}
		w.hashes = w.hashes[1:]
		s.repair.bytes -= 8
		for i := range top.recs {
			rec := (*codec.Record)(&top.recs[i])
			if len(dst)-start+codec.RecordLen(rec) > codec.MaxFrame {
				break // two large keys of one hash: the other comes another time
			}
			dst = codec.AppendRecord(dst, rec)
			m.Count++
		}
	}
	if m.Count == 0 {
		return dst[:start]
	}
	dst = codec.FinishRecords(dst, start, m)
	s.sent += uint64(len(dst) - start)
	return dst
}
