package loop

import (
	"bytes"
	"flag"
	"fmt"
	"io"
	"net"
	"testing"
	"time"

	"covey/peer"
)

var (
	updates = flag.Int("updates", 1_000_000, "records that TestUpdatesInAndOutAllocateNothing sends to a peer")
	restful = flag.Int("restful", 10, "seconds that TestHeartbeatsAllocateNothing tries at most")
)

// twoNodes are linked and ready, in this process: what either allocates is counted.
func twoNodes(t *testing.T) (a, b *testNode) {
	if raceEnabled {
		t.Skip("the race detector allocates")
	}
	discovery := freePort(t)
	a, b = startNode(t, testConfig(t, discovery)), startNode(t, testConfig(t, discovery))
	eventually(t, "ready and linked", func() bool { return a.ready() && b.ready() && len(a.n.mind.Links()) == 1 })
	return a, b
}

// TestUpdatesInAndOutAllocateNothing writes to a node by a client that allocates nothing, and waits until its peer has applied
// all of it: parsing, stage, ring, flush, merge and acknowledgement of both are counted, and the heartbeats meanwhile.
func TestUpdatesInAndOutAllocateNothing(t *testing.T) {
	a, b := twoNodes(t)
	const pipeline = 100
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
		}
		eventually(t, "the peer has all of it", func() bool { return b.n.mind.Applied(a.n.ring.Stream()) == a.n.ring.Head() })
	}
	write(*updates / 20) // buffers reach their size
	before, merged := heapAllocs(), b.n.mind.Counters().Merged
	write(*updates)
	per := float64(heapAllocs()-before) / float64(*updates)
	if got := b.n.mind.Counters().Merged - merged; got < uint64(*updates) {
		t.Fatalf("the peer has merged %d records of %d", got, *updates)
	}
	t.Logf("%.6f allocations a record, out and in", per)
	if per > 0.01 {
		t.Errorf("%.4f allocations a record, want at most 0.01", per)
	}
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
