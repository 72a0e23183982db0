package peer

import (
	"cmp"
	"net/netip"
	"slices"

	"covey/codec"
)

// listed is a node that another is linked with, and where that reaches it; port 0: nobody says.
type listed struct {
	id   uint64
	ip   [4]byte
	port uint16
}

func (l listed) addr() netip.AddrPort {
	if l.port == 0 {
		return netip.AddrPort{}
	}
	return netip.AddrPortFrom(netip.AddrFrom4(l.ip), l.port)
}

// listing is whom a node is linked with, by id.
type listing []listed

func (l listing) find(id uint64) (int, bool) {
	return slices.BinarySearchFunc(l, id, func(e listed, id uint64) int { return cmp.Compare(e.id, id) })
}

func (l listing) has(id uint64) bool {
	_, ok := l.find(id)
	return ok
}

// take makes one change; beyond codec.MaxLinked nothing is added.
func (l *listing) take(c codec.LinkChange) {
	i, ok := l.find(c.Node)
	if c.Gone {
		if ok {
			*l = slices.Delete(*l, i, i+1)
		}
		return
	}
	if !ok {
		if len(*l) >= codec.MaxLinked {
			return
		}
		*l = slices.Insert(*l, i, listed{})
	}
	(*l)[i] = listedAt(c.Node, c.Addr)
}

func listedAt(id uint64, addr netip.AddrPort) listed {
	if !addr.Addr().Is4() {
		return listed{id: id}
	}
	return listed{id: id, ip: addr.Addr().As4(), port: addr.Port()}
}

// appendChanges appends what makes after of before, nil for nothing before: the whole list.
func appendChanges(dst codec.LinkChanges, before, after listing) codec.LinkChanges {
	for len(before)+len(after) > 0 {
		switch {
		case len(after) == 0 || len(before) > 0 && before[0].id < after[0].id:
			dst = dst.Append(codec.LinkChange{Node: before[0].id, Gone: true})
			before = before[1:]
		case len(before) == 0 || after[0].id < before[0].id:
			dst = dst.Append(codec.LinkChange{Node: after[0].id, Addr: after[0].addr()})
			after = after[1:]
		default:
			if before[0] != after[0] {
				dst = dst.Append(codec.LinkChange{Node: after[0].id, Addr: after[0].addr()})
			}
			before, after = before[1:], after[1:]
		}
	}
	return dst
}

// appendListing lists with whom this node has a link that had bytes within vouchAge.
func (n *Node) appendListing(now int64, dst listing) listing {
	for _, m := range n.members {
		if m.link != nil && now-m.link.touched.Load() < int64(vouchAge) {
			dst = append(dst, listedAt(m.id, m.addr))
		}
	}
	return dst
}

// takeLinks takes what the peer of l says about its links. Whom it has come to be linked with, and this node is not, is dialed.
func (n *Node) takeLinks(now int64, l *Link, h *codec.Heartbeat) error {
	m := l.member
	if !h.Anew && !l.theirLinks {
		return ErrOrder
	}
	if h.Anew {
		m.linked, l.theirLinks = m.linked[:0], true
	}
	m.linkedAt = now
	if h.Anew || h.Links.Len() > 0 {
		n.unrest = now
	}
	for i := range h.Links.Len() {
		c := h.Links.At(i)
		m.linked.take(c)
		if !c.Gone {
			n.takeHint(now, l, codec.PeerAddr{Node: c.Node, Addr: c.Addr}, true)
		}
	}
	return nil
}

// via returns a peer that says that it has a link with a node, nil if none does.
func (n *Node) via(now int64, id uint64) *member {
	for _, p := range n.members {
		if p.link != nil && now-p.linkedAt < int64(vouchAge) && p.linked.has(id) {
			return p
		}
	}
	return nil
}

// appendRelayed appends the nodes that peers list and that are no members: this node has never had a link with them, as on the
// other network of a peer with two cards. Their records come by that peer (R12). No more than make MaxMembers in all.
func (n *Node) appendRelayed(dst []Member) []Member {
	from := len(dst)
	for _, p := range n.members {
		if p.link == nil || n.lastTick-p.linkedAt >= int64(vouchAge) {
			continue
		}
		known := n.members // both are in the order of ids: one way through them
		for _, e := range p.linked {
			for len(known) > 0 && known[0].id < e.id {
				known = known[1:]
			}
			if e.id == n.id || len(known) > 0 && known[0].id == e.id || slices.ContainsFunc(dst[from:], func(m Member) bool { return m.ID == e.id }) {
				continue
			}
			if len(dst) >= MaxMembers {
				return dst
			}
			addr := e.addr()
			if addr.Addr().IsLoopback() {
				addr = netip.AddrPortFrom(p.link.remote.Addr().Unmap(), addr.Port())
			}
			dst = append(dst, Member{ID: e.id, Addr: addr, State: Alive, Via: p.id, Seen: p.linkedAt})
		}
	}
	return dst
}
