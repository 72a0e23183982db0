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

// Warm begins the wait for the memory in which the key of a hash is looked for first: the shard, the cell, and the leaf. It takes no
// lock. Who has several keys to ask for warms all, then their entries, then asks: the waits go on side by side.
func (s *Store) Warm(hash uint64) { s.warm(hash) }

// WarmEntry begins the wait for the entry that a key's cell names, after Warm had time to bring the cell. Where the shard is being written to
// it does nothing.
func (s *Store) WarmEntry(hash uint64) {
	sh := s.shardOf(hash)
	if !sh.mu.TryRLock() {
		return
	}
	tag := sh.tag(hash)
	t := sh.index.table(tag)
	if len(t.cells) > 0 {
		for p := t.home(tag); ; p++ {
			c := t.load(p)
			if c>>tagShift < tag && c != 0 {
				continue
			}
			if c>>tagShift == tag && c != 0 {
				prefetchEntry(uintptr(unsafe.Pointer(&sh.mem[sh.locOf(c)])))
			}
			break
		}
	}
	sh.mu.RUnlock()
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
