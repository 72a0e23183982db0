package peer

import (
	"slices"
	"time"
)

// lag tells how old a write of this node's stream is by its number: each Tick marks the head, if it has moved. Where there
// are too many marks, neighbours are joined that together span no more than an eighth of their age: the age of a write is
// known to a Tick and an eighth. So maxMarks are enough for any time.
type lag struct {
	marks []mark // oldest first
	last  int64  // when the last look was
}

// mark says of the writes up to seq, from the mark before on, that none is older than since.
type mark struct {
	seq   uint64
	since int64
	at    int64 // when it was made
}

// note marks the head of the stream.
func (g *lag) note(now int64, head uint64) {
	since, n := g.last, len(g.marks)
	g.last = now
	if head == 0 || n > 0 && g.marks[n-1].seq >= head {
		return
	}
	if n >= maxMarks {
		g.join(now)
	}
	g.marks = append(g.marks, mark{head, since, now})
}

// join joins neighbours; so many as maxMarks are never all too far apart.
func (g *lag) join(now int64) {
	kept := g.marks[:1]
	for _, m := range g.marks[1:] {
		if o := &kept[len(kept)-1]; m.at-o.since <= (now-m.at)/8 {
			o.seq, o.at = m.seq, m.at
		} else {
			kept = append(kept, m)
		}
	}
	g.marks = kept[max(0, len(kept)-maxMarks+1):]
}

// age returns how old the oldest write after acked is, at most; 0 when there is none.
func (g *lag) age(now int64, acked, head uint64) time.Duration {
	if acked >= head {
		return 0
	}
	i, _ := slices.BinarySearchFunc(g.marks, acked, func(m mark, acked uint64) int {
		if m.seq <= acked {
			return -1
		}
		return 1
	})
	if i == len(g.marks) {
		return time.Duration(now - g.last)
	}
	return time.Duration(now - g.marks[i].since)
}

// Lag returns the age of the oldest write of this node that a linked peer has not acknowledged, 0 when they all have all.
func (n *Node) Lag(now int64) (most time.Duration) {
	n.mu.Lock()
	defer n.mu.Unlock()
	head := n.ring.Head()
	for _, l := range n.Links() {
		most = max(most, n.lag.age(now, l.acked.Load(), head))
	}
	return most
}

// putOff puts repairs off for a moment, because records come late. It does so for lateLimit at most, and then not for lateRest: one peer that
// is late for ever, on a network that is too slow for it or because it says so, is not to keep all others different.
func (n *Node) putOff(now int64) {
	if now-n.lateFrom >= int64(lateLimit+lateRest) {
		n.lateFrom = now
	}
	if now-n.lateFrom < int64(lateLimit) {
		n.lateUntil = now + int64(latePause)
	}
}

// drain is what a link carries late, as of the last heartbeats of the other. It is guarded by Node.mu.
type drain struct {
	heads          [lateBeats]uint64 // of the other's stream, as told; the oldest first
	applied, acked uint64            // of either stream, at the last heartbeat
}

// begin is called when the link is chosen.
func (d *drain) begin(head, applied, acked uint64) {
	d.applied, d.acked = applied, acked
	for i := range d.heads {
		d.heads[i] = head
	}
}

// late reports, at a heartbeat, whether records are coming on a link, of either of the two streams, that were there 2 s ago. As
// long as they come, roots of closed epochs differ by them, on all links, for others get them at another time; a repair would
// bring them once more.
func (n *Node) late(now int64, l *Link, head uint64) bool {
	d, old := &l.drain, l.drain.heads[0]
	applied, acked := l.member.stream.applied.Load(), l.acked.Load()
	in := applied < old && applied > d.applied
	out := acked > d.acked && n.lag.age(now, acked, n.ring.Head()) > lateBeats*HeartbeatInterval
	copy(d.heads[:], d.heads[1:])
	d.heads[lateBeats-1], d.applied, d.acked = head, applied, acked
	return in || out
}
