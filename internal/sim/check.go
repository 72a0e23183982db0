package sim

import (
	"bytes"
	"fmt"
	"slices"
	"time"

	"covey/codec"
	"covey/peer"
	"covey/store"
)

// Check compares all hosts after a quiet time: what each holds, entry by entry, whom each knows, and what each link has
// delivered. It returns what is wrong, one sentence each.
func (w *World) Check() []string {
	var wrong []string
	for _, x := range w.checkAll() {
		wrong = append(wrong, x.String())
	}
	return wrong
}

// checkAll runs the checks of a quiet time that need no ledger.
func (w *World) checkAll() []Wrong {
	all := w.checkMembers()
	all = append(all, w.checkRoots()...)
	return append(all, w.checkEqual()...)
}

// quiet runs all checks of a quiet time; what is wrong before everybody is linked and ready is not looked at closely.
func (w *World) quiet() []Wrong {
	if wrong := w.checkMembers(); len(wrong) > 0 {
		return wrong
	}
	wrong := append(w.checkEqual(), w.checkStrangers()...)
	switch {
	case len(wrong) > 0:
	case w.book.mapped:
		wrong = append(w.book.checkTexts(), w.checkTime()...)
	default:
		wrong = w.book.checkAuthentic()
	}
	switch {
	case w.book.totals:
		wrong = append(wrong, w.book.checkTotals()...)
	case !w.book.mapped:
		wrong = append(wrong, w.book.checkSums()...)
	}
	if w.book.mapped {
		return wrong
	}
	return append(wrong, w.book.checkWinner()...)
}

// checkTime: there is one time, so that no link is held. Ends of a chain may be further apart until all have moved together (R6; seed 20163).
func (w *World) checkTime() (wrong []Wrong) {
	up := w.running()
	for i, h := range up {
		for _, o := range up[:i] {
			if d := int64(h.now()) - int64(o.now()); w.near(h, o) && max(d, -d) > peer.StepFrom {
				wrong = append(wrong, Wrong{Check: "time", Text: fmt.Sprintf("the clocks of %s and %s are %d ms apart", h, o, d)})
			}
		}
	}
	return wrong
}

// apartBy returns by how many ms the cluster times of all that run are apart.
func (w *World) apartBy() int64 {
	var all []int64
	for _, h := range w.running() {
		all = append(all, int64(h.now()))
	}
	return slices.Max(all) - slices.Min(all)
}

// checkMembers: all are ready, each by an id of its own, and everyone sees every neighbour alive, linked once, with all that it has written.
func (w *World) checkMembers() []Wrong {
	var wrong []Wrong
	for _, h := range w.Hosts {
		if h.Node == nil {
			return []Wrong{{Check: "members", Text: h.name + " is down"}}
		}
	}
	owners := map[uint64]string{}
	for _, h := range w.Hosts {
		if other, twice := owners[h.Node.ID()]; twice {
			wrong = append(wrong, Wrong{Check: "members", Text: fmt.Sprintf("%s and %s have one id", other, h.name)})
		}
		owners[h.Node.ID()] = h.name
		if s := h.Node.State(); s != codec.StateReady {
			wrong = append(wrong, Wrong{Check: "members", Text: fmt.Sprintf("%s is %s", h.name, s)})
		}
		for _, text := range h.members() {
			wrong = append(wrong, Wrong{Check: "members", Text: text})
		}
	}
	for _, h := range w.Hosts {
		if owners[h.id] == "" {
			wrong = append(wrong, Wrong{Check: "members", Text: "nobody has the id of " + h.name})
		}
	}
	return wrong
}

// checkRoots: nodes that look at the same epoch tell the same root.
func (w *World) checkRoots() []Wrong {
	first := w.Hosts[0]
	epoch, root := first.Store.Digest(first.now())
	var wrong []Wrong
	for _, h := range w.Hosts[1:] {
		if e, r := h.Store.Digest(h.now()); e == epoch && r != root {
			wrong = append(wrong, Wrong{Check: "roots", Text: fmt.Sprintf("%s has root %x of epoch %d, %s has %x", h.name, r, e, first.name, root)})
		}
	}
	return wrong
}

// checkEqual: all nodes hold the same, entry by entry, versions and values. What a node has evicted it may lack.
func (w *World) checkEqual() []Wrong {
	var wrong []Wrong
	first, now := w.Hosts[0], uint64(0)
	for _, h := range w.Hosts {
		now = max(now, h.now()) // their clocks are some ms apart, and something may expire right now
	}
	all := first.contents(now)
	for _, h := range w.Hosts[1:] {
		if key, diff := differ(first, h, all, h.contents(now)); diff != "" {
			wrong = append(wrong, Wrong{Check: "equal", Key: key, Text: fmt.Sprintf("%s and %s differ: %s", first.name, h.name, diff)})
		}
	}
	return wrong
}

// differ says how the contents of two hosts differ first, and at which key; "" when they do not.
func differ(a, b *Host, ours, theirs []store.Record) (key, diff string) {
	for len(ours) > 0 || len(theirs) > 0 {
		c := 1
		if len(theirs) == 0 {
			c = -1
		} else if len(ours) > 0 {
			c = bytes.Compare(ours[0].Key, theirs[0].Key)
		}
		switch {
		case c < 0:
			if !b.evicted(ours[0].Key) && !b.behind(ours[0].Key) {
				return string(ours[0].Key), "only " + a.name + " has " + show(&ours[0])
			}
			ours = ours[1:]
		case c > 0:
			if !a.evicted(theirs[0].Key) && !a.behind(theirs[0].Key) {
				return string(theirs[0].Key), "only " + b.name + " has " + show(&theirs[0])
			}
			theirs = theirs[1:]
		default:
			if !same(&ours[0], &theirs[0]) && !a.behind(ours[0].Key) && !b.behind(ours[0].Key) {
				return string(ours[0].Key), show(&ours[0]) + " against " + show(&theirs[0])
			}
			ours, theirs = ours[1:], theirs[1:]
		}
	}
	return "", ""
}

