package peer

import (
	"math"
	"net/netip"
	"slices"

	"covey/codec"
)

// opened takes in a new link. A dialer greets at once; it does not know yet whom.
func (n *Node) opened(now int64, l *Link, c cut) {
	if slices.Contains(n.links, l) {
		return
	}
	n.events++
	l.opened, l.openOrder = now, n.events
	n.links = append(n.links, l)
	n.open.Add(1)
	n.counters.linksOpened.Add(1)
	if l.dialed {
		n.dialed(l)
	}
	switch {
	case n.leaving:
		n.close(now, l, codec.ReasonLeft)
	case len(n.links) > MaxLinks || !l.dialed && n.greetsOf(l.host) > maxGreeting:
		n.counters.refused.Add(1)
		n.close(now, l, codec.ReasonOverload)
	case l.dialed:
		n.sendGreeting(now, l, c, false)
	}
}

// closed settles the end of a connection, announced by a Bye or not. It runs on the loop of l.
func (n *Node) closed(now int64, l *Link) {
	i := slices.Index(n.links, l)
	if i < 0 {
		return
	}
	n.links = slices.Delete(n.links, i, i+1)
	n.open.Add(-1)
	l.out.piece.unpin()
	n.undialed(now, l)
	if !l.closing {
		l.closing = true
		l.muted.Store(true)
		n.detach(now, l, 0)
	}
	if l.in.keys > 0 || l.in.fetches > 0 {
		n.oweByAll(now) // records that were to be fetched will not come on this link any more
	}
}

// greet takes a greeting: the dialer's first, the acceptor's answer, or the dialer's second. On the loop of l.
func (n *Node) greet(now int64, l *Link, body []byte) error {
	c := n.registers()
	flush, err := n.greeted(now, l, c, body)
	if err == nil {
		n.takeFlush(now, flush)
	}
	return err
}

// greeted takes a greeting under the node's lock. If it was accepted, flush is the other's flush register.
func (n *Node) greeted(now int64, l *Link, c cut, body []byte) (flush codec.Version, err error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if l.closing {
		return flush, nil
	}
	g := &n.greeting
	if err := codec.DecodeGreetingInto(body, g); err != nil {
		return flush, err
	}
	if reason := n.stranger(now, l, g); reason != 0 {
		n.close(now, l, reason)
		return flush, nil
	}
	switch {
	case l.phase == phaseOpened && !l.dialed && !g.Full && g.Dialed:
		l.phase, l.number = phaseKnown, g.Dial
		l.know(g)
		n.sendGreeting(now, l, c, true)
		return flush, nil
	case l.phase == phaseKnown && g.Full && g.Dialed && g.Dial == l.number && l.greeting.Node == g.Node && l.greeting.Stream == g.Stream:
		l.know(g)
	case l.phase == phaseOpened && l.dialed && g.Full && !g.Dialed && g.Dial == l.number:
		l.know(g)
		sent := l.greeted
		n.sendGreeting(now, l, c, true)
		l.greeted = sent
	default:
		return flush, ErrOrder
	}
	n.trimLogs(now, c.floor)
	n.complete(now, l, c.stamped)
	if l.held.Load() {
		return flush, nil
	}
	return g.Flush, nil
}

// know notes what the other's greeting says about its node.
func (l *Link) know(g *codec.Greeting) {
	l.greeting = *g
	l.greeting.Peers = nil
}

// stranger returns why no link with the sender of a greeting is wanted; 0: it is wanted.
func (n *Node) stranger(now int64, l *Link, g *codec.Greeting) codec.Reason {
	switch {
	case g.Cluster != n.cluster:
		return codec.ReasonCluster
	case g.ProtoMax < codec.ProtoMin || g.ProtoMin > codec.ProtoMax:
		return codec.ReasonProtocol
	case g.Stream == n.stream:
		n.isSelf(now, l)
		return codec.ReasonSelf
	}
	return 0
}

// sendGreeting greets: in full once the other is known.
func (n *Node) sendGreeting(now int64, l *Link, c cut, full bool) {
	g := codec.Greeting{
		Full: full, Dialed: l.dialed, Stamped: c.stamped, Cluster: n.cluster, Node: n.id, Incarnation: n.incarnation, Stream: n.stream,
		ProtoMin: codec.ProtoMin, ProtoMax: codec.ProtoMax, Port: n.port, State: n.State(), Clock: n.clock.Cluster(now), Step: n.steps.number.Load(),
		Floor: c.floor, Flush: c.flush, Head: n.ring.Head(), Dial: l.number, Peers: n.passOn(l.greeting.Node),
	}
	if full {
		g.AppliedStream = l.greeting.Stream
		if s := n.streamBy(g.AppliedStream); s != nil {
			g.Applied = s.applied.Load()
		}
		g.Held, g.HeldDialer = n.held(l, l.greeting.Node)
	}
	l.greeted = now
	n.send(l, func(b []byte) []byte { return codec.AppendGreeting(b, g) })
}

