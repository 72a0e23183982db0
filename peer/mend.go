package peer

import (
	"cmp"
	"encoding/binary"
	"iter"
	"slices"

	"covey/codec"
	"covey/store"
)

// compare answers a Listing: what is newer here goes out, what is newer there is wanted.
func (l *Link) compare(now int64, body []byte) error {
	m, err := codec.DecodeListing(body)
	if err != nil {
		return err
	}
	if m.Bits < 8 {
		return ErrFlow
	}
	n, r := l.node, &l.out.repair
	top := n.borrow()
	defer n.repay(top)
	switch leads := l.leads.Load(); { // a scrub, which may go on meanwhile, is no part of a comparison (R16)
	case leads && m.Epoch == r.epoch:
		r.split = true
		l.moved.Store(now)
	case !leads && m.Epoch == r.led:
		r.follows = now + int64(repairPause)
	}
	for run := m.Entries; len(run) > 0; {
		var e codec.ListingEntry
		used, err := codec.DecodeListingEntry(run, &e)
		if err != nil {
			return err
		}
		run = run[used:]
		top.theirs = append(top.theirs, store.Print{
			Hash: e.KeyHash, V: store.Version(e.V), E: store.Version(e.E), ExpireAt: e.ExpireAt, Content: e.Content,
			Ghost: e.Flags&codec.ListingGhost != 0, Gone: e.Flags&codec.ListingGone != 0,
		})
	}
	if len(top.theirs) != int(m.Count) {
		return codec.ErrCount
	}
	if !slices.IsSortedFunc(top.theirs, func(a, b store.Print) int { return cmp.Compare(a.Hash, b.Hash) }) {
		return ErrFlow
	}
	var ok bool
	cluster := n.clock.Cluster(now)
	if top.prints, ok = n.store.List(top.prints[:0], m.Prefix, uint(m.Bits), 2*codec.MaxListingEntries, cluster); !ok {
		l.bisect(m.Epoch, m.Prefix, m.Bits)
		return nil
	}
	newer, wanted := differences(top.prints, top.theirs, m.Epoch, cluster, l.forgotten(m.Prefix), m.Partial)
	if len(newer) > 0 {
		l.queue(work{hashes: newer})
	}
	l.compareGhosts(&m, top, cluster)
	want := codec.Want{Epoch: m.Epoch, Count: uint32(len(wanted))}
	for _, hash := range wanted {
		want.Hashes = binary.LittleEndian.AppendUint64(want.Hashes, hash)
	}
	l.queue(work{frame: codec.AppendWant(nil, want)})
	return nil
}

// compareGhosts looks for ghosts that only one side has. A ghost cannot be sent, so the other side cannot be certain what is absent, or
// newest, there, and its leaves become partial (R16). If the ghosts are here, this node lists the part in answer, once a comparison, for the
// other to see them.
func (l *Link) compareGhosts(m *codec.Listing, top *worktop, now uint64) {
	n, s := l.node, &l.out
	own := leavesOf{count: n.store.LeafCount()}
	for hash := range haunting(top.theirs, top.prints, m.Epoch, now) {
		s.lacked = true
		n.store.SetPartial(int(hash>>56), own.leaf(hash), true)
	}
	if m.Partial || !haunted(top.prints, top.theirs, m.Epoch, now) {
		return
	}
	if _, done := s.listed[m.Prefix]; !done && len(s.listed) < allLeaves {
		if s.listed == nil {
			s.listed = make(map[uint64]struct{})
		}
		s.listed[m.Prefix] = struct{}{}
		l.queue(work{epoch: m.Epoch, prefix: m.Prefix, bits: m.Bits})
	}
}

