package peer

import (
	"slices"

	"covey/codec"
	"covey/store"
)

// receiver is the part of a link that takes records: of the other node's stream, of streams that it passes on, and in answer to Pulls and
// Fetches. The loop of the connection owns it; only stream.applied is shared.
type receiver struct {
	stream   *stream // the other node's stream; nil until both have greeted
	received uint64  // bytes of Batch and Records frames taken since the link opened
	ackOwed  bool

	own    subscription   // to the other node's stream
	others []subscription // to streams of other nodes that it passes on (R12)
	asking bool           // for one of them an Ack is to ask (subscription.ask)

	stamp   uint64 // the highest stamp of the run merged last
	wanted  []byte // a run of keys that are to be fetched (R3)
	keys    uint32 // how many keys wanted has
	fetchID uint32
	fetches int // Fetches that are not answered yet
}

// subscription is the state of one stream on this link.
type subscription struct {
	stream *stream
	gapped bool   // records before gapTo may be missing: applied waits until all that the other holds was compared (R10)
	gapTo  uint64 // where applied goes when the gap is closed
	ask    bool   // the next flush sends an Ack, which says up to where the stream is here
	asked  bool   // it was sent, and no batch has followed yet
}

// subscribe returns the subscription to a stream that is passed on, and makes it if it is new. known are all streams that the node
// knows, s among them. When there are MaxStreams subscriptions, those to streams that the node has forgotten are dropped; there is at
// least one, for the node knows no more than MaxStreams.
func (r *receiver) subscribe(s *stream, known []*stream) *subscription {
	for i := range r.others {
		if r.others[i].stream == s {
			return &r.others[i]
		}
	}
	if len(r.others) >= MaxStreams {
		kept := make(map[*stream]bool, len(known))
		for _, k := range known {
			kept[k] = true
		}
		r.others = slices.DeleteFunc(r.others, func(o subscription) bool { return !kept[o.stream] })
	}
	r.others = append(r.others, subscription{stream: s})
	return &r.others[len(r.others)-1]
}

// subscribed returns the subscription to the stream with this id, or nil.
func (r *receiver) subscribed(id uint64) *subscription {
	if r.stream.id == id {
		return &r.own
	}
	for i := len(r.others) - 1; i >= 0; i-- { // the newest first: a stream that was forgotten may have come again
		if r.others[i].stream.id == id {
			return &r.others[i]
		}
	}
	return nil
}

// ask has the next flush send an Ack of a stream that is passed on, so that the other goes on from there.
func (r *receiver) ask(s *subscription) {
	s.ask, s.asked, r.asking = true, true, true
}

// fetchBit marks the ids of Fetches; those of Pulls are below it. askBit marks those that a client waits for (R17).
const (
	fetchBit = 1 << 31
	askBit   = 1 << 30
)

// batch takes records of a stream.
func (l *Link) batch(now int64, body []byte) error {
	m, err := codec.DecodeBatch(body)
	if err != nil {
		return err
	}
	known, err := l.node.present(m.Step, m.Records)
	known = known && !l.held.Load()
	messages := 0
	if err == nil && known {
		messages, err = l.merge(now, m.Records, m.Count, false, 0)
	}
	if err != nil {
		return err
	}
	r := &l.in
	r.took(len(body))
	sub := r.subscribed(m.Stream)
	if sub != nil {
		l.node.deliver(now, sub.stream, &m, messages)
	}
	if sub == nil {
		return nil // a stream that was not offered; merged, and no more
	}
	if !known {
		sub.gapped, sub.gapTo = true, max(sub.gapTo, m.First+uint64(m.Count)-1)
		l.node.owe(now, l, 0)
		return nil
	}
	m.Step = l.node.steps.number.Load()
	sub.stream.raise(r.stamp)
	last := m.First + uint64(m.Count) - 1
	switch {
	case sub.gapped && m.First <= sub.gapTo+1:
		sub.gapTo = max(sub.gapTo, last)
	case !sub.gapped && l.node.advance(now, sub.stream, &m):
		sub.asked = false
	case sub != &r.own && !sub.gapped:
		if !sub.asked {
			r.ask(sub)
		}
	default:
		sub.gapped, sub.gapTo = true, last // something is missing that nobody said was (R9)
		l.node.owe(now, l, r.stamp)
	}
	return nil
}

// took counts the bytes of a data frame; the acknowledgement goes with the next flush.
func (r *receiver) took(body int) {
	r.received += uint64(codec.HeaderLen + body)
	r.ackOwed = true
}

// closeGaps ends all gaps: all that the other had when it said so is here. On the loop of l, with the node's lock.
func (n *Node) closeGaps(now int64, l *Link) {
	r := &l.in
	n.closeGap(now, r, &r.own)
	for i := range r.others {
		n.closeGap(now, r, &r.others[i])
	}
}

func (n *Node) closeGap(now int64, r *receiver, s *subscription) {
	if s.gapped {
		s.gapped, r.ackOwed = false, true
		s.stream.jump(s.gapTo)
		n.jumped(now, s.stream)
	}
}

