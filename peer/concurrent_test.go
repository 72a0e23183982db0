package peer

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"runtime"
	"sync"
	"testing"
	"time"

	"covey/codec"
	"covey/store"
)

// A small engine: each side of a connection has a goroutine, as a connection has its loop; frames go over channels.
type engineSide struct {
	link *Link
	in   chan []byte
	bell chan struct{}
	out  chan []byte
}

func (s *engineSide) run(now func() int64, stop <-chan struct{}) error {
	for {
		select {
		case <-stop:
			return nil
		case <-s.bell:
		case b := <-s.in:
			s.link.Touched(now())
			for len(b) > 0 {
				h, ok, err := codec.DecodeHeader(b)
				if !ok || err != nil {
					return fmt.Errorf("bad frame: %v", err)
				}
				n := codec.HeaderLen + int(h.Length)
				if err := s.link.Frame(now(), h, b[codec.HeaderLen:n]); err != nil {
					return err
				}
				b = b[n:]
			}
		}
		for more := true; more; more = s.link.More() {
			b := s.link.Control(now(), nil)
			for {
				d, _, ok := s.link.Data(now(), nil)
				if !ok {
					break
				}
				b = append(b, d...)
				s.link.Sent(len(d))
			}
			if len(b) > 0 {
				s.out <- b
			}
		}
	}
}

// wired joins two nodes by a connection whose sides nobody serves yet.
func wired(now int64, nodes []*Node) []*engineSide {
	sides := make([]*engineSide, 2)
	for i := range sides {
		sides[i] = &engineSide{in: make(chan []byte, 4096), bell: make(chan struct{}, 1)}
	}
	for i, s := range sides {
		s.out = sides[1-i].in
		s.link = NewLink(nodes[i], i == 0, uint32(1-i), netip.MustParseAddrPort(fmt.Sprintf("10.0.0.%d:9000", 2-i)), func(l *Link) {
			select {
			case l.User().(*engineSide).bell <- struct{}{}:
			default:
			}
		})
		s.link.SetUser(s)
	}
	nodes[1].Step(now, Event{Kind: EventOpened, Link: sides[1].link})
	nodes[0].Step(now, Event{Kind: EventOpened, Link: sides[0].link})
	return sides
}

// ticker ticks a node, carries out its wishes, and reads all that anyone may read.
func ticker(n *Node, now func() int64, stop <-chan struct{}) {
	var o Outbox
	beat := time.NewTicker(time.Millisecond)
	defer beat.Stop()
	for {
		select {
		case <-stop:
			return
		case <-beat.C:
		}
		n.Tick(now())
		o.Reset()
		n.Drain(&o)
		for _, l := range o.Pending {
			l.doorbell(l)
		}
		_, _, _, _ = n.Members(nil), n.Verify(), n.Counters(), n.Acked(1)
	}
}

// writer is a client: it sets count keys that nobody else does.
func writer(n *Node, now func() int64, who, count int) {
	stage := new(codec.Stage)
	for j := range count {
		key := fmt.Appendf(nil, "key-%d-%d", who, j)
		_, res := n.store.Set(nil, key, key, n.store.Hash(key), n.clock.Cluster(now()), store.SetOptions{})
		stage.Reset()
		stage.SetQuiet(!n.ring.Live())
		stage.Add((*codec.Record)(&res.Record))
		n.ring.Append(stage)
		for _, l := range n.Links() {
			l.Notify(now())
		}
	}
}

// TestLoopsTickerAndClientsAtOnce has two nodes with a ticker, a loop a link, writers and readers of all that may be
// read, all at once: for the race detector, and to see that nothing is lost and no doorbell is missed.
func TestLoopsTickerAndClientsAtOnce(t *testing.T) {
	begun := time.Now()
	now := func() int64 { return int64(time.Hour + time.Since(begun)) }
	nodes := make([]*Node, 2)
	for i := range nodes {
		id := uint64(i+1)<<16 | 9000
		st, err := store.New(store.Options{Shards: 16, Node: id, MaxBytes: 64 << 20, Seed: 7})
		if err != nil {
			t.Fatal(err)
		}
		nodes[i] = NewNode(Config{ID: id, Incarnation: 1, Stream: id, Cluster: "c", Port: 9000, Rand: rand.New(rand.NewPCG(id, 1)),
			Store: st, Ring: NewRing(id, 256<<10), Clock: NewClock(1_700_000_000_000)})
		nodes[i].Start(now())
	}
	sides := wired(now(), nodes)
	stop := make(chan struct{})
	const writes = 3000
	var all, writers sync.WaitGroup
	for i := range sides {
		all.Go(func() {
			if err := sides[i].run(now, stop); err != nil {
				t.Error(err)
			}
		})
		all.Go(func() { ticker(nodes[i], now, stop) })
	}
	for i := range 4 {
		writers.Go(func() { writer(nodes[i%2], now, i, writes) })
	}
	writers.Wait()
	equal := func() bool {
		return nodes[0].store.Len() == 4*writes && nodes[1].store.Len() == 4*writes &&
			nodes[0].Acked(nodes[0].ring.Head()) == 1 && nodes[1].Acked(nodes[1].ring.Head()) == 1
	}
	for deadline := time.Now().Add(30 * time.Second); !equal() && time.Now().Before(deadline); {
		runtime.Gosched()
	}
	close(stop)
	all.Wait()
	if !equal() {
		t.Fatalf("%d and %d keys of %d", nodes[0].store.Len(), nodes[1].store.Len(), 4*writes)
	}
}
