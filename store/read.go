package store

// Get appends the value under key to dst. It takes a read lock and allocates nothing but what dst lacks. An entry
// whose expiry is now or earlier is not there (R3).
func (s *Store) Get(dst, key []byte, hash, now uint64) (out []byte, m Meta, ok bool) {
	s.warm(hash)
	sh := s.shardOf(hash)
	sh.rlock(now)
	var e entry
	if sh.find(&e, key, hash) && e.readable(now) {
		if e.kind == KindString { // text, without a call more
			dst = sh.read(dst, &e, e.keyLen, e.keyLen+e.valueLen)
		} else {
			dst = sh.textOf(dst, &e)
		}
		m = e.meta()
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
		m, valueLen, ok = e.meta(), sh.textLen(&e), true
		hit(e.cell)
	}
	sh.mu.RUnlock()
	return m, valueLen, ok
}

// Lookup appends key and value to dst and returns the whole record of a key, be it live, dead or a tombstone (R15).
// The record's slices alias out. Of a plain and a composite key of the same bytes it returns the plain one's.
func (s *Store) Lookup(dst, key []byte, hash, now uint64) (r Record, out []byte, ok bool) {
	sh := s.shardOf(hash)
	sh.rlock(now)
	var e entry
	if (sh.find(&e, key, hash) || sh.findKind(&e, key, hash, Composite)) && !e.ghost {
		r, dst = sh.record(&e, dst, now)
		ok = true
	}
	sh.mu.RUnlock()
	return r, dst, ok
}
