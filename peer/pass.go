package peer

import (
	"slices"

	"covey/codec"
)

// relayTo chooses anew which streams are passed on to the peer of l (R12): maxPassed at most, for a peer that lists no links would otherwise
// get all, and at most offersAtOnce more than the last time. Streams of running starts come first, then the newest of the others: a node
// that restarts again and again leaves many behind. What is not passed on, repair brings.
func (n *Node) relayTo(now int64, l *Link) {
	if l.member == nil || l.closing {
		return
	}
	l.passedAt = now
	old := l.relaying()
	for i, h := range old {
		h.stream.handed = i + 1
	}
	list, offered := n.scratch[:0], 0
	pass := func(s *stream) {
		if len(list) == maxPassed || !n.relays(now, l, s) {
			return
		}
		switch {
		case s.handed > 0:
			list = append(list, old[s.handed-1])
			s.handed = 0
		case offered < offersAtOnce:
			offered++
			s.relayed.Add(1)
			list = append(list, n.offer(now, l, s))
		default:
			n.unrest = now // it is looked again
		}
	}
	for _, s := range n.streams {
		if n.goesOn(s) {
			pass(s)
		}
	}
	for _, s := range slices.Backward(n.streams) {
		if !n.goesOn(s) {
			pass(s)
		}
	}
	changed := offered > 0
	for _, h := range old {
		if h.stream.handed > 0 {
			h.stream.handed, changed = 0, true
			n.linger(now, h.stream)
		}
	}
	n.scratch = list
	if changed {
		n.publishRelays(l, list)
	}
}

// goesOn reports whether more records of a stream are to be expected.
func (n *Node) goesOn(s *stream) bool {
	m := n.known(s.member)
	return !s.over && (m == nil || !m.gone())
}

// relaying returns the streams that are passed on to l. The slice is shared.
func (l *Link) relaying() []handover {
	if p := l.passes.Load(); p != nil {
		return *p
	}
	return nil
}

// publishRelays makes the loop of l pass on these streams.
func (n *Node) publishRelays(l *Link, list []handover) {
	if len(list) == 0 {
		l.passes.Store(nil)
		return
	}
	own := slices.Clone(list)
	l.passes.Store(&own)
}

// linger keeps the batches of a stream for a while after it was passed on to a link that has ended: the link may come again.
func (n *Node) linger(now int64, s *stream) {
	if s.lingers != 0 {
		s.relayed.Add(-1)
	}
	s.lingers = now + int64(relayLinger)
}

// dropStreams ends the lingering, lets the log go when no stream is in it, and forgets the streams of nodes without a link
// that have not moved, nor been offered, for the horizon.
func (n *Node) dropStreams(now int64) {
	kept := false
	n.streams = slices.DeleteFunc(n.streams, func(s *stream) bool {
		if applied := s.applied.Load(); applied != s.seen {
			s.seen, s.used = applied, now
		}
		if s.lingers != 0 && now >= s.lingers {
			s.lingers = 0
			s.relayed.Add(-1)
		}
		kept = kept || s.relayed.Load() > 0
		m := n.known(s.member)
		return now-s.used >= n.horizon && (m == nil || m.stream != s || m.link == nil) && !n.greets(s)
	})
	if !kept {
		n.relay.clear()
	}
}

// relays reports whether s is passed on to the peer of l. It is if the peer does not list the node of s as linked, once all have had the
// time to link and to tell. The stream of a start that is over, or of a node that is dead or has left, is passed on to all peers without
// waiting: it may have ended with records that only some received, and no other node will send them.
func (n *Node) relays(now int64, l *Link, s *stream) bool {
	m := l.member
	if s == m.stream || s.member == 0 || n.weak&WithoutRelay != 0 {
		return false
	}
	if s.over {
		return s.applied.Load() > 0
	}
	if s.member == m.id || m.linked.has(s.member) {
		return false
	}
	origin := n.known(s.member)
	switch {
	case origin != nil && origin.link != nil:
		return m.linkedAt > l.chosenAt && now-max(l.chosenAt, origin.link.chosenAt) >= int64(relayDelay)
	case origin == nil:
		return true // its node is linked with another peer
	case origin.state == Dead || origin.state == Left:
		return s.applied.Load() > 0
	}
	return m.linkedAt > l.chosenAt && now-l.chosenAt >= int64(relayDelay)
}

