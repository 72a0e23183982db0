package peer

import (
	"fmt"
	"net/netip"
	"testing"
	"time"

	"covey/codec"
	"covey/store"
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
			b.deliverAll()
			begun, ready := b.now, time.Duration(0)
			for range 2 * int((donorPatience+20*time.Second)/time.Second) {
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
			if ready < donorPatience || ready > donorPatience+20*time.Second {
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

// TestR21_WhoIsReadyBeforeADonorHasGivenAllIsNoWitness: one donor has little and gives it at once; the comparison with the other, which
// has a raised floor, is not over after a minute. What has not come yet is not absent, and no word of the newcomer deletes it.
func TestR21_WhoIsReadyBeforeADonorHasGivenAllIsNoWitness(t *testing.T) {
	for name, gone := range map[string]bool{"who finishes later": false, "who never finishes": true} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t)
			b.quiet = true
			small, large := b.add("small", 8<<16|9000, 0, 0), b.add("large", 9<<16|9000, 0, 0)
			b.pass(3 * time.Second)
			hash, key := large.store.Hash([]byte("k")), []byte("k")
			r := record(b, large, "k", "v", 77)
			large.store.Merge((*store.Record)(r), hash, large.clock.Cluster(b.now))
			b.pass(3 * time.Second)
			floor := store.Version{Stamp: large.clock.Cluster(b.now) << 16, Node: 77}
			large.store.RaiseFloor(floor)
			x := b.add("x", 1<<16|9000, 0, 0)
			b.wire(x, small, 1)
			c := b.wire(x, large, 2)
			c.slow = func(k codec.Kind) bool {
				return k == codec.KindDigests || k == codec.KindRecords || k == codec.KindListing
			}
			b.deliverAll()
			b.pass(donorPatience - time.Second)
			if x.State() != codec.StateLoading {
				t.Fatalf("%v although a donor has not given all", x.State())
			}
			b.pass(5 * time.Second)
			certain := func() bool { return x.store.Certain(key, hash, x.clock.Cluster(b.now)) }
			if x.State() != codec.StateReady || certain() || x.store.Floor() == floor {
				t.Errorf("%v, its word counts %v, its floor %v", x.State(), certain(), x.store.Floor())
			}
			x.owe(b.now, b.linkWith(x, small), 0) // a comparison with one who has little ends nothing
			b.pass(10 * time.Second)
			if certain() || b.linkWith(x, small).debt.owed {
				t.Errorf("its word counts after a while: %v; owed still: %v", certain(), b.linkWith(x, small).debt.owed)
			}
			c.slow = nil
			if gone {
				b.crash(large)
			}
			b.pass(30 * time.Second)
			if left := x.partialsOf().count; left != 0 {
				t.Errorf("%d leaves stay partial", left)
			}
			if !gone && (b.get(x, "k") != "v" || b.get(large, "k") != "v" || x.store.Floor() != floor) {
				t.Errorf("%s here, %s where it was, the floor %v", b.get(x, "k"), b.get(large, "k"), x.store.Floor())
			}
		})
	}
}

// TestR21_AShardThatComesSlowlyIsNotAskedOfAnother, for long; and few are at one time.
func TestR21_AShardThatComesSlowlyIsNotAskedOfAnother(t *testing.T) {
	b := newBench(t)
	x := b.add("x", 1<<16|9000, 0, 0)
	says := func(l *Link, frame []byte) {
		f := frames(t, frame)[0]
		l.Touched(b.now)
		if err := l.Frame(b.now, f.head, f.body); err != nil {
			t.Fatal(err)
		}
	}
	donors := make([]*Link, 40)
	for i := range donors {
		l := b.greetsAs(x, netip.AddrPortFrom(netip.AddrFrom4([4]byte{10, 0, 0, byte(9 + i)}), 9000), uint64(7+i)<<16|9000)
		l.SetUser(&bside{})
		donors[i] = l
	}
	asked, most := 0, 0
	play := func(d time.Duration, count uint32) {
		for end := b.now + int64(d); b.now < end; {
			for _, l := range donors {
				says(l, codec.AppendHeartbeat(nil, codec.Heartbeat{Anew: true, State: codec.StateReady, Clock: x.clock.Cluster(b.now), Sent: uint64(b.now)}))
				for _, f := range frames(t, l.Control(b.now, nil)) {
					m, err := codec.DecodePull(f.body)
					if f.head.Kind != codec.KindPull || err != nil {
						continue
					}
					if m.Cursor == 0 {
						asked++
					}
					records := codec.Records{ID: m.ID, Shard: m.Shard, Next: m.Cursor + 1, Count: count}
					if count > 0 {
						records.Records = codec.AppendRecord(nil, record(b, x, "k", "v", 77))
					}
					says(l, codec.AppendRecords(nil, records))
				}
			}
			b.pass(500 * time.Millisecond)
			hedged := 0
			for _, n := range x.join.asked {
				hedged += min(1, max(0, int(n)-1))
			}
			most = max(most, hedged)
		}
	}
	play(slowShard-2*time.Second, 1)
	if asked != 256 {
		t.Fatalf("%d asked for, of 256 that come", asked)
	}
	play(2*slowShard, 1)
	if asked <= 256 || most != maxHedged {
		t.Errorf("%d asked for in all, %d of them of two at one time", asked, most)
	}
}

