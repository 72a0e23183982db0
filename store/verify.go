package store

import (
	"errors"
	"fmt"
	"unsafe"
)

// verify checks the structure of the whole store: all that is kept about entries against the entries themselves. It is
// for tests, and for the build tag invariants.
func (s *Store) verify() error {
	for i := range s.shards {
		s.shards[i].mu.Lock()
		defer s.shards[i].mu.Unlock()
	}
	used := int64(len(s.env.nodes.ids))*8 + s.env.charged()
	for d := range s.env.drafts.open {
		used += int64(d.pages) * s.env.memory.pages.cost
	}
	for i := range s.shards {
		sh := &s.shards[i]
		if err := sh.verify(true); err != nil {
			return fmt.Errorf("shard %d: %w", i, err)
		}
		used += sh.bytes()
	}
	for _, c := range s.env.pins.chains {
		if c.orphan {
			used += int64(c.pages) * s.env.memory.pages.cost
		}
	}
	if err := s.verifyUnits(); err != nil {
		return err
	}
	if got := s.env.memory.used.Load(); got != used {
		return fmt.Errorf("the store counts %d bytes, its shards %d", got, used)
	}
	if used > s.env.maxBytes {
		return fmt.Errorf("%d bytes in a budget of %d", used, s.env.maxBytes)
	}
	return nil
}

// holdEntries is how large a shard is checked after every call; a larger one is checked more seldom, for the same cost. One in
// holdLeaves checks goes through the leaves too, which are more than the entries.
const (
	holdEntries = 64
	holdLeaves  = 16
)

// hold stops the process when the structure of a shard is broken, in a build with the tag invariants. The caller holds the
// lock and is done with its work.
func (sh *shard) hold() {
	if !invariants {
		return
	}
	lot := (uint64(sh.clock) ^ sh.wheel.tick<<20 ^ uint64(sh.index.used)) * 0x9e3779b97f4a7c15 >> 32
	often := uint64(1 + sh.index.used/holdEntries)
	if lot%often != 0 {
		return
	}
	if err := sh.verify(lot/often%holdLeaves == 0); err != nil {
		panic("store: " + err.Error())
	}
}

// tally is what verify adds up of a shard.
type tally struct {
	counts
	listed int
	leaves []uint64
	key    []byte // of the entry looked at
}

// counts are those numbers of it that a shard keeps itself.
type counts struct {
	keys, ghosts, tombstones, pages, entries int
	tombstoneBytes                           int64
	sum                                      uint64
}

func (sh *shard) verify(leaves bool) error {
	t := tally{}
	if leaves {
		t.leaves = make([]uint64, 1<<sh.leaves.bits)
	}
	for n := range sh.logs {
		if err := sh.verifyLog(n, &t); err != nil {
			return fmt.Errorf("log %d: %w", n, err)
		}
	}
	if sh == &sh.env.shards[0] {
		t.sum += flushPrint(sh.flush)
	}
	if sh.index.aim.cells.Load() != unsafe.SliceData(sh.index.cur.cells) {
		return errors.New("who looks at the index without a lock looks at a table that is gone")
	}
	total := sh.sums.at(sh.sums.oldest + epochsWindow - 1)
	got := counts{sh.keys, sh.ghosts, sh.tombstones, sh.pages, sh.index.used, sh.tombstoneBytes, total}
	if err := sh.verifyLeaves(t.leaves); err != nil {
		return err
	}
	if got != t.counts {
		return fmt.Errorf("kept %+v, counted %+v", got, t.counts)
	}
	if sh.published != sh.own() {
		return fmt.Errorf("published %d bytes of %d", sh.published, sh.own())
	}
	if err := sh.verifyIndex(); err != nil {
		return err
	}
	return sh.verifyLists(t.listed)
}

// verifyLeaves compares the leaves, as of the end of the window, with the sums of their entries, if there are any.
func (sh *shard) verifyLeaves(want []uint64) error {
	l := &sh.leaves
	if l.oldest != sh.sums.oldest {
		return fmt.Errorf("the window of the leaves begins at %d, that of the shard at %d", l.oldest, sh.sums.oldest)
	}
	got := make([]uint64, len(want))
	if len(got) > 0 {
		l.at(got, 0, l.oldest+epochsWindow-1)
	}
	for i := range got {
		if got[i] != want[i] {
			return fmt.Errorf("leaf %d is %x, of its entries %x", i, got[i], want[i])
		}
	}
	return nil
}

