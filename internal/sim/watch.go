package sim

import (
	"encoding/binary"
	"fmt"
	"slices"
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
	top := k.v
	if k.e.Compare(top) > 0 {
		top = k.e
	}
	dead := k.gone || k.at != 0 && k.at <= h.now()
	if floor := h.Store.Floor(); dead && top.Compare(floor) <= 0 && (p == nil || v.Compare(floor) > 0) {
		return "" // a tombstone that was forgotten; a later write need not know of its expiry
	}
	if p == nil {
		return fmt.Sprintf("has nothing where there was V %s, E %s, gone %v; floor %s", at(k.v), at(k.e), k.gone, at(h.Store.Floor()))
	}
	return fmt.Sprintf("has V %s, E %s, gone %v, where there was V %s, E %s, gone %v; floor %s", at(v), at(e), p.Gone, at(k.v), at(k.e), k.gone, at(h.Store.Floor()))
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
	if epoch == 0 {
		return
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

// readier is what a node has to hold before it may say that it is ready: what a peer held when the node was started.
type readier struct {
	host *Host
	life int
	held []known
}

// started notes what the ready nodes hold when h starts.
func (b *ledger) started(h *Host) {
	h.known, h.dropped, h.wasReady = make([]known, len(b.keys)), make([]bool, len(b.keys)), false
	h.before = h.before[:0]
	for _, o := range b.world.running() {
		if o != h && o.Node.State() == codec.StateReady && b.world.near(h, o) {
			b.look(o)
			h.before = append(h.before, readier{o, o.life, append([]known(nil), o.known...)})
		}
	}
}

// checkReady: a node that says it is ready holds what every ready peer that it is linked with held when it started (R21).
// A node that loads asks each ready peer for a part: where these did not hold the same, as right after a split, that is not
// all yet, and not judged. What the peer itself holds as deleted or expired by now is not asked for: what is pulled from another,
// and compared with this one, tells of nothing that is dead (R13, R18); what is older and alive is, but where it came from one
// that was not ready yet when the node started, and had missed the deletion in a split of its own.
func (b *ledger) checkReady(h *Host) {
	if h.wasReady || h.Node == nil || h.Node.State() != codec.StateReady {
		return
	}
	h.wasReady = true
	for _, r := range h.before {
		if r.host.life == r.life && r.host.Node != nil {
			b.look(r.host)
		}
	}
	fresh := b.fresh(h)
	b.look(h)
	prints := map[uint64]*store.Print{}
	for i := range b.buf {
		prints[b.buf[i].Hash] = &b.buf[i]
	}
	if !b.alike(h.before) {
		b.seen.Unlike++
		h.before = nil
		return
	}
	for _, r := range h.before {
		if r.host.life != r.life || r.host.Node == nil || !h.linkedWith(r.host) {
			continue
		}
		b.seen.Joins++
		for i, k := range r.held {
			if p := prints[b.hashes[i]]; (k.gone || r.host.known[i].gone) && (p == nil || p.Gone || p.Bare) {
				continue // a deletion that not all have to know of
			} else if (k.gone || r.host.known[i].gone) && slices.ContainsFunc(fresh, func(o *Host) bool { return o.known[i].v == p.V }) {
				b.seen.Unlike++
				continue
			}
			if lost := b.lacks(h, i, k, prints[b.hashes[i]]); lost != "" {
				b.complain("ready", i, "%s says ready, but %s; that was on %s", h.name, lost, r.host.name)
			}
		}
	}
	h.before = nil
}

// fresh looks at the ready peers of h that became ready since it started: they are its donors too.
func (b *ledger) fresh(h *Host) (all []*Host) {
	for _, o := range b.world.running() {
		was := slices.ContainsFunc(h.before, func(r readier) bool { return r.host == o && r.life == o.life })
		if o != h && !was && o.Node.State() == codec.StateReady && h.linkedWith(o) {
			b.look(o)
			all = append(all, o)
		}
	}
	return all
}

// alike reports whether all held the same of what was alive.
func (b *ledger) alike(all []readier) bool {
	for _, r := range all {
		for i, k := range r.held {
			if o := all[0].held[i]; (k.v != o.v || k.e != o.e) && !(k.gone && o.gone) {
				return false
			}
		}
	}
	return true
}

func (h *Host) linkedWith(o *Host) bool {
	for _, l := range h.Node.Links() {
		if e := l.User().(*end); e.other.host == o {
			return true
		}
	}
	return false
}
