package peer

import (
	"fmt"
	"testing"
	"time"
)

// TestR20_TheDigestOfANodeThatJoinsIsThatOfWhatItHas: its first root of an epoch was taken before anything was copied.
func TestR20_TheDigestOfANodeThatJoinsIsThatOfWhatItHas(t *testing.T) {
	compared := 0
	for alone := time.Duration(0); alone < 900*time.Millisecond; alone += 100 * time.Millisecond {
		b, x, y, _ := pair(t)
		b.set(x, "k", "v")
		b.deliverAll()
		b.pass(6 * time.Second)
		z := b.add("z", 3<<16|9000, 0, 0)
		b.pass(alone)
		b.wire(z, x, 31)
		b.wire(z, y, 32)
		b.deliverAll()
		for range 30 {
			b.pass(100 * time.Millisecond)
			v, w := z.Verify(), x.Verify()
			if !v.Converged || v.Epoch != w.Epoch {
				continue
			}
			if compared++; v.Root != w.Root {
				t.Fatalf("converged, and its digest of epoch %d is %x, that of the others %x", v.Epoch, v.Root, w.Root)
			}
		}
	}
	if compared < 90 {
		t.Errorf("compared %d times", compared)
	}
}

// TestR20_MembersThatOnlyPeersAreLinkedWithAreNotCompared: neither one that was never linked with here nor one whose link is gone makes
// the others differ; nobody knows here what they hold.
func TestR20_MembersThatOnlyPeersAreLinkedWithAreNotCompared(t *testing.T) {
	for _, met := range []bool{false, true} {
		t.Run(fmt.Sprintf("linked before %v", met), func(t *testing.T) {
			b, x, y, _ := pair(t)
			z := b.add("z", 3<<16|9000, 0, 0)
			b.wire(z, y, 31)
			if met {
				b.wire(z, x, 32)
			}
			b.deliverAll()
			b.set(x, "k", "v")
			b.deliverAll()
			b.pass(6 * time.Second)
			if met {
				if v := x.Verify(); !v.Converged || v.Members != 3 || v.Unlinked != 0 {
					t.Fatalf("all linked with all: %+v", v)
				}
				b.drop(x, z)
			}
			b.deliverAll()
			b.pass(6 * time.Second)
			for _, n := range []*bnode{x, z} {
				if v := n.Verify(); !v.Converged || v.Members != 2 || v.Unlinked != 1 {
					t.Errorf("%s: %+v", n.name, v)
				}
			}
			if v := y.Verify(); !v.Converged || v.Members != 3 || v.Unlinked != 0 {
				t.Errorf("the one in the middle: %+v", v)
			}
		})
	}
}

// TestR20_ANodeComparesInTheTimeThatItTook: what it noted by a clock that was wrong is of no epoch that others know.
func TestR20_ANodeComparesInTheTimeThatItTook(t *testing.T) {
	for _, skew := range []int64{3_600_000, -3_600_000} {
		b, x, y, _ := pair(t)
		b.set(x, "k", "v")
		b.deliverAll()
		b.pass(6 * time.Second)
		z := b.add("z", 3<<16|9000, 0, skew)
		b.pass(300 * time.Millisecond)
		linked := x.clock.Cluster(b.now)
		b.wire(z, x, 31)
		b.wire(z, y, 32)
		b.deliverAll()
		b.pass(6 * time.Second)
		v := z.Verify()
		if !v.Converged || v.Members != 3 || v.Since+2048 < linked || v.Since > z.clock.Cluster(b.now) {
			t.Errorf("off by %d ms, linked at %d: %+v", skew, linked, v)
		}
	}
}

// TestR20_WhoWasApartHoldsTheSameSinceItIsBack: what it wrote meanwhile is repaired before an epoch is compared, and nobody sees that it differed.
func TestR20_WhoWasApartHoldsTheSameSinceItIsBack(t *testing.T) {
	b, x, y, _ := pair(t)
	b.set(x, "k", "v")
	b.deliverAll()
	b.pass(6 * time.Second)
	b.drop(x, y)
	b.pass(4 * time.Second)
	b.set(y, "k", "w")
	b.pass(300 * time.Millisecond)
	if v := x.Verify(); v.Members != 1 || v.Unlinked != 0 {
		t.Fatalf("the other is dead: %+v", v)
	}
	back := x.clock.Cluster(b.now)
	b.connect(x, y)
	b.deliverAll()
	b.pass(6 * time.Second)
	for _, n := range []*bnode{x, y} {
		if v := n.Verify(); !v.Converged || v.Members != 2 || v.Since+2048 < back || v.Since > n.clock.Cluster(b.now) {
			t.Errorf("%s, back at %d: %+v", n.name, back, v)
		}
	}
}

