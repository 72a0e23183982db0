package peer

import (
	"net/netip"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"covey/codec"
)

// MemberState is what a node thinks of a member.
type MemberState uint8

// The states of a member.
const (
	Unknown MemberState = iota // not a member (yet, or any more): only in a Change
	Self
	Alive
	Suspect
	Dead
	Left
)

var memberStates = [...]string{"unknown", "self", "alive", "suspect", "dead", "left"}

// String gives the state's name.
func (s MemberState) String() string {
	if int(s) >= len(memberStates) {
		s = Unknown
	}
	return memberStates[s]
}

// Member is a snapshot of one member.
type Member struct {
	ID          uint64         // codec.FormatID and codec.FormatMAC show it
	Addr        netip.AddrPort // where it was reached last
	State       MemberState
	Readiness   codec.State   // as it last told
	Incarnation uint64        // of its present start
	Seen        int64         // boot-time ns when its last byte came; for the node itself the present
	RTT         time.Duration // smoothed; 0: not measured yet
	Offset      int64         // its clock minus ours, in ms
	Lag         uint64        // this node's updates that it has not acknowledged
	LagAge      time.Duration // age of the oldest of them, at most
	Synced      bool          // linked and ready, and each of the two has all that the other had written
	Linked      bool          // this node has a link with it
	Via         uint64        // without a link: a peer that says it has one; 0: none does
}

// member is what this node knows of another one. All fields are guarded by Node.mu.
type member struct {
	id          uint64
	incarnation uint64
	addr        netip.AddrPort
	host        netip.Addr // of its last link
	state       MemberState
	since       int64 // when state last changed, boot-time ns
	readiness   codec.State
	stream      *stream // what is applied of its present start; nil: unknown
	link        *Link   // the chosen one; nil: none

	seen     int64         // when its last byte came, as of the last look, boot-time ns
	lostAt   int64         // when its link was lost, until that is judged (detect.go), boot-time ns; 0: nothing is to be judged
	judgeAt  int64         // its link was closed on purpose though it did not leave: not dead before then, boot-time ns
	lostWhy  string        // the reason, for the log
	silent   bool          // its link has brought nothing for suspectAfter
	leaves   bool          // it has announced that it leaves; its Bye may be stuck behind what a slow network did not take
	rtt      int64         // ns, smoothed
	offset   int64         // its clock minus this node's, ms
	measured bool          // rtt and offset are known (R6)
	head     uint64        // the head of its stream, as it last told
	floor    codec.Version // the highest floor that it has told (R14)
	linked   listing       // with whom it is linked, by its last heartbeat
	linkedAt int64         // when it told that, boot-time ns; 0: it has not
	roots    told          // roots of epochs that it has told (R18)
	knows    uint64        // the epoch of its last heartbeat; 0: it knows of no closed epoch, as just after a step
}

// stream is how far the writes of one start of one node are applied here (R9). It outlives links.
type stream struct {
	id      uint64        // random, one for each start of a node
	applied atomic.Uint64 // sequence number up to which all records are here
	stamp   atomic.Uint64 // the highest stamp of its records that came here
	relayed atomic.Int32  // how many links it is passed on to (R12)

	hearing sync.Mutex // held while its messages are given to who listens
	heard   uint64     // up to which they were, or were left out; guarded by it

	// Guarded by Node.mu.
	member      uint64 // id of its node
	incarnation uint64 // of the node's start
	over        bool   // that start has ended: there is a younger one
	synced      bool   // all that the node held was copied once; from then on its stream is enough
	seen        uint64 // applied at the last look
	used        int64  // when it was last offered or had moved, boot-time ns
	handed      int    // scratch of relayTo: its place among the streams passed on, from 1
	lingers     int64  // until then its batches are kept for a link that has ended and may come again, boot-time ns; 0: they are not
}

// advance notes that the records first..last were merged. moved says that applied is last now. ok is false, and nothing noted, when
// records before first are missing: a gap.
func (s *stream) advance(first, last uint64) (ok, moved bool) {
	for {
		applied := s.applied.Load()
		switch {
		case first > applied+1:
			return false, false
		case last <= applied:
			return true, false
		case s.applied.CompareAndSwap(applied, last):
			return true, true
		}
	}
}

// raise notes the stamp of a record of the stream, if it is the highest so far.
func (s *stream) raise(stamp uint64) {
	for {
		highest := s.stamp.Load()
		if stamp <= highest || s.stamp.CompareAndSwap(highest, stamp) {
			return
		}
	}
}

// jump notes that everything up to seq is here, in whatever way it came.
func (s *stream) jump(seq uint64) {
	for {
		applied := s.applied.Load()
		if seq <= applied || s.applied.CompareAndSwap(applied, seq) {
			return
		}
	}
}

