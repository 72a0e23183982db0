package peer

import (
	"bytes"
	"slices"

	"covey/codec"
	"covey/store"
)

// doubt is a client's question whether any peer has a key (R17), asked because the store has evicted it, or may have. It goes to all
// linked and ready peers, as a Fetch; what they have is merged as it comes. Peers do not pass it on.
type doubt struct {
	client  uint64
	key     []byte // its own copy
	begun   int64
	open    []*Link // those that have not answered
	after   uint64  // what this node has written up to there a peer is to have before it is asked; 0: as yet unknown
	filled  bool    // what came has settled it: the store has the key, or knows that it is gone
	cramped bool    // a peer has the value, and there is no room for it here
	evicted bool    // a peer has the value, and what came was evicted before anybody saw it: for other writes, or the rest of the answer
	again   int     // times that it was asked once more for that
	over    bool    // the client does not ask any more
}

// doubts holds the questions of all clients, by client id; one each.
type doubts map[uint64]*doubt

// asking is the part of doubts that concerns one link. It is guarded by Node.mu.
type asking struct {
	queue []*doubt // to be asked
	sent  []question
	id    uint32
}

// question is a Fetch for doubts that is not answered yet.
type question struct {
	id     uint32
	at     int64    // when it was sent
	doubts []*doubt // that are not over
}

// Asked says how far the peers have answered a question.
type Asked uint8

// How far.
const (
	AskedAll     Asked = iota // all linked and ready peers have answered, or there are none: the store has all there is
	AskedPending              // a peer has not answered yet
	AskedLate                 // a peer did not answer within AskTimeout or has a value that is not kept here, or too many questions are open
)

