package sim

import (
	"encoding/binary"
	"fmt"
	"time"

	"github.com/zeebo/xxh3"

	"covey/codec"
	"covey/peer"
	"covey/store"
)

// The checks along the way.

const (
	lookEvery   = 2 * time.Second // between two looks at all registers of all nodes
	aheadMost   = 10_000          // ms that a stamp may be ahead of a node's time (R8)
	aheadSlack  = 1_100           // ms by which clocks may have moved back since it was taken: R6 slews
	epochMS     = 1024
	settleMS    = 2000
	epochsAlive = 8
)

// watch looks at all nodes again and again.
func (b *ledger) watch() {
	w := b.world
	w.After(lookEvery, func() {
		for _, h := range w.running() {
			b.look(h)
		}
		b.watch()
	})
}

// checkNeverBack: the registers of a key on one node only grow, and what is deleted or expired does not return; but for
// what a FLUSHALL covers, what a floor stands for, and ghosts that were forgotten, which are counted.
func (b *ledger) checkNeverBack(h *Host, i int, k known, p *store.Print) {
	if lost := b.lacks(h, i, k, p); lost != "" {
		b.complain("never back", i, "%s %s", h.name, lost)
	}
}

// lacks says what is missing on h of what it should know of a key; "" when nothing is.
func (b *ledger) lacks(h *Host, i int, k known, p *store.Print) string {
	flush := h.Store.Flushed()
	var v, e store.Version
	if p != nil {
		v, e = p.V, p.E
	}
	noV, noE := v.Compare(k.v) >= 0 || flush.Compare(k.v) >= 0, e.Compare(k.e) >= 0 || flush.Compare(k.e) >= 0
	if noV && noE {
		return ""
	}
	if h.partial(b.hashes[i]) {
		b.seen.Regressed++
		h.known[i] = known{v: v, e: e}
		return ""
	}
	if h.forgets(k, p) {
		return ""
	}
	if p == nil {
		return fmt.Sprintf("has nothing where there was V %s, E %s, gone %v; floor %s", at(k.v), at(k.e), k.gone, at(h.Store.Floor()))
	}
	return fmt.Sprintf("has V %s, E %s, gone %v, where there was V %s, E %s, gone %v; floor %s", at(v), at(e), p.Gone, at(k.v), at(k.e), k.gone, at(h.Store.Floor()))
}

// forgets reports whether a node may know no more of what it held of a key: it was deleted or had expired, and the floor stands for it. What came since
// is a later write, which need not know of its expiry.
func (h *Host) forgets(k known, p *store.Print) bool {
	top, floor := k.v, h.Store.Floor()
	if k.e.Compare(top) > 0 {
		top = k.e
	}
	dead := k.gone || k.at != 0 && k.at <= h.now()
	return dead && top.Compare(floor) <= 0 && (p == nil || p.V.Compare(floor) > 0)
}

// forget notes what a node knows no more of a key. What it has now, p, is a later write with registers of its own.
func (h *Host) forget(i int, p *store.Print) {
	k := &h.known[i]
	if !h.forgets(*k, p) {
		return
	}
	h.graves[i].raise(k.v, k.e, k.at)
	if p != nil {
		*k = known{}
	}
}

// partial reports whether ghosts were forgotten in the leaf of a hash.
func (h *Host) partial(hash uint64) bool {
	count := h.Store.LeafCount()
	leaf := int(hash << 8 >> 8 * uint64(count) >> 56)
	bits := h.Store.Partial(nil, int(hash>>56))
	return bits[leaf/64]>>(leaf%64)&1 != 0
}

// checkNotAhead: no node holds a stamp that is more than 10 s ahead of its time (R8).
func (b *ledger) checkNotAhead(h *Host, prints []store.Print) {
	most := (h.now() + aheadMost + aheadSlack) << 16
	for i := range prints {
		if p := &prints[i]; p.V.Stamp > most || p.E.Stamp > most {
			b.complain("not ahead", -1, "%s holds V %s, E %s at %d", h.name, at(p.V), at(p.E), h.now())
		}
	}
}

// checkLimits: memory, tombstones, ghosts, outboxes and tables stay inside their limits.
func (b *ledger) checkLimits(h *Host) {
	c, s := h.Store.Counts(), h.Node.Sizes()
	over := func(what string, n, most int64) {
		if n > most {
			b.complain("limits", -1, "%s has %d of %s, more than %d", h.name, n, what, most)
		}
	}
	over("bytes in its store", c.Bytes, c.MaxBytes)
	over("members", int64(s.Members), peer.MaxMembers)
	over("links", int64(s.Links), peer.MaxLinks)
	over("streams", int64(s.Streams), peer.MaxStreams)
	over("addresses", int64(s.Targets), peer.MaxTargets)
	over("dials", int64(s.Dialing), peer.MaxDialing)
	over("bytes in its ring", int64(s.Ring), int64(h.ring))
	over("bytes in its relay log", int64(s.Relay), int64(h.ring))
	over("bytes of control frames on a link", int64(s.Control), peer.ControlLimit)
	over("bytes of repair on a link", int64(s.Repair), peer.RepairQueue)
	over("bytes on their way on a link", int64(s.Unacknowledged), peer.Window+codec.MaxFrame)
	over("questions of a peer", int64(s.Asked), peer.MaxAnswers)
	over("bytes of keys to fetch", int64(s.Wanted), peer.FetchBytes)
}

// deletion is the content hash of every deletion.
var deletion = store.Content(store.KindString, true, nil)

// checkDigest: the fingerprint that a node tells others is that of what it holds. Where something expired since the epoch
// ended, or was written since, it cannot be told from the outside: then it is left out.
func (b *ledger) checkDigest(h *Host, prints []store.Print) {
	now := h.now()
	epoch, root := h.Store.Digest(now)
	if epoch == 0 || b.tight && h.Store.Counts().Forgotten > 0 {
		return // a ghost that is forgotten counts until then
	}
	end := (epoch + 1) * epochMS
	sum := uint64(0)
	if f := h.Store.Flushed(); f != (store.Version{}) {
		if f.Stamp>>16/epochMS > epoch {
			return
		}
		var buf [16]byte
		binary.LittleEndian.PutUint64(buf[0:], f.Stamp)
		binary.LittleEndian.PutUint64(buf[8:], f.Node)
		sum = xxh3.Hash(buf[:])
	}
	for i := range prints {
		p := &prints[i]
		if p.Epoch() > epoch || p.Gone && p.ExpireAt >= end {
			return
		}
		if !p.Gone {
			sum += p.Sum()
		}
	}
	// What came since the look at the epoch may have taken the place of something that counted.
	if len(b.log) > 0 && b.world.Now-b.log[len(b.log)-1].at < int64((settleMS+2*epochMS)*time.Millisecond) {
		return
	}
	b.seen.Digests++
	if sum != root {
		b.complain("digest", -1, "%s tells root %x of epoch %d, but holds %x", h.name, root, epoch, sum)
	}
}