// member returns the member with this id and makes it if it is new, of a host; nil when there are too many.
func (n *Node) member(now int64, id uint64, host netip.Addr) *member {
	i, ok := n.find(id)
	if ok {
		return n.members[i]
	}
	if len(n.members) >= MaxMembers-1 && !n.makeRoom(now, host) {
		return nil
	}
	i, _ = n.find(id)
	m := &member{id: id, host: host, since: now, seen: now}
	n.members = slices.Insert(n.members, i, m)
	n.ring.SetLive(true)
	return m
}

// known returns the member with this id, or nil.
func (n *Node) known(id uint64) *member {
	if i, ok := n.find(id); ok {
		return n.members[i]
	}
	return nil
}

func (n *Node) find(id uint64) (int, bool) {
	return slices.BinarySearchFunc(n.members, id, func(m *member, id uint64) int {
		switch {
		case m.id < id:
			return -1
		case m.id > id:
			return 1
		}
		return 0
	})
}

// forget drops a member that has no link. Its streams stay until they are of no use: another member may have its id, and what
// some received of them is still passed on.
func (n *Node) forget(m *member) {
	n.strike(m)
	n.dropTargets(m.id)
}

// strike takes a member off the list.
func (n *Node) strike(m *member) {
	if i, ok := n.find(m.id); ok {
		n.members = slices.Delete(n.members, i, i+1)
		n.ring.SetLive(len(n.members) > 0)
	}
}

// renamed forgets a member that has taken another id (R26). Its stream goes on under the new one. Somebody else has the old
// one: that one's stream is not over, and its address is still good.
func (n *Node) renamed(now int64, m *member) {
	if s := m.stream; s.member == m.id {
		n.name(now, s, 0, s.incarnation)
	}
	n.moved(m.addr)
	n.strike(m)
}

// greets reports whether the node of a stream greets at this moment: it was told, or will be, how much of the stream is here.
func (n *Node) greets(s *stream) bool {
	return slices.ContainsFunc(n.links, func(l *Link) bool { return !l.closing && l.greeting.Stream == s.id })
}

// streamBy returns the entry of a stream, or nil.
func (n *Node) streamBy(id uint64) *stream {
	for _, s := range n.streams {
		if s.id == id {
			return s
		}
	}
	return nil
}

// streamOf returns the entry of a stream and gives it to a start of a node, unless it is known by a later name.
func (n *Node) streamOf(now int64, id, node, incarnation uint64) *stream {
	found := n.streamBy(id)
	if found == nil {
		if len(n.streams) >= MaxStreams {
			n.dropOldestStream()
		}
		found = &stream{id: id}
		n.streams = append(n.streams, found)
	}
	found.used, n.unrest = now, now
	if incarnation >= found.incarnation {
		n.name(now, found, node, incarnation)
	}
	return found
}

// name gives a stream to a start of a node, 0 to one whose id is not known. Where it had another name it is offered anew by this one.
func (n *Node) name(now int64, s *stream, node, incarnation uint64) {
	before := s.member
	n.unrest = now
	s.member, s.incarnation, s.over = node, incarnation, false
	n.judgeStarts(node, false)
	if before != 0 && before != node {
		n.judgeStarts(before, true)
	}
	if before != node && node != 0 {
		n.jumped(now, s)
	}
}

// judgeStarts looks which streams of a node are over: those of all its starts but the youngest; what has come of them is passed
// on until they are forgotten (R10, R12). One with a link is not, whatever its incarnation: a clock that was set back between two starts
// has the later one look older. What was over stays so, unless a stream has proved to be another node's.
func (n *Node) judgeStarts(node uint64, anew bool) {
	youngest := uint64(0)
	var linked *stream
	if m := n.known(node); m != nil && m.link != nil {
		linked = m.stream
	}
	for _, s := range n.streams {
		if s.member == node {
			youngest = max(youngest, s.incarnation)
		}
	}
	for _, s := range n.streams {
		if s.member == node && node != 0 {
			s.over = s != linked && (s.over && !anew || s.incarnation < youngest || node == n.id)
		}
	}
}

// dropOldestStream makes room: of the streams that come on no link of their own, the one longest out of use goes.
func (n *Node) dropOldestStream() {
	oldest := -1
	for i, s := range n.streams {
		if m := n.known(s.member); m != nil && m.stream == s && m.link != nil {
			continue
		}
		if oldest < 0 || s.used < n.streams[oldest].used {
			oldest = i
		}
	}
	if oldest >= 0 {
		n.streams = slices.Delete(n.streams, oldest, oldest+1)
	}
}

// setState changes what the node thinks of a member and wishes for one log line.
func (n *Node) setState(now int64, m *member, state MemberState, reason string) {
	if m.state == state {
		return
	}
	n.out.change(Change{ID: m.id, Addr: m.addr, Old: m.state, New: state, Reason: reason})
	m.state, m.since, n.unrest = state, now, now
	n.wish()
}
