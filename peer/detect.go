package peer

import (
	"sync/atomic"

	"covey/codec"
)

// beat is the sending of heartbeats.
type beat struct {
	due      atomic.Int64 // when the next is due; read without the lock
	last     atomic.Int64 // when the last went
	sequence uint32
	told     listing           // whom this node is linked with, as it was told last
	now      listing           // scratch
	links    codec.LinkChanges // scratch
	frame    []byte            // scratch: for links on which the list was told
	whole    []byte            // scratch: for those on which it was not
}

// beatSoon has the next Tick send heartbeats: there is news.
func (n *Node) beatSoon() { n.beat.due.Store(0) }

// beatNow sends the heartbeats for which there is news, unless some went within TickInterval: the next Tick sends them then.
// It locks the node.
func (n *Node) beatNow(now int64) {
	if n.beat.due.Load() != 0 || now-n.beat.last.Load() < int64(TickInterval) {
		return
	}
	c := n.look(now)
	n.mu.Lock()
	defer n.mu.Unlock()
	n.heartbeats(now, c)
}

// heartbeats sends one on every link, busy or not (R25).
func (n *Node) heartbeats(now int64, c cut) {
	if !c.due || n.leaving {
		return
	}
	n.beat.due.Store(now + int64(HeartbeatInterval))
	n.beat.last.Store(now)
	n.ownRoot(c)
	n.trimLogs(now, c.floor)
	n.dropStreams(now)
	n.forgetDoubts(now)
	n.beat.sequence++
	n.beatFrames(now, codec.Heartbeat{
		Sequence: n.beat.sequence, State: n.State(), Stamped: c.stamped, Sent: uint64(now), Clock: n.clock.Cluster(now),
		Floor: c.floor, Flush: c.flush, Epoch: c.epoch, Root: c.root, Head: n.ring.Head(), Step: n.steps.number.Load(),
	})
	for _, m := range n.members {
		if m.link != nil {
			n.beatOn(now, m, &c)
		}
	}
	n.store.SetCompared(n.comparedTo(now))
}

// beatFrames makes the two frames of this round: with what has changed of the list of links, mostly nothing, and with all of it.
func (n *Node) beatFrames(now int64, h codec.Heartbeat) {
	b := &n.beat
	b.now = n.appendListing(now, b.now[:0])
	h.Anew, h.Links = true, appendChanges(b.links[:0], nil, b.now)
	b.whole = codec.AppendHeartbeat(b.whole[:0], h)
	all := h.Links.Len()
	h.Anew, h.Links = false, appendChanges(h.Links[:0], b.told, b.now)
	if h.Links.Len() <= all {
		b.frame = codec.AppendHeartbeat(b.frame[:0], h)
	} else {
		b.frame = append(b.frame[:0], b.whole...)
	}
	b.links, b.told, b.now = h.Links, b.now, b.told
}

// beatOn sends a heartbeat on one link. What its root leaves out is a matter of both sides (R16).
func (n *Node) beatOn(now int64, m *member, c *cut) {
	l := m.link
	n.tellPartial(now, l)
	r := c.rootFor(l)
	n.takeRoot(m, &m.roots.ours, r)
	frame := n.beat.frame
	if !l.ourLinks {
		l.ourLinks, frame = true, n.beat.whole
	}
	codec.SetRoot(frame, r.epoch, r.sum, r.left)
	n.send(l, func(b []byte) []byte { return append(b, frame...) })
	n.beginScrub(l)
}

// trimLogs has nothing sent from the logs any more that the store itself would refuse (R14).
func (n *Node) trimLogs(now int64, floor codec.Version) {
	cluster := n.clock.Cluster(now)
	n.ring.outdate(cluster, floor.Stamp)
	n.relay.outdate(cluster, floor.Stamp)
}

// heartbeat takes a heartbeat and answers it at once. On the loop of l.
func (n *Node) heartbeat(now int64, l *Link, body []byte) error {
	h, err := codec.DecodeHeartbeat(body)
	if err != nil {
		return err
	}
	if h.Step == n.steps.number.Load() && !l.held.Load() {
		n.takeFlush(now, h.Flush)
	}
	theirs, err := n.beaten(now, l, &h, n.stamped())
	if theirs.epoch != 0 {
		l.repairRoot(now, theirs)
	}
	return err
}

