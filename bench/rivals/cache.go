package rivals

import (
	"context"
	"fmt"
	"time"

	"github.com/VictoriaMetrics/fastcache"
	"github.com/allegro/bigcache/v3"
	"github.com/coocood/freecache"
	"github.com/dgraph-io/ristretto/v2"
	"github.com/maypok86/otter/v2"

	"covey/store"
)

// cache is what all of them can do. get appends the value to dst; a cache without an append-style read copies, for the
// bytes must outlive the call in any server.
type cache struct {
	get   func(dst, key []byte) ([]byte, bool)
	set   func(key, value []byte)
	wait  func() // until the sets so far are in; nil where a set is in when it returns
	close func()
}

// makers makes each cache, empty, with maxBytes of memory for keys and values of about entryBytes together.
var makers = []struct {
	name string
	make func(maxBytes, entryBytes int) (cache, error)
}{
	{"covey", newCovey},
	{"fastcache", newFastcache},
	{"freecache", newFreecache},
	{"bigcache", newBigcache},
	{"otter", newOtter},
	{"ristretto", newRistretto},
}

func newCovey(maxBytes, _ int) (cache, error) {
	s, err := store.New(store.Options{Node: 1, MaxBytes: int64(maxBytes)})
	if err != nil {
		return cache{}, err
	}
	// A node reads the clock once a turn, not once an operation: here time stands still.
	now := uint64(time.Now().UnixMilli())
	return cache{
		get: func(dst, key []byte) ([]byte, bool) {
			dst, _, ok := s.Get(dst, key, s.Hash(key), now)
			return dst, ok
		},
		set:   func(key, value []byte) { s.Set(nil, key, value, s.Hash(key), now, store.SetOptions{}) },
		close: func() {},
	}, nil
}

func newFastcache(maxBytes, _ int) (cache, error) {
	c := fastcache.New(maxBytes)
	return cache{get: c.HasGet, set: c.Set, close: c.Reset}, nil
}

func newFreecache(maxBytes, _ int) (cache, error) {
	c := freecache.NewCache(maxBytes)
	return cache{
		get: func(dst, key []byte) ([]byte, bool) {
			err := c.GetFn(key, func(value []byte) error {
				dst = append(dst, value...)
				return nil
			})
			return dst, err == nil
		},
		set:   func(key, value []byte) { _ = c.Set(key, value, 0) },
		close: c.Clear,
	}, nil
}

func newBigcache(maxBytes, entryBytes int) (cache, error) {
	config := bigcache.DefaultConfig(time.Hour)
	config.Verbose = false
	config.HardMaxCacheSize = maxBytes >> 20
	config.MaxEntrySize = entryBytes
	config.MaxEntriesInWindow = maxBytes / entryBytes
	c, err := bigcache.New(context.Background(), config)
	if err != nil {
		return cache{}, fmt.Errorf("bigcache: %w", err)
	}
	return cache{
		get: func(dst, key []byte) ([]byte, bool) {
			value, err := c.Get(string(key))
			return append(dst, value...), err == nil
		},
		set:   func(key, value []byte) { _ = c.Set(string(key), value) },
		close: func() { _ = c.Close() },
	}, nil
}

func newOtter(maxBytes, _ int) (cache, error) {
	c, err := otter.New(&otter.Options[string, []byte]{
		MaximumWeight: uint64(maxBytes),
		Weigher:       func(key string, value []byte) uint32 { return uint32(len(key) + len(value)) },
	})
	if err != nil {
		return cache{}, fmt.Errorf("otter: %w", err)
	}
	return cache{
		get: func(dst, key []byte) ([]byte, bool) {
			value, ok := c.GetIfPresent(string(key))
			return append(dst, value...), ok
		},
		set:   func(key, value []byte) { c.Set(string(key), append([]byte(nil), value...)) },
		wait:  c.CleanUp,
		close: c.InvalidateAll,
	}, nil
}

func newRistretto(maxBytes, entryBytes int) (cache, error) {
	c, err := ristretto.NewCache(&ristretto.Config[[]byte, []byte]{
		NumCounters: int64(10 * maxBytes / entryBytes),
		MaxCost:     int64(maxBytes),
		BufferItems: 64,
	})
	if err != nil {
		return cache{}, fmt.Errorf("ristretto: %w", err)
	}
	return cache{
		get: func(dst, key []byte) ([]byte, bool) {
			value, ok := c.Get(key)
			return append(dst, value...), ok
		},
		set: func(key, value []byte) {
			c.Set(key, append([]byte(nil), value...), int64(len(key)+len(value)))
		},
		wait:  c.Wait,
		close: c.Close,
	}, nil
}
