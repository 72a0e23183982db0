package peer

import (
	"slices"

	"covey/codec"
	"covey/store"
)

// sender is the part of a link that sends records: from the ring within the window, and in answer to Pulls and Fetches.
// The loop of the connection owns it.
type sender struct {
	chosen bool   // the link was chosen: data flows
	cur    cursor // place in the ring of the next frame to send
	sent   uint64 // bytes of Batch and Records frames sent since the link opened
	taken  uint64 // how many of those the other has acknowledged

	piece piece  // what was taken from the ring and not confirmed by Sent yet
	frame []byte // the frames that Data returns: of the piece's chunk, of the relay log, or gap
	built int    // length of the frame made of a piece by reference, if it did not fit the window then; 0: none was made
	batch bool   // what Data returned last is a Batch
	gave  int64  // when Data returned it, boot-time ns
	gap   []byte // room for the frame of a Gap

	asks uint64 // the place in the ring up to which all is to be sent before the next question of a client (doubt.go); 0: none waits for that

	seen    *[]handover // the Link.passes that passing was made from
	passing []passing   // streams of other nodes that are passed on (relay.go)
	at      uint64      // place in the relay log of the next batch to pass on
	turn    bool        // whether streams of other nodes go first; toggled by each next

	repair repair              // repair.go
	listed map[uint64]struct{} // parts listed in this comparison in answer to a listing, because of their ghosts
	lacked bool                // in this comparison, or since the last, the other had a ghost of which nothing is here
	scrub  scrub               // scrub.go
	asked  []ask               // Pulls and Fetches of the other that wait for their answers (donor.go)
	record codec.Record
}

// window returns how many bytes may be sent before the next acknowledgement.
func (s *sender) window() int { return int(Window - min(Window, s.sent-s.taken)) }

// mayFlow reports whether Data would give something.
func (s *sender) mayFlow(l *Link) bool {
	return s.chosen && !l.stalled.Load() && (s.owes() || s.cur.seq < l.node.ring.Head() || l.mayPass())
}

// owes reports whether something was taken from the ring, or from the relay log, and not sent yet.
func (s *sender) owes() bool { return s.frame != nil || s.piece.ref }

// sentTo reports whether all of the ring up to a place was sent, or will not be.
func (s *sender) sentTo(seq uint64) bool { return s.cur.seq >= seq && !s.owes() }

// mayAsk reports whether a question that waited for what was to be sent before may be sent now.
func (s *sender) mayAsk() bool { return s.asks != 0 && s.sentTo(s.asks) }

// fits reports whether a frame of n bytes may be sent now. When nothing is unacknowledged one of any length may.
func (s *sender) fits(n int) bool { return s.sent == s.taken || n <= s.window() }

// Data returns the next whole frames to send, within the window: of this node's stream, or of those passed on. They stay valid until
// Sent, which must be called before anything else on this link.
//
// A frame with a large value is made only now; built tells it. It is made in dst, whose contents are overwritten, or in new memory if
// dst is too small, and is the caller's.
//
// When ok is false there is nothing to send. frames may then be a built frame that does not fit the window, made in vain; its length is
// remembered, so that it is not made again before it fits.
func (l *Link) Data(now int64, dst []byte) (frames []byte, built, ok bool) {
	s := &l.out
	if !s.chosen || l.muted.Load() || l.held.Load() || !s.owes() && !l.next(now) {
		return nil, false, false
	}
	frames = s.frame
	if built = s.piece.ref; built && s.fits(s.built) {
		frames = l.materialise(now, dst[:0], s.piece.frames)
		s.built = len(frames)
	}
	if n := max(len(frames), s.built); !s.fits(n) {
		l.stalled.Store(true) // until the next Ack
		if !built {
			frames = nil
		}
		return frames, built, false
	}
	s.batch, s.gave = codec.Kind(frames[1]) == codec.KindBatch, now
	return frames, built, true
}