// Ask asks the peers for a key, on behalf of a client, and says how far they have answered. It is called again, each time after the store
// was not certain of the key, until the answer is not AskedPending. A client asks for one key at a time. key is not kept.
func (n *Node) Ask(now int64, client uint64, key []byte) Asked {
	if n.weak&WithoutAsking != 0 {
		return AskedAll
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	d := n.doubts[client]
	if d != nil && (!bytes.Equal(d.key, key) || len(d.open) == 0 && now-d.begun >= int64(AskTimeout)) {
		n.forgetDoubt(d) // an answer that nobody came for says nothing of now
		d = nil
	}
	switch {
	case d == nil && len(n.doubts) >= maxDoubts:
		return AskedLate
	case d == nil:
		d = &doubt{client: client, key: bytes.Clone(key), begun: now}
		n.ask(now, d)
	case len(d.open) == 0 && d.filled: // it was evicted once more
		n.askOnceMore(now, d)
	case len(d.open) == 0 && d.evicted && !d.cramped && d.again < maxAskAgain:
		d.again++
		n.askOnceMore(now, d)
	case now-d.begun >= int64(AskTimeout), len(d.open) == 0 && (d.cramped || d.evicted):
		n.forgetDoubt(d)
		return AskedLate
	}
	if len(d.open) > 0 {
		n.doubts[client] = d
		return AskedPending
	}
	n.forgetDoubt(d)
	return AskedAll
}

// ask puts a doubt to all peers that are ready and of this time, or were so a moment ago.
func (n *Node) ask(now int64, d *doubt) {
	for _, m := range n.members {
		if l := m.link; l != nil && !l.closing && m.readiness == codec.StateReady && !l.foreign(now) {
			d.open = append(d.open, l)
			l.asking.add(d)
			n.pend(l)
		}
	}
}

func (n *Node) askOnceMore(now int64, d *doubt) {
	d.after, d.filled, d.cramped, d.evicted = 0, false, false, false
	n.ask(now, d)
}

// add queues a doubt to be asked, once.
func (a *asking) add(d *doubt) {
	if len(a.queue) >= 2*maxDoubts {
		a.queue = current(a.queue) // maxDoubts at most
	}
	a.queue = append(a.queue, d)
}

func (n *Node) forgetDoubt(d *doubt) {
	d.over = true
	delete(n.doubts, d.client)
}

// forgetDoubts forgets doubts whose clients are gone, on all links too. A peer that leaves a question open for askPatience loses its
// link: it would make every client that has to ask wait.
func (n *Node) forgetDoubts(now int64) {
	for _, d := range n.doubts {
		if now-d.begun >= 2*int64(AskTimeout) {
			n.forgetDoubt(d)
		}
	}
	for _, m := range n.members {
		l := m.link
		if l == nil {
			continue
		}
		a := &l.asking
		a.queue = current(a.queue)
		for i := range a.sent {
			a.sent[i].doubts = current(a.sent[i].doubts)
		}
		if len(a.sent) > 0 && !l.held.Load() && now-max(a.sent[0].at, l.heldAt) >= int64(askPatience) {
			n.close(now, l, codec.ReasonOverload)
		}
	}
}

// current returns the doubts that are not over, in the same memory; nil for none.
func current(doubts []*doubt) []*doubt {
	if doubts = slices.DeleteFunc(doubts, func(d *doubt) bool { return d.over }); len(doubts) == 0 {
		return nil
	}
	return doubts
}

// appendQuestions appends Fetches for the queued doubts, as long as no more than askCredit are unanswered. On a held link they wait,
// for the answer would not be taken. No question overtakes what was written here before: what was evicted is known to nobody else till
// it has come. On the loop of l.
func (n *Node) appendQuestions(now int64, l *Link, dst []byte) []byte {
	a := &l.asking
	if l.out.asks = 0; l.held.Load() {
		return dst
	}
	for len(a.sent) < askCredit && len(a.queue) > 0 {
		q := question{id: fetchBit | askBit | a.id%askBit, at: now}
		var keys []byte
		used := 0
		for _, d := range a.queue {
			if len(q.doubts) == fetchKeys || len(keys)+len(d.key) > FetchBytes {
				break
			}
			if !d.over && !n.follows(l, d) {
				l.out.asks = d.after
				break
			}
			used++
			if !d.over {
				keys = codec.AppendKey(keys, d.key)
				q.doubts = append(q.doubts, d)
			}
		}
		a.queue = slices.Delete(a.queue, 0, used)
		switch {
		case len(q.doubts) > 0:
		case l.out.asks != 0:
			return dst
		default:
			continue
		}
		a.id++
		a.sent = append(a.sent, q)
		n.counters.asked.Add(uint64(len(q.doubts)))
		dst = codec.AppendFetch(dst, codec.Fetch{ID: q.id, Count: uint32(len(q.doubts)), Keys: keys})
		if l.out.asks != 0 {
			break
		}
	}
	return dst
}

// follows reports whether a question on l would follow what this node had written when it first looked at the doubt.
func (n *Node) follows(l *Link, d *doubt) bool {
	if d.after == 0 {
		d.after = n.ring.Head()
	}
	return l.out.sentTo(d.after)
}

// answered takes the answer to a question, whose records are merged. On the loop of l.
func (n *Node) answered(now int64, l *Link, m codec.Records) error {
	q, ok := n.takeQuestion(l, m.ID)
	if !ok {
		return ErrFlow
	}
	// The store is asked without the node's lock.
	certain, hashes := make([]bool, len(q.doubts)), make([]uint64, len(q.doubts))
	lost := make(map[uint64]loss) // by key hash, of the keys that are not certain
	for i, d := range q.doubts {
		hashes[i] = n.store.Hash(d.key)
		if certain[i] = n.store.Certain(d.key, hashes[i], n.clock.Cluster(now)); !certain[i] {
			lost[hashes[i]] = lossNone
		}
	}
	n.losses(now, lost, m.Records)
	n.mu.Lock()
	defer n.mu.Unlock()
	for i, d := range q.doubts {
		why := lost[hashes[i]]
		d.filled, d.cramped, d.evicted = d.filled || certain[i], d.cramped || why == lossCramped, d.evicted || why == lossEvicted
		switch {
		case d.over || l.closing || !slices.Contains(d.open, l):
		case certain[i] || m.Done:
			d.open = slices.DeleteFunc(d.open, func(o *Link) bool { return o == l })
		default:
			l.asking.add(d) // the answer had no room for it
		}
	}
	if len(l.asking.queue) > 0 {
		n.pend(l)
	}
	return nil
}

// loss says why a value that has come is not here all the same.
type loss uint8

const (
	lossNone    loss = iota // none came, or it is here
	lossEvicted             // it had room, and was evicted for something else meanwhile
	lossCramped             // it fits in no way
)

// losses sets why of those of keys, which are key hashes, whose value is among records that have come no more than its version is here.
// It goes through the records once: there may be fetchKeys of both.
func (n *Node) losses(now int64, keys map[uint64]loss, run []byte) {
	var r codec.Record
	for len(keys) > 0 && len(run) > 0 {
		used, err := codec.DecodeRecord(run, &r)
		if err != nil {
			return // cannot be: it was merged
		}
		run = run[used:]
		hash := n.store.Hash(r.Key)
		if _, asked := keys[hash]; !asked || r.Flags&(codec.RecordDeleted|codec.RecordExpiryOnly) != 0 {
			continue
		}
		here := n.store.Seen(r.Key, hash, n.clock.Cluster(now))
		switch {
		case here.There || here.Meta.Version != store.Version{Stamp: r.Stamp, Node: r.Node}:
			keys[hash] = lossNone
		case n.store.Fits(r.Key, r.Value):
			keys[hash] = lossEvicted
		default:
			keys[hash] = lossCramped
		}
	}
}

// takeQuestion takes a question off those that are not answered.
func (n *Node) takeQuestion(l *Link, id uint32) (q question, ok bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	a := &l.asking
	for i := range a.sent {
		if a.sent[i].id == id {
			q = a.sent[i]
			a.sent = slices.Delete(a.sent, i, i+1)
			return q, true
		}
	}
	return q, false
}

// unask forgets the questions on a link that ends: its answers are not waited for.
func (n *Node) unask(l *Link) {
	for _, d := range n.doubts {
		d.open = slices.DeleteFunc(d.open, func(o *Link) bool { return o == l })
	}
	l.asking.queue = nil
	for i := range l.asking.sent {
		l.asking.sent[i].doubts = nil
	}
}
