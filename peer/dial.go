package peer

import (
	"net/netip"
	"slices"

	"covey/codec"
)

// target is an address that may be dialed. All fields are guarded by Node.mu.
type target struct {
	addr     netip.AddrPort
	id       uint64 // of the node there; 0: unknown
	static   bool   // named by --peer: never forgotten
	past     bool   // a member was there in an earlier start: tried until the horizon
	own      bool   // this node itself is there
	told     bool   // others told of it, and nothing was heard from there
	number   uint32 // of the dial under way; 0: none
	strange  bool   // when that dial began nobody was known to be there
	vouched  bool   // a linked peer has passed it on, or a node there has greeted
	link     *Link  // the connection that the last dial made; nil: none
	failures int    // dials in a row that led to no link
	next     int64  // when it may be dialed, boot-time ns
	heard    int64  // when the node there came to be known, for R22 waits a second for it, boot-time ns
	hinted   int64  // when it was last heard of, boot-time ns
	seen     int64  // when an announce last came from there, or a link with it began, boot-time ns
}

// dialing is all addresses that may be dialed, and the dials under way.
type dialing struct {
	byAddr map[netip.AddrPort]*target
	order  []*target // the same targets, oldest first
	count  uint32    // how many dials there were: the number of the last one
	busy   int       // dials under way
	strangers
}

// staticTarget adds a --peer address.
func (n *Node) staticTarget(addr netip.AddrPort) {
	addr = netip.AddrPortFrom(addr.Addr().Unmap(), addr.Port())
	if t := n.targetAt(0, addr); t != nil {
		t.static = true
	}
}

// SetStatic replaces the --peer addresses: a name has come to mean others. The order does not matter.
func (n *Node) SetStatic(now int64, addrs []netip.AddrPort) {
	n.mu.Lock()
	defer n.mu.Unlock()
	for _, t := range n.dialing.order {
		t.static = t.static && slices.Contains(addrs, t.addr)
	}
	for _, addr := range addrs {
		known := n.dialing.byAddr[addr]
		n.staticTarget(addr)
		if t := n.dialing.byAddr[addr]; known == nil && t != nil {
			t.heard, t.next = now, now
		}
	}
}

// pastTarget adds the address of a member of an earlier start of this machine's node.
func (n *Node) pastTarget(addr netip.AddrPort) {
	if t := n.targetAt(0, addr); t != nil {
		t.past = true
	}
}

// startTargets has all targets dialed from now on: the node begins its life.
func (n *Node) startTargets(now int64) {
	for _, t := range n.dialing.order {
		t.heard, t.next = now, now
	}
}

// targetAt returns the target with this address and makes it if it is new; nil when there are too many.
func (n *Node) targetAt(now int64, addr netip.AddrPort) *target {
	if t := n.dialing.byAddr[addr]; t != nil {
		return t
	}
	if len(n.dialing.order) >= MaxTargets && !n.dropWorst() {
		return nil
	}
	t := &target{addr: addr, heard: now, next: now}
	n.dialing.byAddr[addr] = t
	n.dialing.order = append(n.dialing.order, t)
	return t
}

// dropWorst makes room: an address that nobody answered at, or else one of no member.
func (n *Node) dropWorst() bool {
	worst := -1
	for i, t := range n.dialing.order {
		if !t.static && t.number == 0 && t.link == nil && (worst < 0 || t.failures > n.dialing.order[worst].failures) {
			worst = i
		}
	}
	if worst < 0 {
		return false
	}
	n.dropTarget(n.dialing.order[worst])
	return true
}

func (n *Node) dropTarget(t *target) {
	delete(n.dialing.byAddr, t.addr)
	n.dialing.order = slices.DeleteFunc(n.dialing.order, func(o *target) bool { return o == t })
}

// dropTargets forgets the addresses of a member that is forgotten.
func (n *Node) dropTargets(id uint64) {
	for _, t := range slices.Clone(n.dialing.order) {
		switch {
		case t.id != id:
		case t.static:
			t.id = 0
		case t.number == 0 && t.link == nil:
			n.dropTarget(t)
		}
	}
}

// leaveRoom forgets the address of a node that was not heard for longest, if it has as many as it may.
func (n *Node) leaveRoom(id uint64) {
	var oldest *target
	count := 0
	for _, t := range n.dialing.order {
		if t.id != id {
			continue
		}
		count++
		if !t.static && t.number == 0 && t.link == nil && (oldest == nil || t.seen < oldest.seen) {
			oldest = t
		}
	}
	if count >= maxAddresses && oldest != nil {
		n.dropTarget(oldest)
	}
}

// outdated reports whether t is an address that its member has had: the link with it is at another one, or was, and nothing has
// been heard from here for long, or nobody answers here.
func (n *Node) outdated(now int64, t *target, m *member) bool {
	if m == nil || t.static || t.number != 0 || t.link != nil || t.addr == m.addr || !m.addr.IsValid() {
		return false
	}
	return t.failures >= maxTries || m.link != nil && now-t.seen >= int64(addressAge)
}

// addressOf notes where a member was reached, so that it can be dialed again.
func (n *Node) addressOf(now int64, m *member) {
	if t := n.targetAt(now, m.addr); t != nil && !t.own {
		t.id, t.failures, t.seen, t.told = m.id, 0, now, false
	}
}

// moved notes that the node at an address has another id, which is not known yet.
func (n *Node) moved(addr netip.AddrPort) {
	if t := n.dialing.byAddr[addr]; t != nil {
		t.id = 0
	}
}

// Expects reports whether a node is to be at this IP address: by --peer, by an announce, or by what a peer has passed on. It
// locks the node, and is meant for hosts of other networks.
func (n *Node) Expects(ip netip.Addr) bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	return slices.ContainsFunc(n.dialing.order, func(t *target) bool { return t.addr.Addr() == ip })
}