// records takes the answer to a Pull or a Fetch.
func (l *Link) records(now int64, body []byte) error {
	m, err := codec.DecodeRecords(body)
	if err != nil {
		return err
	}
	n := l.node
	known, err := n.present(m.Step, m.Records, &m.Flush, &m.Floor)
	known = known && !l.held.Load()
	if err == nil && known {
		n.takeFlush(now, m.Flush)
		_, err = l.merge(now, m.Records, m.Count, m.ID == 0, m.Next) // a message among them is none: it belongs to a stream
	}
	if err != nil {
		return err
	}
	if !known {
		m.Done, m.Floor, m.Records = false, codec.Version{}, nil // as if it had come with nothing
		n.again(l)
	}
	r := &l.in
	r.took(len(body))
	if m.ID == 0 {
		l.refuse()
		return nil
	}
	if m.ID&fetchBit == 0 {
		return n.pulled(now, l, m)
	}
	if m.ID&askBit != 0 {
		return n.answered(now, l, m)
	}
	if r.fetches == 0 {
		return ErrFlow
	}
	r.fetches--
	if !m.Done {
		n.owe(now, l, 0) // not all keys fitted
	}
	return nil
}

// merge applies a run of exactly count records, or none of it, and returns how many are messages, which it leaves alone. mends says that they
// come of a repair; next, if it is not 0, is the cursor from which the rest of their shard follows.
func (l *Link) merge(now int64, run []byte, count uint32, mends bool, next uint64) (messages int, err error) {
	if err := codec.CheckRecords(run, count); err != nil {
		return 0, err
	}
	n := l.node
	cluster := n.clock.Cluster(now)
	w := n.borrow()
	defer n.repay(w)
	var early, stamp uint64
	for first := true; len(run) > 0; first = false {
		rest, err := w.decode(run, n)
		if err != nil {
			return 0, err
		}
		if first && next != 0 && len(w.recs) > 0 {
			n.store.Expect(w.hashes[0], next<<8, int(count), len(run))
		}
		run = rest
		n.store.MergeRun(w.recs, w.hashes, w.outcomes, cluster)
		for i := range w.recs {
			rec := (*codec.Record)(&w.recs[i])
			stamp = max(stamp, rec.Stamp, rec.ExpireStamp)
			if mends {
				l.mended(now, rec, w.hashes[i], w.outcomes[i])
			}
			switch w.outcomes[i] {
			case store.NeedRecord:
				l.want(now, rec.Key)
			case store.Ahead:
				early++
			}
		}
	}
	l.in.stamp = stamp
	n.counters.merged.Add(uint64(count))
	if early > 0 {
		n.early(now, l, early)
	}
	return w.messages, nil
}

// want queues a key to be fetched. When too many wait, everything is compared instead.
func (l *Link) want(now int64, key []byte) {
	r := &l.in
	if r.keys >= fetchKeys || len(r.wanted)+len(key) > FetchBytes {
		l.node.owe(now, l, 0)
		return
	}
	r.wanted = codec.AppendKey(r.wanted, key)
	r.keys++
	l.node.counters.fetched.Add(1)
}

// mayFetch reports whether appendFetch would append something.
func (r *receiver) mayFetch() bool { return r.keys > 0 && r.fetches < fetchCredit }

// appendFetch asks for the keys that wait.
func (r *receiver) appendFetch(dst []byte) []byte {
	if !r.mayFetch() {
		return dst
	}
	r.fetchID = (r.fetchID + 1) % askBit
	dst = codec.AppendFetch(dst, codec.Fetch{ID: r.fetchID | fetchBit, Count: r.keys, Keys: r.wanted})
	r.wanted, r.keys = r.wanted[:0], 0
	r.fetches++
	return dst
}

// appendAck appends the acknowledgement that is owed, one a turn, whatever came; and those that ask for what is passed on.
func (r *receiver) appendAck(dst []byte) []byte {
	if r.asking {
		r.asking = false
		for i := range r.others {
			if s := &r.others[i]; s.ask {
				s.ask = false
				dst = codec.AppendAck(dst, codec.Ack{Stream: s.stream.id, Applied: s.stream.applied.Load(), Received: r.received})
			}
		}
	}
	if !r.ackOwed {
		return dst
	}
	r.ackOwed = false
	return codec.AppendAck(dst, codec.Ack{Stream: r.stream.id, Applied: r.stream.applied.Load(), Received: r.received})
}

// early counts records that came too far ahead of time. A peer that sends many in a minute gets Bye(clock) (R8).
func (n *Node) early(now int64, l *Link, count uint64) {
	n.counters.ahead.Add(count)
	n.mu.Lock()
	defer n.mu.Unlock()
	l.tooEarly.renew(now)
	if l.tooEarly.spent += int(count); l.tooEarly.spent > maxAhead {
		n.close(now, l, codec.ReasonClock)
	}
}
