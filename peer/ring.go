package peer

import (
	"sync"
	"sync/atomic"

	"covey/codec"
)

// Ring holds this node's own stream (R9): every local write in its order, encoded once, as Batch frames ready for the
// wire. It is bounded: the oldest chunks go first, and a link that still needed them is told of a gap (R10). Safe for
// concurrent use.
//
// Below the tail a chunk is immutable, except in a step of the time, while no link reads (R7). A link pins the chunk it writes from. A
// pinned chunk that falls off the ring is left to the link, and not reused.
type Ring struct {
	stream    uint64
	limit     int // bytes
	chunkSize int // bytes
	live      atomic.Bool
	_         [64]byte // every loop reads live at every turn: not on a line that every turn that wrote writes to
	head      atomic.Uint64
	stamp     atomic.Uint64 // the highest of all records so far

	mu     sync.Mutex
	chunks []*chunk // oldest first; frames are appended to the last
	serial uint64   // of chunks[0]
	bytes  int      // capacity of all chunks
	step   uint32   // number of the last step of the time (R7)
	base   uint64   // the ring serves what comes after this sequence number
	spare  *chunk   // one that fell off unpinned
	marks  floorMarks
}

// chunk is a run of whole Batch frames. Bytes below len(buf) never change.
type chunk struct {
	buf  []byte // never grows beyond its capacity, so that it stays where it is
	last uint64 // sequence number of its last record
	refs []int  // offsets of frames whose value is looked up when they are sent
	pins atomic.Int32
}

// NewRing returns an empty ring of at most limitBytes for the stream. It holds nothing until SetLive.
func NewRing(stream uint64, limitBytes int) *Ring {
	size := min(chunkBytes, max(chunkBytesMin, limitBytes/chunkShare))
	return &Ring{stream: stream, limit: limitBytes, chunkSize: size}
}

// Stream returns the id of the stream.
func (r *Ring) Stream() uint64 { return r.stream }

// Head returns the sequence number of the newest record, 0 before the first.
func (r *Ring) Head() uint64 { return r.head.Load() }

// Live reports whether records are kept: another member is known.
func (r *Ring) Live() bool { return r.live.Load() }

// SetLive begins to keep records, or forgets them all: as long as no other member is known only the sequence advances.
func (r *Ring) SetLive(live bool) {
	if r.live.Load() == live {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.live.Store(live)
	r.clear(r.head.Load())
}

// Append puts the records of a turn at the end of the stream and returns the new head. The stage is the caller's to
// reset. The records are in the store already: a cut of the store taken after this call misses none of them.
func (r *Ring) Append(st *codec.Stage) (head uint64) {
	count := st.Count()
	if count == 0 {
		return r.head.Load()
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	head = r.head.Load() + uint64(count)
	r.stamp.Store(max(r.stamp.Load(), st.Stamp()))
	if !r.live.Load() || st.Len() == 0 {
		// Records that were only counted leave a hole, so nothing before it can be served in order any more.
		r.clear(head)
	} else {
		first := r.head.Load() + 1
		for seg := range st.Segments() {
			r.put(first, seg)
			first += uint64(seg.Count)
		}
	}
	r.head.Store(head)
	return head
}

// put appends one segment as a Batch frame whose first record is number first. The caller holds r.mu.
func (r *Ring) put(first uint64, seg codec.Segment) {
	last := first + uint64(seg.Count) - 1
	c := r.room(codec.BatchHeadLen + len(seg.Records))
	if c == nil {
		r.clear(last) // larger than the whole ring
		return
	}
	if seg.Ref {
		c.refs = append(c.refs, len(c.buf))
	}
	c.buf = codec.AppendBatchHeader(c.buf, r.stream, first, uint32(seg.Count), r.step, len(seg.Records))
	c.buf = append(c.buf, seg.Records...)
	c.last = last
}

// room returns a last chunk with need bytes free, or nil if the limit does not allow one. The caller holds r.mu.
func (r *Ring) room(need int) *chunk {
	if n := len(r.chunks); n > 0 {
		if c := r.chunks[n-1]; cap(c.buf)-len(c.buf) >= need {
			return c
		}
	}
	size := max(r.chunkSize, need)
	if size > r.limit {
		return nil
	}
	for r.bytes+size > r.limit {
		r.evict()
	}
	c := r.spare
	if c == nil || size != r.chunkSize {
		c = &chunk{buf: make([]byte, 0, size)}
	} else {
		r.spare = nil
		c.buf, c.refs = c.buf[:0], c.refs[:0]
	}
	r.chunks = append(r.chunks, c)
	r.bytes += size
	return c
}

// evict lets the oldest chunk go. The caller holds r.mu.
func (r *Ring) evict() {
	c := r.chunks[0]
	n := copy(r.chunks, r.chunks[1:])
	r.chunks[n] = nil
	r.chunks = r.chunks[:n]
	r.serial++
	r.bytes -= cap(c.buf)
	r.base = max(r.base, c.last)
	// Only Ring.take pins, under r.mu: what is unpinned now stays so.
	if c.pins.Load() == 0 && cap(c.buf) == r.chunkSize {
		r.spare = c
	}
}

// outdate drops the records that may be stamped at or below the floor of the store (R14): the tombstones that ended their entries are
// forgotten, so a node that got them now would not learn that they ended. now is cluster time, in ms.
func (r *Ring) outdate(now, floor uint64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.marks.set(now, r.head.Load())
	if floor > 0 {
		r.base = max(r.base, r.marks.above(floor, r.head.Load()))
	}
}

// clear lets all chunks go: the ring serves what comes after base. The caller holds r.mu.
func (r *Ring) clear(base uint64) {
	for len(r.chunks) > 0 {
		r.evict()
	}
	if !r.live.Load() {
		r.spare = nil
	}
	r.base = base
}
