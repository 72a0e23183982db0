package store

import "math"

// Print is what an entry's fingerprint is made of, without key and value (R19).
type Print struct {
	Hash     uint64 // of the key
	V, E     Version
	ExpireAt uint64
	Content  uint32
	Ghost    bool // evicted: the value is not here
	Gone     bool // a tombstone, dead or without value: in no fingerprint (R3, R13)
	Bare     bool // the value is gone; the entry is dead, or alive again by a later expiry (R3)
}

// Epoch is the first epoch in which the entry was what it is (R18).
func (p *Print) Epoch() uint64 { return max(p.V.epoch(), p.E.epoch()) }

// Sum is what the entry adds to the fingerprint of its leaf, unless it is gone.
func (p *Print) Sum() uint64 {
	e := entry{hash: p.Hash, v: p.V, e: p.E, expireAt: p.ExpireAt, content: p.Content}
	return e.fingerprint()
}

// List appends the prints of all entries whose key hash begins with the first bits (at least 8) of prefix, in the order
// of their hashes. ok is false when there are more than limit; what was appended is then of no use. The lock is held for a
// chunk at a time; every entry that is there all the while is listed.
func (s *Store) List(dst []Print, prefix uint64, bits uint, limit int, now uint64) (_ []Print, ok bool) {
	from, last := prefix, prefix|math.MaxUint64>>bits
	sh, start := s.shardOf(prefix), len(dst)
	for {
		over, past := false, false
		sh.rlock(now)
		next, more := sh.walk(from, walkCells, func(e entry, _ bool) bool {
			if e.hash < prefix {
				return true
			}
			if past = past || e.hash > last; past {
				return false // whatever the cursor would stand for
			}
			if over = over || len(dst)-start >= limit; over {
				return false
			}
			dst = append(dst, e.print(now))
			return true
		})
		sh.mu.RUnlock()
		if over || past || !more || next > last {
			return dst, !over
		}
		// The cursor stands for a few hashes: those of them that were listed are listed again.
		for len(dst) > start && dst[len(dst)-1].Hash >= next {
			dst = dst[:len(dst)-1]
		}
		from = next
	}
}

func (e *entry) print(now uint64) Print {
	at := e.expiry()
	return Print{
		Hash: e.hash, V: e.v, E: e.e, ExpireAt: e.expireAt, Content: e.content, Ghost: e.ghost,
		Gone: e.flags&gone != 0 || at != 0 && at <= now, Bare: e.flags&bare != 0,
	}
}

// Prints appends the prints of about limit entries whose key hash is from or above, in the order of their hashes, and returns
// the hash to go on at, 0 at the end. It may append none before that. Every entry that is there all the while is met.
func (s *Store) Prints(dst []Print, from uint64, limit int, now uint64) (_ []Print, next uint64) {
	sh, start := s.shardOf(from), len(dst)
	sh.rlock(now)
	defer sh.mu.RUnlock()
	next, more := sh.walk(from, walkCells, func(e entry, first bool) bool {
		if first && len(dst)-start >= limit {
			return false
		}
		dst = append(dst, e.print(now))
		return true
	})
	if !more {
		next = uint64(s.shardNumber(from)+1) << s.shift
	}
	return dst, next
}

// PartsWidth is into how many parts Parts splits.
const PartsWidth = 16

// Parts sums up fingerprints of the entries whose key hash begins with the first bits (8 to 56) of prefix, for each 16th of that part. An
// entry counts if it is now what it was at the end of epoch; one that was overwritten or has gone since is not known any more. So the
// sums say where to look for a difference and prove nothing. It returns how many entries there are. The lock is held for a chunk at a
// time.
func (s *Store) Parts(sums *[PartsWidth]uint64, prefix uint64, bits uint, epoch, now uint64) (entries int) {
	*sums = [PartsWidth]uint64{}
	from, last := prefix, prefix|math.MaxUint64>>bits
	sh := s.shardOf(prefix)
	for {
		sh.rlock(now)
		next, more := sh.walk(from, walkCells, func(e entry, _ bool) bool {
			switch {
			case e.hash > last:
				return false
			case e.hash < prefix:
				return true
			}
			entries++
			at := e.expiry()
			ended := at != 0 && EpochOf(at) <= epoch
			if epoch == Everything {
				ended = at != 0 && at <= now
			}
			if e.flags&(Deleted|bare) == 0 && e.epoch() <= epoch && !ended {
				sums[e.hash<<bits>>(64-4)] += e.fingerprint()
			}
			return true
		})
		sh.mu.RUnlock()
		if !more || next > last {
			return entries
		}
		from = next
	}
}

// ByHash appends the records of all keys with this hash to recs, their keys and values to buf: as Range does for a shard.
func (s *Store) ByHash(recs []Record, buf []byte, hash, now uint64) (_ []Record, _ []byte) {
	sh := s.shardOf(hash)
	sh.rlock(now)
	defer sh.mu.RUnlock()
	sh.walk(hash, walkCells, func(e entry, _ bool) bool {
		if e.hash == hash && !e.ghost {
			var r Record
			r, buf = sh.record(&e, buf, now)
			recs = append(recs, r)
		}
		return e.hash <= hash
	})
	return recs, buf
}

// Drop deletes a key on the word of another node that it is absent there, at or below that node's floor (R14). It leaves
// a tombstone of the same V, which beats the value: a content hash above all others. It reports whether it did: not when
// the V of the entry is above the floor, or it is gone anyway. E says nothing: of an absent key it counts for nothing either (mergeAbsent).
func (s *Store) Drop(key []byte, hash uint64, floor Version, now uint64) bool {
	sh := s.shardOf(hash)
	sh.lock(now)
	defer s.endWrite(sh, key, hash, now)
	var e entry
	if !sh.find(&e, key, hash) {
		return false
	}
	sh.settle(&e, now)
	if e.flags&gone != 0 || e.ghost || e.v.Compare(floor) > 0 {
		return false
	}
	r := Record{Key: key, Kind: e.kind &^ marked, Flags: Deleted, Content: math.MaxUint32, Stamp: e.v.Stamp, Node: e.v.Node}
	sh.apply(&e, &r, true, false, now)
	sh.note(key)
	sh.droppedByFloor++
	sh.trim(e.at, now)
	return true
}
