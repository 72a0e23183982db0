package peer

import (
	"net/netip"

	"covey/codec"
)

// hint says that a node is at addr. A fresh hint ends the waiting after failed dials.
func (n *Node) hint(now int64, addr netip.AddrPort, id uint64) {
	addr = netip.AddrPortFrom(addr.Addr().Unmap(), addr.Port())
	t := n.targetAt(now, addr)
	if t == nil || t.own {
		return
	}
	if t.id != id {
		t.heard = now
	}
	t.id, t.failures, t.hinted, t.told = id, 0, now, false
	next := now
	if id < n.id {
		next += int64(dialCourtesy) // it has heard us too, most likely, and R23 would prefer its dial
	}
	if t.next <= now || t.next > next {
		t.next = next
	}
}

// noticed notes that the node id was heard at addr, one of several addresses that it may have: where it is linked at another
// it is dialed here when that link fails. Of a node that is no member the first address heard is enough.
func (n *Node) noticed(now int64, addr netip.AddrPort, id uint64) {
	if n.known(id) == nil {
		return
	}
	addr = netip.AddrPortFrom(addr.Addr().Unmap(), addr.Port())
	if t := n.dialing.byAddr[addr]; t == nil {
		n.leaveRoom(id)
	}
	if t := n.targetAt(now, addr); t != nil && !t.own && (t.id == 0 || t.id == id) {
		t.id, t.seen = id, now
	}
}

// takeHints takes the addresses that a greeting passed on. One of 127.0.0.0/8 is of the sender's own machine.
func (n *Node) takeHints(now int64, l *Link, peers []codec.PeerAddr) {
	for _, p := range peers {
		n.takeHint(now, l, p, false)
	}
}

// takeHint takes one address. news: the sender has come to be linked with that node just now, so it is there though it was thought
// dead, and its address is good though it was not a moment ago.
func (n *Node) takeHint(now int64, l *Link, p codec.PeerAddr, news bool) {
	if p.Addr.Addr().IsLoopback() {
		p.Addr = netip.AddrPortFrom(l.remote.Addr().Unmap(), p.Addr.Port())
	}
	if p.Node == n.id || !p.Addr.IsValid() || p.Addr.Port() == 0 {
		return
	}
	if m := n.known(p.Node); m != nil && (m.link != nil || (m.state == Dead || m.state == Left) && !news) {
		return
	}
	known := n.dialing.byAddr[p.Addr]
	switch {
	case known != nil && news:
		told := known.told
		n.hint(now, p.Addr, p.Node)
		known.told = told
	case known == nil && len(n.dialing.order) < MaxHints: // what was heard is not to go for what is only told
		n.hint(now, p.Addr, p.Node)
		if t := n.dialing.byAddr[p.Addr]; t != nil {
			t.told = true
		}
	}
	if t := n.dialing.byAddr[p.Addr]; t != nil {
		t.vouched = true
	}
}