// next takes the next frames into s.frame, by turns from this node's stream and from those passed on; false when there are none.
func (l *Link) next(now int64) bool {
	s := &l.out
	s.turn = !s.turn
	return s.turn && l.nextPassed(now) || l.nextOwn(now) || !s.turn && l.nextPassed(now)
}

// nextOwn takes the next piece of the ring into s.frame; false when there is none, or none that fits the window.
func (l *Link) nextOwn(now int64) bool {
	s, ring := &l.out, l.node.ring
	p, ok := ring.take(s.cur, s.window(), s.sent == s.taken)
	switch {
	case !ok:
		// This link was too slow for the ring: repair heals what is skipped (R10).
		s.cur, s.gap = l.node.gap(now, s.gap[:0])
		s.frame = s.gap
		return true
	case p.ref:
		s.piece = p
	case len(p.frames) > 0:
		s.piece, s.frame = p, p.frames
	default:
		if s.cur.seq < ring.Head() && s.sent != s.taken { // else it was written since: with nothing on its way one frame fits
			l.stalled.Store(true)
		}
		return false
	}
	s.cur = p.next
	return true
}

// Sent confirms that what Data returned was written whole: n bytes.
func (l *Link) Sent(n int) {
	s := &l.out
	if s.batch {
		s.sent += uint64(n)
		l.paced.Store(s.gave + int64(Pace)) // and then the ring is looked at again
	}
	s.piece.unpin()
	s.frame, s.built, s.batch = nil, 0, false
}

// ack takes the other's acknowledgement: it opens the window, and WAIT counts by it (R11).
func (l *Link) ack(now int64, body []byte) error {
	m, err := codec.DecodeAck(body)
	if err != nil {
		return err
	}
	s := &l.out
	if m.Received > s.sent || m.Received < s.taken {
		return ErrFlow
	}
	s.taken = m.Received
	l.stalled.Store(false)
	if s.sent == s.taken {
		l.paced.Store(0)
	}
	switch {
	case m.Stream != l.node.ring.stream:
		l.resume(now, m.Stream, m.Applied)
	case m.Applied > l.acked.Load():
		l.acked.Store(min(m.Applied, l.node.ring.Head()))
	}
	return nil
}

// gap moves a link to the head of the ring and appends the frame that says so.
func (n *Node) gap(now int64, dst []byte) (cursor, []byte) {
	cur, _ := n.ring.seek(n.ring.Head())
	n.counters.gapsSent.Add(1)
	return cur, codec.AppendGap(dst, codec.Gap{Stream: n.ring.stream, Head: cur.seq, Stamp: n.ring.stamp.Load()})
}

// materialise makes in dst the Batch frame of a record that the ring holds by reference, with the value that the store has now.
// If the key was written again meanwhile, the newer record is sent in its place. If it was forgotten, its version alone is sent, so that
// the sequence stays whole; a receiver that lacks that version asks for it in vain.
func (l *Link) materialise(now int64, dst, frame []byte) []byte {
	s, n := &l.out, l.node
	m, _ := codec.DecodeBatch(frame[codec.HeaderLen:])
	_, _ = codec.DecodeStaged(m.Records, &s.record)
	key := s.record.Key
	// Key and value are read to where the frame will have them, behind room for the longest head: there is no second copy.
	const room = codec.BatchHeadLen + store.RecordOverhead
	rec, dst, ok := n.store.Lookup(slices.Grow(dst, room)[:room], key, n.store.Hash(key), n.clock.Cluster(now))
	start := 0
	if ok {
		s.record = codec.Record(rec)
		if head := codec.RecordLen(&s.record) - (len(dst) - room); head >= 0 {
			start = room - codec.BatchHeadLen - head
		}
	} else {
		l.hollow.add(m.First)
		s.record.Flags = s.record.Flags&^(codec.RecordRef|codec.RecordKeeps) | codec.RecordExpiryOnly
	}
	dst = codec.AppendBatchHeader(dst[start:start], m.Stream, m.First, 1, n.steps.number.Load(), codec.RecordLen(&s.record))
	return codec.AppendRecord(dst, &s.record)
}