// beaten takes in a heartbeat and returns the root with which a repair is to begin, as mayRepair does.
func (n *Node) beaten(now int64, l *Link, h *codec.Heartbeat, stamped bool) (theirs root, err error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	m := l.member
	if l.closing || m == nil {
		return root{}, nil
	}
	if err := n.takeLinks(now, l, h); err != nil {
		return root{}, err
	}
	n.send(l, func(b []byte) []byte {
		return codec.AppendHeartbeatResponse(b, codec.HeartbeatResponse{Sequence: h.Sequence, Step: n.steps.number.Load(), Sent: h.Sent, Clock: n.clock.Cluster(now)})
	})
	m.head, m.knows = max(m.head, h.Head), h.Epoch
	l.tell(h.Step)
	n.hold(now, l)
	if !l.held.Load() {
		m.takeFloor(h.Floor)
		n.takeRoot(m, &m.roots.theirs, root{epoch: h.Epoch, sum: h.Root, left: h.Left})
	}
	n.judgeLost(now)
	if old := m.readiness; old != h.State {
		m.readiness = h.State
		n.joinChanged(now, l, old)
	}
	if own, ok := n.verdict.own.at(h.Epoch); ok && own == h.Root && h.Left == 0 && l.debt.owed && !l.held.Load() && h.Epoch >= l.debt.epoch {
		n.paid(now, l) // equal: that is a comparison too
	}
	n.settleTime(now, m, stamped, h.Stamped)
	restless := now-n.unrest < 2*int64(relayDelay) && (len(n.streams) <= maxPassed || now-l.passedAt >= int64(relayRest))
	if restless || now-l.passedAt >= int64(relayLook) {
		n.relayTo(now, l)
	}
	n.hold(now, l)
	if l.held.Load() {
		return root{}, nil
	}
	if n.late(now, l, h.Head) {
		n.putOff(now)
	}
	return n.mayRepair(now, l, h), nil
}

// heartbeatResponse measures the round trip and the other's clock (R6).
func (n *Node) heartbeatResponse(now int64, l *Link, body []byte) error {
	h, err := codec.DecodeHeartbeatResponse(body)
	if err != nil {
		return err
	}
	stamped := n.stamped()
	n.mu.Lock()
	defer n.mu.Unlock()
	rtt := now - int64(h.Sent)
	if m := l.member; m != nil && rtt >= 0 && rtt < int64(deadAfter) {
		m.measure(rtt, int64(h.Clock)+rtt/2e6-int64(n.clock.Cluster(now)))
		l.tell(h.Step)
		if !m.measured {
			m.measured = true
			n.settleTime(now, m, stamped, l.greeting.Stamped)
		}
		n.hold(now, l)
	}
	return nil
}

// measure takes in how far a member's clock is from this node's, in ms, and how long asking took, in ns.
func (m *member) measure(rtt, offset int64) {
	if !m.measured {
		m.rtt, m.offset = rtt, offset
		return
	}
	m.rtt += (rtt - m.rtt) / 4
	m.offset += (offset - m.offset) / 4
	if off := offset - m.offset; rtt <= m.rtt || max(off, -off) > rtt/1e6+slewFrom {
		m.offset = offset // the quicker the answer, the better it tells; and what cannot be noise is a step
	}
}

// excuse does not count as others' silence the time that this node itself was asleep or stopped: what they sent may still be unread. A
// node whose Ticks are late again and again, because it gets too little of its processors, excuses what is beyond TickSlack, but no more
// than lateGrace of one silence, so that it still finds out which members are dead.
func (n *Node) excuse(now int64) {
	late := now - n.lastTick
	if late <= int64(TickSlack) {
		return
	}
	grace := now
	if late > int64(tickLate) {
		late -= int64(TickInterval)
	} else {
		late, grace = late-int64(TickSlack), int64(lateGrace)
	}
	for _, l := range n.links {
		touched := l.touched.Load()
		l.excuse = max(l.excuse, min(now, max(l.excuse, touched)+late, touched+grace))
		l.opened = min(now, l.opened+late)
	}
	for _, m := range n.members {
		if m.lostAt != 0 {
			m.lostAt = min(now, m.lostAt+late)
		}
	}
}

// detect looks for links that are silent, do not read, or were not greeted on in time, and for members to forget (R25).
func (n *Node) detect(now int64) {
	if n.leaving {
		return
	}
	for _, l := range n.links {
		switch {
		case l.closing:
			if l.heard != 0 && now >= l.closeBy {
				l.closeBy = now + int64(byeTimeout)
				n.out.Closes = append(n.out.Closes, l)
				n.wish()
			}
		case l.full:
			n.close(now, l, codec.ReasonOverload)
		case l.phase != phaseGreeted && now-l.opened >= int64(GreetingTimeout):
			n.close(now, l, codec.ReasonSilent)
		}
	}
	for i := len(n.members) - 1; i >= 0; i-- { // backwards: a member may be forgotten
		m := n.members[i]
		if m.link != nil {
			n.listen(now, m)
		} else if m.lostAt != 0 {
			n.judge(now, m)
		}
		if (m.state == Dead || m.state == Left) && now-m.since >= n.horizon {
			n.forget(m)
		}
	}
}

