package store

import (
	"sort"
	"sync/atomic"
)

// index maps key hashes to where entries lie: open addressing with linear probing, kept in the order of the hash (Amble
// and Knuth, "Ordered hash tables", 1974). A cell holds a tag, the top bits of what the shard's number left of the hash; the
// hits, counted up to 3; and the place of the entry. 0 is an empty cell. The home of a tag is its proportional place in the
// table, so the cells of the whole table ascend by tag. From this follow:
//
//   - A probe for an absent key ends at the first higher tag, not at an empty cell: a load of 7/8 costs four or five cells.
//   - A table grows or shrinks to any size, not only twice its own.
//   - It does so in the order of the tags, some cells a write, and one number says how far that got: below it an entry is
//     in the next table, from it on in the current one. No lookup looks in two.
//   - A place in the order of hashes is a cursor that no growth or move disturbs (walk.go).
//
// There is no wrap around: behind the last home lie some cells more, the last of which stays empty.
//
// The fields that a lookup reads come first: they share a cache line.
type index struct {
	moved uint64 // tags below it have moved
	cur   table
	used  int   // cells in use
	hand  int   // the first cell of cur that has not moved
	next  table // the table that cells move to, if cells is not nil
	freed int   // cells at the start of cur whose memory went back already
	aim   *aim  // knows cur; nil in tests
}

type table struct {
	cells  []uint64
	homes  uint64
	mapped bool // cells are no slice of the Go heap
}

const (
	cellBytes = 8
	tagBits   = 27
	hitBits   = 2
	placeBits = 64 - tagBits - hitBits
	tagShift  = 64 - tagBits

	oneHit    = uint64(1) << placeBits // of an entry: a hit, less those that eviction took; of a ghost: it was in main
	allHits   = (1<<hitBits - 1) * oneHit
	placeMask = oneHit - 1
	tagEnd    = uint64(1) << tagBits

	minHomes      = 16
	usualSlack    = 64      // cells behind the last home
	minIndexBytes = 1 << 10 // bytes that the index of a few entries takes
	nearCells     = 16      // cells that a search looks at one by one
	stepCells     = 64      // cells moved by one write
	vacateCells   = 8 << 10 // moved cells whose memory goes back together
)

func newCell(tag, place uint64) uint64 { return tag<<tagShift | place }

func (t *table) home(tag uint64) int { return int(tag * t.homes >> tagBits) }
func (t *table) load(p int) uint64   { return atomic.LoadUint64(&t.cells[p]) } // under the read lock
func (t *table) bytes() int64        { return int64(len(t.cells)) * cellBytes }
func (t *table) full(used int) bool  { return uint64(used)*8 > t.homes*7 }
func (x *index) bytes() int64        { return x.cur.bytes() + x.next.bytes() }
func (x *index) moving() bool        { return x.next.cells != nil }

// homesFor is a load of 0.7.
func homesFor(used int) uint64 { return max(minHomes, uint64(used)*10/7+1) }

// cellsFor counts the cells behind the last home, slack times the usual ones, and the last that stays empty.
func cellsFor(homes uint64, slack int) int { return int(homes) + int(min(homes, usualSlack))*slack + 1 }

// table returns the one that holds the cells of a tag.
func (x *index) table(tag uint64) *table {
	if tag < x.moved {
		return &x.next
	}
	return &x.cur
}

// seek returns the first cell of a tag, or where it would be.
func (t *table) seek(tag uint64) int {
	return t.first(t.home(tag), tag)
}

// first returns the first cell from p on, which is no later than the home of least, that is empty or has a tag of least or more. Past
// the cells of a usual run it doubles its steps, then halves them: tags ascend as far as the next empty cell, and behind that all are
// above least. So keys that were chosen to crowd in one place make no search long.
func (t *table) first(p int, least uint64) int {
	for near := p + nearCells; p < near; p++ {
		if c := t.cells[p]; c == 0 || c>>tagShift >= least {
			return p
		}
	}
	end := len(t.cells) - 1
	for step := nearCells; p+step < end; step *= 2 {
		if c := t.cells[p+step]; c == 0 || c>>tagShift >= least {
			end = p + step
			break
		}
		p += step + 1
	}
	return p + sort.Search(end-p, func(i int) bool { c := t.cells[p+i]; return c == 0 || c>>tagShift >= least })
}

// put inserts a cell behind those of the same tag. It returns false when the end of the table has no room.
func (t *table) put(c uint64) bool {
	tag := c >> tagShift
	p := t.first(t.home(tag), tag+1)
	free := p
	for t.cells[free] != 0 {
		free++
	}
	if free == len(t.cells)-1 {
		return false
	}
	copy(t.cells[p+1:free+1], t.cells[p:free])
	t.cells[p] = c
	return true
}

// take removes cell p: those behind it move up, as far as none comes before its home.
func (t *table) take(p int) {
	end := p + 1
	for c := t.cells[end]; c != 0 && t.home(c>>tagShift) < end; c = t.cells[end] {
		end++
	}
	copy(t.cells[p:end-1], t.cells[p+1:end])
	t.cells[end-1] = 0
}

