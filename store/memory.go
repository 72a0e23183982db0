package store

import (
	"fmt"
	"math/bits"
	"runtime"
	"sync"
	"sync/atomic"
	"unsafe"
)

// memory is what a store maps: one region of segments, in which entries lie, one of pages for what is too large for a
// segment, and the tables of the indexes. None of it is the collector's: it holds no Go pointer, and it goes back to the
// system when units fall empty. Region and unit sizes are fixed at birth; of a region only what is in use has memory.
type memory struct {
	segments pool
	pages    pool
	grain    uint         // an entry begins at a multiple of 1<<grain bytes; 0 unless the store is larger than a cell can name
	used     atomic.Int64 // bytes: units in use, and what the shards count besides
	heap     bool         // everything from the Go heap: for the race detector, which sees nothing else
	maps     *maps

	// peek is held for reading while cells of an index are read without the lock of their shard (Warm), over the keys of one gathering.
	// Before a table is given back the shard's aim is pointed elsewhere with peek held for writing, so that nobody reads its cells.
	peek sync.RWMutex
}

// newMemory maps the regions of a store. A write may take units before it gives others back, so a region is larger than
// the budget; what is not in use costs addresses, not memory.
func newMemory(budget int64, shards int, heap bool) (*memory, error) {
	m := &memory{heap: heap, maps: &maps{all: map[*byte][]byte{}}}
	segment := segmentSize(budget / int64(shards))
	page := min(segment/segmentPages, maxPage)
	ahead := int64(shards) * int64(segment) * 4
	large := int64(min(budget, MaxKeyBytes+MaxValueBytes)) * min(int64(shards), largeWrites)
	spare := budget / spareShare / 2
	if err := m.segments.init(m, 2*budget+ahead, segment, segmentAbout, spare); err != nil {
		return nil, err
	}
	if err := m.pages.init(m, 2*budget+large, page, pageAbout, spare); err != nil {
		m.maps.free()
		return nil, err
	}
	if n := bits.Len64(uint64(len(m.segments.mem))); n > placeBits {
		m.grain = uint(n - placeBits)
	}
	runtime.AddCleanup(m, (*maps).free, m.maps)
	return m, nil
}

// segmentSize is a power of two. Where it is worth it, pages are no smaller than those of the system, which takes back
// nothing smaller; a store too small for that keeps at most wholePages a shard longer than it needs.
func segmentSize(share int64) int {
	n := min(max(share/segmentShare, minSegment), maxSegment)
	if share >= wholePages {
		n = max(n, segmentPages*maxPage)
	}
	return 1 << (bits.Len64(uint64(n)) - 1)
}

// newTable makes the cells of an index.
func (m *memory) newTable(homes uint64, slack int) table {
	n := cellsFor(homes, slack)
	if n*cellBytes < mapTables || m.heap {
		return table{cells: make([]uint64, n), homes: homes}
	}
	b, err := m.maps.get(n * cellBytes)
	if err != nil {
		return table{cells: make([]uint64, n), homes: homes}
	}
	return table{unsafe.Slice((*uint64)(unsafe.Pointer(&b[0])), n), homes, true}
}

// releaseWords gives back the memory of mapped cells or sums that nobody reads any more.
func releaseWords(words []uint64) {
	releaseBytes(unsafe.Slice((*byte)(unsafe.Pointer(&words[0])), len(words)*8))
}

// newSlice makes n values of a type without Go pointers, all zero: mapped where it can be, so that the collector neither sees
// them nor lets garbage lie on their account, and what is not written has no memory.
func newSlice[T any](m *memory, n int) []T {
	if !m.heap {
		var one T
		if b, err := m.maps.get(n * int(unsafe.Sizeof(one))); err == nil {
			return unsafe.Slice((*T)(unsafe.Pointer(&b[0])), n)
		}
	}
	return make([]T, n)
}

// freeTable gives back what newTable made.
func (m *memory) freeTable(t table) {
	if t.mapped {
		m.maps.put((*byte)(unsafe.Pointer(&t.cells[0])))
	}
}

// maps knows every mapping of a store, so that all go when the store does.
type maps struct {
	mu  sync.Mutex
	all map[*byte][]byte
}

func (m *maps) get(n int) ([]byte, error) {
	b, err := mapBytes(n)
	if err != nil {
		return nil, err
	}
	m.mu.Lock()
	m.all[&b[0]] = b
	m.mu.Unlock()
	return b, nil
}

// put unmaps what begins at first, if it is mapped at all.
func (m *maps) put(first *byte) {
	m.mu.Lock()
	b, ok := m.all[first]
	delete(m.all, first)
	m.mu.Unlock()
	if ok {
		unmapBytes(b)
	}
}

