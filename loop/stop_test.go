package loop

import (
	"flag"
	"fmt"
	"math/rand/v2"
	"net"
	"sync"
	"testing"
)

var stopSeeds = flag.Uint64("stop-seeds", 2, "how many seeds TestANodeThatStopsInTheMiddleCountsNoBadInput takes, from pieces-seed on")

const stopConns = 16 // connections that are at work when the node stops

// A node that is told to stop while clients of both protocols are in the middle of commands, values and replies ends without a fault, and
// takes nothing that was cut off for bytes that are no protocol of its own.
func TestANodeThatStopsInTheMiddleCountsNoBadInput(t *testing.T) {
	for seed := range *stopSeeds {
		seed += *piecesSeed
		cfg := testConfig(t, freePort(t))
		cfg.MaxMemory = 1 << 30
		tn := startNode(t, cfg)
		eventually(t, "ready", tn.ready)
		random := rand.New(rand.NewPCG(seed, 1))
		stopAt := int64(1 + random.IntN(3*stopConns))
		begun := make(chan struct{}, 1_000)
		var group sync.WaitGroup
		for i := range stopConns {
			group.Go(func() {
				for round := uint64(0); !tn.n.leaving.Load() && round < 100; round++ {
					r := rand.New(rand.NewPCG(seed, uint64(i)<<32|round))
					s := &script{random: r, name: fmt.Sprintf("%d.%d.", i, round), frames: r.IntN(3) == 0, have: map[string][]byte{}}
					err := s.play(func() net.Conn {
						c, err := net.Dial("tcp4", tn.addr)
						if err != nil {
							c = &net.TCPConn{} // the node has stopped: each call fails
						}
						select {
						case begun <- struct{}{}:
						default:
						}
						return c
					})
					if err != nil && !tn.n.leaving.Load() {
						t.Errorf("seed %d, connection %d, round %d: %v", seed, i, round, err)
						return
					}
				}
			})
		}
		for range stopAt {
			<-begun
		}
		if err := tn.stop(); err != nil {
			t.Fatal(err)
		}
		group.Wait()
		if n := &tn.n.counters; n.badInput.Load()+n.panics.Load()+n.overloads.Load()+n.idleClosed.Load() > 0 {
			t.Fatalf("seed %d: %d connections closed for bad input, %d by a fault, %d for what they held, %d idle", seed, n.badInput.Load(), n.panics.Load(), n.overloads.Load(), n.idleClosed.Load())
		}
	}
}
