package cache

import (
	"context"
	"fmt"
	"time"

	"github.com/VictoriaMetrics/fastcache"
	"github.com/allegro/bigcache/v3"
	"github.com/coocood/freecache"
)

// The caches that copy keys and values into arenas of their own.

func newFastcache(r Room) (Cache, error) {
	c := fastcache.New(int(r.Bytes))
	return Cache{Get: c.HasGet, Set: c.Set, Close: c.Reset}, nil
}

func newFreecache(r Room) (Cache, error) {
	c := freecache.NewCache(int(r.Bytes))
	return Cache{
		Get: func(dst, key []byte) ([]byte, bool) {
			err := c.GetFn(key, func(value []byte) error {
				dst = append(dst, value...)
				return nil
			})
			return dst, err == nil
		},
		Set: func(key, value []byte) { _ = c.Set(key, value, 0) },
		Walk: func() int {
			n := 0
			for it := c.NewIterator(); it.Next() != nil; n++ {
			}
			return n
		},
		Close: c.Clear,
		Note:  "at least 512 KiB",
	}, nil
}

const (
	bigcacheShards     = 1024     // its default
	bigcacheShardBytes = 64 << 10 // a small cache is given fewer shards
	bigcacheOverhead   = 22       // bytes it puts before key and value in its queue, and the length
	forever            = 1000 * time.Hour
)

func newBigcache(r Room) (Cache, error) {
	config := bigcache.DefaultConfig(forever)
	config.Verbose = false
	config.CleanWindow = 0
	config.HardMaxCacheSize = max(1, int(r.Bytes>>20)) // MB is its unit
	for config.Shards = bigcacheShards; config.Shards > 1 && config.HardMaxCacheSize<<20/config.Shards < bigcacheShardBytes; {
		config.Shards /= 2
	}
	config.MaxEntrySize = r.Entry + bigcacheOverhead
	config.MaxEntriesInWindow = r.Entries
	c, err := bigcache.New(context.Background(), config)
	if err != nil {
		return Cache{}, fmt.Errorf("bigcache: %w", err)
	}
	return Cache{
		Get: func(dst, key []byte) ([]byte, bool) {
			value, err := c.Get(lend(key))
			return append(dst, value...), err == nil
		},
		Set: func(key, value []byte) { _ = c.Set(lend(key), value) },
		Walk: func() int {
			n := 0
			for it := c.Iterator(); it.SetNext(); n++ {
				_, _ = it.Value()
			}
			return n
		},
		Close: func() { _ = c.Close() },
		Note:  fmt.Sprintf("shards: %d, MiB: %d", config.Shards, config.HardMaxCacheSize),
	}, nil
}