// offer begins to pass on a stream. The order matters: a batch that comes meanwhile is in the log, or below from.
func (n *Node) offer(now int64, l *Link, s *stream) handover {
	n.offers++
	h := handover{stream: s, at: n.relay.end.Load(), serial: n.offers}
	h.from = s.applied.Load()
	m := codec.Offer{Stream: s.id, Node: s.member, Incarnation: s.incarnation, Head: h.from}
	n.send(l, func(b []byte) []byte { return codec.AppendOffer(b, m) })
	return h
}

// offerAll offers all streams anew that are passed on to l: it was too slow for the log.
func (n *Node) offerAll(now int64, l *Link) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.offerAgain(now, l, nil)
}

// offerAgain offers anew what is passed on to l: one stream, or all.
func (n *Node) offerAgain(now int64, l *Link, only *stream) {
	list, changed := slices.Clone(l.relaying()), false
	for i := range list {
		if only == nil || list[i].stream == only {
			list[i], changed = n.offer(now, l, list[i].stream), true
		}
	}
	if changed {
		n.publishRelays(l, list)
	}
}

// jumped offers a stream anew to the peers to which it is passed on: applied has jumped over records that did not come as batches, and
// they lack those.
func (n *Node) jumped(now int64, s *stream) {
	if s.relayed.Load() == 0 {
		return
	}
	for _, m := range n.members {
		if m.link != nil {
			n.offerAgain(now, m.link, s)
		}
	}
}

// unrelay ends what is passed on to a link that ends.
func (n *Node) unrelay(now int64, l *Link) {
	for _, h := range l.relaying() {
		n.linger(now, h.stream)
	}
	l.passes.Store(nil)
}

// relayGap sends a Gap, because the log no longer holds what follows the peer's place in a stream. It returns the sequence number after
// which the stream goes on.
func (n *Node) relayGap(now int64, l *Link, s *stream) uint64 {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.counters.gapsSent.Add(1)
	g := codec.Gap{Stream: s.id, Head: s.applied.Load(), Stamp: s.stamp.Load()}
	n.send(l, func(b []byte) []byte { return codec.AppendGap(b, g) })
	return g.Head
}

// advance notes that a batch was merged, and keeps it for the peers to which its stream is passed on. It reports false when records
// before it are missing. When no stream is passed on it costs one load.
func (n *Node) advance(now int64, s *stream, m *codec.Batch) bool {
	if s.relayed.Load() == 0 {
		ok, moved := s.advance(m.First, m.First+uint64(m.Count)-1)
		if !moved || s.relayed.Load() == 0 {
			return ok
		}
		n.relay.late(m) // meanwhile another goroutine began to pass the stream on
	} else if ok, moved := n.relay.advance(s, m); !moved {
		return ok
	}
	n.counters.relayed.Add(uint64(m.Count))
	for _, l := range n.Links() {
		if l.passes.Load() != nil {
			l.Notify(now)
		}
	}
	return true
}

// offerHeard takes an offer: another node's stream will come on l. If the peer has more of it than is here, an Ack asks for that, unless
// the node itself is linked and sends it. On the loop of l.
func (n *Node) offerHeard(now int64, l *Link, body []byte) error {
	m, err := codec.DecodeOffer(body)
	if err != nil {
		return err
	}
	n.mu.Lock()
	if l.member == nil || m.Stream == n.stream {
		n.mu.Unlock()
		return nil
	}
	s := n.streamBy(m.Stream)
	if s == nil || m.Incarnation > s.incarnation {
		s = n.streamOf(now, m.Stream, m.Node, m.Incarnation) // new, or of a node that has re-keyed since (R26)
	}
	s.used = now
	origin := n.known(s.member)
	direct := origin != nil && origin.stream == s && origin.link != nil && now-origin.link.touched.Load() < int64(vouchAge)
	sub := l.in.subscribe(s, n.streams)
	n.mu.Unlock()
	n.counters.offers.Add(1)
	if direct || s.applied.Load() >= m.Head {
		return nil
	}
	if !sub.gapped {
		l.in.ask(sub)
	} else if m.Head > sub.gapTo {
		sub.gapTo = m.Head
		n.owe(now, l, 0)
	}
	return nil
}
