package peer

import (
	"encoding/binary"
	"slices"

	"covey/codec"
)

// cursor is a link's place in the ring: everything up to seq was taken. Its zero value stands before the first record.
type cursor struct {
	seq    uint64
	serial uint64 // of the chunk it stands in
	off    int    // bytes of that chunk that were taken
}

// piece is a run of whole frames of one pinned chunk, or one frame that is held by reference.
type piece struct {
	chunk  *chunk
	frames []byte // aliases the chunk, which unpin gives back
	ref    bool   // the record of the frame is to be looked up (codec.DecodeStaged)
	next   cursor // the place after it
}

// unpin gives the chunk back to the ring; the frames must not be looked at any more.
func (p *piece) unpin() {
	if p.chunk != nil {
		p.chunk.pins.Add(-1)
	}
	*p = piece{}
}

// seek returns the place from which all after seq follows. ok is false when the ring does not hold that any more (or
// never had it: seq is of no stream of ours); the place is then the head, and the caller owes a Gap.
func (r *Ring) seek(seq uint64) (cur cursor, ok bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	head := r.head.Load()
	if seq < r.base || seq > head {
		return r.end(head), false
	}
	if seq == head {
		return r.end(head), true
	}
	for i, c := range r.chunks {
		if c.last <= seq {
			continue
		}
		off := 0
		for {
			_, last, n := frameAt(c.buf[off:])
			if last > seq {
				return cursor{seq: seq, serial: r.serial + uint64(i), off: off}, true
			}
			off += n
		}
	}
	return r.end(head), false
}

// bytesAfter returns how many bytes of frames the ring holds after a place, about.
func (r *Ring) bytesAfter(cur cursor) (bytes int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for i, c := range r.chunks {
		if r.serial+uint64(i) >= cur.serial {
			bytes += len(c.buf)
		}
	}
	return bytes
}

// end is the place after the newest record. The caller holds r.mu.
func (r *Ring) end(head uint64) cursor {
	n := len(r.chunks)
	if n == 0 {
		return cursor{seq: head, serial: r.serial}
	}
	return cursor{seq: head, serial: r.serial + uint64(n-1), off: len(r.chunks[n-1].buf)}
}

// take pins the next frames after cur: whole ones of one chunk, at most budget bytes, but with force at least one. An
// empty piece means that there is nothing, or nothing that fits. ok is false when what follows cur fell off the ring.
func (r *Ring) take(cur cursor, budget int, force bool) (p piece, ok bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if cur.seq < r.base {
		return piece{}, false
	}
	if cur.seq >= r.head.Load() {
		return piece{}, true
	}
	// A cursor at the end of a chunk that was let go stands at base, before the first chunk.
	if cur.serial < r.serial {
		cur.serial, cur.off = r.serial, 0
	}
	c := r.chunks[cur.serial-r.serial]
	if cur.off == len(c.buf) {
		cur.serial, cur.off = cur.serial+1, 0
		c = r.chunks[cur.serial-r.serial]
	}
	end, ref := c.reach(cur.off, budget, force)
	if end == cur.off {
		return piece{}, true
	}
	next := cursor{seq: c.last, serial: cur.serial, off: end}
	if end < len(c.buf) {
		first, _, _ := frameAt(c.buf[end:])
		next.seq = first - 1
	}
	c.pins.Add(1)
	return piece{chunk: c, frames: c.buf[cur.off:end:end], ref: ref, next: next}, true
}

// reach returns the end of the run of frames that begins at off: one frame held by reference (ref), or frames up to
// the next such one within budget bytes. end is off when the first frame does not fit and force is not set.
func (c *chunk) reach(off, budget int, force bool) (end int, ref bool) {
	end = len(c.buf)
	if i, here := slices.BinarySearch(c.refs, off); here {
		_, _, n := frameAt(c.buf[off:])
		return off + n, true
	} else if i < len(c.refs) {
		end = c.refs[i]
	}
	if end-off <= budget {
		return end, false
	}
	at := off
	for at < end {
		_, _, n := frameAt(c.buf[at:])
		if at+n-off > budget && !(force && at == off) {
			break
		}
		at += n
	}
	return at, false
}

// frameAt reads the Batch frame at the start of b: the numbers of its first and last record, and its length in bytes.
// The ring wrote it itself.
func frameAt(b []byte) (first, last uint64, n int) {
	m, _ := codec.DecodeBatch(b[codec.HeaderLen:])
	n = codec.HeaderLen + int(binary.LittleEndian.Uint32(b[4:]))
	return m.First, m.First + uint64(m.Count) - 1, n
}