// held returns the dial number and the dialer of another link on which a node has greeted, a chosen one first; 0: there is none. A link
// that the other may still hold is returned even if it is not chosen here, so 0 proves to the other that its link is gone (R23).
func (n *Node) held(but *Link, id uint64) (number uint32, dialer uint64) {
	var found *Link
	for _, l := range n.links {
		if l == but || l.closing || l.phase == phaseOpened || l.greeting.Node != id || bypassed(l, but) {
			continue
		}
		if found == nil || l.choice > found.choice {
			found = l
		}
	}
	if found == nil {
		return 0, 0
	}
	return found.number, n.dialer(found)
}

// bypassed reports whether a link is silent while another with its node comes up at another address: it holds nothing any more.
func bypassed(silent, fresh *Link) bool {
	m := silent.member
	return m != nil && m.silent && silent.remote.Addr().Unmap() != fresh.remote.Addr().Unmap()
}

// dialer returns the id of the node that dialed l.
func (n *Node) dialer(l *Link) uint64 {
	if l.dialed {
		return n.id
	}
	return l.greeting.Node
}

// passOn lists addresses of members for a greeting to another node: hints to dial. If there are more than fit it begins at a random one.
// Nodes that have greeted and are no members yet come first: two that dial this node at the same time may hear of each other in no other
// way.
func (n *Node) passOn(to uint64) []codec.PeerAddr {
	n.peers = n.peers[:0]
	for _, l := range n.links {
		if l.phase == phaseKnown && !l.closing && l.greeting.Node != to && l.greeting.Node != n.id && len(n.peers) < codec.MaxGreetingPeers {
			n.peers = append(n.peers, codec.PeerAddr{Node: l.greeting.Node, Addr: netip.AddrPortFrom(l.remote.Addr().Unmap(), l.greeting.Port)})
		}
	}
	if len(n.members) == 0 {
		return n.peers
	}
	begin := n.rand.IntN(len(n.members))
	for i := range n.members {
		m := n.members[(begin+i)%len(n.members)]
		if m.state == Alive && m.id != to && m.addr.IsValid() && len(n.peers) < codec.MaxGreetingPeers {
			n.peers = append(n.peers, codec.PeerAddr{Node: m.id, Addr: m.addr})
		}
	}
	return n.peers
}

// complete goes on when both have greeted: the time, the hints, the choice.
func (n *Node) complete(now int64, l *Link, stamped bool) {
	g := &l.greeting
	l.phase = phaseGreeted
	if l.target != nil {
		l.target.id = g.Node
	}
	n.takeHints(now, l, n.greeting.Peers)
	if g.Node == n.id {
		n.sameID(now, l)
		return
	}
	m := n.member(now, g.Node, l.host)
	if m == nil {
		n.counters.refused.Add(1)
		n.close(now, l, codec.ReasonOverload)
		return
	}
	rtt := now - l.greeted
	offset := int64(g.Clock) + rtt/2e6 - int64(n.clock.Cluster(now))
	l.in.stream = n.streamOf(now, g.Stream, g.Node, g.Incarnation)
	l.in.own.stream = l.in.stream
	if old := m.link; old != nil {
		switch {
		case l.provesTwo(old):
			n.close(now, old, codec.ReasonTaken)
		case !n.prefers(l, old):
			n.close(now, l, codec.ReasonDuplicate)
			return
		default:
			n.close(now, old, codec.ReasonDuplicate)
		}
	}
	m.rtt, m.offset, m.measured = rtt, offset, rtt <= int64(greetingSlow)
	l.tell(g.Step)
	n.adopt(now, l, m)
	n.settleTime(now, m, stamped, g.Stamped)
	n.hold(now, l)
	if l.held.Load() {
		m.floor = codec.Version{}
	}
	n.passSteps(now, l)
}

