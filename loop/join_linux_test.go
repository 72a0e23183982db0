package loop

import (
	"flag"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"covey/store"
)

var joinKeys = flag.Int("join-keys", 50_000, "how many keys a third node copies from two")

// TestR21_AJoinTakesSlicesOfALoop has a node join two in this process and looks how much processor time the turns of their
// loops took.
func TestR21_AJoinTakesSlicesOfALoop(t *testing.T) {
	var mu sync.Mutex
	var turns []int64
	type moment struct {
		thread int
		spent  int64
	}
	begun := map[*eventLoop]moment{}
	turnHook = func(l *eventLoop, begins bool) {
		var spent unix.Timespec
		_ = unix.ClockGettime(unix.CLOCK_THREAD_CPUTIME_ID, &spent)
		now := moment{unix.Gettid(), spent.Nano()}
		mu.Lock()
		defer mu.Unlock()
		if b := begun[l]; begins {
			begun[l] = now
		} else if b.thread == now.thread {
			turns = append(turns, now.spent-b.spent)
		}
	}
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
	mu.Lock()
	turns = turns[:0]
	mu.Unlock()
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
	mu.Lock()
	defer mu.Unlock()
	turnHook = nil // the nodes have stopped
	slices.Sort(turns)
	at := func(share float64) time.Duration { return time.Duration(turns[int(float64(len(turns)-1)*share)]) }
	t.Logf("%d keys: ready after %v; %d turns: median %v, p99 %v, p99.9 %v, longest %v", *joinKeys, took, len(turns), at(0.5), at(0.99), at(0.999), at(1))
	if at(0.99) > time.Millisecond && !raceEnabled {
		t.Errorf("one in a hundred turns takes %v", at(0.99))
	}
}