// TestR20_WhoWasVouchedForHoldsTheSameSinceItIsLinkedAgain: what it held while only a peer was linked with it nobody has compared here.
func TestR20_WhoWasVouchedForHoldsTheSameSinceItIsLinkedAgain(t *testing.T) {
	b, x, y, _ := pair(t)
	z := b.add("z", 3<<16|9000, 0, 0)
	b.wire(z, x, 31)
	b.wire(z, y, 32)
	b.deliverAll()
	b.pass(6 * time.Second)
	before := x.Verify()
	b.drop(x, z)
	b.pass(5 * time.Second)
	if v := x.Verify(); !v.Converged || v.Members != 2 || v.Unlinked != 1 || v.Since != before.Since {
		t.Fatalf("one is vouched for: %+v, before: %+v", v, before)
	}
	back := x.clock.Cluster(b.now)
	b.wire(z, x, 33)
	b.deliverAll()
	b.pass(6 * time.Second)
	for _, n := range []*bnode{x, z} {
		if v := n.Verify(); !v.Converged || v.Members != 3 || v.Since+2048 < back || v.Since > n.clock.Cluster(b.now) {
			t.Errorf("%s, linked again at %d: %+v", n.name, back, v)
		}
	}
	if v := y.Verify(); !v.Converged || v.Since != before.Since && v.Since > back {
		t.Errorf("who was linked with both all the time: %+v", v)
	}
}

// TestR20_WhoWasOfAnotherTimeHoldsTheSameSinceItIsOfThis: as long as its link was held it differed.
func TestR20_WhoWasOfAnotherTimeHoldsTheSameSinceItIsOfThis(t *testing.T) {
	b, x, y, c := pair(t)
	b.set(x, "k", "v")
	b.deliverAll()
	b.pass(6 * time.Second)
	y.clock.step(b.now, 2*StepFrom) // and it steps back (R7)
	last := uint64(0)
	for range int(10 * time.Second / TickInterval) {
		b.pass(TickInterval)
		if c.sides[0].link.held.Load() {
			last = x.clock.Cluster(b.now)
		}
	}
	if v := x.Verify(); last == 0 || !v.Converged || v.Members != 2 || v.Since+1024 < last || v.Since > x.clock.Cluster(b.now) {
		t.Errorf("held until %d: %+v", last, v)
	}
}

// TestR20_ADifferenceInOneEpochAloneIsNoAlarm: two writes on two sides of its end may come in either order.
func TestR20_ADifferenceInOneEpochAloneIsNoAlarm(t *testing.T) {
	b, x, y, c := pair(t)
	b.set(x, "k", "v")
	b.pass(6 * time.Second)
	epoch, m := x.Verify().Epoch, c.sides[0].link.member
	m.roots.theirs[epoch%rootsKept].sum++
	if v := x.Verify(); !v.Converged || v.Epoch != epoch {
		t.Errorf("one epoch differs: %+v", v)
	}
	m.roots.theirs[(epoch-1)%rootsKept].sum++
	if v := x.Verify(); v.Converged || len(v.Differing) != 1 || v.Differing[0] != y.ID() {
		t.Errorf("two epochs differ: %+v", v)
	}
}

// TestR20_WhoHasLostItsLinkDiffersUntilItIsLinkedOrDead: what it told before says nothing of now.
func TestR20_WhoHasLostItsLinkDiffersUntilItIsLinkedOrDead(t *testing.T) {
	b, x, y, c := pair(t)
	b.set(x, "k", "v")
	b.pass(6 * time.Second)
	x.Step(b.now, Event{Kind: EventMoved, Link: c.sides[0].link})
	if v := x.Verify(); v.Converged || v.Members != 2 || len(v.Differing) != 1 || v.Differing[0] != y.ID() {
		t.Errorf("without a link: %+v", v)
	}
	b.carryOut(x)
	b.pass(deadAfter + time.Second)
	if v := x.Verify(); !v.Converged || v.Members != 1 {
		t.Errorf("dead: %+v", v)
	}
}

// TestR20_RootsThatLeaveOutOtherLeavesAreNotCompared: they may be equal or not by what one of them leaves out.
func TestR20_RootsThatLeaveOutOtherLeavesAreNotCompared(t *testing.T) {
	for _, sum := range []uint64{7, 8} {
		r := told{}
		r.ours.add(root{epoch: 9, sum: 7, left: 1})
		r.theirs.add(root{epoch: 9, sum: sum, left: 2})
		if known, _ := r.know(9); known {
			t.Errorf("sums 7 and %d of other leaves are compared", sum)
		}
		r.theirs.add(root{epoch: 9, sum: sum, left: 1})
		if known, equal := r.know(9); !known || equal != (sum == 7) {
			t.Errorf("sums 7 and %d of the same leaves: compared %v, equal %v", sum, known, equal)
		}
	}
}
