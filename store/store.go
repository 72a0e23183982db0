package store

import (
	"fmt"
	"math/bits"
	"sync/atomic"

	"github.com/zeebo/xxh3"
)

// Store is the map of one node. All methods may be called from any goroutine.
type Store struct {
	env    env
	seed   uint64
	shift  int // hash >> shift is the number of a lock shard
	limit  int // bytes of key and value that can always be made to fit
	shards []shard

	node      atomic.Uint64
	stamped   atomic.Bool
	sweepHand atomic.Uint32
}

// New makes an empty store. The errors say which option is wrong.
func New(o Options) (*Store, error) {
	if o.Shards == 0 {
		o.Shards = DefaultShards
	}
	if o.MaxBytes == 0 {
		o.MaxBytes = DefaultBytes
	}
	if o.Horizon == 0 {
		o.Horizon = DefaultHorizon
	}
	if o.Shards < 1 || o.Shards > MaxShards || o.Shards&(o.Shards-1) != 0 {
		return nil, fmt.Errorf("%d lock shards: give a power of two from 1 to %d", o.Shards, MaxShards)
	}
	if least := int64(o.Shards) * minShardBytes; o.MaxBytes < least {
		return nil, fmt.Errorf("a memory budget of %d bytes is too small for a store of %d shards: give %d or more", o.MaxBytes, o.Shards, least)
	}
	s := &Store{seed: o.Seed, shift: 64 - bits.TrailingZeros(uint(o.Shards)), shards: make([]shard, o.Shards)}
	tables := int64(o.Shards) * (shardBytes + chunkBytes + minCells*cellBytes)
	s.limit = int((o.MaxBytes - tables) / 8 * 7) // an allocation is rounded up by at most 1/8
	s.env.maxBytes, s.env.horizon = o.MaxBytes, o.Horizon
	s.env.tombstones = o.MaxBytes / tombstoneShare / int64(o.Shards)
	s.env.floor.Store(&Version{})
	s.node.Store(o.Node)
	for i := range s.shards {
		s.shards[i].init(&s.env)
	}
	return s, nil
}

// Hash returns the key hash that the other methods take: 64 bits of xxh3 under the store's seed.
func (s *Store) Hash(key []byte) uint64 { return xxh3.HashSeed(key, s.seed) }

func (s *Store) shardNumber(hash uint64) int { return int(hash >> s.shift) }
func (s *Store) shardOf(hash uint64) *shard  { return &s.shards[s.shardNumber(hash)] }
func (s *Store) fits(key, value []byte) bool {
	return len(key) <= MaxKeyBytes && len(value) <= MaxValueBytes && len(key)+len(value) <= s.limit
}

// SetNode changes the id that local writes carry from now on (R26). Versions already given stay as they are.
func (s *Store) SetNode(id uint64) { s.node.Store(id) }

// Len returns the number of live entries, as DBSIZE has it.
func (s *Store) Len() int {
	n := 0
	for i := range s.shards {
		sh := &s.shards[i]
		sh.mu.RLock()
		n += sh.keys
		sh.mu.RUnlock()
	}
	return n
}

// Counts adds up the shards, one at a time.
func (s *Store) Counts() Counts {
	c := Counts{MaxBytes: s.env.maxBytes}
	for i := range s.shards {
		sh := &s.shards[i]
		sh.mu.RLock()
		c.Keys += sh.keys
		c.Bytes += sh.bytes
		c.Tombstones += sh.tombstones
		c.TombstoneBytes += sh.tombstoneBytes
		c.Evictions += sh.evictions
		c.Expired += sh.expired
		c.Purged += sh.purged
		c.DroppedByFloor += sh.droppedByFloor
		c.Ahead += sh.ahead
		c.Flushed += sh.flushed
		c.Refused += sh.refused
		sh.mu.RUnlock()
	}
	return c
}
