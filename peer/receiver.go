package peer

import (
	"covey/codec"
	"covey/store"
)

// receiver is the part of a link that takes records: the other's stream, and answers to Pulls and Fetches. The loop of
// the connection owns it; only stream.applied is shared.
type receiver struct {
	stream   *stream // the other's; nil until both have greeted
	received uint64  // bytes of Batch and Records frames taken since the link opened
	ackOwed  bool

	gapped bool   // records before gapTo may be missing: applied waits until all that the other has was pulled (R10)
	gapTo  uint64 // where applied goes then

	record  codec.Record
	wanted  []byte // a run of keys to fetch (R3)
	keys    uint32 // in wanted
	fetchID uint32
	fetches int // outstanding
}

// fetchBit marks the ids of Fetches; those of Pulls are below it.
const fetchBit = 1 << 31

// batch takes records of a stream.
func (l *Link) batch(now int64, body []byte) error {
	m, err := codec.DecodeBatch(body)
	if err != nil {
		return err
	}
	if err := l.merge(now, m.Records, m.Count); err != nil {
		return err
	}
	r := &l.in
	r.took(len(body))
	if m.Stream != r.stream.id {
		return nil // a stream that is relayed; merged, and no more
	}
	last := m.First + uint64(m.Count) - 1
	switch {
	case r.gapped && m.First <= r.gapTo+1:
		r.gapTo = max(r.gapTo, last)
	case !r.gapped && r.stream.advance(m.First, last):
	default:
		r.gapped, r.gapTo = true, last // something is missing that nobody said was (R9)
		l.node.owe(now, l)
	}
	return nil
}

// took counts the bytes of a data frame; the acknowledgement goes with the next flush.
func (r *receiver) took(body int) {
	r.received += uint64(codec.HeaderLen + body)
	r.ackOwed = true
}

// closeGap ends a gap: all that the other had when it said so is here.
func (r *receiver) closeGap() {
	if r.gapped {
		r.gapped, r.ackOwed = false, true
		r.stream.jump(r.gapTo)
	}
}

// records takes the answer to a Pull or a Fetch.
func (l *Link) records(now int64, body []byte) error {
	m, err := codec.DecodeRecords(body)
	if err != nil {
		return err
	}
	n := l.node
	n.takeFlush(now, m.Flush)
	if err := l.merge(now, m.Records, m.Count); err != nil {
		return err
	}
	r := &l.in
	r.took(len(body))
	if m.ID&fetchBit == 0 {
		return n.pulled(now, l, m)
	}
	if r.fetches == 0 {
		return ErrFlow
	}
	r.fetches--
	if !m.Done {
		n.owe(now, l) // not all keys fitted
	}
	return nil
}

// merge applies a run of exactly count records, or none of it.
func (l *Link) merge(now int64, run []byte, count uint32) error {
	if err := codec.CheckRecords(run, count); err != nil {
		return err
	}
	n, r := l.node, &l.in.record
	cluster := n.clock.Cluster(now)
	var early uint64
	for len(run) > 0 {
		used, err := codec.DecodeRecord(run, r)
		if err != nil {
			return err
		}
		run = run[used:]
		switch n.store.Merge((*store.Record)(r), n.store.Hash(r.Key), cluster) {
		case store.NeedRecord:
			l.want(now, r.Key)
		case store.Ahead:
			early++
		}
	}
	*r = codec.Record{}
	n.counters.merged.Add(uint64(count))
	if early > 0 {
		n.early(now, l, early)
	}
	return nil
}

// want queues a key to be fetched. When too many wait, everything is asked for instead.
func (l *Link) want(now int64, key []byte) {
	r := &l.in
	if r.keys >= FetchKeys || len(r.wanted)+len(key) > FetchBytes {
		l.node.owe(now, l)
		return
	}
	r.wanted = codec.AppendKey(r.wanted, key)
	r.keys++
	l.node.counters.fetched.Add(1)
}

// mayFetch reports whether appendFetch would append something.
func (r *receiver) mayFetch() bool { return r.keys > 0 && r.fetches < FetchCredit }

// appendFetch asks for the keys that wait.
func (r *receiver) appendFetch(dst []byte) []byte {
	if !r.mayFetch() {
		return dst
	}
	r.fetchID++
	dst = codec.AppendFetch(dst, codec.Fetch{ID: r.fetchID | fetchBit, Count: r.keys, Keys: r.wanted})
	r.wanted, r.keys = r.wanted[:0], 0
	r.fetches++
	return dst
}

// appendAck appends the acknowledgement that is owed: one a turn, whatever came.
func (r *receiver) appendAck(dst []byte) []byte {
	if !r.ackOwed {
		return dst
	}
	r.ackOwed = false
	return codec.AppendAck(dst, codec.Ack{Stream: r.stream.id, Applied: r.stream.applied.Load(), Received: r.received})
}

// early counts records that came too far ahead of time; who sends many in a minute gets Bye(clock) (R8).
func (n *Node) early(now int64, l *Link, count uint64) {
	n.counters.ahead.Add(count)
	n.mu.Lock()
	defer n.mu.Unlock()
	if now-l.tooEarly.since >= minute {
		l.tooEarly = ahead{since: now}
	}
	if l.tooEarly.count += count; l.tooEarly.count > MaxAhead {
		n.close(now, l, codec.ReasonClock)
	}
}

// ahead counts the records of a link, in the minute since, that were too far ahead of time.
type ahead struct {
	since int64
	count uint64
}
