package sim

import (
	"slices"

	"covey/codec"
	"covey/peer"
	"covey/store"
)

// The check of what a node holds when it says that it is ready.

// readier is what a node has to hold before it may say that it is ready: what a peer held when the node was started.
type readier struct {
	host  *Host
	life  int
	held  []known
	texts []string // what it read, where stamps are mapped; "" for nothing
}

// started notes what the ready nodes hold when h starts.
func (b *ledger) started(h *Host) {
	h.known, h.graves, h.wasReady = make([]known, len(b.keys)), make([]known, len(b.keys)), false
	h.dropped, h.denied = make([]bool, len(b.keys)), make([]bool, len(b.keys))
	h.before = h.before[:0]
	for _, o := range b.world.running() {
		if o != h && o.Node.State() == codec.StateReady && b.world.near(h, o) {
			b.look(o)
			h.before = append(h.before, readier{host: o, life: o.life, held: append([]known(nil), o.known...), texts: b.readAll(o)})
		}
	}
}

// readAll reads all keys of a host, where stamps are mapped.
func (b *ledger) readAll(h *Host) (all []string) {
	for i := range b.keys {
		if b.mapped {
			all = append(all, b.lasting(h, i))
		}
	}
	return all
}

// checkReady: a node that says it is ready holds what every ready peer that it is linked with held when it started (R21).
// A node that loads asks each ready peer for a part: where these did not hold the same, as right after a split, that is not
// all yet, and not judged. What the peer itself has held as deleted or expired since is not asked for, though it be written again by
// now (seed 62576): what is pulled from another, and compared with this one, tells of nothing that is dead (R13, R18); what is older
// and alive is, but where it came from one that was not ready yet when the node started, and had missed the deletion in a split of its own.
func (b *ledger) checkReady(h *Host) {
	if h.wasReady || h.Node == nil || h.Node.State() != codec.StateReady {
		return
	}
	h.wasReady = true
	if b.mapped {
		b.checkReadyTexts(h)
		h.before = nil
		return
	}
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
			if p := prints[b.hashes[i]]; p != nil && p.V.Compare(k.v) >= 0 && p.E.Compare(k.e) >= 0 {
				continue
			} else if b.tight && r.host.evicted([]byte(b.keys[i])) {
				continue // a ghost has no value to pass on (R16)
			} else if ended := b.ended(r.host, i, k); ended && (p == nil || p.Gone || p.Bare) {
				continue // a deletion that not all have to know of
			} else if ended && slices.ContainsFunc(fresh, func(o *Host) bool { return o.known[i].v == p.V }) {
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

// ended reports whether what a host held of a key, k, has been deleted or has expired: what it holds now may be a later write.
func (b *ledger) ended(o *Host, i int, k known) bool {
	now, last := o.now(), &o.known[i]
	return k.gone || last.gone || k.at != 0 && k.at <= now || slices.ContainsFunc(b.log, func(e entry) bool {
		return e.key == i && (e.gone && e.v.Compare(k.v) > 0 && e.v.Compare(last.v) <= 0 ||
			e.ends != 0 && e.ends <= now && e.e.Compare(k.e) > 0 && e.e.Compare(last.e) <= 0)
	})
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

// checkReadyTexts is checkReady where stamps are mapped: what all the donors read when it started, and read still, it has too, or
// knows to be over.
func (b *ledger) checkReadyTexts(h *Host) {
	for _, r := range h.before {
		if r.host.life != r.life || r.host.Node == nil || !h.linkedWith(r.host) {
			continue
		}
		b.seen.Joins++
		for i := range b.keys {
			same := !slices.ContainsFunc(h.before, func(o readier) bool { return o.texts[i] != r.texts[i] }) &&
				!slices.ContainsFunc(b.world.running(), func(o *Host) bool { return o != h && h.linkedWith(o) && b.lasting(o, i) != r.texts[i] })
			if _, _, has := b.read(h, i); r.texts[i] != "" && !has && same && !b.outlived(h, r.host, i) {
				b.complain("ready", i, "%s says ready, and does not have what was on %s all the time: %.40q", h.name, r.host.name, r.texts[i])
			}
		}
	}
}

// outlived reports whether h holds, of what a peer reads under a key, a later end that the peer has not heard of: a FLUSHALL, a
// deletion or an expiry. A client of its own wrote it (seeds 527, 2703, 4324, 4586), one that is linked with h and not with the peer
// (991089, 5788), or one of a start that is over (1126). Of two whose clocks agree stamps compare, whatever was mapped; of two that are
// apart, for the peer is paused at this moment, those of one version do (301).
func (b *ledger) outlived(h, o *Host, i int) bool {
	apart := int64(h.now()) - int64(o.now())
	own, theirs := b.print(h, i), b.print(o, i)
	if max(apart, -apart) > peer.StepFrom && own.V != theirs.V {
		return false
	}
	if h.Store.Flushed().Compare(theirs.V) >= 0 {
		return len(b.flushes) > 0
	}
	later := own.V.Compare(theirs.V) > 0 || own.V == theirs.V && own.E.Compare(theirs.E) > 0
	return own.Gone && later && slices.ContainsFunc(b.log, func(e entry) bool { return e.key == i && (e.gone || e.ends != 0) })
}

// print is what a host has of a key, be it a deletion; zero for nothing.
func (b *ledger) print(h *Host, i int) (p store.Print) {
	if all, _ := h.Store.List(nil, b.hashes[i], 64, 1, h.now()); len(all) > 0 {
		p = all[0]
	}
	return p
}

func (b *ledger) read(h *Host, i int) ([]byte, store.Meta, bool) {
	return h.Store.Get(nil, []byte(b.keys[i]), b.hashes[i], h.now())
}

// lasting is what a host reads of a key that has no time to live; "" for nothing.
func (b *ledger) lasting(h *Host, i int) string {
	if v, m, ok := b.read(h, i); ok && m.ExpireAt == 0 {
		return "=" + string(v)
	}
	return ""
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
