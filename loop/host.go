package loop

import (
	"encoding/json"
	"fmt"
	"net/netip"
	"os"
	"strconv"
	"strings"
	"time"

	"covey/codec"
	"covey/command"
	"covey/peer"
)

// The node is the command.Host of its loops: what commands ask beside the store. State, Settled,
// Acked, Wall and WallOffset are on the way of commands and take no lock; the rest is for people.

func (n *node) State() codec.State    { return n.mind.State() }
func (n *node) Settled() bool         { return n.mind.TimeSettled() }
func (n *node) Acked(seq uint64) int  { return n.mind.Acked(seq) }
func (n *node) Wall() uint64          { return uint64(time.Now().UnixMicro()) }
func (n *node) uptime() time.Duration { return time.Duration(n.clock.now()) }

// WallOffset goes by one reading of both clocks, which only those pay who ask.
func (n *node) WallOffset() int64 {
	wall := time.Now()
	return n.wallOffset.rounded(n.cluster.ClusterNanos(n.clock.at(wall)) - wall.UnixNano())
}

// Ask is on the way of those commands alone that have met a key which was evicted here, or may have been.
func (n *node) Ask(client uint64, key []byte) command.Answer {
	now := n.clock.now()
	a := n.mind.Ask(now, client, key)
	n.drain(now)
	switch a {
	case peer.AskedAll:
		return command.AnswerNone
	case peer.AskedPending:
		return command.AnswerPending
	}
	return command.AnswerLate
}

func (n *node) Facts() command.Facts {
	c := &n.counters
	commands, tally := n.carried()
	return command.Facts{
		ID: n.mind.ID(), Release: n.cfg.Version, Cluster: n.cfg.Cluster, Port: n.cfg.Listen.Port(),
		PID: os.Getpid(), Loops: n.cfg.Loops, Now: n.clock.now(), Uptime: int64(n.uptime().Seconds()),
		Connections: int(c.connections.Load()), MaxConnections: n.share.conns,
		Accepted: c.accepted.Load(), Refused: c.refused.Load(), Commands: commands, Tally: tally,
		MaxMemory: n.cfg.MaxMemory, Members: n.alive(), Linked: len(n.mind.Links()), Head: n.ring.Head(), Keyed: n.guard != nil,
	}
}

// Report appends the JSON of a topic. It allocates: people ask for reports.
func (n *node) Report(topic codec.Topic, dst []byte) ([]byte, error) {
	var report any
	switch topic {
	case codec.TopicMembers:
		report = n.members()
	case codec.TopicInfo:
		r := n.report()
		now := n.cluster.Cluster(n.clock.now())
		_, root := n.store.Digest(now)
		r.Digest, r.WallOff = fmt.Sprintf("%016x", root), int64(now)-time.Now().UnixMilli()
		report = r
	case codec.TopicVerify:
		report = n.verify()
	default:
		return dst, fmt.Errorf("there is no report number %d; update the covey that asked", topic)
	}
	b, err := json.Marshal(report)
	if err != nil {
		return dst, fmt.Errorf("the report cannot be written: %w", err)
	}
	return append(dst, b...), nil
}

func (n *node) members() []codec.MemberReport {
	now, wall := n.clock.now(), time.Now()
	var out []codec.MemberReport
	for _, m := range n.mind.Members(nil) {
		addr := m.Addr
		if m.State == peer.Self {
			addr = n.ownAddr()
		}
		out = append(out, codec.MemberReport{
			ID: codec.FormatID(m.ID), MAC: codec.FormatMAC(m.ID), Addr: addr.String(), State: m.State.String(),
			LastSeen: wall.Add(-time.Duration(max(now-m.Seen, 0))).Round(time.Millisecond),
			RTT:      m.RTT.Microseconds(), Lag: m.Lag, LagMS: m.LagAge.Milliseconds(), Synced: m.Synced,
			Incarnation: m.Incarnation, Offset: m.Offset, Readiness: m.Readiness.String(),
		})
		if m.Via == 0 {
			continue
		}
		r := &out[len(out)-1]
		r.Via = codec.FormatID(m.Via)
		if m.Incarnation == 0 {
			r.Readiness = "" // nobody has told
		}
	}
	return out
}

