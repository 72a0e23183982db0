package store

import (
	"sync/atomic"
	"unsafe"
)

// aim is where the next operation of a shard will look first, for warm, which holds no lock of the shard. What it says may be out
// of date: it is good for nothing but prefetching. The aims of all shards lie together, and so near.
type aim struct {
	cells  atomic.Pointer[uint64] // the first of the index; nil: it has none
	homes  atomic.Uint64
	mapped atomic.Bool
	leaves atomic.Uintptr // the first leaf of the newest epoch's table
}

// atTable notes the table that cells are looked for in. Nobody looks at the one before when it returns.
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

// Warm begins the waits for the memory in which several keys are looked for, so that they go on side by side: first for the shards, the
// cells and the leaves of all, then for the entries that the cells name. sizes says, for each, about how many bytes its value will have, as
// nobody looks there before it is near: 0 if nothing is known. It takes no lock of a shard, and whatever is written
// meanwhile makes no difference but to what is near when the keys are asked for.
func (s *Store) Warm(hashes []uint64, sizes []uint32) {
	for _, hash := range hashes {
		s.warm(hash)
	}
	peek := &s.env.memory.peek
	peek.RLock()
	for i, hash := range hashes {
		s.warmEntry(hash, sizes[i])
	}
	peek.RUnlock()
}

// warmEntry prefetches the entry that a key's cell names, as far as a value of size bytes goes. The caller holds memory.peek.
func (s *Store) warmEntry(hash uint64, size uint32) {
	a := &s.aims[s.shardNumber(hash)]
	t := table{homes: a.homes.Load()}
	first := a.cells.Load()
	if first == nil || raceEnabled && !a.mapped.Load() {
		return
	}
	tag, m := hash<<(64-s.shift)>>tagShift, s.env.memory
	cell := unsafe.Add(unsafe.Pointer(first), t.home(tag)*cellBytes)
	for ; ; cell = unsafe.Add(cell, cellBytes) { // the last one of a table is empty
		c := atomic.LoadUint64((*uint64)(cell))
		if c>>tagShift < tag && c != 0 {
			continue
		}
		if c>>tagShift == tag && c != 0 {
			at := uintptr(unsafe.Pointer(unsafe.SliceData(m.segments.mem))) + uintptr(c&placeMask<<m.grain)
			prefetchEntry(at)
			if size >= 2*lineBytes && size <= warmMost {
				prefetchRest(at+entryLines*lineBytes, int(size/lineBytes)+2-entryLines)
			}
		}
		return
	}
}

// warm prefetches the shard, the cell and the leaf of a key, which are waits for memory less when the lock is held. The
// entry follows when the cell is there (find).
func (s *Store) warm(hash uint64) {
	n := s.shardNumber(hash)
	a, rest := &s.aims[n], hash<<(64-s.shift)
	t := table{homes: a.homes.Load()}
	cell := uintptr(unsafe.Pointer(a.cells.Load())) + uintptr(t.home(rest>>tagShift))*cellBytes
	leaf := a.leaves.Load() + uintptr(rest>>(64-s.env.leafBits+uint(64-s.shift)))*leafBytes
	prefetchKey(uintptr(unsafe.Pointer(&s.shards[n])), cell, leaf)
}
