package store

import (
	"bytes"
	"encoding/binary"
)

// Get appends the value under key to dst. It takes a read lock and allocates nothing but what dst lacks. An entry
// whose expiry is now or earlier is not there (R3).
func (s *Store) Get(dst, key []byte, hash, now uint64) (out []byte, m Meta, ok bool) {
	s.WarmKey(hash, false)
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

// GetPartOrPin is GetOrPin for a part of a value: the bytes from one to another, both included, as GETRANGE counts them. Of a large
// value no other byte is read. The key should have been prefetched (WarmKey).
func (s *Store) GetPartOrPin(dst, key []byte, hash, now uint64, from, to int64, p *Pin) (out []byte, ok bool) {
	sh := s.shardOf(hash)
	sh.rlock(now)
	var e entry
	if ok = sh.find(&e, key, hash) && e.readable(now); ok {
		dst = sh.readOrPin(dst, &e, from, to, p, s)
		hit(e.cell)
	}
	sh.mu.RUnlock()
	return dst, ok
}

// part returns which of n bytes are those from one to another, both included: counted from 0, or from behind where they are negative.
func part(n int, from, to int64) (first, end int) {
	if from < 0 && to < 0 && from > to {
		return 0, 0
	}
	if from < 0 {
		from = max(from+int64(n), 0)
	}
	if to < 0 {
		to = max(to+int64(n), 0)
	}
	if to = min(to, int64(n)-1); from > to {
		return 0, 0
	}
	return int(from), int(to) + 1
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

// plain returns the entry of a plain key where it lies, up to the end of its value, and its cell, if the entry is as most are: text,
// counted, with nothing optional, all of it in its place. No cell: it is not, or there is none; find tells. It takes half of find's time.
func (sh *shard) plain(key []byte, hash uint64) (b []byte, cell *uint64) {
	tag := sh.tag(hash)
	t := sh.index.table(tag)
	if len(t.cells) == 0 || len(key) >= largeKey {
		return nil, nil
	}
	for p := t.home(tag); ; p++ {
		c := t.load(p)
		if c>>tagShift != tag || c == 0 {
			if c == 0 || c>>tagShift > tag {
				return nil, nil
			}
			continue
		}
		b := sh.mem[sh.locOf(c):]
		w := binary.LittleEndian.Uint64(b)
		const usual, mask = uint64(KindString)<<40 | uint64(counted)<<32, uint64(0xff)<<40 | uint64(^padded&0xff)<<32
		if w&mask != usual || int(uint16(w>>16)) != len(key) || uint16(w>>48) == wideNode {
			return nil, nil
		}
		if b = b[:w&sizeMask]; bytes.Equal(b[headBytes:headBytes+len(key)], key) {
			return b[:len(b)-padding(b, uint8(w>>32), len(b))], &t.cells[p]
		}
	}
}
