package sim

import (
	"bytes"
	"fmt"
	"slices"

	"covey/codec"
	"covey/peer"
	"covey/store"
)

// Check compares all hosts after a quiet time: what each holds, entry by entry, whom each knows, and what each link has
// delivered. It returns what is wrong, one sentence each.
func (w *World) Check() []string {
	var wrong []string
	complain := func(format string, args ...any) { wrong = append(wrong, fmt.Sprintf(format, args...)) }
	first := w.Hosts[0]
	all := first.contents()
	epoch, root := first.Store.Digest(first.now())
	for _, h := range w.Hosts {
		if s := h.Node.State(); s != codec.StateReady {
			complain("%s is %s", h.name, s)
		}
		if e, r := h.Store.Digest(h.now()); e == epoch && r != root {
			complain("%s has root %x of epoch %d, %s has %x", h.name, r, e, first.name, root)
		}
		if diff := compare(all, h.contents()); diff != "" {
			complain("%s and %s differ: %s", first.name, h.name, diff)
		}
		for _, p := range h.members() {
			complain("%s", p)
		}
	}
	return wrong
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
		case h.Node.Applied(o.Ring.Stream()) != o.Ring.Head():
			wrong = append(wrong, fmt.Sprintf("%s has applied %d of %s's %d", h.name, h.Node.Applied(o.Ring.Stream()), o.name, o.Ring.Head()))
		case !h.world.near(h, o):
		case !ok:
			wrong = append(wrong, fmt.Sprintf("%s does not know %s", h.name, o.name))
		case m.State != peer.Alive || !m.Linked || m.Incarnation != o.incarnation:
			wrong = append(wrong, fmt.Sprintf("%s sees %s %s, linked %v", h.name, o.name, m.State, m.Linked))
		case m.Lag != 0 || !m.Synced:
			wrong = append(wrong, fmt.Sprintf("%s sees %s lag by %d, synced %v", h.name, o.name, m.Lag, m.Synced))
		}
	}
	return wrong
}

// contents returns all live records of a host, by key.
func (h *Host) contents() []store.Record {
	var all []store.Record
	now := h.now()
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

// compare says how two contents differ first; "" when they do not.
func compare(a, b []store.Record) string {
	for i := range max(len(a), len(b)) {
		switch {
		case i >= len(a):
			return "only the second has " + show(&b[i])
		case i >= len(b):
			return "only the first has " + show(&a[i])
		case !bytes.Equal(a[i].Key, b[i].Key):
			return show(&a[i]) + " against " + show(&b[i])
		case !same(&a[i], &b[i]):
			return show(&a[i]) + " against " + show(&b[i])
		}
	}
	return ""
}

func same(a, b *store.Record) bool {
	return bytes.Equal(a.Value, b.Value) && a.Kind == b.Kind && a.Content == b.Content && a.Version() == b.Version() &&
		a.Expiry() == b.Expiry() && a.ExpireAt == b.ExpireAt
}

func show(r *store.Record) string {
	return fmt.Sprintf("%s=%.40q flags %x V %x/%x E %x/%x at %d", r.Key, r.Value, r.Flags, r.Stamp, r.Node, r.ExpireStamp, r.ExpireNode, r.ExpireAt)
}
