package peer

import (
	"math/bits"

	"covey/codec"
	"covey/store"
)

// Of leaves that are partial no root tells (R16). A node names, in an hour, all that it holds of those that are partial here, in
// 6 bytes an entry; of leaves that are partial on both sides the lower id does. So what is stale is found on either side. What a
// node has evicted is not its matter: nothing is concluded from what is not named.
type scrub struct {
	from uint64 // the key hash that is next
	at   int64  // when that is due
}

// beginScrub has the loop scrub, if it is time.
func (n *Node) beginScrub(l *Link) {
	leaves := l.bitmaps.scrubs
	if leaves == nil || leaves.count == 0 || n.weak&WithoutRepair != 0 || n.State() != codec.StateReady || l.member.readiness != codec.StateReady {
		return
	}
	l.scrubs.Store(leaves)
	n.pend(l)
}

// scrub queues the next entries, unless a repair is under way, and takes its time after that: an hour for all key hashes, or a
// heartbeat for each frame if there are so many.
func (l *Link) scrub(now int64) {
	n, r, s := l.node, &l.out.repair, &l.out.scrub
	leaves := l.scrubs.Swap(nil)
	cluster := n.clock.Cluster(now)
	epoch := store.ClosedEpoch(cluster)
	if now < s.at || epoch == 0 || len(r.work) > 0 || l.leading(now) {
		return
	}
	top := n.borrow()
	defer n.repay(top)
	m, from, looked := codec.Scrub{Epoch: epoch}, s.from, 0
	for range scrubShards {
		top.prints, s.from = n.store.Prints(top.prints[:0], s.from, codec.MaxScrubEntries/2, cluster)
		for i := range top.prints {
			if p := &top.prints[i]; leaves.has(int(p.Hash>>48)) && !p.Ghost && !p.Gone && p.Epoch() <= epoch && m.Count < codec.MaxScrubEntries {
				m.Entries = codec.AppendScrubEntry(m.Entries, uint32(p.Hash>>32), uint16(p.Sum()))
				m.Count++
			}
		}
		if looked += len(top.prints); s.from == 0 || looked >= codec.MaxScrubEntries/2 {
			break
		}
	}
	s.at = now + int64(ScrubPass)
	if done := s.from - from; done != 0 { // of 2^64
		wait, _ := bits.Mul64(done, uint64(ScrubPass))
		s.at = now + int64(wait)
	}
	if m.Count > 0 {
		l.queue(work{frame: codec.AppendScrub(nil, m)})
		n.counters.scrubs.Add(1)
	}
}

// scrubbed answers a Scrub: what is stale on either side is listed, and mended as in a repair.
func (l *Link) scrubbed(now int64, body []byte) error {
	m, err := codec.DecodeScrub(body)
	if err != nil {
		return err
	}
	n := l.node
	if n.State() != codec.StateReady {
		return nil
	}
	top := n.borrow()
	defer n.repay(top)
	cluster := n.clock.Cluster(now)
	for i := range int(m.Count) {
		hash, print := m.Entry(i)
		prefix, ok := uint64(hash)<<(64-scrubBits), false
		top.prints, ok = n.store.List(top.prints[:0], prefix, scrubBits, listedAtOnce, cluster)
		if ok && stale(top.prints, print, m.Epoch, cluster) && (len(top.prints) > 0 || !l.forgotten(prefix).has(prefix)) {
			l.queue(work{epoch: m.Epoch, prefix: prefix, bits: scrubBits})
		}
	}
	return nil
}

// stale reports whether none of the entries under a part of a key hash is what the other holds there. What has come since the
// epoch may be on its way, and a ghost has nothing to give and needs nothing.
func stale(prints []store.Print, theirs uint16, epoch, now uint64) bool {
	for i := range prints {
		p := &prints[i]
		bare := p.Gone && (p.ExpireAt == 0 || now < p.ExpireAt) // its value is gone, and others have it (R3)
		if p.Ghost || p.Epoch() > epoch || uint16(p.Sum()) == theirs && !bare {
			return false
		}
	}
	return true
}
