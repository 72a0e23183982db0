package loop

import (
	"flag"
	"fmt"
	"testing"
	"time"

	"covey/internal/harness"
	"covey/store"
)

var joinKeys = flag.Int("join-keys", 50_000, "how many keys a third node copies from two")

// TestR21_AJoinTakesSlicesOfALoop has a node join two in this process and looks how much processor time the turns of their
// loops took.
func TestR21_AJoinTakesSlicesOfALoop(t *testing.T) {
	p := watchTurns()
	port := freePort(t)
	start := func() *testNode {
		cfg := testConfig(t, port)
		cfg.MaxMemory = 1 << 30
		return startNode(t, cfg)
	}
	a, b := start(), start()
	eventually(t, "ready", func() bool { return a.ready() && b.ready() && len(a.n.mind.Links()) == 1 })
	value := make([]byte, 100)
	now := a.n.cluster.Cluster(a.n.clock.now())
	for i := range *joinKeys {
		key := fmt.Appendf(nil, "entry-%07d", i)
		h := a.n.store.Hash(key)
		_, res := a.n.store.Set(nil, key, value, h, now-10_000, store.SetOptions{})
		b.n.store.Merge(&res.Record, h, now)
	}
	p.forget()
	begin := time.Now()
	c := start()
	eventually(t, "it is ready", c.ready)
	took := time.Since(begin)
	if n := c.n.store.Len(); n != *joinKeys {
		t.Fatalf("ready with %d of %d keys", n, *joinKeys)
	}
	for _, n := range []*testNode{c, b, a} {
		if err := n.stop(); err != nil {
			t.Fatal(err)
		}
	}
	p.end()
	t.Logf("%d keys: ready after %v; %s", *joinKeys, took, p)
	if p.at(0.99) > time.Millisecond && !harness.Race {
		t.Errorf("one in a hundred turns takes %v", p.at(0.99))
	}
}
