package peer

import (
	"slices"
	"strconv"
	"testing"
	"time"

	"covey/codec"
	"covey/store"
)

// kinds counts the frames of a kind that are on their way to a side.
func (s *bside) kinds(kind codec.Kind) (count int) {
	for _, f := range s.in {
		if f.head.Kind == kind {
			count++
		}
	}
	return count
}

// almostEqual makes two nodes that hold many keys, and one that the second alone has, as of an epoch that is closed; they do not repair.
func almostEqual(t *testing.T) (b *bench, x, y *bnode, c *bconn, epoch uint64) {
	b, x, y, c = pair(t)
	x.weak, y.weak = WithoutRepair, WithoutRepair
	for i := range 4000 {
		b.set(x, "key "+strconv.Itoa(i), "v")
	}
	b.deliverAll()
	key := []byte("one more")
	y.store.Set(nil, key, []byte("v"), y.store.Hash(key), y.clock.Cluster(b.now), store.SetOptions{})
	b.pass(6 * time.Second)
	return b, x, y, c, store.ClosedEpoch(x.clock.Cluster(b.now))
}

// TestR18_AnAnswerThatComesWhenItsEpochIsPastListsNothing: it was 7 s on its way. The comparison is given up, and another finds the key.
func TestR18_AnAnswerThatComesWhenItsEpochIsPastListsNothing(t *testing.T) {
	b, x, y, c, epoch := almostEqual(t)
	l := c.sides[0].link
	if !l.begin(b.now, epoch, false) {
		t.Fatal("no comparison is begun")
	}
	b.flush(c.sides[0], false)
	for b.deliver(c.sides[1]) {
	}
	if c.sides[0].kinds(codec.KindDigests) != 1 {
		t.Fatal("the first Digests are not answered")
	}
	b.now += int64(7 * time.Second)
	c.sides[0].in = slices.DeleteFunc(c.sides[0].in, func(f bframe) bool { return f.head.Kind != codec.KindDigests })
	b.deliver(c.sides[0])
	if n := c.sides[1].kinds(codec.KindListing); n != 0 || l.leads.Load() {
		t.Errorf("%d parts are listed as of an epoch that is past; leads %v", n, l.leads.Load())
	}
	x.weak, y.weak = 0, 0
	b.pass(10 * time.Second)
	if v := b.get(x, "one more"); v != "v" || x.counters.repaired.Load() != 1 {
		t.Errorf("the key is %s there, %d were repaired", v, x.counters.repaired.Load())
	}
}

// TestR18_ANodeOfAPastEpochHasNoChildrenThatDiffer, whether the epoch was still known when its Digests came or not: another loop's time
// may be ahead. The leaves below one that differed are compared all the same.
func TestR18_ANodeOfAPastEpochHasNoChildrenThatDiffer(t *testing.T) {
	b, _, y, c, epoch := almostEqual(t)
	l := c.sides[1].link
	if _, ok := y.store.Root(epoch+8, y.clock.Cluster(b.now)+8*1024); !ok {
		t.Fatal("no root of a later epoch")
	}
	var sums [codec.DigestsWidth]uint64
	for level := range uint8(codec.DigestsLeaves) {
		m := codec.Digests{Epoch: epoch, Level: level, Count: 1, Nodes: codec.AppendDigestsNode(nil, 0, &sums)}
		visited := 0
		err := l.differing(b.now, &m, func(uint32, uint8) error { visited++; return nil })
		switch {
		case level < codec.DigestsLeaves-1 && (err != errPast || visited != 0):
			t.Errorf("level %d: %d children differ, error %v", level, visited, err)
		case level == codec.DigestsLeaves-1 && (err != nil || visited != codec.DigestsWidth):
			t.Errorf("leaves: %d differ, error %v", visited, err)
		}
		next := codec.Digests{Epoch: epoch, Level: level}
		if ok, err := l.deeper(b.now, &next, 0); ok || err != errPast {
			t.Errorf("level %d: a node has children, %v, error %v", level, ok, err)
		}
	}
	body := codec.AppendDigests(nil, codec.Digests{Epoch: epoch, Count: 1, Nodes: codec.AppendDigestsNode(nil, 0, &sums)})[codec.HeaderLen:]
	if err := l.descend(b.now, body); err != nil {
		t.Fatal(err)
	}
	work := l.out.repair.work
	if len(work) != 1 || work[0].frame == nil {
		t.Fatalf("the answer is %d pieces of work, not one frame", len(work))
	}
	if m, err := codec.DecodeDigests(work[0].frame[codec.HeaderLen:]); err != nil || !m.Retry || m.Epoch != epoch || m.Count != 0 {
		t.Errorf("the answer: epoch %d, %d nodes, Retry %v, error %v", m.Epoch, m.Count, m.Retry, err)
	}
}
