package peer

import (
	"math/bits"
	"net/netip"
	"slices"

	"covey/codec"
)

// join is the state of a node that is becoming ready (R21, R22).
type join struct {
	since    int64         // when seeking began, boot-time ns
	cardUp   bool          // R22's second was begun again for the first usable card
	covered  shards        // shards that were pulled from ready donors since loading began
	asked    [256]uint16   // for each shard, on how many links it is being pulled
	finished int64         // when the first donor had given all that it has, boot-time ns; 0: none has
	whole    bool          // what was held was compared, not an epoch
	floor    codec.Version // the store's floor is to be raised to it once the node is unlocked
	// To be applied once the node is unlocked; nil: nothing. inherited are leaves that were partial with all donors: they become partial
	// here. completed are the partial leaves of a peer with which all was compared: all others become complete here.
	inherited, completed *partials
	hasty                *partials // not nil: all leaves are partial for the time being (hasten); these stay partial after that
	hastened             int64     // when that began, boot-time ns
	rewound              bool      // the clock has stepped back since the last Tick (R6)
	time                 timeSource
	timeOf               uint64 // with timeSeeking: id of the node whose time this is
	timed                bool   // a peer's clock is known: the next Tick settles the time
	follows              uint64 // id of the node to whose time it steps then; 0: none
}

// pulls is what a node pulls from one donor. From each donor it pulls all shards at the first contact and after a gap; while it loads,
// only those that no other donor has given yet.
type pulls struct {
	owed  bool   // all shards are to be pulled from this donor
	had   shards // shards that were pulled since owed was set
	begin int    // the shard to begin with; another one for each donor
	slots [pullCredit]pull
	id    uint32 // of the last Pull
}

// pull is one Pull that is not answered yet.
type pull struct {
	id    uint32 // 0: the slot is free
	shard uint16
	stale bool  // begun before owed was last set: its records are merged, but the shard does not count as pulled
	begun int64 // when it was first sent, boot-time ns
	moved int64 // when records last came, boot-time ns; 0: none did
}

// shards is a set of the 256 shards of the digest.
type shards [4]uint64

func (s *shards) has(i uint16) bool { return s[i>>6]>>(i&63)&1 != 0 }
func (s *shards) add(i uint16)      { s[i>>6] |= 1 << (i & 63) }
func (s *shards) full() bool {
	return bits.OnesCount64(s[0])+bits.OnesCount64(s[1])+bits.OnesCount64(s[2])+bits.OnesCount64(s[3]) == 256
}

// joinLinked begins what is to be copied from a new peer.
func (n *Node) joinLinked(now int64, l *Link) {
	m := l.member
	l.pulls.begin = n.rand.IntN(256)
	l.out.scrub.from = uint64(l.pulls.begin) << 56
	l.metReady = n.State() == codec.StateReady
	ready := m.readiness == codec.StateReady
	switch {
	case n.State() == codec.StateSeeking && ready:
		n.beginLoading(now)
	case n.State() == codec.StateSeeking && l.holdsNothing():
		m.stream.synced = true // as if all of it was copied; what comes is in its stream
	case n.State() == codec.StateSeeking:
		if !m.stream.synced {
			n.oweAll(now, l)
		}
	case ready && !m.stream.synced:
		// Two that were ready before they met: each may hold what a third wrote. A newcomer has its own stream only.
		n.require(now, l, 0)
	}
	n.feed(now, l)
}

// holdsNothing reports whether the other had nothing when it greeted, no write of its own and nothing of others: of many that start
// at once each would ask each for 256 empty shards.
func (l *Link) holdsNothing() bool {
	g := &l.greeting
	return !g.Stamped && g.Head == 0 && g.State == codec.StateSeeking
}

// joinChanged goes on when a peer's readiness has changed from old.
func (n *Node) joinChanged(now int64, l *Link, old codec.State) {
	if l.member.readiness != codec.StateReady {
		return
	}
	switch {
	case n.State() == codec.StateSeeking:
		n.beginLoading(now)
	case n.State() == codec.StateLoading:
		n.require(now, l, 0)
	case old == codec.StateSeeking && !l.metReady && !l.member.stream.synced:
		n.require(now, l, 0) // ready with others perhaps: what they wrote may be with it alone
	case n.State() == codec.StateReady && !l.pulls.owed && !l.debt.owed && !l.held.Load():
		l.member.stream.synced = true // it has loaded what we have, and its own stream comes from its start
	}
	n.feed(now, l)
}

