package store

import (
	"slices"
	"sync"
	"sync/atomic"
	"unsafe"
)

// env is what the shards of one Store share.
type env struct {
	maxBytes   int64
	tombstones int64 // bytes that the tombstones of one shard may take
	horizon    uint64
	used       atomic.Int64            // bytes, as published by the shards
	floor      atomic.Pointer[Version] // R14; never nil
}

// shard is one part of the store under one lock. Nothing is called under the lock but its own methods.
type shard struct {
	mu  sync.RWMutex
	env *env

	// Guarded by mu; readers touch only entry.visited.

	index  index
	chunks []*[chunkEntries]entry // the slots; a slot keeps its number until compact
	high   uint32                 // slots ever used since the last compact
	free   uint32                 // first free slot below high, linked by entry.next
	live   int                    // slots in use
	round  uint8                  // of compact: cursors of an older round start over

	lists [listCount]listEnds
	wheel wheel
	clock clock
	flush Version // the store's flush register (R4)
	sums  sums
	hand  uint32 // of the eviction: the next slot to look at

	keys           int // readable entries, and those whose expiry is due but not yet applied
	tombstones     int
	tombstoneBytes int64
	bytes          int64
	published      int64 // the part of bytes that env.used knows of

	evictions, expired, purged, droppedByFloor, ahead, flushed, refused uint64

	_ [64]byte // keeps the lock of the next shard off this one's last cache line
}

const (
	shardBytes = int64(unsafe.Sizeof(shard{}))
	chunkBytes = int64(unsafe.Sizeof([chunkEntries]entry{})) + int64(unsafe.Sizeof(uintptr(0)))
)

func (sh *shard) init(v *env) {
	sh.env = v
	sh.free = none
	for i := range sh.lists {
		sh.lists[i] = listEnds{none, none}
	}
	sh.bytes = shardBytes
	sh.publish()
}

// at returns the entry in slot i. It stays where it is until compact.
func (sh *shard) at(i uint32) *entry { return &sh.chunks[i/chunkEntries][i%chunkEntries] }

// find returns the slot of a key. Equal hashes are told apart by the key.
func (sh *shard) find(key []byte, hash uint64) (uint32, bool) {
	cells := sh.index.cells
	if len(cells) == 0 {
		return none, false
	}
	mask := len(cells) - 1
	tag := uint32(hash)
	for p := int(tag) & mask; ; p = (p + 1) & mask {
		c := cells[p]
		if c == 0 {
			return none, false
		}
		if uint32(c>>32) != tag {
			continue
		}
		i := uint32(c) - 1
		if e := sh.at(i); e.hash == hash && string(e.key()) == string(key) {
			return i, true
		}
	}
}

// publish tells the store what the shard has come to take or given back.
func (sh *shard) publish() {
	if d := sh.bytes - sh.published; d != 0 {
		sh.env.used.Add(d)
		sh.published = sh.bytes
	}
}

// insert gives a key that is absent a slot. The entry is a deletion at the zero version, below any other, and on no
// list yet; it has room for value. apply follows.
func (sh *shard) insert(key, value []byte, hash, now uint64) uint32 {
	i := sh.slot(now)
	e := sh.at(i)
	*e = entry{hash: hash, flags: used | Deleted}
	sh.bytes -= sh.index.bytes()
	sh.index.insert(hash, i)
	sh.bytes += sh.index.bytes()
	sh.live++
	e.kv = append(slices.Grow([]byte(nil), len(key)+len(value)), key...)
	e.keyLen = uint32(len(key))
	sh.weigh(e, 1)
	return i
}

// slot returns a free slot: one given back, one not yet used, or one of a new chunk. Where a new chunk would break the
// budget an entry is evicted instead, so a full store does not grow its tables at the cost of its values.
func (sh *shard) slot(now uint64) uint32 {
	if sh.free == none && int(sh.high) == len(sh.chunks)*chunkEntries {
		sh.publish()
		if sh.env.used.Load()+chunkBytes <= sh.env.maxBytes || !sh.evict(none, now) {
			sh.chunks = append(sh.chunks, new([chunkEntries]entry))
			sh.bytes += chunkBytes
		}
	}
	if i := sh.free; i != none {
		sh.free = sh.at(i).next
		return i
	}
	sh.high++
	return sh.high - 1
}

// apply moves registers of the entry in slot i to those of r: V with all that belongs to it, E with its expiry time,
// or both. The entry's expiry has been settled.
func (sh *shard) apply(i uint32, r *Record, takeV, takeE bool, now uint64) {
	e := sh.at(i)
	sh.detach(i)
	sh.sums.slide(EpochOf(now))
	old := e.counted()
	if takeV {
		e.take(r)
	}
	if takeE {
		e.e, e.at = r.Expiry(), r.ExpireAt
	}
	e.flags &^= dead | counted
	epoch, at := e.epoch(), e.expiry()
	if e.flags&Deleted == 0 && (at == 0 || EpochOf(at) > epoch) {
		e.flags |= counted
	}
	sh.sums.add(epoch, e.counted()-old)
	if e.flags&Deleted == 0 && at != 0 && at <= now {
		sh.uncount(e, EpochOf(at))
		e.flags |= dead
		sh.expired++
	}
	sh.attach(i, now)
}

// detach takes the entry in slot i off its list and out of the sizes, for a change of its registers. attach puts it
// back where it belongs then; a tombstone counts as made at since.
func (sh *shard) detach(i uint32) {
	sh.unlink(i)
	sh.weigh(sh.at(i), -1)
}

func (sh *shard) attach(i uint32, since uint64) {
	e := sh.at(i)
	sh.weigh(e, 1)
	switch at := e.expiry(); {
	case e.flags&Deleted != 0, e.flags&(dead|bare) == dead|bare:
		e.since = since
		sh.link(i, listDead)
	case e.flags&dead != 0:
		e.since = since
		sh.link(i, listDying)
	case at != 0:
		sh.schedule(i, at, since)
	case e.flags&bare != 0:
		e.since = since
		sh.link(i, listDead)
	}
}

// weigh adds the entry to the sizes, or with sign -1 takes it out.
func (sh *shard) weigh(e *entry, sign int) {
	cost := e.cost() * int64(sign)
	sh.bytes += cost
	if e.flags&gone != 0 {
		sh.tombstones += sign
		sh.tombstoneBytes += cost + entryBytes*int64(sign)
	} else {
		sh.keys += sign
	}
}

// forget removes the entry in slot i with all that it knows; from the digest as of an epoch, or as of that of its
// expiry if it was due before.
func (sh *shard) forget(i uint32, epoch uint64) {
	e := sh.at(i)
	if at := e.expiry(); at != 0 {
		epoch = min(epoch, EpochOf(at))
	}
	sh.detach(i)
	sh.uncount(e, epoch)
	sh.index.remove(e.hash, i)
	*e = entry{next: sh.free}
	sh.free = i
	sh.live--
}