// wake has a member that lost its link dialed soon, or after a quarrel later.
func (n *Node) wake(now int64, m *member, reason codec.Reason) {
	wait := int64(backoffMin)
	if quarrel(reason) {
		wait = int64(backoffMax)
	}
	for _, t := range n.dialing.order {
		if t.id == m.id {
			t.next = now + wait - n.rand.Int64N(wait)/2
		}
	}
}

// wakeAll has everything dialed that is not linked: the network changed.
func (n *Node) wakeAll(now int64) {
	for _, t := range n.dialing.order {
		if !t.own {
			t.failures, t.next = 0, now+n.rand.Int64N(int64(backoffMin))
		}
	}
}

// healed follows the link with a start that was dead: what had cut it off has cut off others too, most likely. The dead are
// dialed at once, and those that hear the handshake dial back. A dial under way, whose first packets were lost, is repeated soon.
func (n *Node) healed(now int64) {
	for _, t := range n.dialing.order {
		if m := n.known(t.id); m != nil && m.state == Dead {
			t.failures, t.next = 0, min(t.next, now+n.rand.Int64N(int64(backoffMin)))
		}
	}
	n.wishHandshake(now)
}

// dial wishes for the dials that are due, and forgets hints that led nowhere.
func (n *Node) dial(now int64) {
	if n.leaving {
		return
	}
	told := 0
	for _, t := range n.dialing.order {
		if t.told && t.number != 0 {
			told++
		}
	}
	for i := len(n.dialing.order) - 1; i >= 0; i-- { // backwards: a target may be dropped
		t := n.dialing.order[i]
		if now < t.next || t.number != 0 || t.link != nil {
			continue
		}
		m := n.known(t.id)
		if n.outdated(now, t, m) {
			n.dropTarget(t)
			continue
		}
		if n.reached(t) && !n.otherWay(t, m) {
			continue
		}
		if m != nil && m.state == Left && !t.static && t.hinted <= m.since {
			continue // until it announces itself again
		}
		if m == nil && !t.static && (t.own || t.failures >= maxTries && !(t.past && now-t.heard < n.horizon)) {
			n.dropTarget(t)
			continue
		}
		if n.dialing.busy >= MaxDialing {
			return
		}
		if t.told && told >= maxTold || m == nil && !n.mayCall(now, t) {
			continue
		}
		if t.told {
			told++
		}
		n.dialing.count++
		n.dialing.busy++
		t.number = n.dialing.count
		n.counters.dials.Add(1)
		n.out.Dials = append(n.out.Dials, Dial{Addr: t.addr, Number: t.number})
		n.wish()
	}
}

// reached reports whether the node behind t has a link, or one that has come as far as to name it.
func (n *Node) reached(t *target) bool {
	if t.id == 0 {
		return false
	}
	m := n.known(t.id)
	return m != nil && m.link != nil || n.greetsAlready(t.id, nil)
}

// otherWay reports whether t is another address of a member whose link is silent: the network between may have failed, and not
// the member.
func (n *Node) otherWay(t *target, m *member) bool {
	if m == nil || !m.silent || m.link == nil || t.addr.Addr() == m.link.remote.Addr().Unmap() {
		return false
	}
	return !n.greetsAlready(t.id, m.link)
}

// greetsAlready reports whether a link but one has come as far as to name the node with this id.
func (n *Node) greetsAlready(id uint64, but *Link) bool {
	return slices.ContainsFunc(n.links, func(l *Link) bool {
		return l != but && l.phase != phaseOpened && !l.closing && l.greeting.Node == id
	})
}

// dialed ties a link to the target whose dial it came of.
func (n *Node) dialed(l *Link) {
	for _, t := range n.dialing.order {
		if t.number == l.number {
			t.link, l.target = l, t
			n.dialEnds(t)
			return
		}
	}
}

// undialed frees the target of a link that is gone.
func (n *Node) undialed(now int64, l *Link) {
	t := l.target
	if t == nil || t.link != l {
		return
	}
	t.link, l.target = nil, nil
	t.vouched = t.vouched || l.phase != phaseOpened
	switch {
	case quarrel(l.said) || quarrel(l.heard):
		t.failures = maxTries
		n.backOff(now, t)
	case l.choice != 0 || n.reached(t):
		t.failures = 0
		t.next = now + n.rand.Int64N(int64(backoffMin))
	default:
		n.backOff(now, t)
	}
}

// quarrel tells reasons that a new link would soon end for again.
func quarrel(r codec.Reason) bool {
	return r == codec.ReasonProtocol || r == codec.ReasonClock || r == codec.ReasonOverload
}

func (n *Node) dialFailed(now int64, addr netip.AddrPort, number uint32) {
	t := n.dialing.byAddr[addr]
	if t == nil || t.number != number {
		return
	}
	n.dialEnds(t)
	n.counters.dialsFailed.Add(1)
	n.backOff(now, t)
}

// backOff doubles the wait after each dial that led to no link, up to backoffMax, and takes up to a half of it off.
func (n *Node) backOff(now int64, t *target) {
	wait := int64(backoffMin) << min(t.failures, 10)
	wait = min(wait, int64(backoffMax))
	switch {
	case t.own:
		wait = int64(selfRetry)
	case t.past && !t.static && t.failures >= maxTries:
		wait = int64(pastRetry)
	}
	t.failures++
	t.next = now + wait - n.rand.Int64N(wait/2)
}

// isSelf notes that the address which l dialed is this node's own.
func (n *Node) isSelf(_ int64, l *Link) {
	if t := l.target; t != nil {
		t.own, t.id = true, 0
	}
}