// insert adds a cell for an entry that has none, and tells whether that took a table. m maps the memory of tables.
func (x *index) insert(m *memory, tag, place uint64) (opened bool) {
	if x.cur.cells == nil {
		x.cur, opened = m.newTable(minHomes, 1), true
		x.aim.atTable(m, &x.cur)
	}
	if x.cur.full(x.used+1) && !x.moving() {
		x.start(m, homesFor(x.used+1), 1)
		opened = true
	}
	for slack := 2; !x.table(tag).put(newCell(tag, place)); slack *= 2 {
		// Many equal tags at the very end: a table with more cells behind its last home.
		x.finish(m)
		x.start(m, homesFor(x.used+1), slack)
		x.finish(m)
		opened = true
	}
	x.used++
	return opened
}

// cell returns the cell of an entry that lies at place, nil if there is none.
func (x *index) cell(tag, place uint64) *uint64 {
	t := x.table(tag)
	if t.cells == nil {
		return nil
	}
	for p := t.seek(tag); t.cells[p]>>tagShift == tag && t.cells[p] != 0; p++ {
		if t.cells[p]&placeMask == place {
			return &t.cells[p]
		}
	}
	return nil
}

// remove takes out the cell of an entry that is there.
func (x *index) remove(tag, place uint64) {
	t := x.table(tag)
	for p := t.seek(tag); t.cells[p] != 0; p++ {
		if t.cells[p]&placeMask == place {
			t.take(p)
			x.used--
			return
		}
	}
}

// start begins to move the cells to a table of other homes, with slack times the usual cells behind the last.
func (x *index) start(m *memory, homes uint64, slack int) {
	x.next = m.newTable(homes, slack)
	x.moved, x.hand, x.freed = 0, 0, 0
}

// expect makes room for as many entries as are to be there in the end: cells that come in the order of their tags would
// otherwise crowd at the start of one table after another. It tells whether that took a table.
func (x *index) expect(m *memory, used uint64) (opened bool) {
	switch {
	case x.moving() || used < expectFrom || used <= uint64(x.used):
		return false
	case x.cur.cells != nil && !x.cur.full(int(used*2/3)): // what is told is about right
		return false
	}
	if x.cur.cells == nil {
		x.cur = m.newTable(homesFor(int(used)), 1)
		x.aim.atTable(m, &x.cur)
	} else {
		x.start(m, homesFor(int(used)), 1)
		x.step(m, sweepCells)
	}
	return true
}

// step moves some cells, those of equal tag together, and returns whether there was something to move. Moved cells stay
// where they are in the old table, so that those behind them are found past them.
func (x *index) step(m *memory, cells int) bool {
	if !x.moving() {
		return false
	}
	p, old := x.hand, x.cur
	for end := p + cells; p < len(old.cells); p++ {
		c := old.cells[p]
		if c == 0 {
			continue
		}
		if tag := c >> tagShift; p >= end && tag != x.moved {
			x.moved, x.hand = tag, p
			x.vacate()
			return true
		}
		if !x.next.put(c) {
			x.enlarge(m)
			x.next.put(c)
		}
		x.moved = c >> tagShift
	}
	x.cur, x.next, x.moved, x.hand, x.freed = x.next, table{}, 0, 0, 0
	x.aim.atTable(m, &x.cur)
	m.freeTable(old)
	return true
}

// vacate gives the memory of cells back that no lookup comes to any more, vacateCells at a time: those before the home of the
// first tag that has not moved. So the end of a move has little left to give back, and a large table is never there whole twice.
func (x *index) vacate() {
	if !x.cur.mapped {
		return
	}
	for end := x.cur.home(x.moved); end-x.freed >= vacateCells; x.freed += vacateCells {
		releaseWords(x.cur.cells[x.freed : x.freed+vacateCells])
	}
}

// enlarge gives the next table twice the cells behind its last home: many equal tags lie at its end.
func (x *index) enlarge(m *memory) {
	old := x.next
	slack := (len(old.cells) - int(old.homes)) / int(min(old.homes, usualSlack))
	x.next = m.newTable(old.homes, 2*slack)
	for _, c := range old.cells {
		if c != 0 {
			x.next.put(c)
		}
	}
	m.freeTable(old)
}

// finish moves all that is left to move.
func (x *index) finish(m *memory) {
	for x.moving() {
		x.step(m, len(x.cur.cells))
	}
}

// shrink begins to move to a smaller table when most of this one is empty.
func (x *index) shrink(m *memory) {
	if !x.moving() && x.cur.homes > minHomes && uint64(x.used)*5 < x.cur.homes*2 {
		x.start(m, homesFor(x.used), 1)
	}
}

// reset forgets all cells.
func (x *index) reset(m *memory) {
	x.aim.atTable(m, &table{})
	m.freeTable(x.cur)
	m.freeTable(x.next)
	*x = index{aim: x.aim}
}

// hit counts a hit in a cell, up to 3. Readers do it under the read lock; the count is the only thing they write, and only
// while it changes. Of two at the same time one may be lost.
func hit(cell *uint64) {
	if c := atomic.LoadUint64(cell); c&allHits != allHits {
		atomic.StoreUint64(cell, c+oneHit)
	}
}
