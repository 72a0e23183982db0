package peer

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"covey/codec"
	"covey/store"
)

func TestR19_WhatEachSideLacksIsToldByRegisterAndAge(t *testing.T) {
	v := func(epoch uint64) store.Version { return store.Version{Stamp: epoch << 26, Node: 1} }
	at := func(epoch uint64) store.Print { return store.Print{Hash: 5, V: v(epoch), E: v(epoch)} }
	with := func(p store.Print, change func(*store.Print)) store.Print { change(&p); return p }
	const now = 50_000
	expires := func(p store.Print) store.Print { return with(p, func(p *store.Print) { p.ExpireAt = now - 10 }) }
	none := store.Print{}
	for _, c := range []struct {
		name          string
		ours, theirs  store.Print
		mine, yours   bool // that side has forgotten ghosts
		newer, wanted bool
	}{
		{name: "equal", ours: at(3), theirs: at(3)},
		{name: "only here", ours: at(3), newer: true},
		{name: "only there", theirs: at(3), wanted: true},
		{name: "only here, younger than the epoch", ours: at(10)},
		{name: "only there, younger than the epoch", theirs: at(10)},
		{name: "newer here", ours: at(4), theirs: at(3), newer: true},
		{name: "newer there, by content at equal version", ours: at(3), theirs: with(at(3), func(p *store.Print) { p.Content = 1 }), wanted: true},
		{name: "each has one register newer", ours: with(at(3), func(p *store.Print) { p.V = v(4) }), theirs: with(at(3), func(p *store.Print) { p.E = v(4) }), newer: true, wanted: true},
		{name: "newer here, but it may be on its way", ours: at(10), theirs: at(3)},
		{name: "a tombstone here", ours: with(at(4), func(p *store.Print) { p.Gone = true }), theirs: at(3), newer: true},
		{name: "a tombstone here alone", ours: with(at(4), func(p *store.Print) { p.Gone = true })},
		{name: "two tombstones", ours: with(at(4), func(p *store.Print) { p.Gone = true }), theirs: with(at(3), func(p *store.Print) { p.Gone = true })},
		{name: "alive here, its value gone there", ours: at(3), theirs: with(at(3), func(p *store.Print) { p.Gone = true }), newer: true},
		{name: "alive there, its value gone here", ours: with(at(3), func(p *store.Print) { p.Gone = true }), theirs: at(3), wanted: true},
		{name: "expired by one of two clocks", ours: expires(at(3)), theirs: expires(with(at(3), func(p *store.Print) { p.Gone = true }))},
		{name: "a newer ghost has nothing to give", ours: with(at(4), func(p *store.Print) { p.Ghost = true }), theirs: at(3)},
		{name: "an older ghost takes", ours: with(at(3), func(p *store.Print) { p.Ghost = true }), theirs: at(4), wanted: true},
		{name: "evicted there", ours: at(3), yours: true},
		{name: "evicted here", theirs: at(3), mine: true},
		{name: "stale where much was evicted", ours: at(3), theirs: at(4), mine: true, wanted: true},
	} {
		var ours, theirs []store.Print
		if c.ours != none {
			ours = append(ours, c.ours)
		}
		if c.theirs != none {
			theirs = append(theirs, c.theirs)
		}
		forgotten := map[bool]leavesOf{true: {bits: []uint64{1}, count: 2}} // of two leaves that of the hash
		newer, wanted := differences(ours, theirs, 9, now, forgotten[c.mine], c.yours)
		if len(newer) > 0 != c.newer || len(wanted) > 0 != c.wanted {
			t.Errorf("%s: newer %v, wanted %v", c.name, newer, wanted)
		}
	}
}

// TestR19_TheTreeAddsUp compares what the levels of the tree say of one store, and of two with leaves of different sizes.
func TestR19_TheTreeAddsUp(t *testing.T) {
	b, x, y, c := pair(t)
	small, err := store.New(store.Options{Shards: 1, Node: 9, MaxBytes: 4 << 20, Seed: 7})
	if err != nil {
		t.Fatal(err)
	}
	for i := range 5000 {
		r := record(b, y, string(rune('a'+i%26))+string(rune(i)), "v", 5)
		r.Stamp = (y.clock.Cluster(b.now) - 60_000) << 16
		r.ExpireStamp, r.ExpireNode = r.Stamp, r.Node
		for _, s := range []*store.Store{x.store, small} {
			s.Merge((*store.Record)(r), s.Hash(r.Key), x.clock.Cluster(b.now))
		}
	}
	epoch, root := x.store.Digest(x.clock.Cluster(b.now))
	l := c.sides[0].link
	var level func(l *Link, lv uint8, node uint32) (sum uint64, lists int)
	level = func(l *Link, lv uint8, node uint32) (sum uint64, lists int) {
		var sums [codec.DigestsWidth]uint64
		if ok, _ := l.children(b.now, epoch, lv, node, &sums); !ok {
			return 0, 1
		}
		for i, s := range sums {
			sum += s
			if s == 0 || lv == 3 {
				continue
			}
			below, parts := level(l, lv+1, node<<4|uint32(i))
			if lists += parts; parts == 0 && below != s {
				t.Fatalf("level %d: node %x says %x, its children %x", lv, node<<4|uint32(i), s, below)
			}
		}
		if lv == 3 {
			leavesAreSumsOfParts(t, l, b.now, epoch, node, &sums)
		}
		return sum, lists
	}
	sum, lists := level(l, 0, 0)
	if sum != root || lists != 0 {
		t.Fatalf("the tree says %x, the root is %x, %d parts without children", sum, root, lists)
	}
	x.Node.store, l.out.repair.inSums = small, 0
	if sum, lists = level(l, 0, 0); sum != root || lists == 0 {
		t.Fatalf("coarse leaves: the tree says %x, the root is %x, %d parts without children", sum, root, lists)
	}
	everyEntryIsListedOnce(t, small, 5000, x.clock.Cluster(b.now))
}

