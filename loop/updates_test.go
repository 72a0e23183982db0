package loop

import (
	"bufio"
	"bytes"
	"flag"
	"fmt"
	"io"
	"net"
	"testing"
	"time"

	"covey/codec"
	"covey/internal/harness"
	"covey/peer"
)

var (
	updates = flag.Int("updates", 1_000_000, "records that TestUpdatesInAndOutAllocateNothing sends to a peer")
	restful = flag.Int("restful", 10, "seconds that TestHeartbeatsAllocateNothing tries at most")
)

// twoNodes are linked and ready, in this process, and linger: what either allocates is counted.
func twoNodes(t *testing.T) (a, b *testNode) {
	if harness.Race {
		t.Skip("the race detector allocates")
	}
	a, b = lingering(t)
	eventually(t, "ready and linked", func() bool { return a.ready() && b.ready() && len(a.n.mind.Links()) == 1 })
	return a, b
}

// TestUpdatesInAndOutAllocateNothing writes to a node by a client that allocates nothing, and waits until its peer has applied
// all of it: parsing, stage, ring, flush, merge and acknowledgement of both are counted, and the heartbeats meanwhile.
func TestUpdatesInAndOutAllocateNothing(t *testing.T) {
	a, b := twoNodes(t)
	const (
		pipeline = 100
		ahead    = 10_000 // records that the peer may be behind: far less than the ring holds, or it would pull what it missed
	)
	conn, err := net.Dial("tcp4", a.addr)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	var requests [10][]byte
	value := string(bytes.Repeat([]byte("v"), 64))
	for i := range requests {
		for j := range pipeline {
			requests[i] = append(requests[i], respCommand("SET", fmt.Sprintf("key-%d-%d", i, j), value)...)
		}
	}
	replies := make([]byte, pipeline*len("+OK\r\n"))
	write := func(n int) {
		for i := 0; i < n; i += pipeline {
			if _, err := conn.Write(requests[i/pipeline%len(requests)]); err != nil {
				t.Fatal(err)
			}
			if _, err := io.ReadFull(conn, replies); err != nil {
				t.Fatal(err)
			}
			if i%ahead == 0 || i+pipeline >= n {
				eventually(t, "the peer has all of it", func() bool { return b.n.mind.Applied(a.n.ring.Stream()) == a.n.ring.Head() })
			}
		}
	}
	write(*updates / 20) // buffers reach their size
	atMostOneIn100(t, *updates, func() {
		merged := b.n.mind.Counters().Merged
		write(*updates)
		if got := b.n.mind.Counters().Merged - merged; got < uint64(*updates) {
			t.Fatalf("the peer has merged %d records of %d", got, *updates)
		}
	})
}

// TestAFloodOfHeartbeatsAllocatesNothing has a peer that is a socket of this test and nothing more send heartbeats, each of which
// is answered, and answers to heartbeats.
func TestAFloodOfHeartbeatsAllocatesNothing(t *testing.T) {
	if harness.Race {
		t.Skip("the race detector allocates")
	}
	a := readyNode(t)
	conn := linkByHand(t, a)
	const batch = 64 // heartbeats on their way at once
	var frames []byte
	for i := range batch {
		frames = codec.AppendHeartbeat(frames, codec.Heartbeat{Sequence: uint32(i), State: codec.StateReady, Clock: uint64(time.Now().UnixMilli()),
			Anew: true, Links: codec.LinkChanges(nil).Append(codec.LinkChange{Node: a.n.mind.ID()})})
		frames = codec.AppendHeartbeatResponse(frames, codec.HeartbeatResponse{Sequence: uint32(i), Clock: uint64(time.Now().UnixMilli())})
	}
	rounds := *operations/batch + 1
	exchange := func(rounds int) {
		for range rounds {
			if _, err := conn.Write(frames); err != nil {
				t.Fatal(err)
			}
			for answers := 0; answers < batch; {
				switch conn.frame(t) {
				case codec.KindHeartbeatResponse:
					answers++
				case codec.KindBye:
					t.Fatal("the node ends the link")
				}
			}
		}
	}
	exchange(50) // buffers reach their size
	atMostOneIn100(t, batch*rounds, func() { exchange(rounds) })
}

// handLink is a link with a node, greeted by hand.
type handLink struct {
	net.Conn
	in   *bufio.Reader
	body [64 << 10]byte
}

// frame reads one and returns its kind; the body stays until the next.
func (l *handLink) frame(t *testing.T) codec.Kind {
	h, _ := l.read(t)
	return h.Kind
}

func (l *handLink) read(t *testing.T) (codec.Header, []byte) {
	t.Helper()
	head, err := l.in.Peek(codec.HeaderLen)
	if err != nil {
		t.Fatal(err)
	}
	h, ok, err := codec.DecodeHeader(head)
	if err != nil || !ok || int(h.Length) > len(l.body) {
		t.Fatalf("header %+v, %v", h, err)
	}
	if _, err = l.in.Discard(codec.HeaderLen); err == nil {
		_, err = io.ReadFull(l.in, l.body[:h.Length])
	}
	if err != nil {
		t.Fatal(err)
	}
	return h, l.body[:h.Length]
}

// linkByHand dials a node and greets it as another would (R23).
func linkByHand(t *testing.T, to *testNode) *handLink {
	t.Helper()
	conn, err := net.Dial("tcp4", to.addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	l := &handLink{Conn: conn, in: bufio.NewReaderSize(conn, 64<<10)}
	g := codec.Greeting{
		Dialed: true, Cluster: peer.ClusterTag("test"), Node: to.n.mind.ID() + 1<<20, Incarnation: 1, Stream: 1, ProtoMin: codec.ProtoMin, ProtoMax: codec.ProtoMax,
		Port: 1, State: codec.StateReady, Clock: uint64(time.Now().UnixMilli()), Dial: 1,
	}
	if _, err := conn.Write(codec.AppendGreeting(nil, g)); err != nil {
		t.Fatal(err)
	}
	h, body := l.read(t)
	theirs, err := codec.DecodeGreeting(body)
	if h.Kind != codec.KindGreeting || err != nil {
		t.Fatalf("a greeting is answered by %v, %v", h.Kind, err)
	}
	g.Full, g.AppliedStream = true, theirs.Stream
	if _, err := conn.Write(codec.AppendGreeting(nil, g)); err != nil {
		t.Fatal(err)
	}
	eventually(t, "linked", func() bool { return to.n.mind.Linked() == 1 })
	return l
}

// TestHeartbeatsAllocateNothing has two nodes rest: in a second they exchange four heartbeats and the responses, and tick forty
// times. Of some such seconds one must pass without any allocation, for the runtime makes some of its own.
func TestHeartbeatsAllocateNothing(t *testing.T) {
	a, _ := twoNodes(t)
	least := uint64(1)
	for range *restful {
		seen, before := a.n.mind.Members(nil), heapAllocs()
		<-time.After(time.Second)
		least = min(least, heapAllocs()-before)
		for i, m := range a.n.mind.Members(nil) {
			if m.State == peer.Alive && m.Seen <= seen[i].Seen {
				t.Fatal("the peer was not heard for a second")
			}
		}
		if least == 0 {
			return
		}
	}
	t.Error("two nodes at rest allocate in every second")
}
