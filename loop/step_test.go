package loop

import (
	"fmt"
	"sync"
	"testing"
	"time"
)

// TestR7_NodesWithClocksApartMeetUnderLoad: two nodes that have served clients by themselves, one of them an hour ahead, come to
// know each other by a third while clients write to all; in the end they have one time and hold the same.
func TestR7_NodesWithClocksApartMeetUnderLoad(t *testing.T) {
	first, second := testConfig(t, freePort(t)), testConfig(t, freePort(t))
	second.skew = time.Hour
	nodes := []*testNode{startNode(t, first), startNode(t, second)}
	for i, tn := range nodes {
		eventually(t, "ready alone", tn.ready)
		dialRaw(t, tn.addr).do("SET", fmt.Sprint("before ", i), "1")
	}
	bridge := testConfig(t, first.DiscoveryPort)
	bridge.Peers = []string{nodes[1].addr}
	nodes = append(nodes, startNode(t, bridge))
	var clients sync.WaitGroup
	end := make(chan struct{})
	for i, tn := range nodes {
		c := dialRaw(t, tn.addr)
		clients.Go(func() {
			for n := 0; ; n++ {
				select {
				case <-end:
					return
				default:
					c.do("SET", fmt.Sprintf("load %d %d", i, n%100), fmt.Sprint(n))
					c.do("SET", fmt.Sprint("both ", n%100), fmt.Sprint(i), "EX", "100")
				}
			}
		})
	}
	eventually(t, "one time", func() bool {
		low, high := uint64(1<<63), uint64(0)
		for _, tn := range nodes {
			now := tn.n.cluster.Cluster(tn.n.clock.now())
			low, high = min(low, now), max(high, now)
			if !tn.ready() || len(tn.n.mind.Links()) != 2 {
				return false
			}
		}
		return high-low < 1000
	})
	stepped := uint64(0)
	for _, tn := range nodes {
		stepped += tn.n.mind.Counters().Steps
	}
	if stepped == 0 {
		t.Error("nobody stepped")
	}
	close(end)
	clients.Wait()
	for _, tn := range nodes {
		c := dialRaw(t, tn.addr)
		for i := range 2 {
			eventually(t, "what was written before", func() bool { return c.do("GET", fmt.Sprint("before ", i)) == "1" })
		}
		for i := range nodes {
			eventually(t, "what was written meanwhile", func() bool {
				return c.do("GET", fmt.Sprintf("load %d 0", i)) == dialRaw(t, nodes[i].addr).do("GET", fmt.Sprintf("load %d 0", i))
			})
		}
		if ahead := tn.n.store.Counts().Ahead; ahead > 0 {
			t.Errorf("%d records from the future", ahead)
		}
	}
}
