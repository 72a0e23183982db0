package cache

import (
	"fmt"
	"sync/atomic"
	"time"

	"covey/store"
)

const (
	beat        = time.Millisecond      // how often the time of the store is read; a node does it once a turn
	sweepEvery  = 50 * time.Millisecond // as a node sweeps
	sweepBudget = 20_000                // records a sweep, as in a node

	callsPerMillisecond = 1000     // of an inline cache: how its time goes
	leastShardBytes     = 64 << 10 // a small cache is given fewer shards, down to one
	coveyNode           = 1
)

// newCovey makes a store as a node has it: versions, expiry and digests are on, for there is no turning them off.
func newCovey(r Room) (Cache, error) {
	shards := store.DefaultShards
	for shards > 1 && r.Bytes/int64(shards) < leastShardBytes {
		shards /= 2
	}
	s, err := store.New(store.Options{Node: coveyNode, MaxBytes: r.Bytes, Shards: shards})
	for err != nil && shards > 1 {
		shards /= 2
		s, err = store.New(store.Options{Node: coveyNode, MaxBytes: r.Bytes, Shards: shards})
	}
	if err != nil {
		return Cache{}, fmt.Errorf("covey: %w", err)
	}
	c := &covey{Store: s}
	c.now.Store(uint64(time.Now().UnixMilli()))
	out := Cache{Walk: c.walk, Note: fmt.Sprintf("shards: %d", shards), Get: c.get, Set: c.set, Close: func() {}}
	if r.Inline {
		out.Get = func(dst, key []byte) ([]byte, bool) { c.count(); return c.get(dst, key) }
		out.Set = func(key, value []byte) { c.count(); c.set(key, value) }
		return out, nil
	}
	end := make(chan struct{})
	go c.run(end)
	out.Close = func() { close(end) }
	return out, nil
}

type covey struct {
	*store.Store
	now   atomic.Uint64 // cluster time, ms
	calls int           // of an inline cache
}

func (c *covey) get(dst, key []byte) ([]byte, bool) {
	dst, _, ok := c.Get(dst, key, c.Hash(key), c.now.Load())
	return dst, ok
}

func (c *covey) set(key, value []byte) {
	c.Set(nil, key, value, c.Hash(key), c.now.Load(), store.SetOptions{})
}

// run is the store's time and its sweep, as the ticker of a node does them.
func (c *covey) run(end <-chan struct{}) {
	ticker := time.NewTicker(beat)
	defer ticker.Stop()
	swept := time.Now()
	for {
		select {
		case <-end:
			return
		case t := <-ticker.C:
			c.now.Store(uint64(t.UnixMilli()))
			if t.Sub(swept) >= sweepEvery {
				swept = t
				c.Sweep(c.now.Load(), sweepBudget)
			}
		}
	}
}

// count lets time go by the number of calls.
func (c *covey) count() {
	if c.calls++; c.calls%callsPerMillisecond != 0 {
		return
	}
	now := c.now.Add(1)
	if now%uint64(sweepEvery.Milliseconds()) == 0 {
		c.Sweep(now, sweepBudget)
	}
}

// walkChunk is how many bytes of records a walk asks for at once, as repair does.
const walkChunk = 64 << 10

func (c *covey) walk() int {
	var recs []store.Record
	var buf []byte
	n := 0
	for shard := range store.MaxShards {
		for cursor, done := uint64(0), false; !done; {
			recs, buf, cursor, done = c.Range(recs[:0], buf[:0], shard, cursor, walkChunk, c.now.Load())
			n += len(recs)
		}
	}
	return n
}