// haunting yields the hashes of the ghosts of a, as of an epoch, of whose keys b has nothing, no value, or only something older. Both are
// sorted by hash.
func haunting(a, b []store.Print, epoch, now uint64) iter.Seq[uint64] {
	return func(yield func(uint64) bool) {
		b := b // of each pass its own
		for i := range a {
			for len(b) > 0 && b[0].Hash < a[i].Hash {
				b = b[1:]
			}
			p := &a[i]
			haunts := p.Ghost && !p.Gone && p.Epoch() <= epoch && (len(b) == 0 || b[0].Hash != p.Hash || lacks(&b[0], p, now) || over(p, &b[0]))
			if haunts && !yield(p.Hash) {
				return
			}
		}
	}
}

// haunted reports whether there are any.
func haunted(a, b []store.Print, epoch, now uint64) bool {
	for range haunting(a, b, epoch, now) {
		return true
	}
	return false
}

// bisect answers a listing with listings of the 16 parts of its part, because this node has too many entries there for one.
func (l *Link) bisect(epoch, prefix uint64, bits uint8) {
	if bits > maxListBits {
		return
	}
	for i := range uint64(codec.DigestsWidth) {
		l.queue(work{epoch: epoch, prefix: prefix | i<<(60-bits), bits: bits + 4})
	}
}

// leavesOf are some leaves of a shard of the digest: a bit for each of count. The zero value is none.
type leavesOf struct {
	bits  []uint64
	count int
}

func (o leavesOf) at(i int) bool { return o.bits[i/64]>>(i%64)&1 != 0 }

// has reports whether the leaf of a key hash is one of them.
func (o leavesOf) has(hash uint64) bool { return o.count > 0 && o.at(o.leaf(hash)) }

func (o leavesOf) leaf(hash uint64) int { return int(hash << 8 >> 8 * uint64(o.count) >> 56) }

// forgotten returns the leaves of the shard of a prefix in which this node has forgotten ghosts and has no room for what went (R16); good
// until the next call.
func (l *Link) forgotten(prefix uint64) leavesOf {
	n, r := l.node, &l.out.repair
	if !n.store.Forgets() || n.store.Roomy() && n.weak&WithoutRegain == 0 {
		return leavesOf{} // it was partial with all donors, and there is room: what is missing here may be asked for
	}
	r.sums, r.inSums = n.store.Partial(r.sums[:0], int(prefix>>56)), 0
	return leavesOf{r.sums, n.store.LeafCount()}
}

// partial reports whether this node has forgotten ghosts of all leaves of a part, or of some.
func (l *Link) partial(prefix uint64, bits uint8) (all, some bool) {
	o := l.forgotten(prefix)
	if o.count == 0 {
		return false, false
	}
	first, forgotten := o.leaf(prefix), 0
	leaves := max(1, o.count>>(bits-8))
	for i := range leaves {
		if o.at(first + i) {
			forgotten++
		}
	}
	return forgotten == leaves, forgotten > 0
}

// differences compares two lists of a part as of an epoch, both by hash: the hashes of which the first, and of which the
// second has something newer. What either side has only since the epoch may be on its way. A list that leaves out an entry
// says nothing of it but that it may be lacking there; in leaves where ghosts were forgotten on that side (here, there) not even that, or
// what was evicted would come back again and again.
func differences(ours, theirs []store.Print, epoch, now uint64, here leavesOf, there bool) (newer, wanted []uint64) {
	for len(ours) > 0 || len(theirs) > 0 {
		switch {
		case len(theirs) == 0 || len(ours) > 0 && ours[0].Hash < theirs[0].Hash:
			if p := &ours[0]; !there && !p.Ghost && !p.Gone && p.Epoch() <= epoch {
				newer = append(newer, p.Hash)
			}
			ours = ours[1:]
		case len(ours) == 0 || theirs[0].Hash < ours[0].Hash:
			if p := &theirs[0]; !here.has(p.Hash) && !p.Ghost && !p.Gone && p.Epoch() <= epoch {
				wanted = append(wanted, p.Hash)
			}
			theirs = theirs[1:]
		default:
			a, b := &ours[0], &theirs[0]
			if !(a.Gone && b.Gone) {
				if (over(a, b) || lacks(b, a, now)) && !a.Ghost && a.Epoch() <= epoch {
					newer = append(newer, a.Hash)
				}
				if (over(b, a) || lacks(a, b, now)) && !b.Ghost && b.Epoch() <= epoch {
					wanted = append(wanted, a.Hash)
				}
			}
			ours, theirs = ours[1:], theirs[1:]
		}
	}
	return newer, wanted
}

