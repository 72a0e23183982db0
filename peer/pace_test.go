package peer

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"
)

// TestAtRestARecordLeavesAtOnceAndUnderLoadTheNextFlushHasAll counts frames: what is written while one flush is on its way
// waits for its Ack, or until Pace has passed, and leaves together.
func TestAtRestARecordLeavesAtOnceAndUnderLoadTheNextFlushHasAll(t *testing.T) {
	b, x, y, c := pair(t)
	other := c.sides[1]
	b.set(x, "first", "1")
	if len(other.in) != 1 {
		t.Fatalf("%d frames left for the first record, want 1", len(other.in))
	}
	for i := range 10 {
		b.set(x, fmt.Sprint("more", i), "1")
	}
	if len(other.in) != 1 {
		t.Fatalf("%d frames are on their way, and nothing was acknowledged", len(other.in))
	}
	b.deliverAll() // no time passes: the Ack alone goes on
	if b.get(y, "more9") != "1" || x.Acked(x.ring.Head()) != 1 {
		t.Fatal("what waited for the Ack did not come")
	}
	b.set(x, "rest", "1")
	if len(other.in) != 1 {
		t.Fatalf("%d frames left for a record after all was acknowledged, want 1", len(other.in))
	}
	b.now += int64(Pace)
	b.set(x, "slow", "1")
	if len(other.in) != 2 {
		t.Fatalf("%d frames left, want 2: the other was slow to acknowledge", len(other.in))
	}
	b.deliverAll()
	if b.get(y, "slow") != "1" {
		t.Fatal("the last record did not come")
	}
}

// TestNoRecordIsLeftBehindByPacing has writes, deliveries and moments of time come in any order, and then no more time pass.
func TestNoRecordIsLeftBehindByPacing(t *testing.T) {
	b, x, y, c := pair(t)
	r := rand.New(rand.NewPCG(1, 2))
	for round := range 2000 {
		key := ""
		for i := range 1 + r.IntN(5) {
			from := []*bnode{x, y}[r.IntN(2)]
			key = fmt.Sprint("k", i)
			b.set(from, key, fmt.Sprint(round))
			for range r.IntN(3) {
				b.deliver(c.sides[r.IntN(2)])
			}
			if r.IntN(4) == 0 {
				b.now += r.Int64N(int64(2 * Pace))
			}
		}
		b.deliverAll()
		if x.Acked(x.ring.Head()) != 1 || y.Acked(y.ring.Head()) != 1 {
			t.Fatalf("round %d: %d and %d records wait, and nothing is on its way", round,
				x.Links()[0].Backlog(), y.Links()[0].Backlog())
		}
		if got := b.get(x, key); got != b.get(y, key) {
			t.Fatalf("round %d: %s is %q here and %q there", round, key, got, b.get(y, key))
		}
		b.now += int64(time.Millisecond)
	}
}
