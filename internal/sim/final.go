package sim

import (
	"bytes"
	"fmt"
	"slices"

	"covey/store"
)

// The checks at the end, by the ledger.

// checkAuthentic: what a node holds of a key is what a client was told: value and versions are of acknowledged writes, and
// whether it can be read follows from them by R2 and R3 alone.
func (b *ledger) checkAuthentic() []Wrong {
	var wrong []Wrong
	for _, h := range b.world.Hosts {
		b.buf = h.prints(b.buf)
		for i := range b.buf {
			p := &b.buf[i]
			key := b.keyOf(p.Hash)
			if b.apart[p.Hash] {
				continue
			}
			if key < 0 {
				wrong = append(wrong, Wrong{Check: "authentic", Text: h.name + " has a key that nobody wrote"})
				continue
			}
			if text := b.forged(h, key, p); text != "" {
				wrong = append(wrong, Wrong{Check: "authentic", Key: b.keys[key], Text: fmt.Sprintf("%s: %s %s", b.keys[key], h.name, text)})
			}
		}
	}
	return wrong
}

// checkTexts is checkAuthentic where stamps are mapped: a value that can be read is one that a client wrote under that key.
func (b *ledger) checkTexts() []Wrong {
	var wrong []Wrong
	for _, h := range b.world.Hosts {
		for i, key := range b.keys {
			if v, _, ok := b.read(h, i); ok && !b.texts[text{i, string(v)}] {
				wrong = append(wrong, Wrong{Check: "authentic", Key: key, Text: fmt.Sprintf("%s: %s has %.40q, which nobody wrote", key, h.name, v)})
			}
		}
	}
	return wrong
}

func (b *ledger) keyOf(hash uint64) int {
	for i, h := range b.hashes {
		if h == hash {
			return i
		}
	}
	return -1
}

// forged says what is not as the ledger has it; "" when all is.
func (b *ledger) forged(h *Host, i int, p *store.Print) string {
	now := h.now()
	got, m, readable := h.Store.Get(nil, []byte(b.keys[i]), b.hashes[i], now)
	if p.E != (store.Version{}) {
		if !b.expiries[expiryID{i, p.E, p.ExpireAt}] {
			return fmt.Sprintf("has E %s with expiry %d, which nobody wrote", at(p.E), p.ExpireAt)
		}
	}
	if p.V == (store.Version{}) {
		if readable {
			return "can be read, and was never written"
		}
		return ""
	}
	v, ok := b.values[valueID{i, p.V, p.Content}]
	if !ok && dropped(p) && (b.mayDrop() || b.droppedAnywhere(i)) {
		return "" // dropped by R14
	}
	if !ok {
		return fmt.Sprintf("has V %s, content %x, which nobody wrote", at(p.V), p.Content)
	}
	counts := p.ExpireAt != 0 && (p.E.Compare(p.V) >= 0 || v.flags&store.Keeps != 0 && p.E.Compare(v.base) >= 0)
	dead := v.flags&store.Deleted != 0 || counts && p.ExpireAt <= now
	switch {
	case p.Ghost:
		return ""
	case !dead && p.Bare:
		return "" // came back by a later expiry when nobody had its bytes any more (R3)
	case dead == readable:
		return fmt.Sprintf("V %s, E %s, expiry %d at %d: to be read %v, as it should be %v", at(p.V), at(p.E), p.ExpireAt, now, readable, !dead)
	case readable && !bytes.Equal(got, v.bytes):
		return fmt.Sprintf("has %.40q under V %s; the client wrote %.40q", got, at(p.V), v.bytes)
	case readable && counts && m.ExpireAt != p.ExpireAt:
		return fmt.Sprintf("says expiry %d, and holds %d", m.ExpireAt, p.ExpireAt)
	}
	return ""
}

// checkWinner: of the writes to a key that were acknowledged by nodes that have not been restarted since, none is above
// what every node holds. What a floor stands for may be forgotten: a tombstone, or by R14 what only one side held of a
// split as long as the horizon.
func (b *ledger) checkWinner() []Wrong {
	top, heard := b.highest(func(*entry) bool { return true }), b.highest(b.kept)
	var wrong []Wrong
	for _, h := range b.world.Hosts {
		b.buf = h.prints(b.buf)
		has := make([]*store.Print, len(b.keys))
		for i := range b.buf {
			if key := b.keyOf(b.buf[i].Hash); key >= 0 {
				has[key] = &b.buf[i]
			}
		}
		for i := range top {
			lost := b.lost(h, i, top[i], has[i])
			if lost != "" && heard[i] != top[i] {
				lost = b.lost(h, i, heard[i], has[i])
			}
			if lost != "" && !h.behind([]byte(b.keys[i])) {
				wrong = append(wrong, Wrong{Check: "winner", Key: b.keys[i], Text: b.keys[i] + ": " + h.name + " " + lost})
			}
		}
	}
	return wrong
}

