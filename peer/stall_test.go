package peer

import (
	"runtime"
	"sync/atomic"
	"testing"
	"time"

	"covey/codec"
	"covey/store"
)

// TestALinkWithNothingOnItsWayIsNeverStalled: another loop writes at the very moment at which a flush finds nothing more. An Ack alone ends a
// stall, and none is to come.
func TestALinkWithNothingOnItsWayIsNeverStalled(t *testing.T) {
	b := newBench(t)
	b.quiet = true
	x, y := b.add("x", 1<<16|9000, 0, 0), b.add("y", 2<<16|9000, 0, 0)
	b.wire(x, y, 1)
	b.deliverAll()
	b.pass(3 * time.Second)
	l := b.linkWith(x, y)
	const rounds = 4_000
	var asked, written atomic.Uint64
	_, res := x.store.Set(nil, []byte("k"), []byte("v"), x.store.Hash([]byte("k")), x.clock.Cluster(b.now), store.SetOptions{})
	go func() {
		var stage codec.Stage
		for n := uint64(1); n <= rounds; n++ {
			for asked.Load() < n {
				runtime.Gosched()
			}
			stage.Reset()
			stage.Add((*codec.Record)(&res.Record))
			x.ring.Append(&stage)
			written.Store(n)
		}
	}()
	for n := uint64(1); n <= rounds; n++ {
		asked.Store(n)
		for late := false; !late; {
			late = written.Load() == n
			for {
				d, _, ok := l.Data(b.now, nil)
				if !ok {
					break
				}
				l.Sent(len(d))
				l.out.taken = l.out.sent // it is acknowledged
			}
			if l.stalled.Load() {
				t.Fatalf("round %d: stalled, and nothing is on its way", n)
			}
		}
	}
}
