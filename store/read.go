package store

// Get appends the value under key to dst. It takes a read lock and allocates nothing but what dst lacks. An entry
// whose expiry is now or earlier is not there (R3).
func (s *Store) Get(dst, key []byte, hash, now uint64) (out []byte, m Meta, ok bool) {
	s.warm(hash)
	sh := s.shardOf(hash)
	sh.rlock(now)
	var e entry
	if sh.find(&e, key, hash) && e.readable(now) {
		dst = sh.read(dst, &e, e.keyLen, e.keyLen+e.valueLen)
		m = Meta{e.kind, e.v, e.expiry()}
		ok = true
		hit(e.cell)
	}
	sh.mu.RUnlock()
	return dst, m, ok
}

// Meta tells what Get would about a key, and the bytes of its value instead of the value.
func (s *Store) Meta(key []byte, hash, now uint64) (m Meta, valueLen int, ok bool) {
	sh := s.shardOf(hash)
	sh.rlock(now)
	var e entry
	if sh.find(&e, key, hash) && e.readable(now) {
		m, valueLen, ok = Meta{e.kind, e.v, e.expiry()}, e.valueLen, true
		hit(e.cell)
	}
	sh.mu.RUnlock()
	return m, valueLen, ok
}

// Lookup appends key and value to dst and returns the whole record of a key, be it live, dead or a tombstone (R15).
// The record's slices alias out.
func (s *Store) Lookup(dst, key []byte, hash, now uint64) (r Record, out []byte, ok bool) {
	sh := s.shardOf(hash)
	sh.rlock(now)
	var e entry
	if sh.find(&e, key, hash) && !e.ghost {
		r, dst = sh.record(&e, dst, now)
		ok = true
	}
	sh.mu.RUnlock()
	return r, dst, ok
}
