package peer

import (
	"fmt"
	"testing"
	"time"

	"covey/codec"
)

// TestR21_ADonorThatNeverEndsKeepsNobodyFromBecomingReady: forty of them, of three hosts, say nothing to what they are asked, or always that there is more, and have a
// head that never comes. What they were asked for is asked of the other donor too, and once that has given all, there is an end to waiting.
func TestR21_ADonorThatNeverEndsKeepsNobodyFromBecomingReady(t *testing.T) {
	for name, answers := range map[string]bool{"says nothing": false, "has always more": true} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t)
			b.quiet = true
			y := b.add("y", 99<<16|9000, 0, 0) // the others are asked first
			b.pass(3 * time.Second)
			for i := range 200 {
				b.set(y, fmt.Sprint("key ", i), "v")
			}
			x := b.add("x", 1<<16|9000, 0, 0)
			says := func(evil *Link, frame []byte) {
				f := frames(t, frame)[0]
				evil.Touched(b.now)
				if err := evil.Frame(b.now, f.head, f.body); err != nil {
					t.Fatal(err)
				}
			}
			evil := make([]*Link, 40)
			for i := range evil {
				l := NewLink(x.Node, false, 0, y.at(byte(7+i%3)), func(*Link) {})
				l.SetUser(&bside{}) // closed: nothing is flushed to it
				x.Step(b.now, Event{Kind: EventOpened, Link: l})
				g := codec.Greeting{Dialed: true, Cluster: x.cluster, Node: uint64(7+i)<<16 | 9000, Incarnation: 1, Stream: uint64(77 + i), ProtoMin: codec.ProtoMin, ProtoMax: codec.ProtoMax, Port: 9000,
					State: codec.StateReady, Clock: x.clock.Cluster(b.now), Dial: 1, Head: 1 << 60}
				says(l, codec.AppendGreeting(nil, g))
				g.Full = true
				says(l, codec.AppendGreeting(nil, g))
				evil[i] = l
			}
			b.wire(x, y, 9)
			b.settle()
			begun, ready := b.now, time.Duration(0)
			for range 2 * int((DonorPatience+10*time.Second)/time.Second) {
				for _, l := range evil {
					says(l, codec.AppendHeartbeat(nil, codec.Heartbeat{Anew: true, State: codec.StateReady, Clock: x.clock.Cluster(b.now), Sent: uint64(b.now)}))
					for _, f := range frames(t, l.Control(b.now, nil)) {
						if m, err := codec.DecodePull(f.body); f.head.Kind == codec.KindPull && err == nil && answers {
							says(l, codec.AppendRecords(nil, codec.Records{ID: m.ID, Shard: m.Shard, Next: m.Cursor + 1}))
						}
					}
				}
				b.pass(500 * time.Millisecond)
				if x.State() == codec.StateReady && ready == 0 {
					ready = time.Duration(b.now - begun)
				}
			}
			if ready < DonorPatience || ready > DonorPatience+10*time.Second {
				t.Errorf("ready after %v", ready)
			}
			for i := range 200 {
				if got := b.get(x, fmt.Sprint("key ", i)); got != "v" {
					t.Fatalf("key %d is %q", i, got)
				}
			}
		})
	}
}