// leavesAreSumsOfParts compares the leaves below a node of level 3 with what their parts say.
func leavesAreSumsOfParts(t *testing.T, l *Link, now int64, epoch uint64, node uint32, sums *[codec.DigestsWidth]uint64) {
	for i, leaf := range sums {
		var parts [store.PartsWidth]uint64
		l.node.store.Parts(&parts, uint64(node<<4|uint32(i))<<48, 16, epoch, l.node.clock.Cluster(now))
		for _, part := range parts {
			leaf -= part
		}
		if leaf != 0 {
			t.Fatalf("leaf %x of node %x is not the sum of its parts", i, node)
		}
	}
}

// everyEntryIsListedOnce lists a store by parts of any size.
func everyEntryIsListedOnce(t *testing.T, s *store.Store, count int, now uint64) {
	for _, bits := range []uint{8, 11, 16, 20} {
		var all []store.Print
		for p := range uint64(1) << bits {
			var ok bool
			if all, ok = s.List(all, p<<(64-bits), bits, codec.MaxListingEntries, now); !ok {
				t.Fatalf("part %x of %d bits has too many", p, bits)
			}
		}
		if len(all) != count || !slices.IsSortedFunc(all, func(a, b store.Print) int { return int(a.Hash>>32) - int(b.Hash>>32) }) {
			t.Fatalf("%d entries in parts of %d bits", len(all), bits)
		}
	}
	if _, ok := s.List(nil, 0, 8, 3, now); ok {
		t.Fatal("a list that is cut off says that it is whole")
	}
}

// Of two expiries of one E the later time wins (R1), so a listing shows that it is newer.
func TestR19_OfEqualVersionsTheLaterExpiryIsNewer(t *testing.T) {
	early := store.Print{Hash: 7, V: store.Version{Stamp: 1 << 16, Node: 1}, E: store.Version{Stamp: 2 << 16, Node: 1}, ExpireAt: 5_000}
	late := early
	late.ExpireAt = 6_000
	const epoch, now = 1, 10
	for _, c := range []struct {
		ours, theirs  store.Print
		newer, wanted int
	}{{early, late, 0, 1}, {late, early, 1, 0}, {late, late, 0, 0}} {
		newer, wanted := differences([]store.Print{c.ours}, []store.Print{c.theirs}, epoch, now, leavesOf{}, false)
		if len(newer) != c.newer || len(wanted) != c.wanted {
			t.Errorf("expiry at %d against %d: newer %x, wanted %x", c.ours.ExpireAt, c.theirs.ExpireAt, newer, wanted)
		}
	}
}

// TestR27_WhatAMergeMakesIsSentBack: one comparison is enough for two counters of which each side has a part.
func TestR27_WhatAMergeMakesIsSentBack(t *testing.T) {
	b, x, y, c := pair(t)
	c.deaf = true
	const keys = 16
	for i := range keys {
		for j, n := range []*bnode{x, y} {
			key := fmt.Append(nil, "key ", i)
			if _, _, _, err := n.store.Increment(nil, key, n.store.Hash(key), n.clock.Cluster(b.now)+uint64(i+j), int64(1+9*j), true); err != nil {
				t.Fatal(err)
			}
		}
	}
	b.now += int64(6 * time.Second)
	c.deaf = false
	x.owe(b.now, c.sides[0].link, 0)
	for range int(10 * time.Second / TickInterval) {
		if b.pass(TickInterval); !c.sides[0].link.debt.owed {
			break
		}
	}
	b.deliverAll()
	for i := range keys {
		key := fmt.Sprint("key ", i)
		if a, b := b.get(x, key), b.get(y, key); a != "11" || b != "11" {
			t.Errorf("%s is %s and %s, not 11, after %d repairs", key, a, b, x.counters.repairs.Load())
		}
	}
}
