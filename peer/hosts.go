package peer

import (
	"net/netip"
	"slices"
	"time"

	"covey/codec"
)

// Without a secret anybody may be a member, under as many ids as he likes, and may list and propose what he likes. So in an open mesh
// hosts are counted, not nodes, to decide about a step of the time (R7) and about places among the members. A host is an address that
// links come from, however many nodes are behind it. Only hosts with a link to this node count.

// thisHost stands for the machine that the node is on, whatever address its other nodes are linked at.
var thisHost = netip.IPv4Unspecified()

// hostOf returns the host at the other end of a connection from local, which may be unknown, to remote.
func hostOf(local, remote netip.Addr) netip.Addr {
	remote = remote.Unmap()
	if remote.IsLoopback() || remote == local.Unmap() {
		return thisHost
	}
	return remote
}

// Near tells from which address of this machine the connection is: one with itself is of no other host. Before EventOpened.
func (l *Link) Near(local netip.Addr) { l.host = hostOf(local, l.remote.Addr()) }

// side is a group as this node sees it.
type side struct {
	size int    // nodes; hosts, in an open mesh
	low  uint64 // its lowest id
}

// hosts remembers which hosts have nodes of this node's time, and when that was last seen: breaking a link does not at once take its host
// out of the count.
type hosts map[netip.Addr]int64

// note takes in the hosts of linked members, and forgets those that had none for hostMemory.
func (h hosts) note(now int64, members []*member) {
	for _, m := range members {
		if _, known := h[m.host]; m.ours() && (known || len(h) < MaxMembers) {
			h[m.host] = now
		}
	}
	for host, seen := range h {
		if now-seen > int64(hostMemory) {
			delete(h, host)
		}
	}
}

// ours reports whether a member has a link and this node's time.
func (m *member) ours() bool { return m.link != nil && m.measured && !m.apart() }

// hostSides counts this node's side, and that of m, whose clock is apart, in hosts.
func (n *Node) hostSides(m *member) (ours, theirs side) {
	ours.low, theirs.low = n.id, m.id
	own, others, linked := map[netip.Addr]bool{thisHost: true}, map[netip.Addr]bool{}, map[netip.Addr]bool{}
	for _, p := range n.members {
		if p.link == nil || !p.measured {
			continue
		}
		linked[p.host] = true
		if p.ours() {
			own[p.host], ours.low = true, min(ours.low, p.id)
		} else if p.near(m) {
			others[p.host], theirs.low = true, min(theirs.low, p.id)
		}
	}
	for host := range n.steps.hosts {
		if !linked[host] {
			own[host] = true
		}
	}
	ours.size, theirs.size = len(own), len(others)
	return ours, theirs
}

// countsHosts reports whether hosts are counted and no peer's word is taken about others: where anybody may be a member.
func (n *Node) countsHosts() bool { return !n.keyed && n.weak&WithoutHosts == 0 }

// mayStepTo reports whether this node may step to the time of m.
func (n *Node) mayStepTo(now int64, m *member) bool {
	if !n.countsHosts() {
		return true
	}
	ours, theirs := n.hostSides(m)
	return ours.size <= theirs.size || n.trusts(now, m)
}

// trusts reports whether this node may step to the time of m though more hosts are at its own: m may stand between two networks,
// and have behind it what nobody here can count. So the time is near this machine's own, and it is not done often.
func (n *Node) trusts(now int64, m *member) bool {
	off := n.clock.Offset() + m.offset
	return now >= n.steps.restTo && max(off, -off) <= int64(wallTrust/time.Millisecond)
}

// consents reports whether this node may take a step that somebody proposes.
func (n *Node) consents(now int64, k codec.Step) bool {
	if !n.countsHosts() {
		return true
	}
	cluster := int64(n.clock.Cluster(now))
	for _, m := range n.members {
		if m.link != nil && m.measured && m.apart() && gap(uint64(max(cluster+m.offset, 0)), k.New) <= 2*StepFrom {
			return n.mayStepTo(now, m)
		}
	}
	return false
}

// outvoted reports whether a node that has not stamped does better to take the time of m than that which it took (R6).
func (n *Node) outvoted(m *member) bool {
	if n.keyed || !m.apart() {
		return false
	}
	ours, theirs := n.hostSides(m)
	if !slices.ContainsFunc(n.members, func(p *member) bool { return p.host == thisHost && p.ours() }) {
		ours.size-- // it is no witness itself
	}
	return ours.size < theirs.size
}

// makeRoom forgets a member, if there are MaxMembers, so that a new one of a host fits. First goes one that is dead or has left, of the
// host that has most of those. Else one of the host that has most members goes, if that host has more than the new member's would; it
// loses its link. So a host that fills the table under ever new ids takes no place from hosts with few.
func (n *Node) makeRoom(now int64, host netip.Addr) bool {
	count := make(map[netip.Addr]int)
	for _, m := range n.members {
		count[m.host]++
	}
	var first *member
	for _, m := range n.members {
		if (m.gone() || count[m.host] > count[host]+1) && (first == nil || goesBefore(m, first, count)) {
			first = m
		}
	}
	if first == nil {
		return false
	}
	if first.link != nil {
		n.counters.refused.Add(1)
		n.close(now, first.link, codec.ReasonOverload)
	}
	n.forget(first)
	return true
}

func (m *member) gone() bool { return m.state == Dead || m.state == Left }

// goesBefore reports whether of two members the first is the one to be forgotten: of the gone the one that has been so for longest, of
// the others the one linked last.
func goesBefore(m, o *member, count map[netip.Addr]int) bool {
	switch {
	case m.gone() != o.gone():
		return m.gone()
	case count[m.host] != count[o.host]:
		return count[m.host] > count[o.host]
	case m.gone():
		return m.since < o.since
	case (m.link == nil) != (o.link == nil):
		return m.link == nil
	}
	return m.link != nil && m.link.choice > o.link.choice
}

// greetsOf counts the accepted links from another host that have not greeted yet.
func (n *Node) greetsOf(host netip.Addr) (count int) {
	if host == thisHost {
		return 0
	}
	for _, l := range n.links {
		if l.host == host && !l.dialed && l.phase != phaseGreeted && !l.closing {
			count++
		}
	}
	return count
}