// listen judges the silence of a member with a link. It is not suspected while another peer hears it: once the link is closed that peer
// vouches for it, so a cut in one direction changes no state at all.
func (n *Node) listen(now int64, m *member) {
	l := m.link
	m.seen = max(m.seen, l.touched.Load())
	switch silence := now - max(m.seen, l.excuse); {
	case silence >= int64(deadAfter):
		n.close(now, l, codec.ReasonSilent)
	case silence >= int64(suspectAfter):
		if m.silent = true; n.via(now, m.id) == nil || n.weak&WithoutVouching != 0 {
			n.setState(now, m, Suspect, "silent for "+suspectAfter.String())
		}
	default:
		m.silent = false
		n.setState(now, m, Alive, "heard again")
	}
}

// bye takes the other's Bye. What the other sent before it is still taken. The other closes the connection.
func (n *Node) bye(now int64, l *Link, reason codec.Reason) {
	l.heard = max(reason, 1)
	if l.closing {
		return
	}
	l.closing = true
	l.closeBy = now + int64(byeTimeout)
	l.muted.Store(true)
	if reason == codec.ReasonSelf {
		n.isSelf(now, l)
	}
	n.detach(now, l, reason)
	if reason == codec.ReasonTaken && l.phase == phaseGreeted && !n.leaving && n.mayRekey(now) {
		n.rekey(now) // once: this ends all links that know the node by that id
	}
}

// detach takes l from its member, which has no link then, and decides what that means for its state. Reason 0 is a close without a Bye.
func (n *Node) detach(now int64, l *Link, reason codec.Reason) {
	n.unpull(now, l)
	n.unask(l)
	n.unrelay(now, l)
	m := l.member
	if m == nil {
		return
	}
	l.member = nil
	if m.link != l {
		return
	}
	m.link = nil
	m.seen = max(m.seen, l.touched.Load())
	n.publish()
	if n.beat.told.has(m.id) { // of one that was silent for long the others know
		n.beatSoon()
	}
	n.unrest, n.lost = now, true
	m.lostAt, m.judgeAt = now, 0
	switch {
	case reason == codec.ReasonLeft && l.said == 0:
		m.lostAt = 0
		n.setState(now, m, Left, "said that it leaves")
	case reason == codec.ReasonRekeyed && l.said == 0:
		n.setState(now, m, Left, "took another id")
		n.renamed(now, m)
	case reason == codec.ReasonSilent && l.said != 0:
		m.lostAt, m.lostWhy = now-int64(vouchAge), "silent for "+deadAfter.String()
		n.judge(now, m)
	case reason == 0 && m.leaves:
		m.lostAt = 0
		n.setState(now, m, Left, "announced that it leaves")
	case reason == 0:
		m.lostWhy = "connection closed without a goodbye"
		n.judge(now, m)
	default:
		m.judgeAt, m.lostWhy = now+int64(deadAfter), "no new link after one was closed: "+cause(reason)
	}
	n.wake(now, m, reason)
}

// cause says to people why a link was closed on purpose though its member had not left.
func cause(reason codec.Reason) string {
	switch reason {
	case codec.ReasonMoved:
		return "a card or an address is gone"
	case codec.ReasonOverload:
		return "more had to be kept than a node keeps"
	case codec.ReasonSecret:
		return "its secret counts no more"
	case codec.ReasonClock:
		return "too much came from ahead of time"
	case codec.ReasonProtocol:
		return "what came was no message"
	}
	return reason.String()
}

// judgeLost decides about all members whose link was lost: called when a peer has told with whom it is linked.
func (n *Node) judgeLost(now int64) {
	if !n.lost || n.leaving {
		return
	}
	n.lost = false
	for _, m := range n.members {
		if m.link == nil && m.lostAt != 0 {
			n.judge(now, m)
			n.lost = n.lost || m.lostAt != 0
		}
	}
}

// judge decides about a member without a link: it is alive as long as a peer says that it has a link with it, else dead. A peer that said
// so before the loss has vouchWait to say so again; one that has said nothing yet is waited for as long; others are not.
func (n *Node) judge(now int64, m *member) {
	if m.state == Dead || m.state == Left {
		m.lostAt = 0
		return
	}
	all := true
	for _, p := range n.members {
		if p == m || p.link == nil || n.weak&WithoutVouching != 0 {
			continue
		}
		lists := p.linked.has(m.id)
		switch {
		case p.linkedAt == 0, lists && p.linkedAt <= m.lostAt:
			all = false
		case lists && now-p.linkedAt < int64(vouchAge):
			n.setState(now, m, Alive, "no link, but "+codec.FormatID(p.id)+" has one")
			return
		}
	}
	switch {
	case now < m.judgeAt:
	case all || now-m.lostAt >= int64(vouchWait):
		m.lostAt = 0
		n.setState(now, m, Dead, m.lostWhy)
	default:
		n.setState(now, m, Suspect, m.lostWhy)
	}
}
