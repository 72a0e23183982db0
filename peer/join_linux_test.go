package peer

import (
	"flag"
	"fmt"
	"math/rand/v2"
	"runtime"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"covey/codec"
	"covey/store"
)

var copyKeys = flag.Int("copy-keys", 200_000, "how many keys BenchmarkJoin has a node copy")

// BenchmarkJoin has a node copy keys with values of 100 bytes from two others, and tells how much processor time the two
// took to make the frames, and the one to take them, for each record. The network takes none.
func BenchmarkJoin(b *testing.B) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	var gave, took time.Duration
	for range b.N {
		g, k := copyAll(b, *copyKeys)
		gave, took = gave+g, took+k
	}
	each := func(d time.Duration) float64 { return float64(d.Nanoseconds()) / float64(b.N**copyKeys) }
	b.ReportMetric(0, "ns/op")
	b.ReportMetric(each(gave), "donor-ns/record")
	b.ReportMetric(each(took), "joiner-ns/record")
}

// processorTime is what the thread has spent.
func processorTime() time.Duration {
	var spent unix.Timespec
	_ = unix.ClockGettime(unix.CLOCK_THREAD_CPUTIME_ID, &spent)
	return time.Duration(spent.Nano())
}

func copyAll(t testing.TB, keys int) (gave, took time.Duration) {
	b := newBench(t)
	b.quiet, b.lap = true, processorTime
	b.store.Shards, b.store.MaxBytes = store.DefaultShards, 1<<30
	donors := []*bnode{b.add("a", 1<<16, 0, 0), b.add("b", 2<<16, 0, 0)}
	b.wire(donors[0], donors[1], 1)
	b.pass(2 * seekTime)
	now := donors[0].clock.Cluster(b.now)
	value := make([]byte, 100)
	random := rand.NewChaCha8([32]byte{1})
	for i := range keys {
		key := fmt.Appendf(nil, "entry-%07d", i)
		random.Read(value)
		h := donors[0].store.Hash(key)
		_, res := donors[0].store.Set(nil, key, value, h, now-10_000, store.SetOptions{})
		donors[1].store.Merge(&res.Record, h, now)
	}
	c := b.add("c", 3<<16, 0, 0)
	before := donors[0].gave + donors[1].gave
	for _, d := range donors {
		b.wire(c, d, 1)
	}
	b.pass(500 * time.Millisecond)
	if c.State() != codec.StateReady || c.store.Len() != keys {
		t.Fatalf("%v with %d of %d keys", c.State(), c.store.Len(), keys)
	}
	return donors[0].gave + donors[1].gave - before, c.took
}
