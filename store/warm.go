package store

import (
	"sync/atomic"
	"unsafe"
)

// aim says where the next operation of a shard will look first, for Warm, which holds no lock of the shard. It may be out of date, so it
// is good for prefetching only. The aims of all shards lie next to each other, in few cache lines.
type aim struct {
	cells  atomic.Pointer[uint64] // the first of the index; nil: it has none
	homes  atomic.Uint64
	mapped atomic.Bool
	leaves atomic.Uintptr // the first leaf of the newest epoch's table
}

// atTable notes the table in which cells are looked for. When it returns nobody reads the table before it any more.
func (a *aim) atTable(m *memory, t *table) {
	if a == nil {
		return
	}
	m.peek.Lock()
	a.cells.Store(unsafe.SliceData(t.cells))
	a.homes.Store(t.homes)
	a.mapped.Store(t.mapped)
	m.peek.Unlock()
}

func (a *aim) atLeaves(leaves []uint64) {
	if first := uintptr(unsafe.Pointer(unsafe.SliceData(leaves))); a.leaves.Load() != first {
		a.leaves.Store(first)
	}
}

// Aim describes a key that is about to be looked up.
type Aim struct {
	Hash  uint64
	Bytes uint32 // a guess of how many bytes key and value have; 0: none
	Write bool   // it will be written: its leaf of the digest is needed too
}

// Warm prefetches the memory of several keys, so that the waits for it overlap: first the shards, cells and leaves of all, then the entries
// that the cells name. It takes no lock of a shard and changes nothing: keys that are not warm are merely looked up more slowly.
func (s *Store) Warm(aims []Aim) {
	for i := range aims {
		s.WarmKey(aims[i].Hash, aims[i].Write)
	}
	peek := &s.env.memory.peek
	peek.RLock()
	for i := range aims {
		s.warmEntry(&aims[i])
	}
	peek.RUnlock()
}

// WarmKey is Warm for a single key. It does not prefetch the entry: the look-up needs that as soon as the cell has come, so nothing would be
// gained.
func (s *Store) WarmKey(hash uint64, write bool) {
	n := s.shardNumber(hash)
	a, rest := &s.aims[n], hash<<(64-s.shift)
	t := table{homes: a.homes.Load()}
	cell := uintptr(unsafe.Pointer(a.cells.Load())) + uintptr(t.home(rest>>tagShift))*cellBytes
	leaf := cell
	if write {
		leaf = a.leaves.Load() + uintptr(rest>>(64-s.env.leafBits+uint(64-s.shift)))*leafBytes
	}
	prefetchKey(uintptr(unsafe.Pointer(&s.shards[n])), cell, leaf)
}

// warmEntry prefetches the entry that a key's cell names, as many cache lines as it is likely to have: a line that is not needed costs as
// much as one that is. The caller holds memory.peek.
func (s *Store) warmEntry(of *Aim) {
	a := &s.aims[s.shardNumber(of.Hash)]
	t := table{homes: a.homes.Load()}
	first := a.cells.Load()
	if first == nil || raceEnabled && !a.mapped.Load() {
		return
	}
	tag, m := of.Hash<<(64-s.shift)>>tagShift, s.env.memory
	cell := unsafe.Add(unsafe.Pointer(first), t.home(tag)*cellBytes)
	for ; ; cell = unsafe.Add(cell, cellBytes) { // the last one of a table is empty
		c := atomic.LoadUint64((*uint64)(cell))
		if c>>tagShift < tag && c != 0 {
			continue
		}
		if c>>tagShift == tag && c != 0 {
			at := uintptr(unsafe.Pointer(unsafe.SliceData(m.segments.mem))) + uintptr(c&placeMask<<m.grain)
			size := uintptr(of.Bytes) + headBytes
			if of.Bytes == 0 || size > warmMost {
				size = entryLines * lineBytes
			}
			last := at + size - 1
			prefetchEntry(at, last)
			if lines := int(last/lineBytes - at/lineBytes); lines > entryLines-1 {
				prefetchRest(at+(entryLines-1)*lineBytes, lines-(entryLines-1))
			}
		}
		return
	}
}

// prefetchUnread prefetches an entry of which nothing is known.
func prefetchUnread(at uintptr) { prefetchEntry(at, at+entryLines*lineBytes-1) }
