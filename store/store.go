package store

import (
	"fmt"
	"math"
	"math/bits"
	"sync/atomic"
)

// Store is the map of one node. All methods may be called from any goroutine.
type Store struct {
	env    *env
	shift  int // hash >> shift is the number of a lock shard
	limit  int // bytes of key and value that fit if all else is evicted,
	sure   int // and if what cannot be evicted is as much as may be
	shards []shard
	aims   []aim // by shard

	node      atomic.Uint64
	stream    uint64 // id of this start of the node
	stamped   atomic.Bool
	sweepHand atomic.Uint32
}

// New makes an empty store. The errors say which option is wrong, or that the system does not give the addresses.
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
	if least := max(minBytes, int64(o.Shards)*minShardBytes); o.MaxBytes < least || o.MaxBytes > MaxBytesLimit {
		return nil, fmt.Errorf("a memory budget of %d bytes does not suit a store of %d shards: give %d to %d", o.MaxBytes, o.Shards, least, int64(MaxBytesLimit))
	}
	if o.Horizon > MaxHorizon {
		return nil, fmt.Errorf("a horizon of %d ms: give at most %d, which are 30 days", o.Horizon, uint64(MaxHorizon))
	}
	v, err := newEnv(&o)
	if err != nil {
		return nil, err
	}
	n := bits.TrailingZeros(uint(o.Shards))
	s := &Store{env: v, shift: 64 - n, shards: make([]shard, o.Shards), aims: make([]aim, o.Shards)}
	v.shards = s.shards
	base, tables := v.leafTables()
	for i := range s.shards {
		part := func(all []uint64) []uint64 { return all[i*len(all)/o.Shards : (i+1)*len(all)/o.Shards] }
		s.shards[i].init(v, &s.aims[i], n, part(base), part(tables))
		s.shards[i].number = uint16(i)
	}
	s.limit = s.most()
	v.draftable = draftable(o.MaxBytes, s.limit)
	s.sure = s.limit - int(2*v.draftable+chargeable(o.MaxBytes))
	s.node.Store(o.Node)
	if s.stream = o.Stream; s.stream == 0 {
		s.stream = o.Node
	}
	return s, nil
}

// newEnv makes what the shards share, memory included.
func newEnv(o *Options) (*env, error) {
	shards := int64(o.Shards)
	m, err := newMemory(o.MaxBytes, o.Shards, o.heap)
	if err != nil {
		return nil, err
	}
	segments := &m.segments
	v := &env{
		memory: m, seed: o.Seed, mask: ^o.blind, horizon: o.Horizon, budget: o.MaxBytes,
		about:       newSlice[segment](m, len(segments.mem)/segments.unit),
		segmentBits: uint(bits.TrailingZeros(uint(segments.unit))),
		maxBytes:    o.MaxBytes - int64(segments.most)*segments.cost - int64(m.pages.most)*m.pages.cost,
		tombstones:  o.MaxBytes / tombstoneShare / shards,
		graves:      o.MaxBytes / tombstoneMost / shards,
		ghosts:      o.MaxBytes / ghostShare / shards,
		large:       make(chan struct{}, min(o.Shards, largeWrites)),
	}
	v.share = v.maxBytes / shards
	v.notes.most = int(min(v.maxBytes/noteShare/shards, noteMost))
	v.nodes.init(o.MaxBytes)
	m.used.Add(int64(len(v.nodes.ids)) * 8)
	v.leafBits = uint(min(bits.Len64(uint64(o.MaxBytes/leafShare))-1, maxLeafBits))
	v.floor.Store(&Version{})
	v.compared.Store(math.MaxUint64)
	return v, nil
}

// leafTables makes the most tables that the leaves of all shards come to need, in one piece; it has memory as far as they do.
// On the Go heap it would have all of it: there each shard makes its own.
func (v *env) leafTables() (base, tables []uint64) {
	if v.memory.heap {
		return nil, nil
	}
	all := newSlice[uint64](v.memory, (1+epochsWindow)<<v.leafBits)
	return all[:1<<v.leafBits], all[1<<v.leafBits:]
}

// most returns the bytes of key and value that fit when all else is evicted, every shard has the most tables for its
// leaves, and a segment of each log is in use in each.
func (s *Store) most() int {
	v := s.env
	left := v.maxBytes - v.memory.used.Load()
	left -= int64(len(s.shards)) * (minIndexBytes + 2*v.memory.segments.cost)
	left -= 8 * epochsBusy << v.leafBits
	pages := &v.memory.pages
	return int(left / pages.cost * int64(pages.unit))
}

// Hash returns the key hash that the other methods take: 64 bits of xxh3 under the store's seed.
func (s *Store) Hash(key []byte) uint64 { return s.env.hash(key) }

func (s *Store) shardNumber(hash uint64) int { return int(hash >> s.shift) }
func (s *Store) shardOf(hash uint64) *shard  { return &s.shards[s.shardNumber(hash)] }

// Fits reports whether there is room for an entry, if everything else is evicted for it: all but what
// cannot be now (fitsBeside).
func (s *Store) Fits(key, value []byte) bool { return s.fitting(len(key), len(value)) }

func (s *Store) fitting(key, value int) bool {
	return key <= MaxKeyBytes && value <= MaxValueBytes && (key+value <= s.sure || s.fitsBeside(key+value))
}

// misfit says why an entry does not fit: it never does, or not beside what is held now.
func (s *Store) misfit(key, value int) error {
	if key > MaxKeyBytes || value > MaxValueBytes || key+value > s.limit {
		return ErrTooLarge
	}
	return ErrNoRoom
}

// SetNode changes the id that local writes carry from now on (R26). Versions already given stay as they are.
func (s *Store) SetNode(id uint64) { s.node.Store(id) }

// Len returns the number of live entries, as DBSIZE has it.
func (s *Store) Len() int {
	n := 0
	for i := range s.shards {
		sh := &s.shards[i]
		sh.mu.RLock()
		if !sh.stale || !sh.whole {
			n += sh.keys
		}
		sh.mu.RUnlock()
	}
	return n
}

// Counts adds up the shards, one at a time.
func (s *Store) Counts() Counts {
	c := Counts{MaxBytes: s.env.budget, Bytes: s.env.memory.used.Load() - s.env.charged()}
	for i := range s.shards {
		sh := &s.shards[i]
		sh.mu.RLock()
		c.Keys += sh.keys
		c.Tombstones += sh.tombstones
		c.TombstoneBytes += sh.tombstoneBytes
		c.Ghosts += sh.ghosts
		c.Evictions += sh.evictions
		c.Forgotten += sh.forgotten
		c.Expired += sh.expired
		c.Purged += sh.purged
		c.PurgedEarly += sh.purgedEarly
		c.DroppedByFloor += sh.droppedByFloor
		c.Ahead += sh.ahead
		c.Flushed += sh.flushed
		c.Refused += sh.refused
		sh.mu.RUnlock()
	}
	return c
}