// verifyLog goes through the segments of a log and adds up its entries.
func (sh *shard) verifyLog(n int, t *tally) error {
	l := &sh.logs[n]
	live, segments, prev, pages := int64(0), 0, uint32(0), t.pages
	hand, keep := l.hand == 0, l.keep == 0
	for s := l.first; s != 0; prev, s = s, sh.about(s).next {
		a := sh.about(s)
		if a.prev != prev || int(a.log) != n || segments > l.segments {
			return fmt.Errorf("segment %d after %d: %+v", s, prev, *a)
		}
		segments++
		hand, keep = hand || l.hand == s, keep || l.keep == s
		there, end := 0, 0
		for at, size := sh.nextIn(s, 0); size != 0; at, size = sh.nextIn(s, end) {
			end = int(at-sh.start(s)) + size
			there += size
			if err := sh.verifyEntry(at, n, t); err != nil {
				return fmt.Errorf("segment %d, entry at %d: %w", s, at, err)
			}
		}
		if there != int(a.live) || end > int(a.fill) {
			return fmt.Errorf("segment %d has %d bytes up to %d: %+v", s, there, end, *a)
		}
		live += int64(there)
	}
	if pages = t.pages - pages; l.last != prev || l.segments != segments || l.pages != pages || l.live != live || !hand || !keep {
		return fmt.Errorf("%d segments to %d, %d pages, %d bytes: %+v", segments, prev, pages, live, *l)
	}
	return nil
}

func (sh *shard) verifyEntry(at loc, log int, t *tally) error {
	var e, found entry
	sh.visit(at, &e)
	switch {
	case e.cell == nil:
		return fmt.Errorf("the index does not know it: %+v", e)
	case int(sh.log(&e)) != log:
		return fmt.Errorf("it belongs in log %d: %+v", sh.log(&e), e)
	case e.flags&counted != 0 && e.flags&gone != 0:
		return fmt.Errorf("gone and in the digest: %+v", e)
	case sh.bits > 0 && &sh.env.shards[e.hash>>(64-sh.bits)] != sh:
		return fmt.Errorf("it belongs in shard %d: %+v", e.hash>>(64-sh.bits), e)
	}
	if err := sh.verifyState(&e); err != nil {
		return err
	}
	pages := 0
	for page := e.page; page != 0 && pages <= sh.pages; pages++ {
		page = sh.env.memory.pages.next[page]
	}
	if want := sh.pageCount(&e); pages != want && !e.ghost {
		return fmt.Errorf("%d pages in its chain, want %d: %+v", pages, want, e)
	}
	if !e.ghost {
		if t.key = sh.read(t.key[:0], &e, 0, e.keyLen); !sh.findKind(&found, t.key, e.hash, e.kind) || found.at != at {
			return fmt.Errorf("its key is found at %d: %+v", found.at, e)
		}
	}
	if e.flags&timed != 0 {
		list := sh.listOf(at)
		if list != listNone {
			t.listed++
		}
		waits := e.flags&gone == 0 && e.expiry() != 0
		if waits && !sh.wheel.finds(list, e.expiry()) {
			return fmt.Errorf("the wheel at %d misses it on list %d: %+v", sh.wheel.tick, list, e)
		}
		if dying := e.flags&dead != 0 && log <= logTrial; awaits(list) != waits || (list == listDying) != dying {
			return fmt.Errorf("on list %d: %+v", list, e)
		}
	}
	t.entries++
	t.sum += e.counted()
	if t.leaves != nil {
		t.leaves[sh.leaves.leaf(e.hash<<sh.bits)] += e.counted()
	}
	switch {
	case e.ghost:
		t.ghosts++
	case e.flags&gone != 0:
		t.tombstones++
		t.tombstoneBytes += int64(e.size) + cellBytes
		if e.page != 0 {
			t.tombstoneBytes += int64(sh.pageCount(&e)) * sh.env.memory.pages.cost
		}
	case e.kind&Composite == 0:
		t.keys++
	}
	if e.page != 0 {
		t.pages += sh.pageCount(&e)
	}
	return nil
}

