package store

import (
	"slices"
	"sync/atomic"
	"testing"
	"time"
)

// BenchmarkChangeHold appends to a value of 16 MiB and reports for how long a reader of another key of its shard waited at most, in the middle
// of all appends.
func BenchmarkChangeHold(b *testing.B) {
	s := newStore(b, Options{Node: 1, MaxBytes: 512 << 20, Shards: 1})
	set(b, s, epoch0, "k", string(make([]byte, MaxValueBytes-1<<20)), SetOptions{})
	other := []byte("other")
	var stop atomic.Bool
	var most atomic.Int64
	done := make(chan struct{})
	go func() {
		defer close(done)
		for !stop.Load() {
			start := time.Now()
			s.Get(nil, other, s.Hash(other), epoch0)
			most.Store(max(most.Load(), int64(time.Since(start))))
		}
	}()
	var waits []int64
	var buf []byte
	for b.Loop() {
		most.Store(0)
		r, err := s.Change(buf[:0], []byte("k"), s.Hash([]byte("k")), epoch0, false,
			func(length int) (int, error) { return length, nil },
			func(value []byte, there bool) ([]byte, error) { value[len(value)-1]++; return value, nil })
		if err != nil {
			b.Fatal(err)
		}
		buf = r.Value
		waits = append(waits, most.Load())
	}
	stop.Store(true)
	<-done
	slices.Sort(waits)
	b.ReportMetric(float64(waits[len(waits)/2])/1e6, "ms-wait")
}