// evicted reports whether a key that a host does not have may be one that it has evicted.
func (h *Host) evicted(key []byte) bool { return !h.Store.Certain(key, h.Store.Hash(key), h.now()) }

// behind reports whether a newer state of a key, which somebody has evicted, cannot come to this host: none of its neighbours
// holds it. A ghost has no value to pass on, and a value is not asked for beyond the neighbours (R16). Where a neighbour of
// another that lacks it does hold it, that other one is not behind: what can be mended is still seen there.
func (h *Host) behind(key []byte) bool {
	hash := h.Store.Hash(key)
	if !slices.ContainsFunc(h.world.Hosts, func(o *Host) bool { return o.evicted(key) }) {
		return h.unhurried(hash)
	}
	var own store.Print // of a ghost too
	if prints, _ := h.Store.List(nil, hash, 64, 1, h.now()); len(prints) > 0 {
		own = prints[0]
	}
	return !slices.ContainsFunc(h.world.Hosts, func(o *Host) bool {
		r, _, ok := o.Store.Lookup(nil, key, hash, o.now())
		return ok && h.world.near(h, o) && (r.Version().Compare(own.V) > 0 || r.Expiry().Compare(own.E) > 0) && !h.scrubbed(o, hash)
	})
}

// unhurried reports whether a key is of a leaf that is partial here or on a neighbour: what is stale there is found within an hour (R16; seed 9710159 of room).
func (h *Host) unhurried(hash uint64) bool {
	return slices.ContainsFunc(h.world.Hosts, func(o *Host) bool { return (o == h || h.world.near(h, o)) && h.scrubbed(o, hash) })
}

// scrubbed reports whether a key is of a leaf that is partial here or on another: of the two what is stale is found within an hour (seed 9987138 of room).
func (h *Host) scrubbed(o *Host, hash uint64) bool {
	b := h.world.book
	return b != nil && b.tight && (h.partial(hash) || o.partial(hash))
}

// members says what is wrong with whom this host knows.
func (h *Host) members() []string {
	var wrong []string
	seen := map[uint64]peer.Member{}
	for _, m := range h.Node.Members(nil) {
		seen[m.ID] = m
	}
	if len(h.ends) != h.world.neighbours(h, h.world.Hosts) {
		wrong = append(wrong, fmt.Sprintf("%s has %d connections", h.name, len(h.ends)))
	}
	for _, o := range h.world.Hosts {
		m, ok := seen[o.Node.ID()]
		switch {
		case o == h:
		case !h.world.near(h, o) && h.horizon > 0 && h.horizon < time.Hour: // streams that rest so long are forgotten (R12)
		case h.Node.Applied(o.Ring.Stream()) != o.Ring.Head():
			wrong = append(wrong, fmt.Sprintf("%s has applied %d of %s's %d", h.name, h.Node.Applied(o.Ring.Stream()), o.name, o.Ring.Head()))
		case !h.world.near(h, o):
		case !ok:
			wrong = append(wrong, fmt.Sprintf("%s does not know %s", h.name, o.name))
		case m.State != peer.Alive || !m.Linked || m.Incarnation != o.Node.Members(nil)[0].Incarnation:
			wrong = append(wrong, fmt.Sprintf("%s sees %s %s, linked %v", h.name, o.name, m.State, m.Linked))
		case m.Lag != 0 || !m.Synced:
			wrong = append(wrong, fmt.Sprintf("%s sees %s lag by %d, synced %v", h.name, o.name, m.Lag, m.Synced))
		}
	}
	return wrong
}

// contents returns all records of a host that are live at now, by key.
func (h *Host) contents(now uint64) []store.Record {
	var all []store.Record
	for shard := range 256 {
		for cursor, done := uint64(0), false; !done; {
			var recs []store.Record
			recs, _, cursor, done = h.Store.Range(nil, nil, shard, cursor, 1<<20, now)
			for _, r := range recs {
				if _, _, ok := h.Store.Get(nil, r.Key, h.Store.Hash(r.Key), now); ok {
					all = append(all, r)
				}
			}
		}
	}
	slices.SortFunc(all, func(a, b store.Record) int { return bytes.Compare(a.Key, b.Key) })
	return slices.CompactFunc(all, func(a, b store.Record) bool { return bytes.Equal(a.Key, b.Key) })
}

func same(a, b *store.Record) bool {
	return bytes.Equal(a.Value, b.Value) && a.Kind == b.Kind && a.Content == b.Content && a.Version() == b.Version() &&
		a.Expiry() == b.Expiry() && a.ExpireAt == b.ExpireAt
}

func show(r *store.Record) string {
	return fmt.Sprintf("%s=%.40q flags %x V %x/%x E %x/%x at %d", r.Key, r.Value, r.Flags, r.Stamp, r.Node, r.ExpireStamp, r.ExpireNode, r.ExpireAt)
}