// ownAddr is where others reach this node: its listening address, or that of its first usable card.
func (n *node) ownAddr() netip.AddrPort {
	if !n.cfg.Listen.Addr().IsUnspecified() {
		return n.cfg.Listen
	}
	for _, c := range *n.beacon.cards.Load() {
		if c.Usable && len(c.Addrs) > 0 {
			return netip.AddrPortFrom(c.Addrs[0].Prefix.Addr(), n.cfg.Listen.Port())
		}
	}
	return netip.AddrPortFrom(netip.AddrFrom4([4]byte{127, 0, 0, 1}), n.cfg.Listen.Port())
}

// alive counts the members that are there, this node included.
func (n *node) alive() int {
	alive := 0
	for _, m := range n.mind.Members(nil) {
		if m.State == peer.Self || m.State == peer.Alive || m.State == peer.Suspect {
			alive++
		}
	}
	return alive
}

// report is what there is to tell about the node on any goroutine. The digest and how far the wall clock is off belong to a moment of the
// cluster's time, which a step back must not part from what is done with it: they are for Report, on a loop.
func (n *node) report() codec.InfoReport {
	c, counts, seen := &n.counters, n.store.Counts(), n.mind.Counters()
	commands, _ := n.carried()
	ready := 0
	if n.State() == codec.StateReady {
		ready = 1
	}
	security := 0
	if n.guard != nil {
		security = 1
	}
	return codec.InfoReport{
		ID: codec.FormatID(n.mind.ID()), Release: n.cfg.Version, Version: versionNumber(n.cfg.Version),
		Uptime: n.uptime().Seconds(), Ready: ready, Keys: int64(counts.Keys), Bytes: counts.Bytes,
		MaxMemory: n.cfg.MaxMemory, Members: n.alive(),
		Commands: commands, RepairedKeys: seen.Repaired, DroppedByFloor: counts.DroppedByFloor, Evictions: counts.Evictions,
		LagMS:       n.mind.Lag(n.clock.now()).Milliseconds(),
		Connections: int(c.connections.Load()),
		BadInput:    c.badInput.Load(), BadAnnounces: c.badAnnounce.Load(), OtherClusters: seen.AnnouncesForeign,
		Dialed:   c.dialed.Load(),
		Security: security, OtherSecrets: c.otherSecrets.Load(),
		IdleClosed: c.idleClosed.Load(), Refused: c.refused.Load() + seen.LinksRefused, Denied: c.denied.Load(), Overloads: c.overloads.Load(),
		AheadDropped: counts.Ahead, Expired: counts.Expired, Tombstones: int64(counts.Tombstones), Panics: c.panics.Load(),
	}
}

// versionNumber is major.minor of a version such as v0.3.1-12-gabc; 0 when it has none.
func versionNumber(v string) float64 {
	parts := strings.SplitN(strings.TrimPrefix(v, "v"), ".", 3)
	if len(parts) < 2 {
		return 0
	}
	f, err := strconv.ParseFloat(parts[0]+"."+parts[1], 64)
	if err != nil {
		return 0
	}
	return f
}

func (n *node) verify() codec.VerifyReport {
	v := n.mind.Verify()
	r := codec.VerifyReport{
		Converged: v.Converged, Digest: fmt.Sprintf("%016x", v.Root), Since: time.UnixMilli(int64(v.Since)),
		Members: v.Members, Differing: []string{}, LeftOut: v.LeftOut, Unlinked: v.Unlinked,
	}
	for _, id := range v.Differing {
		r.Differing = append(r.Differing, codec.FormatID(id))
	}
	return r
}