// beginLoading goes from seeking to loading: all shards, each from one of the ready donors, and a comparison with each of
// them.
func (n *Node) beginLoading(now int64) {
	n.setReadiness(codec.StateLoading)
	n.join.covered, n.join.finished = shards{}, now
	for _, m := range n.members {
		if m.link != nil {
			n.outdate(m.link)
			if m.readiness == codec.StateReady {
				n.require(now, m.link, 0)
			}
		}
	}
	for _, m := range n.members {
		if m.link != nil {
			n.feed(now, m.link)
		}
	}
}

// owe has all that the other holds compared: records up to a stamp, or up to now, are missing. On the loop of l.
func (n *Node) owe(now int64, l *Link, stamp uint64) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.require(now, l, stamp)
}

// oweAll has everything that the other holds pulled. That settles a comparison that was owed before.
func (n *Node) oweAll(now int64, l *Link) {
	if l.member == nil {
		return
	}
	l.member.stream.synced = false
	l.debt, l.pulls.owed, l.pulls.had = debt{}, true, shards{}
	n.outdate(l)
	n.feed(now, l)
}

// oweByAll has every ready peer compared, those to come included: something was lost that any of them may have.
func (n *Node) oweByAll(now int64) {
	for _, s := range n.streams {
		s.synced = false
	}
	for _, m := range n.members {
		if m.link != nil && m.readiness == codec.StateReady {
			n.require(now, m.link, 0)
		}
	}
}

// outdate makes what is being pulled on l not count.
func (n *Node) outdate(l *Link) {
	for i := range l.pulls.slots {
		if p := &l.pulls.slots[i]; p.id != 0 && !p.stale {
			p.stale = true
			n.join.asked[p.shard]--
		}
	}
}

// again makes what is being pulled on l not count: an answer came that was of no use. On the loop of l.
func (n *Node) again(l *Link) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.outdate(l)
}

// unpull gives back what was being pulled on a link that ends.
func (n *Node) unpull(_ int64, l *Link) {
	n.outdate(l)
	l.pulls = pulls{id: l.pulls.id}
}

// feed sends Pulls to a donor up to its credit.
func (n *Node) feed(now int64, l *Link) {
	if l.member == nil || l.closing || l.held.Load() {
		return // hold feeds it when it is let go
	}
	for i := range l.pulls.slots {
		p := &l.pulls.slots[i]
		if p.id != 0 {
			continue
		}
		shard, ok := n.nextShard(l)
		if !ok {
			return
		}
		n.beginPull(now, l, p, shard)
	}
}

func (n *Node) beginPull(now int64, l *Link, p *pull, shard uint16) {
	n.join.asked[shard]++
	p.shard, p.stale, p.begun, p.moved = shard, false, now, 0
	n.pull(now, l, p, 0)
}

// donor is what is asked for a shard only once: a link with a node of this machine, or all links with one other host, which may be
// nodes that it has made up.
type donor struct {
	host netip.Addr
	link *Link
}

func (l *Link) donor() donor {
	if l.host == thisHost {
		return donor{link: l}
	}
	return donor{host: l.host}
}

// hedge has shards pulled from another donor too of which nothing has come for slowPull, or that are being pulled for slowShard: of a
// third after twice that, and so on. Many donors on one cable are slow, each of them, and asking others makes that worse: few are asked for
// by two at one time.
func (n *Node) hedge(now int64) {
	pulled := make(map[donor]shards)
	var age, moved [256]int64
	for _, m := range n.members {
		if m.link == nil {
			continue
		}
		d := m.link.donor()
		had := pulled[d]
		for i := range m.link.pulls.slots {
			if p := &m.link.pulls.slots[i]; p.id != 0 && !p.stale {
				had.add(p.shard)
				age[p.shard], moved[p.shard] = max(age[p.shard], now-p.begun), max(moved[p.shard], p.moved)
			}
		}
		pulled[d] = had
	}
	slow, hedged := make([]uint16, 0, 256), 0
	for s := range uint16(256) {
		asked := int64(n.join.asked[s])
		if asked == 0 || n.join.covered.has(s) {
			continue
		}
		if min(age[s], now-moved[s]) >= int64(slowPull)*asked || age[s] >= int64(slowShard)*asked {
			slow = append(slow, s)
		}
		if asked > 1 {
			hedged++
		}
	}
	for _, m := range n.members {
		l := m.link
		if l == nil || m.readiness != codec.StateReady || l.held.Load() {
			continue
		}
		had := pulled[l.donor()]
		for i := range l.pulls.slots {
			next := slices.IndexFunc(slow, func(s uint16) bool { return !had.has(s) && (n.join.asked[s] > 1 || hedged < maxHedged) })
			if p := &l.pulls.slots[i]; p.id == 0 && next >= 0 && !l.closing {
				if n.join.asked[slow[next]] == 1 {
					hedged++
				}
				had.add(slow[next])
				n.beginPull(now, l, p, slow[next])
				slow = slices.Delete(slow, next, next+1)
			}
		}
		pulled[l.donor()] = had
	}
}

