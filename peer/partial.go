package peer

import (
	"math"
	"math/bits"
	"sync"

	"covey/codec"
)

// partials are partial leaves (R16): those of a store, or those that are partial in one of two. It does not change once it
// was made.
type partials struct {
	leaves int // of a shard
	bits   [256]codec.LeafBits
	count  int    // how many of allLeaves
	print  uint32 // of leaves and bits; 0: none is partial
}

// allComplete is what a peer is taken for that has told of none.
var allComplete = &partials{leaves: 256}

// everyLeaf is all of them.
var everyLeaf = func() *partials {
	p := &partials{leaves: 256}
	for shard := range p.bits {
		p.bits[shard] = codec.LeafBits{math.MaxUint64, math.MaxUint64, math.MaxUint64, math.MaxUint64}
	}
	return p.finish()
}()

// partialPrime is that of docs/PROTOCOL.md.
const partialPrime = 0x9E3779B97F4A7C15

// finish counts the leaves and makes their print.
func (p *partials) finish() *partials {
	print := uint64(p.leaves)
	for shard := range p.bits {
		if p.bits[shard] == (codec.LeafBits{}) {
			continue
		}
		for _, word := range p.bits[shard] {
			p.count += bits.OnesCount64(word) * 256 / p.leaves
			print = (print ^ word ^ uint64(shard)<<56) * partialPrime
			print ^= print >> 29
		}
	}
	if p.count > 0 {
		p.print = max(1, uint32(print))
	}
	return p
}

// resized returns the leaves of a shard as those of a store with so many: one that is partly partial is partial.
func (p *partials) resized(shard, leaves int) (out codec.LeafBits) {
	if leaves == p.leaves {
		return p.bits[shard]
	}
	for i := range max(leaves, p.leaves) { // the finer ones
		from, to := i*p.leaves/max(leaves, p.leaves), i*leaves/max(leaves, p.leaves)
		if p.bits[shard][from/64]>>(from%64)&1 != 0 {
			out[to/64] |= 1 << (to % 64)
		}
	}
	return out
}

// unite returns the leaves that are partial in a or in b.
func unite(a, b *partials) *partials {
	switch { // most are complete on one side, or on both
	case a.count == 0 && b.count == 0:
		return allComplete
	case a.count == 0 && b.leaves <= a.leaves:
		return b
	case b.count == 0 && a.leaves <= b.leaves:
		return a
	}
	u := &partials{leaves: min(a.leaves, b.leaves)}
	for shard := range u.bits {
		x, y := a.resized(shard, u.leaves), b.resized(shard, u.leaves)
		for i := range x {
			u.bits[shard][i] = x[i] | y[i]
		}
	}
	return u.finish()
}

// intersect returns the leaves that are partial in a and in b.
func intersect(a, b *partials) *partials {
	s := &partials{leaves: max(a.leaves, b.leaves)}
	for shard := range s.bits {
		x, y := a.resized(shard, s.leaves), b.resized(shard, s.leaves)
		for i := range x {
			s.bits[shard][i] = x[i] & y[i]
		}
	}
	return s.finish()
}

// subtract returns the leaves that are partial in a and not in b.
func subtract(a, b *partials) *partials {
	s := &partials{leaves: a.leaves}
	for shard := range s.bits {
		x, y := a.bits[shard], b.resized(shard, a.leaves)
		for i := range x {
			s.bits[shard][i] = x[i] &^ y[i]
		}
	}
	return s.finish()
}

// has reports whether the leaf of a prefix of 16 bits is partial.
func (p *partials) has(prefix int) bool {
	leaf := prefix & 255 * p.leaves / 256
	return p.bits[prefix>>8][leaf/64]>>(leaf%64)&1 != 0
}

// partialsOf reads those of the store.
func (n *Node) partialsOf() *partials {
	p := &partials{leaves: n.store.LeafCount()}
	var words []uint64
	for shard := range p.bits {
		words = n.store.Partial(words[:0], shard)
		copy(p.bits[shard][:], words)
	}
	return p.finish()
}

// partial is what this node tells of its own partial leaves. What comes before mu is guarded by Node.mu, the rest by mu: the ticker looks, and
// the loop that has lost a link. mu is locked before Node.mu.
type partial struct {
	own      *partials
	cramped  int64 // when the store last had no room for what it has forgotten, or had forgotten nothing
	regained int64 // when what it lacks was last asked for because it had; 0: never

	mu      sync.Mutex
	last    *partials // what was read last
	changes uint64    // of the store, when own was read
	at      int64     // when that was
}