// verifyIndex checks that the cells ascend, and that each names an entry of its tag.
func (sh *shard) verifyIndex() error {
	x := &sh.index
	last, n := uint64(0), 0
	var e entry
	check := func(t *table, from, to uint64) error {
		for p, c := range t.cells {
			tag := c >> tagShift
			if c == 0 || tag < from || tag >= to {
				continue
			}
			if home := t.home(tag); p < home || p > home && t.cells[p-1] == 0 || p == len(t.cells)-1 {
				return fmt.Errorf("cell %d of %d has tag %d, whose home is %d", p, len(t.cells), tag, home)
			}
			if n++; tag < last {
				return fmt.Errorf("cell %d has tag %d after %d", p, tag, last)
			}
			last = tag
			if sh.load(sh.locOf(c), &e); !e.ghost {
				e.hash = sh.hashOf(&e)
			}
			if sh.tag(e.hash) != tag {
				return fmt.Errorf("cell %d of tag %d names an entry of tag %d", p, tag, sh.tag(e.hash))
			}
		}
		return nil
	}
	if err := check(&x.next, 0, x.moved); err != nil {
		return err
	}
	if err := check(&x.cur, x.moved, tagEnd); err != nil {
		return err
	}
	if n != x.used {
		return fmt.Errorf("%d cells, %d counted", n, x.used)
	}
	return nil
}

func (sh *shard) verifyLists(want int) error {
	n := 0
	var w wheel
	for i, first := range sh.lists {
		list := uint16(i)
		for at := first; at != 0; at = sh.following(at) {
			links := sh.links(at)
			if sh.listOf(at) != list || getLoc(sh.links(getLoc(links[prevAt:]))[nextAt:]) != at {
				return fmt.Errorf("list %d: the links of the entry at %d", list, at)
			}
			w.wait(list, 1)
			if n++; n > want {
				return fmt.Errorf("list %d: the lists hold more than the %d entries that say they are on one", list, want)
			}
		}
	}
	if n != want || w.count != sh.wheel.count || w.far != sh.wheel.far {
		return fmt.Errorf("%d entries on lists, want %d; %d wait, %d far off, want %d, %d", n, want, w.count, w.far, sh.wheel.count, sh.wheel.far)
	}
	return nil
}

// finds reports whether an expiry that waits on a list is found when its tick comes: it is on the level of the highest digit that
// is yet to come, in a bucket that the tick has not passed.
func (w *wheel) finds(list uint16, at uint64) bool {
	tick := max(at>>wheelTickBits, w.tick)
	level, bucket := wheelLevels, uint16(0)
	if list != listFar {
		level, bucket = int(list-listWheel)>>wheelSlotBits, (list-listWheel)&(1<<wheelSlotBits-1)
		if digit(tick, level) != bucket || tick>>((level+1)*wheelSlotBits) != w.tick>>((level+1)*wheelSlotBits) {
			return false
		}
	}
	// What lies where the tick is comes down a level when the tick gets there, not later.
	return level == 0 || tick>>(level*wheelSlotBits) > w.tick>>(level*wheelSlotBits) || w.tick&(1<<(level*wheelSlotBits)-1) == 0
}

// verifyUnits checks that every segment and page that was ever handed out is in use once, or free once.
func (s *Store) verifyUnits() error {
	m := s.env.memory
	segments, pages := make([]uint8, m.segments.fresh), make([]uint8, m.pages.fresh)
	chains := map[uint32]bool{} // first pages of entries
	var e entry
	for i := range s.shards {
		sh := &s.shards[i]
		for n := range sh.logs {
			for g := sh.logs[n].first; g != 0; g = sh.about(g).next {
				segments[g]++
				for at, size := sh.nextIn(g, 0); size != 0; at, size = sh.nextIn(g, int(at-sh.start(g))+size) {
					sh.load(at, &e)
					chains[e.page] = true
					for page := e.page; page != 0; page = m.pages.next[page] {
						pages[page]++
					}
				}
			}
		}
	}
	if err := s.env.verifyHeld(chains); err != nil {
		return err
	}
	for d := range s.env.drafts.open {
		for page := d.first; page != 0; page = m.pages.next[page] {
			pages[page]++
		}
	}
	for page, c := range s.env.pins.chains {
		for ; c.orphan && page != 0; page = m.pages.next[page] {
			pages[page]++
		}
	}
	if err := m.segments.verify(segments); err != nil {
		return fmt.Errorf("segments: %w", err)
	}
	if err := m.pages.verify(pages); err != nil {
		return fmt.Errorf("pages: %w", err)
	}
	return nil
}

// verify adds the free units to those in use.
func (p *pool) verify(units []uint8) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, first := range [...]uint32{p.warm, p.cold} {
		n := 0
		for u := first; u != 0; u = p.next[u] {
			if units[u]++; units[u] > 1 {
				return fmt.Errorf("unit %d is free and in use, or free twice", u)
			}
			n++
		}
		if first == p.warm && n != p.count {
			return fmt.Errorf("%d warm units, %d counted", n, p.count)
		}
	}
	for u := 1; u < len(units); u++ {
		if units[u] != 1 {
			return fmt.Errorf("unit %d has %d owners", u, units[u])
		}
	}
	return nil
}
