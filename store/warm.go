package store

import (
	"sync/atomic"
	"unsafe"
)

// aim is where the next operation of a shard will look first, for warm, which holds no lock. What it says may be of
// tables that are gone: it is good for nothing but prefetching. The aims of all shards lie together, and so near.
type aim struct {
	cells  atomic.Uintptr // the first cell of the index
	homes  atomic.Uint64
	leaves atomic.Uintptr // the first leaf of the newest epoch's table
}

// at notes the tables; those that are empty are as good as any.
func (a *aim) at(t *table, leaves []uint64) {
	if cells := uintptr(unsafe.Pointer(unsafe.SliceData(t.cells))); a.cells.Load() != cells {
		a.cells.Store(cells)
		a.homes.Store(t.homes)
	}
	if first := uintptr(unsafe.Pointer(unsafe.SliceData(leaves))); a.leaves.Load() != first {
		a.leaves.Store(first)
	}
}

// warm prefetches the shard, the cell and the leaf of a key, which are waits for memory less when the lock is held. The
// entry follows when the cell is there (find).
func (s *Store) warm(hash uint64) {
	n := s.shardNumber(hash)
	prefetchEntry(uintptr(unsafe.Pointer(&s.shards[n])))
	a, rest := &s.aims[n], hash<<(64-s.shift)
	t := table{homes: a.homes.Load()}
	prefetch(a.cells.Load() + uintptr(t.home(rest>>tagShift))*cellBytes)
	prefetch(a.leaves.Load() + uintptr(rest>>(64-s.env.leafBits+uint(64-s.shift)))*leafBytes)
}