// lookPartial reads the partial leaves again when they have changed, seldom, and returns the roots without those that are
// left out on some link, by their print. It asks the store, without the node's lock.
func (n *Node) lookPartial(now int64, c *cut) {
	n.partial.mu.Lock()
	defer n.partial.mu.Unlock()
	own := n.partial.last
	if changes := n.store.PartialChanges(); changes != n.partial.changes && (n.partial.at == 0 || now-n.partial.at >= int64(partialInterval)) {
		n.partial.changes, n.partial.at = changes, now
		own = n.partialsOf()
		n.partial.last = own
	}
	c.left = n.leaveOut(own)
	if c.epoch == 0 || n.weak&WithPartial != 0 {
		return
	}
	var sums []uint64
	for shard := 0; shard < 256 && len(c.left) > 0; shard++ {
		var ok bool
		if sums, ok = n.store.Leaves(sums[:0], shard, c.epoch, n.clock.Cluster(now)); !ok {
			c.left = nil
			return
		}
		for i := range c.left {
			c.left[i].take(shard, sums)
		}
	}
}

// leftOut is what one set of leaves adds to a root.
type leftOut struct {
	leaves *partials
	sum    uint64
}

// take adds the sums of a shard's leaves that are left out. This store has as many leaves, or so many times more.
func (o *leftOut) take(shard int, sums []uint64) {
	if o.leaves.bits[shard] == (codec.LeafBits{}) {
		return
	}
	each := len(sums) / o.leaves.leaves
	for i, word := range o.leaves.bits[shard] {
		for ; word != 0; word &= word - 1 {
			leaf := i*64 + bits.TrailingZeros64(word)
			for _, sum := range sums[leaf*each : (leaf+1)*each] {
				o.sum += sum
			}
		}
	}
}

// leaveOut takes over what this node has of its own, and returns what is left out on the links, each set once.
func (n *Node) leaveOut(own *partials) (all []leftOut) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.partial.own = own
	for _, m := range n.members {
		l := m.link
		if l == nil {
			continue
		}
		if l.bitmaps.left == nil || l.bitmaps.ours != own || l.bitmaps.from != l.bitmaps.theirs {
			l.bitmaps.ours, l.bitmaps.from = own, l.bitmaps.theirs
			l.bitmaps.left = unite(own, l.bitmaps.theirs)
			l.bitmaps.scrubs = own
			if m.id < n.id && own.count > 0 {
				l.bitmaps.scrubs = subtract(own, l.bitmaps.theirs)
			}
		}
		left := l.bitmaps.left
		if left.print != 0 && !containsPrint(all, left.print) {
			all = append(all, leftOut{leaves: left})
		}
	}
	return all
}

func containsPrint(all []leftOut, print uint32) bool {
	for i := range all {
		if all[i].leaves.print == print {
			return true
		}
	}
	return false
}

// linkPartial is what the two sides of a link have told of their partial leaves. It is guarded by Node.mu.
type linkPartial struct {
	theirs *partials // as the other has told
	told   *partials // what it was told
	left   *partials // those of both, made of ours and from
	ours   *partials
	from   *partials
	scrubs *partials // those of ours of which this node names the entries that it holds (scrub.go)
	low    int64     // when all was compared and its floor was too low for its word about ours to count, ns; 0: it was not
}

// rootFor returns the root that is told on a link: without the leaves that are partial on either side.
func (c *cut) rootFor(l *Link) root {
	left := l.bitmaps.left
	if left == nil {
		left = unite(l.node.partial.own, l.bitmaps.theirs) // chosen since the look
	}
	if left.print == 0 || l.node.weak&WithPartial != 0 {
		return root{epoch: c.epoch, sum: c.root}
	}
	for i := range c.left {
		if o := &c.left[i]; o.leaves.print == left.print {
			return root{epoch: c.epoch, sum: c.root - o.sum, left: left.print}
		}
	}
	return root{}
}

// tellPartial tells a peer of this node's partial leaves, when they are not what it was told.
func (n *Node) tellPartial(now int64, l *Link) {
	own, told := n.partial.own, l.bitmaps.told
	if own == told || n.weak&WithPartial != 0 {
		return
	}
	l.bitmaps.told = own
	if told == nil {
		if told = allComplete; own.count == 0 && own.leaves == told.leaves {
			return
		}
	}
	m := codec.Partial{Leaves: uint16(own.leaves)}
	for shard := range own.bits {
		if own.bits[shard] != told.bits[shard] {
			m.Entries = codec.AppendPartialEntry(m.Entries, uint8(shard), &own.bits[shard])
			m.Count++
		}
	}
	n.send(l, func(b []byte) []byte { return codec.AppendPartial(b, m) })
}

// partialHeard takes what a peer tells of its partial leaves.
func (n *Node) partialHeard(l *Link, body []byte) error {
	m, err := codec.DecodePartial(body)
	if err != nil {
		return err
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	p := &partials{leaves: int(m.Leaves), bits: l.bitmaps.theirs.bits}
	for run := m.Entries; len(run) > 0; {
		var leaves codec.LeafBits
		shard, used, err := codec.DecodePartialEntry(run, &leaves)
		if err != nil {
			return err
		}
		p.bits[shard], run = leaves, run[used:]
	}
	l.bitmaps.theirs = p.finish()
	return nil
}
