package store

import (
	"encoding/binary"
	"math/bits"
	"sync/atomic"
)

// A caller may have to tell others what keys read differently now. Of its own writes it knows; the store notes the rest, if it is asked to
// (Note): keys that Merge or Drop changed, that expired, or were evicted. A shard notes keys under its lock, and the caller takes them when
// it has let go of it (TakeNoted). So what is noted can be read before the caller knows of it.

// notes are what the shards share of this.
type notes struct {
	asked  atomic.Int64 // how many asked for it
	any    atomic.Bool  // there may be some
	all    atomic.Bool  // any key may have changed: a flush came, or the time has stepped
	shards [MaxShards / 64]atomic.Uint64
	most   int // bytes that a shard notes
}

// noted are those of a shard, guarded by its lock.
type noted struct {
	keys []byte // each behind its length in 4 bytes
	last int    // offset of the last of them
	lost bool   // there were too many
}

// Note asks for keys to be noted, n times with a positive number; with a negative one it is asked for so many times less.
func (s *Store) Note(n int) { s.env.notes.asked.Add(int64(n)) }

// Noted reports whether TakeNoted may have something.
func (s *Store) Noted() bool { return s.env.notes.any.Load() }

// note notes that a plain key has changed. The caller holds the lock.
func (sh *shard) note(key []byte) {
	v := sh.env
	if v.notes.asked.Load() <= 0 {
		return
	}
	n := &sh.noted
	before := len(n.keys)
	switch {
	case n.lost:
	case before > 0 && string(n.keys[n.last+noteHead:]) == string(key):
		return
	case before+noteHead+len(key) > v.notes.most:
		n.keys, n.last, n.lost = nil, 0, true
		sh.publish()
	default:
		room := cap(n.keys)
		n.keys = binary.LittleEndian.AppendUint32(n.keys, uint32(len(key)))
		n.keys, n.last = append(n.keys, key...), before
		if cap(n.keys) != room {
			sh.publish()
		}
	}
	v.notes.shards[sh.number/64].Or(1 << (sh.number % 64))
	v.notes.any.Store(true)
}

// noteEntry notes an entry's key. That of a ghost was noted when it was evicted.
func (sh *shard) noteEntry(e *entry) {
	if sh.env.notes.asked.Load() > 0 && !e.ghost && e.kind&Composite == 0 {
		sh.note(sh.keyOf(e))
	}
}

// noteMerged notes the key of a record, unless it changed nothing.
func (sh *shard) noteMerged(r *Record, o Outcome) {
	if o != Older && o != Same && o != Refused && r.Kind&Composite == 0 {
		sh.note(r.Key)
	}
}

// noteAll notes that any key may have changed.
func (v *env) noteAll() {
	if v.notes.asked.Load() > 0 {
		v.notes.all.Store(true)
		v.notes.any.Store(true)
	}
}

// TakeNoted appends to dst what a shard has noted, for NextNoted, or says that any key may have changed. It is to be called until it
// returns nothing.
func (s *Store) TakeNoted(dst []byte) (keys []byte, all bool) {
	n := &s.env.notes
	for {
		if n.all.Load() && n.all.Swap(false) {
			return dst, true
		}
		for w := range n.shards {
			if set := n.shards[w].Load(); set != 0 {
				i := bits.TrailingZeros64(set)
				n.shards[w].And(^(uint64(1) << i))
				if dst, all = s.shards[w*64+i].takeNoted(dst); len(dst) > 0 || all {
					return dst, all
				}
			}
		}
		if !n.any.Swap(false) {
			return dst, false
		}
	}
}

func (sh *shard) takeNoted(dst []byte) (keys []byte, lost bool) {
	sh.mu.Lock()
	defer sh.mu.Unlock()
	n := &sh.noted
	dst, lost = append(dst, n.keys...), n.lost
	n.keys, n.last, n.lost = n.keys[:0], 0, false
	if cap(n.keys) > keptNotes {
		n.keys = nil
		sh.publish()
	}
	return dst, lost
}

// NextNoted returns the first of the keys that TakeNoted returned, and the others.
func NextNoted(keys []byte) (key, rest []byte) {
	end := noteHead + int(binary.LittleEndian.Uint32(keys))
	return keys[noteHead:end], keys[end:]
}
