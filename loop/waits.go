package loop

import (
	"container/heap"
	"math"
	"sync/atomic"

	"covey/peer"
)

// A WAIT that cannot be answered yet is not tried again at each bell. It is noted how many peers have to acknowledge which sequence number,
// and until when the WAIT may wait; it is tried again when either has come true. A peer's turn, and the ticker, ring for loops where that is
// so for one WAIT at least.

// await is what the WAIT of a connection waits for. Only the loop's goroutine touches it.
type await struct {
	on    bool
	peers int      // how many peers have to acknowledge, peer.MaxMembers at most
	key   [2]int64 // bySeq: the sequence number that they have to acknowledge; byTime: until when it waits at most, ns
	at    [2]int   // its index in the heap of each key; -1: it is not in that heap
}

// The indexes of await.key and await.at.
const (
	bySeq = iota
	byTime
)

// waitHeap is a heap of connections by one of these keys.
type waitHeap struct {
	by   int
	list []*conn
}

func (h *waitHeap) Len() int { return len(h.list) }

func (h *waitHeap) Less(i, j int) bool {
	return h.list[i].await.key[h.by] < h.list[j].await.key[h.by]
}

func (h *waitHeap) Swap(i, j int) {
	h.list[i], h.list[j] = h.list[j], h.list[i]
	h.list[i].await.at[h.by], h.list[j].await.at[h.by] = i, j
}

func (h *waitHeap) Push(x any) {
	c := x.(*conn)
	c.await.at[h.by] = len(h.list)
	h.list = append(h.list, c)
}

func (h *waitHeap) Pop() any {
	last := len(h.list) - 1
	c := h.list[last]
	h.list[last], h.list = nil, h.list[:last]
	c.await.at[h.by] = -1
	return c
}

// waits are the waiting WAITs of a loop. Other goroutines read only the atomics.
type waits struct {
	seqs   [peer.MaxMembers + 1]waitHeap     // by await.peers
	times  waitHeap                          // those that have an end
	count  atomic.Int32                      // how many WAITs there are
	lowest [peer.MaxMembers + 1]atomic.Int64 // the lowest key of each of seqs plus 1; 0: none
	until  atomic.Int64                      // the lowest key of times; 0: none
}

// publish brings lowest[peers] and until up to date.
func (w *waits) publish(peers int) {
	first, until := int64(0), int64(0)
	if h := &w.seqs[peers]; h.Len() > 0 {
		first = h.list[0].await.key[bySeq] + 1
	}
	if w.times.Len() > 0 {
		until = w.times.list[0].await.key[byTime]
	}
	w.lowest[peers].Store(first)
	w.until.Store(until)
}

// await parks a connection with a WAIT.
func (l *eventLoop) await(c *conn) {
	w, a := &l.waits, &c.await
	l.unawait(c)
	c.waiting = true
	*a = await{on: true, peers: int(min(c.client.Peers, peer.MaxMembers)), at: [2]int{-1, -1}}
	a.key[bySeq] = int64(c.client.LastSeq)
	if c.client.Peers <= peer.MaxMembers { // more peers than there can be: only its time ends it
		w.seqs[a.peers].by = bySeq
		heap.Push(&w.seqs[a.peers], c)
	}
	until := int64(math.MaxInt64)
	if ms := int64(c.client.Deadline - l.turn.Now); ms < (math.MaxInt64-l.now)/1e6 {
		until = l.now + ms*1e6
	}
	switch t := c.tail; {
	case t == nil:
	case t.fd < 0: // nobody reads the reply
		until = l.now
	default:
		until = min(until, t.since+int64(endedWait))
	}
	if until < math.MaxInt64 {
		a.key[byTime] = until
		w.times.by = byTime
		heap.Push(&w.times, c)
	}
	w.count.Add(1)
	l.n.awaiting.Add(1)
	if w.publish(a.peers); l.n.waitsOver(l, l.now) {
		l.bell.ring(nil) // an acknowledgement that came meanwhile may have missed this WAIT
	}
}

// unawait is await undone.
func (l *eventLoop) unawait(c *conn) {
	w, a := &l.waits, &c.await
	if !a.on {
		return
	}
	if a.at[bySeq] >= 0 {
		heap.Remove(&w.seqs[a.peers], a.at[bySeq])
	}
	if a.at[byTime] >= 0 {
		heap.Remove(&w.times, a.at[byTime])
	}
	a.on = false
	w.count.Add(-1)
	l.n.awaiting.Add(-1)
	w.publish(a.peers)
}

// waitsOver reports whether a WAIT of a loop can be answered: any goroutine.
func (n *node) waitsOver(l *eventLoop, now int64) bool {
	if until := l.waits.until.Load(); until != 0 && now >= until {
		return true
	}
	return n.acked(l) > 0
}

// acked returns an index of waits.seqs whose first WAIT can be answered, because that many peers have acknowledged; 0: there is none.
func (n *node) acked(l *eventLoop) (peers int) {
	for peers := 1; peers <= min(len(n.mind.Links()), peer.MaxMembers); peers++ {
		if seq := l.waits.lowest[peers].Load(); seq != 0 && n.mind.Acked(uint64(seq-1)) >= peers {
			return peers
		}
	}
	return 0
}

// ringWaits rings for loops with a WAIT that can be answered, and returns when the first of the others ends by time, ns; 0: none does.
func (n *node) ringWaits(now int64) (until int64) {
	if n.awaiting.Load() == 0 {
		return 0
	}
	for l := range n.eachLoop() {
		switch first := l.waits.until.Load(); {
		case l.waits.count.Load() == 0:
		case n.waitsOver(l, now):
			l.bell.ring(nil)
		case first != 0 && (until == 0 || first < until):
			until = first
		}
	}
	return until
}

// answerWaits runs WAITs again that can be answered, for a slice of time; then it rings the bell for the rest.
func (l *eventLoop) answerWaits(now int64) {
	for w := &l.waits; w.count.Load() > 0; {
		var c *conn
		if peers := l.n.acked(l); peers > 0 {
			c = w.seqs[peers].list[0]
		} else if until := w.until.Load(); until != 0 && now >= until {
			c = w.times.list[0]
			c.client.Deadline = min(c.client.Deadline, l.turn.Now) // whatever became of the cluster's time
		} else {
			return
		}
		l.unawait(c)
		l.park(c) // it may be owed replies
		l.attend(c, now)
		if l.n.clock.now()-now >= int64(sliceTime) {
			l.bell.ring(nil)
			return
		}
	}
}
