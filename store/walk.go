package store

import (
	"slices"
	"unsafe"
)

// A cursor of Range or Scan is a place in the order of hashes: the top 56 bits of one. The index is kept in that order
// (index.go), so the cursor stays good whatever comes, goes or moves between two calls: an entry that is there all the
// while is met exactly when the cursor passes its hash.
const cursorShift = 8 // bits of a hash that a cursor lacks; entries that differ in them only come together

// CursorOf returns the cursor at which Scan meets the entry of a hash first.
func CursorOf(hash uint64) uint64 { return hash >> cursorShift }

// walk calls visit, in the order of their hashes, for the entries whose hash is from or above, until it returns false or a
// few cells were looked at; and returns the hash to go on at, or false at the end of the shard. visit is told whether it
// may decline: not in the middle of what one cursor stands for. The entry's cell is not looked up.
func (sh *shard) walk(from uint64, cells int, visit func(e entry, first bool) bool) (next uint64, more bool) {
	var group [8]place
	for tag := sh.tag(from); ; {
		t, end := &sh.index.cur, tagEnd
		if tag < sh.index.moved {
			t, end = &sh.index.next, sh.index.moved
		}
		if len(t.cells) == 0 {
			return 0, false
		}
		for p := t.home(tag); p < len(t.cells); {
			c := t.load(p)
			at := c >> tagShift
			if c == 0 || at < tag {
				p++
				cells--
				continue
			}
			if at >= end {
				break
			}
			if cells <= 0 && at > tag { // past tag, or this call has got nowhere
				return sh.first(at, from), true
			}
			if ahead := p + walkAhead; ahead < len(t.cells) {
				if c := t.load(ahead); c != 0 {
					prefetchUnread(uintptr(unsafe.Pointer(&sh.mem[sh.locOf(c)])))
				}
			}
			n := 1
			for c = t.load(p + 1); c>>tagShift == at && c != 0; c = t.load(p + n) {
				n++
			}
			if n == 1 {
				next, more = sh.walkOne(t.load(p), from, visit)
			} else {
				next, more = sh.walkEqual(t, p, n, group[:0], from, visit)
			}
			if more {
				return next, true
			}
			p += n
			cells -= n
		}
		if end == tagEnd {
			return 0, false
		}
		tag = end
	}
}

// walkOne visits the entry of a cell whose tag no other has.
func (sh *shard) walkOne(cell, from uint64, visit func(e entry, first bool) bool) (next uint64, more bool) {
	var e entry
	sh.load(sh.locOf(cell), &e)
	if !e.ghost {
		e.hash = sh.hashOf(&e)
	}
	if e.hash>>cursorShift >= from>>cursorShift && !visit(e, true) {
		return e.hash >> cursorShift << cursorShift, true
	}
	return 0, false
}

// place is an entry of a group of equal tags.
type place struct {
	hash uint64
	at   loc
}

// walkEqual visits the entries of n cells of equal tags in the order of their hashes.
func (sh *shard) walkEqual(t *table, p, n int, group []place, from uint64, visit func(e entry, first bool) bool) (next uint64, more bool) {
	var e entry
	for ; n > 0; n-- {
		at := sh.locOf(t.load(p))
		p++
		sh.load(at, &e)
		if !e.ghost {
			e.hash = sh.hashOf(&e)
		}
		if e.hash>>cursorShift >= from>>cursorShift {
			group = append(group, place{e.hash, at})
		}
	}
	if len(group) > 1 {
		slices.SortFunc(group, func(a, b place) int {
			if a.hash < b.hash {
				return -1
			}
			return 1
		})
	}
	last := uint64(1) // no cursor
	for _, p := range group {
		sh.load(p.at, &e)
		e.hash = p.hash
		cursor := p.hash >> cursorShift << cursorShift
		if !visit(e, cursor != last) && cursor != last {
			return cursor, true
		}
		last = cursor
	}
	return 0, false
}

