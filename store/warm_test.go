package store

import (
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
)

// Tables are unmapped under who looks at cells without a lock: that must never be the one looked at. Without memory.peek this
// ends in a fault within some rounds. The race detector and invariants see nothing of it that two rounds do not show.
func TestNoTableIsUnmappedWhileSomebodyWarms(t *testing.T) {
	const keys = 40_000
	rounds := max(few(12), 2)
	s := newStore(t, Options{Shards: 2, Node: 1, MaxBytes: 64 << 20})
	aims, hashes := make([]Aim, keys), make([]uint64, keys)
	for i := range hashes {
		hashes[i] = s.Hash(fmt.Append(nil, "key ", i))
	}
	for i, h := range hashes {
		aims[i] = Aim{Hash: h, Bytes: uint32(i%64) * 64, Write: i%2 == 0}
	}
	var over atomic.Bool
	var warming sync.WaitGroup
	for range 2 {
		warming.Go(func() {
			for i := 0; !over.Load(); i += 64 {
				at := i % (keys - 64)
				s.Warm(aims[at : at+64])
			}
		})
	}
	now := epoch0
	for range rounds {
		for i, h := range hashes {
			s.Set(nil, fmt.Append(nil, "key ", i), nil, h, now, SetOptions{})
		}
		for i := range s.shards {
			if !s.aims[i].mapped.Load() {
				t.Fatal("a table on the Go heap: too small for this test")
			}
		}
		now += 10
		s.Flush(now)
	}
	over.Store(true)
	warming.Wait()
	check(t, s)
}
