package store

import (
	"encoding/binary"
	"unsafe"
)

// A shard keeps its entries in logs: lists of segments, in which entries follow each other in the order they came. New
// ones are appended to the last segment. An entry that is deleted, or written anew at another size, leaves its place; a
// segment that all have left goes back at once. Others are drained: their entries move, and the segment is free. Eviction
// drains the oldest segment of a log, and what stays goes to the end of one; the collection of left places (tidy) drains
// any, and its entries go to the segment in front (keep), in order. So no entry needs a link to the next.
const (
	logMain   = iota // live entries that were wanted again, and dead ones that still have their value (evict.go)
	logTrial         // the same, but those that came last
	logTombs         // tombstones and dead records without value, oldest first (R13)
	logGhosts        // versions of evicted entries (R16), oldest first
	logCount
)

type log struct {
	first, last uint32 // segments; 0 is none
	hand        uint32 // the next that tidy looks at; 0: start at the first
	keep        uint32 // the one that takes what tidy moves; 0: none yet
	segments    int
	pages       int   // of its large entries
	live        int64 // bytes of the entries that have not left
}

// segment is what is kept about each segment. Guarded by the lock of the shard that holds it.
type segment struct {
	prev, next uint32 // in its log
	fill       uint16 // bytes of the entries in it, those that left included
	live       uint16 // without those
	log        uint8
}

// Bytes kept about a segment and about a page: their places on a free list (pool.next), and the segment's own.
const (
	segmentAbout = int(unsafe.Sizeof(segment{})) + pageAbout
	pageAbout    = 4
)

func (sh *shard) about(s uint32) *segment { return &sh.env.about[s] }
func (sh *shard) segmentOf(at loc) uint32 { return uint32(at >> sh.env.segmentBits) }
func (sh *shard) start(s uint32) loc      { return loc(s) << sh.env.segmentBits }

// wasted returns the bytes of a log's segments in which no entry lies.
func (sh *shard) wasted(l *log) int64 { return int64(l.segments)<<sh.env.segmentBits - l.live }

// addSegment puts a new segment into a log, before another or (0) at the end.
func (sh *shard) addSegment(n uint8, before uint32) uint32 {
	s := sh.env.memory.segments.take()
	*sh.about(s) = segment{}
	sh.enlist(s, n, before)
	sh.grown = true
	return s
}

// enlist puts a segment into a log, before another or (0) at the end.
func (sh *shard) enlist(s uint32, n uint8, before uint32) {
	l := &sh.logs[n]
	a := sh.about(s)
	a.next, a.log, a.prev = before, n, l.last
	if before != 0 {
		a.prev = sh.about(before).prev
		sh.about(before).prev = s
	} else {
		l.last = s
	}
	if a.prev != 0 {
		sh.about(a.prev).next = s
	} else {
		l.first = s
	}
	l.segments++
	l.live += int64(a.live)
}

// freeSegment takes a segment out of its log and gives it back. Nothing lies in it any more.
func (sh *shard) freeSegment(s uint32) {
	sh.delist(s)
	sh.env.memory.segments.give(s, 1)
}

// delist takes a segment out of its log.
func (sh *shard) delist(s uint32) {
	a := sh.about(s)
	l := &sh.logs[a.log]
	if a.prev != 0 {
		sh.about(a.prev).next = a.next
	} else {
		l.first = a.next
	}
	if a.next != 0 {
		sh.about(a.next).prev = a.prev
	} else {
		l.last = a.prev
	}
	if l.hand == s {
		l.hand = a.next
	}
	if l.keep == s {
		l.keep = 0
	}
	l.segments--
	l.live -= int64(a.live)
}

// claim takes n bytes of a segment that has them.
func (sh *shard) claim(s uint32, n int) loc {
	a := sh.about(s)
	at := sh.start(s) + loc(a.fill)
	a.fill += uint16(n)
	a.live += uint16(n)
	sh.logs[a.log].live += int64(n)
	return at
}

// room reports whether a segment has n bytes left.
func (sh *shard) room(s uint32, n int) bool {
	return s != 0 && int(sh.about(s).fill)+n <= 1<<sh.env.segmentBits
}

// append returns a place of n bytes at the end of a log. It may take a segment, never move anything.
func (sh *shard) append(log uint8, n int) loc {
	s := sh.logs[log].last
	if s == sh.draining || !sh.room(s, n) {
		s = sh.addSegment(log, 0)
	}
	return sh.claim(s, n)
}

// leave marks the place of an entry as left. A segment that all have left is given back, or begins anew if it is the last.
func (sh *shard) leave(at loc, size int) {
	b := sh.mem[at:]
	binary.LittleEndian.PutUint16(b, uint16(size)|leftBit)
	s := sh.segmentOf(at)
	a := sh.about(s)
	a.live -= uint16(size)
	l := &sh.logs[a.log]
	l.live -= int64(size)
	switch {
	case a.live > 0 || s == sh.draining:
	case s == l.last && l.segments == 1:
		a.fill = 0
	default:
		sh.freeSegment(s)
	}
}

// nextIn returns the first entry of a segment at or after an offset that has not left; size 0 if there is none.
func (sh *shard) nextIn(s uint32, offset int) (at loc, size int) {
	for fill := int(sh.about(s).fill); offset < fill; {
		at = sh.start(s) + loc(offset)
		w := binary.LittleEndian.Uint16(sh.mem[at:])
		if w&leftBit == 0 {
			return at, int(w)
		}
		offset += int(w & sizeMask)
	}
	return 0, 0
}

// move carries an entry, loaded, of the segment that is being drained over to the end of a log, or with inFront to a place
// in front of that segment, and mends what names it. Padding stays behind.
func (sh *shard) move(e *entry, log uint8, inFront bool) {
	b := sh.mem[e.at:][:e.size]
	filled := e.size - padding(b, e.flags, e.size)
	n := sh.rounded(filled)
	old := *e
	if l := &sh.logs[log]; inFront {
		if !sh.room(l.keep, n) {
			l.keep = sh.addSegment(log, sh.draining)
		}
		e.at = sh.claim(l.keep, n)
	} else {
		e.at = sh.append(log, n)
		sh.takePages(e, sh.about(sh.draining).log, log)
	}
	e.size = n
	to := sh.mem[e.at:][:n]
	copy(to, b)
	if n != old.size {
		e.flags &^= padded
		if n > filled {
			e.flags |= padded
			pad(to, n, n-filled)
		}
		binary.LittleEndian.PutUint16(to, uint16(n))
		to[flagsAt] = e.flags
	}
	if e.flags&gone != 0 && !e.ghost {
		sh.tombstoneBytes += int64(n - old.size)
	}
	if old.at == sh.spare {
		sh.spare = e.at
	}
	*e.cell = *e.cell&^placeMask | sh.place(e.at)
	sh.relink(e, old.at)
	sh.leave(old.at, old.size)
}

// rounded is the size of a place that n bytes need.
func (sh *shard) rounded(n int) int {
	grain := 1 << sh.env.memory.grain
	return (n + grain - 1) &^ (grain - 1)
}
