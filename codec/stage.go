package codec

import "iter"

// Stage gathers the encoded updates of one turn of one loop, which owns it; it is not for concurrent use. Its zero
// value is ready. Values up to RefValue bytes are copied; of a longer one it keeps key and version, and the
// sender looks the value up (it is in the store already). A Stage refuses nothing, for a write that is in the store can no
// longer be refused: it is bounded by what its loop reads in one turn.
type Stage struct {
	buf      []byte
	segments []part
	count    int
	stamp    uint64 // the highest
	quiet    bool
	wanted   bool // quiet from the next Reset on
}

// part is a segment: buf[start:end].
type part struct {
	start, end, count int
	ref               bool
}

// Segment is a run of records of a Stage.
type Segment struct {
	Records []byte // aliases the Stage: valid until its next Add or Reset
	Count   int
	Ref     bool // one record held by reference: read it with DecodeStaged
}

// Add encodes r at the end of the stage. It keeps nothing of r.
func (s *Stage) Add(r *Record) {
	s.add(r, len(r.Value) > RefValue && r.Flags&recordNoValue == 0)
}

// AddRef is Add for the record of a value longer than RefValue that the caller has not at hand.
func (s *Stage) AddRef(r *Record) { s.add(r, true) }

func (s *Stage) add(r *Record, ref bool) {
	s.count++
	s.stamp = max(s.stamp, r.Stamp, r.ExpireStamp)
	if s.quiet {
		return
	}
	flags := r.Flags &^ RecordRef
	if ref {
		flags |= RecordRef
	}
	start := len(s.buf)
	s.buf = appendRecord(s.buf, r, flags)
	if n := len(s.segments); n > 0 && !ref {
		if last := &s.segments[n-1]; !last.ref && len(s.buf)-last.start <= segmentFull {
			last.end = len(s.buf)
			last.count++
			return
		}
	}
	s.segments = append(s.segments, part{start: start, end: len(s.buf), count: 1, ref: ref})
}

// Count returns the number of records added since the last Reset, quiet ones included: so far the stream advances.
func (s *Stage) Count() int { return s.count }

// Stamp returns the highest stamp of the records added since the last Reset, quiet ones included.
func (s *Stage) Stamp() uint64 { return s.stamp }

// Len returns the number of encoded bytes.
func (s *Stage) Len() int { return len(s.buf) }

// Reset empties the stage and keeps its memory, unless a rare large turn made that large.
func (s *Stage) Reset() {
	s.count, s.stamp, s.quiet = 0, 0, s.wanted
	s.segments = s.segments[:0]
	s.buf = s.buf[:0]
	if cap(s.buf) > stageKeep {
		s.buf, s.segments = nil, nil
	}
}

// SetQuiet makes the stage count only (no other member is known), or encode again. A turn is one or the other: on a
// stage that is not empty the change takes effect at the next Reset.
func (s *Stage) SetQuiet(quiet bool) {
	s.wanted = quiet
	if s.count == 0 {
		s.quiet = quiet
	}
}

// Segments yields the records in the order of Add. When the stage is quiet there are none, whatever Count says.
func (s *Stage) Segments() iter.Seq[Segment] {
	return func(yield func(Segment) bool) {
		for i := range s.segments {
			g := &s.segments[i]
			if !yield(Segment{Records: s.buf[g.start:g.end:g.end], Count: g.count, Ref: g.ref}) {
				return
			}
		}
	}
}