// pull sends one Pull for the slot p.
func (n *Node) pull(now int64, l *Link, p *pull, cursor uint64) {
	l.pulls.id = l.pulls.id%(fetchBit-1) + 1
	p.id = l.pulls.id
	n.counters.pulls.Add(1)
	m := codec.Pull{ID: p.id, Shard: p.shard, Cursor: cursor, Limit: pullLimit}
	n.send(l, func(b []byte) []byte { return codec.AppendPull(b, m) })
}

// nextShard chooses what to pull from l next: what no ready donor has served yet, then what l owes.
func (n *Node) nextShard(l *Link) (uint16, bool) {
	p := &l.pulls
	if n.State() == codec.StateLoading && l.member.readiness == codec.StateReady {
		for i := range 256 {
			if s := uint16((p.begin + i) % 256); !n.join.covered.has(s) && n.join.asked[s] == 0 {
				return s, true
			}
		}
	}
	if p.owed {
		for i := range 256 {
			if s := uint16((p.begin + i) % 256); !p.had.has(s) && !p.pulling(s) {
				return s, true
			}
		}
	}
	return 0, false
}

func (p *pulls) pulling(shard uint16) bool {
	for i := range p.slots {
		if s := &p.slots[i]; s.id != 0 && !s.stale && s.shard == shard {
			return true
		}
	}
	return false
}

// pulled goes on when a Pull was answered and its records are merged. On the loop of l.
func (n *Node) pulled(now int64, l *Link, m codec.Records) error {
	n.mu.Lock()
	defer n.mu.Unlock()
	if l.member == nil || l.closing {
		return nil
	}
	var p *pull
	for i := range l.pulls.slots {
		if s := &l.pulls.slots[i]; s.id == m.ID && s.id != 0 {
			p = s
		}
	}
	if p == nil || p.shard != m.Shard {
		return ErrFlow
	}
	l.member.takeFloor(m.Floor)
	before := n.join.covered.full()
	switch {
	case p.stale:
		*p = pull{}
	case !m.Done && !l.pulls.owed && n.join.covered.has(p.shard): // another was faster
		n.join.asked[p.shard]--
		*p = pull{}
	case !m.Done:
		if m.Count > 0 {
			p.moved = now
		}
		n.pull(now, l, p, m.Next)
		return nil
	default:
		n.join.asked[p.shard]--
		l.pulls.had.add(p.shard)
		if l.member.readiness == codec.StateReady {
			n.join.covered.add(p.shard)
		}
		*p = pull{}
	}
	if l.pulls.owed && l.pulls.had.full() {
		l.pulls.owed = false
		if !l.debt.owed { // or it came to be owed since: the first of them may be from before
			n.paid(now, l)
		}
	}
	if n.State() == codec.StateLoading && !before && n.join.covered.full() {
		// Of keys that were written while they were copied only the last version came. Epochs that end from now on are whole.
		for _, m := range n.members {
			if m.link != nil && m.link.debt.owed {
				n.require(now, m.link, 0)
			}
		}
	}
	n.feed(now, l)
	return nil
}

// gapHeard takes a Gap (R10): the other cannot send from where we are. applied goes to where its stream goes on once all
// that it holds was compared.
func (n *Node) gapHeard(now int64, l *Link, body []byte) error {
	m, err := codec.DecodeGap(body)
	if err != nil {
		return err
	}
	s := l.in.subscribed(m.Stream)
	if s == nil {
		return nil
	}
	n.counters.gapsIn.Add(1)
	if n.weak&WithoutGap != 0 {
		s.stream.jump(m.Head)
		return nil
	}
	s.asked = false
	if s != &l.in.own && s.stream.applied.Load() >= m.Head {
		return nil // another way was faster
	}
	if l.sameStep() {
		s.stream.raise(m.Stamp)
	}
	s.gapped, s.gapTo = true, max(m.Head, s.gapTo)
	n.owe(now, l, m.Stamp)
	return nil
}