func (m *maps) free() {
	m.mu.Lock()
	defer m.mu.Unlock()
	for first, b := range m.all {
		unmapBytes(b)
		delete(m.all, first)
	}
}

// pool hands out the units of a region, each of the same size, by number. Unit 0 is never handed out.
type pool struct {
	mem  []byte
	unit int   // bytes
	cost int64 // bytes that a unit in use counts: itself and what is kept about it
	used *atomic.Int64

	mu    sync.Mutex
	next  []uint32 // of a free unit: the next free one, guarded by mu; of one in use: whatever its user keeps there
	fresh uint32   // units from here on were never in use
	warm  uint32   // free units that still have their memory, the first of a list; 0 is none
	cold  uint32   // free units that have none
	count int      // warm units
	most  int      // as many stay warm
}

// init maps the region. About each of its units about bytes are kept elsewhere.
func (p *pool) init(m *memory, size int64, unit, about int, spare int64) (err error) {
	n := size/int64(unit) + 2
	if n > 1<<32-1 {
		return fmt.Errorf("a memory budget this large needs more than 2^32 units of %d bytes: give less", unit)
	}
	if m.heap {
		p.mem = make([]byte, n*int64(unit))
	} else if p.mem, err = m.maps.get(int(n) * unit); err != nil {
		return fmt.Errorf("the system does not let the cache reserve %d MiB of addresses (%w): raise the limit on them (ulimit -v), or give it less memory", n*int64(unit)>>20, err)
	}
	p.unit, p.cost, p.used = unit, int64(unit+about), &m.used
	p.fresh, p.most = 1, int(spare/int64(unit))
	p.next = newSlice[uint32](m, int(n))
	return nil
}

// at returns the bytes of a unit.
func (p *pool) at(n uint32) []byte { return p.mem[int(n)*p.unit:][:p.unit:p.unit] }

// join appends the size bytes of a unit from at on to places. If the last of places ends where they begin, and lies in the unit before
// (0: unknown), it is made longer instead.
func (p *pool) join(places [][]byte, before, n uint32, at, size int) [][]byte {
	if last := len(places) - 1; before != 0 && before == n-1 && at == 0 && last >= 0 {
		all := len(places[last]) + size
		places[last] = p.mem[int(n)*p.unit+size-all:][:all:all]
		return places
	}
	return append(places, p.at(n)[at:at+size])
}

// take hands out a unit; its bytes are of any content.
func (p *pool) take() (n uint32) {
	p.mu.Lock()
	switch {
	case p.warm != 0:
		n = p.warm
		p.warm = p.next[n]
		p.count--
	case p.cold != 0:
		n = p.cold
		p.cold = p.next[n]
	default:
		n = p.fresh
		p.fresh++
	}
	p.mu.Unlock()
	p.used.Add(p.cost)
	return n
}

// give takes n units in a row back.
func (p *pool) give(first uint32, n int) {
	p.used.Add(-int64(n) * p.cost)
	p.mu.Lock()
	for ; n > 0 && p.count < p.most; n-- {
		p.next[first], p.warm = p.warm, first
		p.count++
		first++
	}
	p.mu.Unlock()
	if n == 0 {
		return
	}
	releaseBytes(p.mem[int(first)*p.unit:][:n*p.unit])
	p.mu.Lock()
	for unit := first + uint32(n) - 1; unit >= first; unit-- { // to be taken in a row again
		p.next[unit], p.cold = p.cold, unit
	}
	p.mu.Unlock()
}

// giveChain takes back units that follow each other by next. They are handed out in that order again, so that units in a row stay in a
// row. It does not touch the memory of those that stay warm.
func (p *pool) giveChain(unit uint32) {
	n, first, last := 0, unit, uint32(0)
	p.mu.Lock()
	for unit != 0 && p.count+n < p.most {
		last, unit = unit, p.next[unit]
		n++
	}
	if n > 0 {
		p.next[last], p.warm = p.warm, first
		p.count += n
	}
	p.mu.Unlock()
	p.used.Add(-int64(n) * p.cost)
	first, n = unit, 0
	for unit != 0 { // those in a row together
		if unit != first+uint32(n) {
			p.give(first, n)
			first, n = unit, 0
		}
		n++
		unit = p.next[unit]
	}
	if n > 0 {
		p.give(first, n)
	}
}

// free returns how many units are free but were in use before.
func (p *pool) free() (n int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, u := range [...]uint32{p.warm, p.cold} {
		for ; u != 0; u = p.next[u] {
			n++
		}
	}
	return n
}
