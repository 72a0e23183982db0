package cache

import (
	"bytes"
	"hash/maphash"
	"sync"

	"github.com/puzpuzpuz/xsync/v4"
)

// The maps, which hold everything they are given.

func newXsync(r Room) (Cache, error) {
	m := xsync.NewMap[string, []byte](xsync.WithPresize(r.Entries))
	return Cache{
		Get: func(dst, key []byte) ([]byte, bool) {
			value, ok := m.Load(lend(key))
			return append(dst, value...), ok
		},
		Set: func(key, value []byte) { m.Store(string(key), bytes.Clone(value)) },
		Walk: func() int {
			var v visitor
			m.Range(v.visit)
			return v.n
		},
		Close: m.Clear,
	}, nil
}

func newSyncMap(Room) (Cache, error) {
	m := new(sync.Map)
	return Cache{
		Get: func(dst, key []byte) ([]byte, bool) {
			value, ok := m.Load(lend(key))
			if !ok {
				return dst, false
			}
			return append(dst, value.([]byte)...), true
		},
		Set: func(key, value []byte) { m.Store(string(key), bytes.Clone(value)) },
		Walk: func() int {
			var v visitor
			m.Range(func(key, value any) bool { return v.visit(key.(string), value.([]byte)) })
			return v.n
		},
		Close: m.Clear,
	}, nil
}

const mapShards = 256

// shardedMap is what a programmer writes in an hour: plain maps, each with a lock. A value of the same length is written
// over the old one.
type shardedMap struct {
	seed   maphash.Seed
	shards [mapShards]struct {
		sync.RWMutex
		m map[string][]byte
		_ [32]byte // a cache line for each lock
	}
}

func newShardedMap(r Room) (Cache, error) {
	s := &shardedMap{seed: maphash.MakeSeed()}
	for i := range s.shards {
		s.shards[i].m = make(map[string][]byte, r.Entries/mapShards)
	}
	return Cache{Get: s.get, Set: s.set, Walk: s.walk, Close: func() {}}, nil
}

func (s *shardedMap) get(dst, key []byte) ([]byte, bool) {
	sh := &s.shards[maphash.Bytes(s.seed, key)%mapShards]
	sh.RLock()
	value, ok := sh.m[string(key)]
	dst = append(dst, value...)
	sh.RUnlock()
	return dst, ok
}

func (s *shardedMap) set(key, value []byte) {
	sh := &s.shards[maphash.Bytes(s.seed, key)%mapShards]
	sh.Lock()
	if old, ok := sh.m[string(key)]; ok && len(old) == len(value) {
		copy(old, value)
	} else {
		sh.m[string(key)] = bytes.Clone(value)
	}
	sh.Unlock()
}

func (s *shardedMap) walk() int {
	var v visitor
	for i := range s.shards {
		sh := &s.shards[i]
		sh.RLock()
		for key, value := range sh.m {
			v.visit(key, value)
		}
		sh.RUnlock()
	}
	return v.n
}
