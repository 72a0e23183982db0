package peer

import "sync/atomic"

// Counters is a snapshot of what a node has counted since its start.
type Counters struct {
	AnnouncesHeard    uint64 // of this cluster, from others, for the first time
	AnnouncesOwn      uint64 // this node's own, back from the network
	AnnouncesRepeated uint64 // heard before: over another card or socket
	AnnouncesForeign  uint64 // of another cluster, or of no common protocol version
	Dials             uint64
	DialsFailed       uint64
	LinksOpened       uint64
	LinksRefused      uint64 // over MaxLinks, maxGreeting or MaxMembers, those that ended for another included
	Breaches          uint64 // links closed for a breach of the protocol
	Merged            uint64 // records received
	Ahead             uint64 // of those, dropped for being too far ahead of time (R8)
	GapsSent          uint64
	GapsHeard         uint64
	Pulls             uint64 // sent
	Fetched           uint64 // records asked for by key (R3)
	Rekeys            uint64 // R26
	Relayed           uint64 // records received that are passed on (R12)
	Offers            uint64 // heard
	Repairs           uint64 // begun here, because roots differed (R19)
	Comparisons       uint64 // begun here, because they were owed (R10, R21)
	Repaired          uint64 // records that a repair has brought and that were newer
	RepairBytes       uint64 // sent
	Dropped           uint64 // entries dropped on the word of a peer (R14)
	Steps             uint64 // of the cluster's time, taken here (R7)
	Restamped         uint64 // frames of an older step that were mapped on receipt
	Scrubs            uint64 // leaves listed that are left out of roots (R16)
	Asked             uint64 // keys asked for because a client needed to know, once a peer (R17)
}

// counters are the live ones. Each stands alone; a snapshot is no cut.
type counters struct {
	heard, own, repeated, foreign             atomic.Uint64
	dials, dialsFailed, linksOpened, refused  atomic.Uint64
	breaches, merged, ahead, gapsSent, gapsIn atomic.Uint64
	pulls, fetched, rekeys, relayed, offers   atomic.Uint64
	scrubs                                    atomic.Uint64
	asked                                     atomic.Uint64
	repairs, repaired, repairBytes, dropped   atomic.Uint64
	steps, restamped                          atomic.Uint64
	comparisons                               atomic.Uint64
}

// Counters returns what the node has counted.
func (n *Node) Counters() Counters {
	c := &n.counters
	return Counters{
		AnnouncesHeard: c.heard.Load(), AnnouncesOwn: c.own.Load(), AnnouncesRepeated: c.repeated.Load(), AnnouncesForeign: c.foreign.Load(),
		Dials: c.dials.Load(), DialsFailed: c.dialsFailed.Load(), LinksOpened: c.linksOpened.Load(), LinksRefused: c.refused.Load(),
		Breaches: c.breaches.Load(), Merged: c.merged.Load(), Ahead: c.ahead.Load(), GapsSent: c.gapsSent.Load(), GapsHeard: c.gapsIn.Load(),
		Pulls: c.pulls.Load(), Fetched: c.fetched.Load(), Rekeys: c.rekeys.Load(),
		Relayed: c.relayed.Load(), Offers: c.offers.Load(),
		Repairs: c.repairs.Load(), Comparisons: c.comparisons.Load(), Repaired: c.repaired.Load(), RepairBytes: c.repairBytes.Load(), Dropped: c.dropped.Load(),
		Steps: c.steps.Load(), Restamped: c.restamped.Load(), Asked: c.asked.Load(), Scrubs: c.scrubs.Load(),
	}
}