// adopt makes l the link with m: data flows from here on. It runs on the loop of l.
func (n *Node) adopt(now int64, l *Link, m *member) {
	g := &l.greeting
	n.events++
	l.choice, l.chosenAt, l.member = n.events, now, m
	n.unrest = now
	again := m.stream != nil && m.stream.id != g.Stream
	if again {
		m.roots, m.linked, m.linkedAt = told{}, nil, 0 // of its life before
		m.stream.over = true
	}
	unlinked := m.state != Alive && m.state != Suspect || m.lostAt != 0 && m.lostAt != now // not only since its other link was closed for this one
	m.link, m.stream, m.incarnation, m.readiness = l, l.in.stream, g.Incarnation, g.State
	m.addr, m.host = netip.AddrPortFrom(l.remote.Addr().Unmap(), g.Port), l.host
	m.head, m.floor, m.lostAt, m.judgeAt = g.Head, g.Floor, 0, 0
	m.seen, m.leaves, m.silent = now, false, false
	healed := m.state == Dead && !again
	n.judgeStarts(m.id, false)
	if again || unlinked {
		n.verdict.apart(n.clock.Cluster(now))
	}
	if again {
		n.out.change(Change{ID: m.id, Addr: m.addr, Old: m.state, New: Alive, Reason: "was started again"})
		m.state, m.since = Alive, now
	}
	n.setState(now, m, Alive, "linked")
	n.addressOf(now, m)
	if healed {
		n.healed(now)
	}

	applied := uint64(0)
	if g.AppliedStream == n.stream {
		applied = g.Applied
	}
	cur, ok := n.ring.seek(applied)
	if applied == 0 && ok && n.ring.bytesAfter(cur) > streamFrom {
		cur, ok = n.ring.seek(math.MaxUint64) // a peer that has nothing of a long stream copies or compares: that brings each key once
	}
	l.acked.Store(min(applied, n.ring.Head()))
	l.drain.begin(g.Head, l.in.stream.applied.Load(), l.acked.Load())
	if !ok {
		n.send(l, func(b []byte) []byte {
			cur, b = n.gap(now, b)
			return b
		})
	}
	l.out.cur, l.out.chosen = cur, true
	n.publish()
	n.pend(l)
	n.beatSoon()
	n.joinLinked(now, l)
	n.relayTo(now, l)
}

// sameID settles that another node has this node's id: the younger start takes another (R26).
func (n *Node) sameID(now int64, l *Link) {
	g := &l.greeting
	switch {
	case younger(n.incarnation, n.stream, g.Incarnation, g.Stream) && n.mayRekey(now):
		n.rekey(now)
	case younger(n.incarnation, n.stream, g.Incarnation, g.Stream):
		n.close(now, l, codec.ReasonProtocol)
	default:
		n.out.change(Change{ID: n.id, Addr: l.remote, Old: Self, New: Self, Reason: "another node has this id and is younger: it is to take a new one"})
		n.close(now, l, codec.ReasonDuplicate)
	}
}

// mayRekey counts how often this node has taken another id, and reports whether it may once more. Ids are random from the second on, so
// a node that claims each of them is no clone; it must not make this node end all its links more than maxRekeys times a minute.
func (n *Node) mayRekey(now int64) bool {
	return n.rekeys.spend(now, maxRekeys)
}

// younger reports whether the first of two starts is the one that takes another id.
func younger(incarnation, stream, otherIncarnation, otherStream uint64) bool {
	return incarnation > otherIncarnation || incarnation == otherIncarnation && stream > otherStream
}

// provesTwo reports whether l, on which an older start has just greeted, proves that two live nodes have one id: it was opened
// after the link with the younger start was chosen. They may never greet each other: the younger is told that its id is taken.
func (l *Link) provesTwo(chosen *Link) bool {
	a, b := &chosen.greeting, &l.greeting
	return a.Stream != b.Stream && chosen.choice < l.openOrder && younger(a.Incarnation, a.Stream, b.Incarnation, b.Stream)
}

// rekey takes another id, and a later incarnation, by which other nodes know the later of the two names of this node's stream.
func (n *Node) rekey(now int64) {
	n.counters.rekeys.Add(1)
	old := n.id
	n.incarnation++
	// A random MAC address, locally administered and not a group's, with the same port.
	n.id = n.rand.Uint64()&^(3<<56)&^0xffff | 2<<56 | uint64(n.port)
	n.ident.Store(n.id)
	n.store.SetNode(n.id)
	n.out.change(Change{ID: n.id, Old: Self, New: Self, Reason: "another node had id " + codec.FormatID(old) + " and is older: taking a new one"})
	for _, other := range n.links {
		n.close(now, other, codec.ReasonRekeyed)
	}
	n.restartAnnounces(now)
	n.wakeAll(now)
}

// takeFloor keeps the highest floor that m has told of.
func (m *member) takeFloor(floor codec.Version) {
	if floor.Compare(m.floor) > 0 {
		m.floor = floor
	}
}
