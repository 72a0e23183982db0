package peer

import (
	"testing"
	"time"

	"covey/codec"
)

// A clone takes another id. The stream of the one that keeps it is not over, and the clone's goes on under its new id, also
// where that was heard of first (R26). Streams of no use go after the horizon, but for one whose node greets: what is here of
// it was told in the greeting.
func TestR26_StreamsStayWhenACloneTakesAnotherId(t *testing.T) {
	b := newBench(t)
	n := b.add("A", 1<<16|9000, 0, 0)
	const twin, clone, id, fresh = 4711, 4712, 7<<16 | 9000, 8<<16 | 9000
	n.mu.Lock()
	defer n.mu.Unlock()
	for _, named := range []bool{false, true} {
		n.streams = nil
		m := n.member(b.now, id, thisHost)
		n.streamOf(b.now, twin, id, 1).applied.Store(63)
		m.stream = n.streamOf(b.now, clone, id, 2)
		m.stream.applied.Store(5)
		if !n.streamBy(twin).over {
			t.Fatal("a younger start of the node is known, and the older is not over")
		}
		if named {
			n.streamOf(b.now, clone, fresh, 3)
		}
		n.renamed(b.now, m)
		n.streamOf(b.now, clone, fresh, 3)
		n.streamOf(b.now, clone, id, 2) // an old name, heard late
		if s := n.streamBy(twin); s == nil || s.applied.Load() != 63 || s.over || s.member != id {
			t.Errorf("named before %v: the stream of the one that keeps the id: %+v", named, s)
		}
		if s := n.streamBy(clone); s == nil || s.applied.Load() != 5 || s.over || s.member != fresh {
			t.Errorf("named before %v: the stream of the one that took another: %+v", named, s)
		}
		if n.known(id) != nil {
			t.Error("the member is known still")
		}
	}
	n.links = append(n.links, &Link{node: n.Node, phase: phaseKnown})
	n.links[0].greeting.Stream = twin
	n.dropStreams(b.now) // notes where they are
	n.dropStreams(b.now + n.horizon)
	if n.streamBy(twin) == nil || n.streamBy(clone) != nil {
		t.Error("after the horizon the stream of the node that greets is to be here, and no other")
	}
}

// Of many that start at once none asks another for what that cannot have; one that has written is asked for all of it.
func TestR22_OfASeekingPeerThatHeldNothingNothingIsPulled(t *testing.T) {
	b := newBench(t)
	x, y, z := b.add("x", 1<<16|9000, 0, 0), b.add("y", 2<<16|9000, 0, 0), b.add("z", 3<<16|9000, 0, 0)
	b.set(x, "key", "value")
	b.wire(y, x, 1)
	b.wire(y, z, 2)
	b.deliverAll()
	for n, some := range map[*bnode]bool{x: false, y: true, z: false} {
		if got := n.counters.pulls.Load(); (got >= 256) != some || got > 0 != some {
			t.Errorf("%s has sent %d pulls", n.name, got)
		}
	}
	if got := b.get(y, "key"); got != "value" {
		t.Errorf("y has %s", got)
	}
	b.pass(6 * time.Second) // z hears of x's stream by y (R12), and compares
	if got := b.get(z, "key"); got != "value" || z.State() != codec.StateReady {
		t.Errorf("z has %s, %s", got, z.State())
	}
}

// TestR26_WhoTakesAnotherIdStampsByIt, and is of a later incarnation: who hears of its stream under two names knows the later one.
func TestR26_WhoTakesAnotherIdStampsByIt(t *testing.T) {
	b, x, _, _ := pair(t)
	old, incarnation := x.ID(), x.incarnation
	b.set(x, "before", "v")
	older := b.add("older", old, 5000, 0)
	b.wire(older, x, 31)
	b.deliverAll()
	b.set(x, "after", "v")
	if x.ID() == old || x.incarnation <= incarnation || older.incarnation != 5000 {
		t.Errorf("id %x, incarnation %d, before they were %x and %d", x.ID(), x.incarnation, old, incarnation)
	}
	for key, node := range map[string]uint64{"before": old, "after": x.ID()} {
		if m, _, ok := x.store.Meta([]byte(key), x.store.Hash([]byte(key)), x.clock.Cluster(b.now)); !ok || m.Version.Node != node {
			t.Errorf("what was written %s is of %x, not %x", key, m.Version.Node, node)
		}
	}
}