// over reports whether a register of a is above that of b (R1).
func over(a, b *store.Print) bool {
	v := cmp.Or(a.V.Compare(b.V), cmp.Compare(a.Content, b.Content))
	e := cmp.Or(a.E.Compare(b.E), cmp.Compare(a.ExpireAt, b.ExpireAt))
	return v > 0 || e > 0
}

// lacks reports whether a and b are the same entry, alive by its registers, of which a has lost the value (R3). An entry that has
// expired by one of the two clocks only does not count.
func lacks(a, b *store.Print, now uint64) bool {
	return a.Gone && !b.Gone && a.V == b.V && a.E == b.E && a.Content == b.Content && a.ExpireAt == b.ExpireAt &&
		(now < a.ExpireAt || now > a.ExpireAt+StepFrom)
}

// wanted answers a Want.
func (l *Link) wanted(body []byte) error {
	m, err := codec.DecodeWant(body)
	if err != nil {
		return err
	}
	if m.Count == 0 {
		return nil
	}
	hashes := make([]uint64, m.Count)
	for i := range hashes {
		hashes[i] = m.Hash(i)
	}
	l.queue(work{hashes: hashes})
	return nil
}

// mended acts on the outcome of merging a record that a repair has brought.
func (l *Link) mended(now int64, rec *codec.Record, hash uint64, o store.Outcome) {
	n, r := l.node, &l.out.repair
	switch o {
	case store.Applied:
		n.counters.repaired.Add(1)
	case store.Joined: // the merged record has more than the sender's (R27): send it back
		n.counters.repaired.Add(1)
		l.queue(work{hashes: []uint64{hash}})
	case store.Older:
		l.queue(work{hashes: []uint64{hash}}) // what is here is newer: tell the sender (R15)
	case store.Refused:
		v, floor := store.Version{Stamp: rec.Stamp, Node: rec.Node}, n.store.Floor()
		if n.State() != codec.StateReady && n.weak&AnyWitness == 0 || v.Compare(floor) > 0 || !n.store.Certain(rec.Key, hash, n.clock.Cluster(now)) {
			return // a loading node, a ghost or a partial leaf is no witness (R14)
		}
		if r.refusals < codec.MaxFetchKeys && len(r.refused)+len(rec.Key) < FetchBytes {
			r.refused = codec.AppendKey(r.refused, rec.Key)
			r.refusals++
		}
	}
}

// refuse queues an Absent: which of the records that came are absent here, below the floor.
func (l *Link) refuse() {
	r := &l.out.repair
	if r.refusals == 0 {
		return
	}
	m := codec.Absent{Floor: codec.Version(l.node.store.Floor()), Count: r.refusals, Keys: r.refused}
	r.refused, r.refusals = r.refused[:0], 0
	l.queue(work{frame: codec.AppendAbsent(nil, m)})
}

// absent drops what a ready peer says is absent there and below its floor (R14).
func (l *Link) absent(now int64, body []byte) error {
	m, err := codec.DecodeAbsent(body)
	if err != nil {
		return err
	}
	n := l.node
	cluster := n.clock.Cluster(now)
	if !n.witness(l) || store.TooFarAhead(m.Floor.Stamp, cluster) {
		return nil
	}
	for run := m.Keys; len(run) > 0; {
		key, used, err := codec.DecodeKey(run)
		if err != nil {
			return err
		}
		run = run[used:]
		if n.store.Drop(key, n.store.Hash(key), store.Version(m.Floor), cluster) {
			n.counters.dropped.Add(1)
		}
	}
	return nil
}

// witness reports whether the peer of l is ready: only then what it says is absent counts.
func (n *Node) witness(l *Link) bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	return l.member != nil && (l.member.readiness == codec.StateReady || n.weak&AnyWitness != 0)
}
