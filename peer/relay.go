package peer

import (
	"math"
	"slices"
	"sync"
	"sync/atomic"

	"covey/codec"
)

// relay holds batches of other nodes' streams for those peers that do not hear the node itself (R12): one log for all
// links, each with a place of its own in it. Nothing comes here on a full mesh. A link that falls behind the oldest batch
// offers its streams anew, and what the peer lacks then is copied. Safe for concurrent use; batches never change.
type relay struct {
	limit int
	end   atomic.Uint64 // number after that of the newest batch

	mu    sync.Mutex
	log   []passed // oldest first
	base  uint64   // number of log[0]
	bytes int      // of log
	tail  []byte   // room for the next batches
	marks floorMarks
}

// passed is a batch in the log.
type passed struct {
	stream, first, last uint64
	frame               []byte
}

// cost is what a batch takes of the limit.
func (p *passed) cost() int { return len(p.frame) + passedOverhead }

// advance notes that a batch of s was merged, and keeps it if it moved applied. It reports false when records before it
// are missing. Batches of one stream come in order: whoever brings them waits here for each other.
func (r *relay) advance(s *stream, m *codec.Batch) (ok, moved bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if ok, moved = s.advance(m.First, m.First+uint64(m.Count)-1); moved {
		r.add(m)
	}
	return ok, moved
}

// add puts a batch at the end; the oldest go until it fits. The caller holds r.mu.
func (r *relay) add(m *codec.Batch) {
	need := codec.BatchHeadLen + len(m.Records)
	if cap(r.tail)-len(r.tail) < need {
		r.tail = make([]byte, 0, max(need, chunkBytesMin, min(chunkBytes, r.limit/chunkShare)))
	}
	start := len(r.tail)
	r.tail = codec.AppendBatch(r.tail, *m)
	p := passed{stream: m.Stream, first: m.First, last: m.First + uint64(m.Count) - 1, frame: r.tail[start:len(r.tail):len(r.tail)]}
	r.log = append(r.log, p)
	r.bytes += p.cost()
	r.end.Add(1)
	for r.bytes > r.limit {
		r.drop(1)
	}
}

// next returns the first batch at or after place at that s has to send, and the place after it; no frame when there is
// none. ok is false when batches after at fell off the log.
func (r *relay) next(s *sender, at uint64) (frame []byte, next uint64, ok bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if at < r.base {
		return nil, at, false
	}
	for i := at - r.base; i < uint64(len(r.log)); i++ {
		if p := &r.log[i]; s.passes(p) {
			return p.frame, r.base + i + 1, true
		}
	}
	return nil, r.base + uint64(len(r.log)), true
}

// cover returns the place from which the log holds all of s after seq.
func (r *relay) cover(s *stream, seq uint64) (at uint64, ok bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	want := seq
	for i := range r.log {
		p := &r.log[i]
		if p.stream != s.id || p.last <= want {
			continue
		}
		if p.first > want+1 {
			return 0, false
		}
		if want == seq {
			at = r.base + uint64(i)
		}
		want = p.last
	}
	return at, want >= s.applied.Load()
}

// outdate forgets the batches that may hold what is at or below the floor of the store, as Ring.outdate does.
func (r *relay) outdate(now, floor uint64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.marks.set(now, r.end.Load())
	if floor > 0 {
		r.drop(int(max(r.base, r.marks.above(floor, r.end.Load())) - r.base))
	}
}

// drop forgets the oldest batches. The caller holds r.mu.
func (r *relay) drop(n int) {
	for i := range r.log[:n] {
		r.bytes -= r.log[i].cost()
		r.log[i] = passed{}
	}
	r.log, r.base = r.log[n:], r.base+uint64(n)
}

// clear forgets all batches: nobody needs them any more.
func (r *relay) clear() {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.tail == nil {
		return
	}
	r.base += uint64(len(r.log))
	r.log, r.bytes, r.tail = nil, 0, nil
}

// handover is a stream that is passed on to a peer. from is what was offered: the peer has that, or asks for it.
type handover struct {
	stream *stream
	from   uint64
	at     uint64 // place in the log where what comes after from begins
	serial uint64 // of the offer
}

// passing is the sender's side of a handover: up to sent the peer has the stream, or was sent it.
type passing struct {
	handover
	sent uint64
}

// refresh takes over what the node has changed about the streams that are passed on here.
func (l *Link) refresh() {
	s, now := &l.out, l.passes.Load()
	if now == s.seen {
		return
	}
	s.seen = now
	if now == nil {
		s.passing = nil
		return
	}
	old := s.passing
	s.passing = make([]passing, 0, len(*now))
	at, kept := uint64(math.MaxUint64), false
	for _, h := range *now {
		if i := slices.IndexFunc(old, func(p passing) bool { return p.serial == h.serial }); i >= 0 {
			s.passing, kept = append(s.passing, old[i]), true
			continue
		}
		s.passing = append(s.passing, passing{handover: h, sent: h.from})
		at = min(at, h.at)
	}
	if kept {
		at = min(at, s.at)
	}
	s.at = at
}

// passes reports whether a batch of the log is to be sent here, and takes it as sent.
func (s *sender) passes(b *passed) bool {
	for i := range s.passing {
		if p := &s.passing[i]; p.stream.id == b.stream {
			if b.last <= p.sent {
				return false
			}
			p.sent = b.last
			return true
		}
	}
	return false
}

// mayPass reports whether there may be a batch to pass on.
func (l *Link) mayPass() bool {
	p := l.passes.Load()
	return p != nil && (p != l.out.seen || l.out.at < l.node.relay.end.Load())
}

// nextPassed takes the next batch of another node's stream into s.frame.
func (l *Link) nextPassed(now int64) bool {
	if !l.mayPass() {
		return false
	}
	l.refresh()
	s := &l.out
	frame, next, ok := l.node.relay.next(s, s.at)
	if !ok {
		l.node.offerAll(now, l)
		l.refresh()
		return false
	}
	s.at, s.frame = next, frame
	return frame != nil
}

// resume goes on with a stream that is passed on from where the peer says that it is, or tells of a gap.
func (l *Link) resume(now int64, stream, applied uint64) {
	l.refresh()
	s := &l.out
	for i := range s.passing {
		p := &s.passing[i]
		if p.stream.id != stream || applied >= p.stream.applied.Load() {
			continue
		}
		if at, ok := l.node.relay.cover(p.stream, applied); ok {
			p.sent, s.at = applied, min(s.at, at)
			return
		}
		p.sent = l.node.relayGap(now, l, p.stream)
	}
}

// late keeps a batch that has moved applied already.
func (r *relay) late(m *codec.Batch) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.add(m)
}