// TestR22_WhoIsReadyBeforeASeekingPeerHasGivenAllIsNoWitness: it asks until that peer has given all or is gone.
func TestR22_WhoIsReadyBeforeASeekingPeerHasGivenAllIsNoWitness(t *testing.T) {
	b := newBench(t)
	x := b.add("x", 1<<16|9000, 0, 0)
	l := NewLink(x.Node, false, 0, x.at(9), func(*Link) {})
	l.SetUser(&bside{})
	x.Step(b.now, Event{Kind: EventOpened, Link: l})
	g := codec.Greeting{Dialed: true, Cluster: x.cluster, Node: 7<<16 | 9000, Incarnation: 1, Stream: 77, ProtoMin: codec.ProtoMin, ProtoMax: codec.ProtoMax, Port: 9000,
		Stamped: true, State: codec.StateSeeking, Clock: x.clock.Cluster(b.now), Dial: 1}
	for _, full := range []bool{false, true} {
		g.Full = full
		if err := hand(l, b.now, codec.AppendGreeting(nil, g)); err != nil {
			t.Fatal(err)
		}
	}
	ready := time.Duration(0)
	for begun := b.now; b.now-begun < int64(donorPatience+10*time.Second); {
		l.Touched(b.now)
		beat := codec.Heartbeat{Anew: true, State: codec.StateSeeking, Clock: x.clock.Cluster(b.now), Sent: uint64(b.now)}
		if err := hand(l, b.now, codec.AppendHeartbeat(nil, beat)); err != nil {
			t.Fatal(err)
		}
		b.pass(500 * time.Millisecond)
		if x.State() == codec.StateReady && ready == 0 {
			ready = time.Duration(b.now - begun)
		}
	}
	if left := x.partialsOf().count; ready < donorPatience || left != allLeaves {
		t.Errorf("ready after %v, with %d partial leaves", ready, left)
	}
	x.Step(b.now, Event{Kind: EventClosed, Link: l})
	b.pass(time.Second)
	if left := x.partialsOf().count; left != 0 {
		t.Errorf("%d leaves stay partial", left)
	}
}

// TestR14_AFloorFromAheadOfTimeHidesNoOther: it is not taken (R4), and those of honest donors are.
func TestR14_AFloorFromAheadOfTimeHidesNoOther(t *testing.T) {
	b, x, _, _ := pair(t)
	floor := store.Version{Stamp: x.clock.Cluster(b.now) << 16, Node: 3}
	x.store.RaiseFloor(floor)
	b.pass(5 * time.Second)
	z := b.add("z", 9<<16|9000, 0, 0)
	l := b.greetsAs(z, x.at(7), 7<<16|9000)
	l.SetUser(&bside{})
	now := z.clock.Cluster(b.now)
	ahead := codec.Version{Stamp: (now + uint64(time.Hour.Milliseconds())) << 16}
	if err := hand(l, b.now, codec.AppendHeartbeat(nil, codec.Heartbeat{Anew: true, State: codec.StateReady, Clock: now, Sent: uint64(b.now), Floor: ahead})); err != nil {
		t.Fatal(err)
	}
	b.wire(z, x, 31)
	b.deliverAll()
	l.member.stream.synced, l.debt = true, debt{} // all that it has is here
	b.pass(5 * time.Second)
	if got := z.store.Floor(); z.State() != codec.StateReady || got != floor {
		t.Errorf("%v, floor %v, and not %v", z.State(), got, floor)
	}
}