// highest returns the highest of each key that nodes which have not been restarted since have acknowledged, of the writes that count, or
// were seen to hold: a deletion may have outlived its author.
func (b *ledger) highest(counts func(w *entry) bool) []known {
	top := make([]known, len(b.keys))
	for i := range b.log {
		if w := &b.log[i]; w.host.life == w.life && counts(w) {
			v := w.v
			if w.only {
				v = store.Version{}
			}
			top[w.key].raise(v, w.e, w.ends)
		}
	}
	for _, h := range b.world.Hosts {
		for i, k := range h.known {
			if k.v.Compare(top[i].v) > 0 || k.e.Compare(top[i].e) > 0 {
				top[i].raise(k.v, k.e, k.at)
				top[i].gone = k.gone
			}
		}
	}
	return top
}

// kept reports whether a write is still to be known. Its own node may have forgotten it, with the deletion or the expiry that it was or that came after
// it: one that was cut off for the horizon did so before any other heard of it, and what was written meanwhile to what was deleted there counts, with the
// expiry of its own (R13; seed 9970931). If another has heard of it that one knows it still, or has forgotten it too.
func (b *ledger) kept(w *entry) bool {
	g := &w.host.graves[w.key]
	return !b.mayDrop() || w.v.Compare(g.v) > 0 || w.e.Compare(g.e) > 0
}

// lost says what of the highest of a key a host lacks; "" when nothing is, or it may be.
func (b *ledger) lost(h *Host, i int, k known, has *store.Print) string {
	k.gone = k.gone || b.deletes(i, k.v) || b.droppedAnywhere(i)
	lacking := has == nil || has.Gone || has.Bare
	if lacking && (b.keeps(i, k.v) || b.crossed(h, i, k)) {
		// Its time to live ended by another's expiry, its bytes went, and a later expiry could not bring them back (R3).
		b.seen.Mixed++
		return ""
	}
	if lacking && h.Store.Flushed().Compare(k.v) >= 0 {
		return "" // an expiry that a FLUSHALL left without a value
	}
	if lacking && (k.gone || k.at != 0 && k.at <= h.now()) {
		return "" // a deletion, or an expiry, that not all have to know of: nobody holds what it ended
	}
	return b.lacks(h, i, k, has)
}

// crossed reports whether what is left of a key's expiry was of a value that a FLUSHALL ended (R4), and the value that it would count for, of the other side
// of a split, has ended by an expiry of its own before the two met: what is dead is in no fingerprint, so nobody tells of it (R3; seeds 9802759, 9803032).
func (b *ledger) crossed(h *Host, i int, k known) bool {
	orphan := slices.ContainsFunc(b.log, func(w entry) bool {
		return w.key == i && w.only && w.e == k.e && w.v.Compare(h.Store.Flushed()) <= 0
	})
	return orphan && slices.ContainsFunc(b.log, func(w entry) bool {
		return w.key == i && w.ends != 0 && w.ends <= h.now() && w.e.Compare(k.v) >= 0 && w.e.Compare(k.e) < 0
	})
}

// keeps reports whether a version is of a write that kept the time to live: what counts then may be of another node.
func (b *ledger) keeps(key int, v store.Version) bool {
	for id, value := range b.values {
		if id.key == key && id.v == v {
			return value.flags&store.Keeps != 0
		}
	}
	return false
}

// deletes reports whether an acknowledged version was a deletion.
func (b *ledger) deletes(key int, v store.Version) bool {
	d, ok := b.values[valueID{key, v, deletion}]
	return ok && d.flags&store.Deleted != 0
}

// droppedAnywhere reports whether a node was seen to drop a key by R14, where it may. What it dropped is gone everywhere, and forgotten
// some time later. A host that had left, and comes back cut off, drops what it wrote meanwhile if others were short of room for tombstones (seed 9987955
// of graves).
func (b *ledger) droppedAnywhere(key int) bool {
	may := b.mayDrop()
	return slices.ContainsFunc(b.world.Hosts, func(h *Host) bool { return h.dropped[key] && may || h.denied[key] })
}