// first returns the lowest hash that a tag of this shard can have, but none below from, which is a hash of the shard.
func (sh *shard) first(tag, from uint64) uint64 {
	return max(from, from>>(64-sh.bits)<<(64-sh.bits)|tag<<tagShift>>sh.bits)
}

// Range appends the next records of a digest shard (0 to 255: the top 8 bits of the key hash) to recs, tombstones
// included, their keys and values to buf. It starts at cursor 0 and goes on at next until done. A chunk is at most
// limit bytes of keys, values and RecordOverhead each, unless one record alone is more; it may be empty. The lock is
// held for one chunk only; every record that is there all the while is seen once.
// The records alias buf, or an array that buf outgrew on the way: they are good until the caller writes to buf again.
func (s *Store) Range(recs []Record, buf []byte, shard int, cursor uint64, limit int, now uint64) (_ []Record, _ []byte, next uint64, done bool) {
	if shard < 0 || shard >= MaxShards {
		return recs, buf, 0, true
	}
	from := max(cursor<<cursorShift, uint64(shard)<<56)
	if from>>56 != uint64(shard) {
		return recs, buf, 0, true
	}
	sh := s.shardOf(from)
	sh.rlock(now)
	defer sh.mu.RUnlock()
	taken := 0
	next, more := sh.walk(from, walkCells, func(e entry, first bool) bool {
		size := e.keyLen + e.valueLen + RecordOverhead
		if e.hash>>56 != uint64(shard) || first && taken > 0 && taken+size > limit {
			return false
		}
		if e.ghost {
			return true
		}
		taken += size
		var r Record
		r, buf = sh.record(&e, buf, now)
		recs = append(recs, r)
		return true
	})
	if !more || next>>56 != uint64(shard) {
		return recs, buf, 0, true
	}
	return recs, buf, next >> cursorShift, false
}

// Scan appends live keys to keys, their bytes to buf, about count of them (0: DefaultScanCount), fewer where they are long. It starts at cursor 0
// and goes on at next until that is 0. As in Redis: a key that is there from the first call to the last is returned at
// least once; one that comes or goes on the way may be. The keys alias buf as Range's records do.
func (s *Store) Scan(keys [][]byte, buf []byte, cursor uint64, count int, now uint64) (_ [][]byte, _ []byte, next uint64) {
	if count <= 0 {
		count = DefaultScanCount
	}
	want := min(count, MaxScanCount)
	c := scan{keys: keys, buf: buf, want: want, cells: max(walkCells, 2*want), full: len(buf) + scanBytes, now: now}
	from := cursor & (1<<(64-cursorShift) - 1) << cursorShift
	for {
		number := s.shardNumber(from)
		next, more := c.hold(&s.shards[number], from)
		if !more {
			if next = uint64(number+1) << s.shift; next == 0 {
				return c.keys, c.buf, 0
			}
		}
		if c.done() || c.cells <= 0 {
			return c.keys, c.buf, next >> cursorShift
		}
		from = next
	}
}

// scan is what a Scan has found, and what it may still.
type scan struct {
	keys  [][]byte
	buf   []byte
	want  int // keys
	cells int // of the index to look at
	full  int // bytes of buf
	now   uint64
}

func (c *scan) done() bool { return c.want <= 0 || len(c.buf) >= c.full }

// hold goes on at a hash of a shard, as far as one hold of its lock goes. It returns what walk does.
func (c *scan) hold(sh *shard, from uint64) (next uint64, more bool) {
	sh.rlock(c.now)
	defer sh.mu.RUnlock()
	next, more = sh.walk(from, min(c.cells, walkCells), func(e entry, first bool) bool {
		if first && c.done() {
			return false
		}
		if e.readable(c.now) && e.kind&Composite == 0 {
			c.want--
			start := len(c.buf)
			c.buf = sh.read(c.buf, &e, 0, e.keyLen)
			c.keys = append(c.keys, c.buf[start:len(c.buf):len(c.buf)])
		}
		return true
	})
	c.cells -= min(walkCells, sh.index.used)
	return next, more
}
