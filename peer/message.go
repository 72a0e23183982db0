package peer

import (
	"covey/codec"
	"covey/store"
)

// Messages (PUBLISH) go with the writes of their node's stream, as records of a kind of their own: in order, behind the writes that came
// before them, and passed on like these. They are not merged, so what a repair brings has none: a message that the ring dropped before a
// peer got it is lost to that peer. None is given to who listens twice, though a batch may come again, or by another link.

// Deliver gives a message to those who listen to its channel on this node. It is called on the loop of a link and must not block. It keeps
// neither slice.
type Deliver func(channel, message []byte)

// isMessage reports whether a record is one to be delivered. Any other of its kind is left to the store, which knows none such.
func isMessage(r *codec.Record) bool { return r.Kind == codec.KindMessage && r.Flags == 0 }

// deliver gives away the messages of a batch that was merged, and of which there are so many: those that were not given before, in the
// order of the stream, and that are not too old by now.
func (n *Node) deliver(now int64, s *stream, m *codec.Batch, messages int) {
	s.hearing.Lock() // while the stream comes by two links one must not give what is behind that which the other still gives
	defer s.hearing.Unlock()
	heard := s.hear(m.First + uint64(m.Count) - 1)
	if messages == 0 || n.give == nil {
		return
	}
	cluster := n.clock.Cluster(now)
	var r codec.Record
	for run, seq := m.Records, m.First; len(run) > 0; seq++ {
		used, err := codec.DecodeRecord(run, &r)
		if err != nil {
			return // it was checked before
		}
		if run = run[used:]; isMessage(&r) && seq > heard && timely(r.Stamp, cluster) {
			n.give(r.Key, r.Value)
		}
	}
}

// timely reports whether a message of this stamp may still be delivered: who starts, or comes back after a split, gets the newest writes of
// others from their rings, and would hear of things long past.
func timely(stamp, now uint64) bool {
	return !store.TooFarAhead(stamp, now) && store.StampTime(stamp)+uint64(messageLife.Milliseconds()) > now
}

// hear notes that the messages up to last are delivered, and returns up to where they were before. The caller holds s.hearing.
func (s *stream) hear(last uint64) (before uint64) {
	before = s.heard
	s.heard = max(before, last)
	return before
}
