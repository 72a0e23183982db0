package cache

import (
	"bytes"
	"fmt"

	"github.com/dgraph-io/ristretto/v2"
	lru "github.com/hashicorp/golang-lru/v2"
	"github.com/maypok86/otter/v2"
)

// The caches that hold a Go object for each entry.

func newOtter(r Room) (Cache, error) {
	o := &otter.Options[string, []byte]{
		MaximumWeight:   uint64(r.Bytes),
		Weigher:         func(key string, value []byte) uint32 { return uint32(len(key) + len(value)) },
		InitialCapacity: r.Entries,
	}
	if r.Inline {
		o.Executor = func(task func()) { task() }
	}
	c, err := otter.New(o)
	if err != nil {
		return Cache{}, fmt.Errorf("otter: %w", err)
	}
	return Cache{
		Get: func(dst, key []byte) ([]byte, bool) {
			value, ok := c.GetIfPresent(lend(key))
			return append(dst, value...), ok
		},
		Set: func(key, value []byte) { c.Set(string(key), bytes.Clone(value)) },
		Walk: func() int {
			var v visitor
			c.All()(v.visit)
			return v.n
		},
		Settle: c.CleanUp,
		Close:  func() { c.InvalidateAll(); c.StopAllGoroutines() },
	}, nil
}

// ristrettoCounters is how many counters of its sketch an entry has, as its documentation advises.
const ristrettoCounters = 10

func newRistretto(r Room) (Cache, error) {
	c, err := ristretto.NewCache(&ristretto.Config[[]byte, []byte]{
		NumCounters: int64(max(1, ristrettoCounters*r.Entries)),
		MaxCost:     r.Bytes,
		BufferItems: 64, // as its documentation advises
	})
	if err != nil {
		return Cache{}, fmt.Errorf("ristretto: %w", err)
	}
	return Cache{
		Get: func(dst, key []byte) ([]byte, bool) {
			value, ok := c.Get(key)
			return append(dst, value...), ok
		},
		Set:    func(key, value []byte) { c.Set(key, bytes.Clone(value), int64(len(key)+len(value))) },
		Settle: c.Wait,
		Close:  c.Close,
	}, nil
}

func newLRU(r Room) (Cache, error) {
	c, err := lru.New[string, []byte](max(1, int(r.Bytes)/max(1, r.Entry)))
	if err != nil {
		return Cache{}, fmt.Errorf("lru: %w", err)
	}
	return Cache{
		Get: func(dst, key []byte) ([]byte, bool) {
			value, ok := c.Get(lend(key))
			return append(dst, value...), ok
		},
		Set:   func(key, value []byte) { c.Add(string(key), bytes.Clone(value)) },
		Close: c.Purge,
	}, nil
}
