package store

import "fmt"

// verify checks the structure of the whole store: all that is kept about entries against the entries themselves. It is
// for tests, and for the build tag invariants.
func (s *Store) verify() error {
	for i := range s.shards {
		s.shards[i].mu.Lock()
		defer s.shards[i].mu.Unlock()
	}
	used := int64(len(s.env.nodes.ids))*8 + s.env.charged()
	for i := range s.shards {
		sh := &s.shards[i]
		if err := sh.verify(); err != nil {
			return fmt.Errorf("shard %d: %w", i, err)
		}
		used += sh.bytes()
	}
	if got := s.env.memory.used.Load(); got != used {
		return fmt.Errorf("the store counts %d bytes, its shards %d", got, used)
	}
	if used > s.env.maxBytes {
		return fmt.Errorf("%d bytes in a budget of %d", used, s.env.maxBytes)
	}
	return nil
}

// holdEntries is how large a shard is checked at every write; a larger one is checked more seldom, for the same cost.
const holdEntries = 64

// hold stops the process when the structure of a shard is broken, in a build with the tag invariants. The caller holds the
// lock and is done with its work.
func (sh *shard) hold() {
	if !invariants || uint64(sh.clock)%uint64(1+sh.index.used/holdEntries) != 0 {
		return
	}
	if err := sh.verify(); err != nil {
		panic("store: " + err.Error())
	}
}

// tally is what verify adds up of a shard.
type tally struct {
	keys, ghosts, tombstones, pages, entries, listed int
	tombstoneBytes                                   int64
	sum                                              uint64
	leaves                                           []uint64
}

func (sh *shard) verify() error {
	t := tally{leaves: make([]uint64, 1<<sh.leaves.bits)}
	for n := range sh.logs {
		if err := sh.verifyLog(n, &t); err != nil {
			return fmt.Errorf("log %d: %w", n, err)
		}
	}
	if sh == sh.env.first {
		t.sum += flushPrint(sh.flush)
	}
	total := sh.sums.at(sh.sums.oldest + epochsWindow - 1)
	got := tally{
		sh.keys, sh.ghosts, sh.tombstones, sh.pages, sh.index.used, 0, sh.tombstoneBytes, total, nil,
	}
	leaves := make([]uint64, 1<<sh.leaves.bits)
	sh.leaves.at(leaves, 0, sh.leaves.oldest+epochsWindow-1)
	for i := range leaves {
		if leaves[i] != t.leaves[i] {
			return fmt.Errorf("leaf %d is %x, of its entries %x", i, leaves[i], t.leaves[i])
		}
	}
	listed := t.listed
	t.listed, t.leaves = 0, nil
	if fmt.Sprint(got) != fmt.Sprint(t) {
		return fmt.Errorf("kept %+v, counted %+v", got, t)
	}
	if sh.published != sh.own() {
		return fmt.Errorf("published %d bytes of %d", sh.published, sh.own())
	}
	if err := sh.verifyIndex(); err != nil {
		return err
	}
	return sh.verifyLists(listed)
}

// verifyLog goes through the segments of a log and adds up its entries.
func (sh *shard) verifyLog(n int, t *tally) error {
	l := &sh.logs[n]
	live, segments, prev := int64(0), 0, uint32(0)
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
	if l.last != prev || l.segments != segments || l.live != live || !hand || !keep {
		return fmt.Errorf("%d segments to %d, %d bytes: %+v", segments, prev, live, *l)
	}
	return nil
}

func (sh *shard) verifyEntry(at loc, log int, t *tally) error {
	var e, found entry
	sh.visit(at, &e)
	switch {
	case e.cell == nil:
		return fmt.Errorf("the index does not know it: %+v", e)
	case int(e.log()) != log:
		return fmt.Errorf("it belongs in log %d: %+v", e.log(), e)
	case e.flags&counted != 0 && e.flags&(Deleted|dead) != 0:
		return fmt.Errorf("gone and in the digest: %+v", e)
	}
	key := sh.read(nil, &e, 0, e.keyLen)
	if !e.ghost && (!sh.find(&found, key, e.hash) || found.at != at) {
		return fmt.Errorf("its key is found at %d: %+v", found.at, e)
	}
	if e.flags&timed != 0 {
		list := sh.listOf(at)
		if list != listNone {
			t.listed++
		}
		waits := e.flags&(Deleted|dead) == 0 && e.expiry() != 0
		if dying := e.flags&dead != 0 && log == logMain; awaits(list) != waits || (list == listDying) != dying {
			return fmt.Errorf("on list %d: %+v", list, e)
		}
	}
	t.entries++
	t.sum += e.counted()
	t.leaves[sh.leaves.leaf(e.hash<<sh.bits)] += e.counted()
	switch {
	case e.ghost:
		t.ghosts++
	case e.flags&gone != 0:
		t.tombstones++
		t.tombstoneBytes += int64(e.size) + cellBytes
		if e.page != 0 {
			t.tombstoneBytes += int64(sh.pageCount(&e)) * sh.env.memory.pages.cost
		}
	default:
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
	check := func(cells []uint64, from, to uint64) error {
		for p, c := range cells {
			tag := c >> tagShift
			if c == 0 || tag < from || tag >= to {
				continue
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
	if err := check(x.next.cells, 0, x.moved); err != nil {
		return err
	}
	if err := check(x.cur.cells, x.moved, tagEnd); err != nil {
		return err
	}
	if n != x.used {
		return fmt.Errorf("%d cells, %d counted", n, x.used)
	}
	return nil
}

func (sh *shard) verifyLists(want int) error {
	n, waiting := 0, 0
	for i, first := range sh.lists {
		list := uint16(i)
		for at := first; at != 0; at = sh.following(at) {
			links := sh.links(at)
			if sh.listOf(at) != list || getLoc(sh.links(getLoc(links[prevAt:]))[nextAt:]) != at {
				return fmt.Errorf("list %d: the links of the entry at %d", list, at)
			}
			if awaits(list) {
				waiting++
			}
			if n++; n > want {
				return fmt.Errorf("list %d: the lists hold more than the %d entries that say they are on one", list, want)
			}
		}
	}
	if n != want || waiting != sh.wheel.count {
		return fmt.Errorf("%d entries on lists, want %d; %d wait, want %d", n, want, waiting, sh.wheel.count)
	}
	return nil
}
