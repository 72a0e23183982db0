package store

// Get appends the value under key to dst. It takes a read lock and allocates nothing but what dst lacks. An entry
// whose expiry is now or earlier is not there (R3).
func (s *Store) Get(dst, key []byte, hash, now uint64) (out []byte, m Meta, ok bool) {
	sh := s.shardOf(hash)
	sh.mu.RLock()
	if i, found := sh.find(key, hash); found {
		if e := sh.at(i); e.readable(now) {
			dst = append(dst, e.value()...)
			m = Meta{e.kind, e.v, e.expiry()}
			ok = true
			e.touch()
		}
	}
	sh.mu.RUnlock()
	return dst, m, ok
}

// Lookup appends key and value to dst and returns the whole record of a key, be it live, dead or a tombstone (R15).
// The record's slices alias out.
func (s *Store) Lookup(dst, key []byte, hash, now uint64) (r Record, out []byte, ok bool) {
	sh := s.shardOf(hash)
	sh.mu.RLock()
	if i, found := sh.find(key, hash); found {
		r, dst = sh.at(i).record(dst, now)
		ok = true
	}
	sh.mu.RUnlock()
	return r, dst, ok
}

// Range appends the next records of a digest shard (0 to 255: the top 8 bits of the key hash) to recs, tombstones
// included, their keys and values to buf. It starts at cursor 0 and goes on at next until done. A chunk is at most
// limit bytes of keys, values and RecordOverhead each, unless one record alone is more; it may be empty. The lock is
// held for one chunk only; every record that is there all the while is seen at least once.
// The records alias buf, or an array that buf outgrew on the way: they are good until the caller writes to buf again.
func (s *Store) Range(recs []Record, buf []byte, shard int, cursor uint64, limit int, now uint64) (_ []Record, _ []byte, next uint64, done bool) {
	if shard < 0 || shard >= MaxShards {
		return recs, buf, 0, true
	}
	sh := s.shardOf(uint64(shard) << 56)
	sh.mu.RLock()
	defer sh.mu.RUnlock()
	i, taken := sh.resume(cursor), 0
	for end := min(i+walkSlots, uint64(sh.high)); i < end; i++ {
		e := sh.at(uint32(i))
		if e.flags&used == 0 || e.hash>>56 != uint64(shard) {
			continue
		}
		size := len(e.kv) + RecordOverhead
		if taken > 0 && taken+size > limit {
			break
		}
		taken += size
		var r Record
		r, buf = e.record(buf, now)
		recs = append(recs, r)
	}
	if i >= uint64(sh.high) {
		return recs, buf, 0, true
	}
	return recs, buf, sh.pause(0, i), false
}

// A cursor of Range or Scan: the shard's round (8 bits), the number of the lock shard (8; 0 for Range), a slot (32).
const (
	cursorSlotBits  = 32
	cursorShardBits = 8
)

func (sh *shard) pause(number int, slot uint64) uint64 {
	return uint64(sh.round)<<(cursorSlotBits+cursorShardBits) | uint64(number)<<cursorSlotBits | slot
}

// resume returns the slot where a cursor goes on: from the start when the slots were renumbered since.
func (sh *shard) resume(cursor uint64) uint64 {
	if uint8(cursor>>(cursorSlotBits+cursorShardBits)) != sh.round {
		return 0
	}
	return cursor & (1<<cursorSlotBits - 1)
}

// Scan appends live keys to keys, their bytes to buf, about count of them (0: DefaultScanCount). It starts at cursor 0
// and goes on at next until that is 0. As in Redis: a key that is there from the first call to the last is returned at
// least once, perhaps twice; one that comes or goes on the way may be. The keys alias buf as Range's records do.
func (s *Store) Scan(keys [][]byte, buf []byte, cursor uint64, count int, now uint64) (_ [][]byte, _ []byte, next uint64) {
	if count <= 0 {
		count = DefaultScanCount
	}
	want, slots := min(count, MaxScanCount), max(walkSlots, min(count, MaxScanCount))
	number := int(cursor>>cursorSlotBits) & (1<<cursorShardBits - 1)
	for ; number < len(s.shards); number++ {
		sh := &s.shards[number]
		sh.mu.RLock()
		i := sh.resume(cursor)
		for ; i < uint64(sh.high) && want > 0 && slots > 0; i++ {
			slots--
			if e := sh.at(uint32(i)); e.flags&used != 0 && e.readable(now) {
				want--
				start := len(buf)
				buf = append(buf, e.key()...)
				keys = append(keys, buf[start:len(buf):len(buf)])
			}
		}
		next, more := sh.pause(number, i), i < uint64(sh.high)
		sh.mu.RUnlock()
		if more {
			return keys, buf, next
		}
		// The next shard starts at its first slot, in whatever round it is.
		cursor = 0
	}
	return keys, buf, 0
}
