package peer

import (
	"net/netip"
	"time"

	"covey/codec"
)

// quick is when the first announces go, after the start or a change of the network. The first may be lost: a switch opens a
// port late, and a radio associates slowly. Those beyond quickFound go only while nobody is linked.
var quick = [...]time.Duration{0, 100 * time.Millisecond, 300 * time.Millisecond, 700 * time.Millisecond, 1500 * time.Millisecond}

// quickFound is how many of them are enough when they have found a node: that one tells of the others.
const quickFound = 3

// beacon is the schedule of announces, and the memory of those heard. The sockets are the loop's.
type beacon struct {
	sequence  uint64
	next      int64            // when the next announce goes
	begun     int64            // when the quick ones began
	quick     int              // how many of them have gone
	handshake int64            // when the last handshake went; 0: never
	heard     map[start]uint64 // sequence of the last announce of each start of each node
}

// Announce returns the announce to send now, the same for every card. Each call takes the next sequence number.
func (n *Node) Announce(form codec.Form) codec.Announce {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.beacon.sequence++
	a := codec.Announce{
		Form: form, ProtoMin: codec.ProtoMin, ProtoMax: codec.ProtoMax, State: n.State(), Cluster: n.cluster, Node: n.id,
		Incarnation: n.incarnation, Sequence: n.beacon.sequence, Port: n.port, Lifetime: uint32(announceLifetime.Milliseconds()),
	}
	if n.leaving {
		a.Lifetime = 0
	}
	return a
}

// AnnounceSoon has the quick announces go again, and all dials that wait tried: a card came up or has new addresses.
func (n *Node) AnnounceSoon(now int64) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.start(now)
	n.restartAnnounces(now)
	n.wakeAll(now)
	if n.State() == codec.StateSeeking && !n.join.cardUp && len(n.links) == 0 {
		// R22's second counts from the first usable card; once, so that a flapping one does not keep the node waiting.
		n.join.cardUp, n.join.since = true, now
	}
}

func (n *Node) restartAnnounces(now int64) {
	n.beacon.begun, n.beacon.quick = now, 0
	n.beacon.next = now
}

// announce wishes for the announce that is due: quick ones first, then one every announceInterval with jitter.
func (n *Node) announce(now int64) {
	b := &n.beacon
	if now < b.next || n.leaving {
		return
	}
	n.wishAnnounce(codec.FormAnnounce)
	if b.quick++; b.quick < quickFound || b.quick < len(quick) && len(n.Links()) == 0 {
		b.next = b.begun + int64(quick[b.quick])
		return
	}
	spread := 1 + announceSpread*(2*n.rand.Float64()-1)
	b.next = now + int64(float64(announceInterval)*spread)
}

// hear takes an announce. It is a hint and no more: whom to dial, and that somebody does not know us yet.
func (n *Node) hear(now int64, a *codec.Announce, addr netip.AddrPort) {
	from := start{a.Node, a.Incarnation}
	switch {
	case a.Cluster != n.cluster || a.ProtoMax < codec.ProtoMin || a.ProtoMin > codec.ProtoMax:
		n.counters.foreign.Add(1)
		return
	case from == start{n.id, n.incarnation}:
		n.counters.own.Add(1)
		return
	case a.Sequence == n.beacon.heard[from] && a.Lifetime != 0:
		n.noticed(now, addr, a.Node) // over another card
		n.counters.repeated.Add(1)
		return
	case a.Sequence <= n.beacon.heard[from]:
		n.counters.repeated.Add(1)
		return
	}
	if len(n.beacon.heard) >= maxHeard {
		clear(n.beacon.heard) // a repeat or two may pass: it does no harm
	}
	n.beacon.heard[from] = a.Sequence
	n.counters.heard.Add(1)
	m := n.known(a.Node)
	if a.Lifetime == 0 && m != nil && m.incarnation == a.Incarnation {
		m.leaves = true
	}
	if a.Lifetime == 0 || n.leaving || !addr.Addr().Unmap().Is4() || addr.Port() == 0 {
		return
	}
	if m != nil && m.link != nil && m.incarnation == a.Incarnation {
		n.noticed(now, addr, a.Node)
		return
	}
	if m == nil && len(n.dialing.order) >= MaxHints && n.dialing.byAddr[addr] == nil {
		return // it is heard again when there is room, or hears of this node
	}
	n.hint(now, addr, a.Node)
	n.wishHandshake(now)
}

// wishHandshake wishes for an announce at once, unless one went within handshakeGap.
func (n *Node) wishHandshake(now int64) {
	if n.beacon.handshake == 0 || now-n.beacon.handshake >= int64(handshakeGap) {
		n.beacon.handshake = now
		n.wishAnnounce(codec.FormHandshake)
	}
}
