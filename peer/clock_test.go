package peer

import (
	"testing"
	"time"
)

// TestNoPeersClockIsTakenThatNanosecondsCannotTell: a time that fits no stamp, or no count of nanoseconds, is nobody's. Who says it is not
// linked with, and moves nothing.
func TestNoPeersClockIsTakenThatNanosecondsCannotTell(t *testing.T) {
	for _, skew := range []int64{1 << 43, 1 << 47, 1 << 60} {
		b := newBench(t)
		b.quiet = true
		x, y := b.add("x", 2<<16|9000, 0, 0), b.add("y", 1<<16|9000, 0, 0)
		b.pass(1500 * time.Millisecond)
		b.set(y, "k", "v")
		y.clock.wall += skew
		before := x.clock.Cluster(b.now)
		b.wire(x, y, 1)
		b.deliverAll()
		b.pass(30 * time.Second)
		if after := x.clock.Cluster(b.now); after < before || after > before+40_000 {
			t.Errorf("a clock %d ms ahead moved this one from %d to %d", skew, before, after)
		}
	}
}
