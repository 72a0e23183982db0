package peer

import (
	"covey/codec"
	"covey/store"
)

// Of a leaf with many entries a listing would be long. Who leads tells the fingerprints of its parts instead, as a node of the
// level of the leaves, and the other lists those that differ there. They are made from the entries as they are, when their turn
// comes in the queue, and a bounded number of them at one time.

// sums are those of the parts of a leaf.
type sums = [store.PartsWidth]uint64

// listedBytes is about how many bytes a leaf that differs costs, in a store of so many keys: its listing, or its parts and the
// listing of one of them.
func listedBytes(keys int) int {
	entries := 1 + keys/allLeaves
	if entries <= partsFrom {
		return codec.ListingEntryMin * entries
	}
	return codec.DigestsNodeLen + codec.ListingEntryMin*(1+entries/store.PartsWidth)
}

// appendParts appends the first of what is queued: the parts of leaves in one frame, and the listings of those leaves that
// have few entries.
func (l *Link) appendParts(now int64, dst []byte) []byte {
	n, r := l.node, &l.out.repair
	m := codec.Digests{Epoch: r.work[0].epoch, Level: codec.DigestsLeaves}
	for len(r.work) > 0 && r.work[0].parts && r.work[0].epoch == m.Epoch && m.Count < codec.MaxDigestsLeaves && r.walked < partsSlice {
		var parts sums
		w := r.work[0]
		entries := n.store.Parts(&parts, w.prefix, leafBits, w.epoch, n.clock.Cluster(now))
		if r.walked += entries + 1; entries > partsFrom {
			m.Nodes = codec.AppendDigestsNode(m.Nodes, uint32(w.prefix>>(64-leafBits)), &parts)
			m.Count++
		} else {
			dst = l.appendListing(now, dst, w)
		}
		r.pop()
	}
	if m.Count == 0 {
		return dst
	}
	r.awaits++
	return codec.AppendDigests(dst, m)
}

// partsHeard queues what answers the parts of leaves: listings, and Digests without nodes.
func (l *Link) partsHeard(m *codec.Digests) (err error) {
	for run := m.Nodes; len(run) > 0; {
		var leaf uint32
		theirs := new(sums)
		if leaf, run, err = codec.DecodeDigestsNode(run, m.Level, theirs); err != nil {
			return err
		}
		l.queue(work{epoch: m.Epoch, prefix: uint64(leaf) << (64 - leafBits), bits: leafBits, sums: theirs})
	}
	l.queue(work{frame: codec.AppendDigests(nil, codec.Digests{Epoch: m.Epoch, Level: m.Level})})
	return nil
}

// appendDiffering appends the listings of those parts of a leaf that differ from the other's. Where none does the leaf itself is
// listed: the difference is in what parts do not count.
func (l *Link) appendDiffering(now int64, dst []byte, w work) []byte {
	n, r := l.node, &l.out.repair
	var ours sums
	r.walked += 1 + n.store.Parts(&ours, w.prefix, leafBits, w.epoch, n.clock.Cluster(now))
	w.bits += 4
	for i := range ours {
		if ours[i] != w.sums[i] {
			part := w
			part.prefix |= uint64(i) << (64 - part.bits)
			dst = l.appendListing(now, dst, part)
		}
	}
	if ours == *w.sums {
		w.bits -= 4
		dst = l.appendListing(now, dst, w)
	}
	return dst
}

// partsAnswered notes that the answer to a frame of leaves is here, and ends the round with the last one.
func (l *Link) partsAnswered() {
	r := &l.out.repair
	if r.awaits == 0 {
		return // of a descent that was given up
	}
	if r.awaits--; r.awaits == 0 && r.asks {
		r.asks = false
		l.queue(work{form: codec.ComparedAsk, epoch: r.low})
	}
}
