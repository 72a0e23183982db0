// Package cache puts covey's store and the other caches behind the same few calls, each used in the way that suits it
// best, so that what is measured is the cache.
//
//  1. Makers lists them. A Maker makes an empty cache for a Room.
//  2. A reader's key is never copied: where a library takes a string, the bytes of the caller are lent as one. A writer's
//     key and value are copied where the library keeps what it is given, for a server reads both from a buffer it uses again.
//  3. A value is appended to the caller's buffer, for its bytes must outlive the call. Where a library returns the value
//     it holds, that is one copy more than a program needs that only looks at it.
//
// Keys and values of all caches are byte strings of any length: none gets to use the fixed length of a benchmark's keys.
package cache

import (
	"fmt"
	"unsafe"
)

// Cache is what all of them can do. Get, Set and Walk may be called by any number of goroutines.
type Cache struct {
	Get    func(dst, key []byte) ([]byte, bool) // appends the value to dst
	Set    func(key, value []byte)              // keeps neither
	Walk   func() int                           // copies every entry once, key and value, and returns how many; nil: it cannot
	Settle func()                               // returns when the sets so far are in; nil: they are when Set returns
	Close  func()
	Note   string // how it is set up, where that is not the same for every Room
}

// Room is how much a cache may hold.
type Room struct {
	Bytes   int64 // budget, by whatever the cache counts
	Entries int   // how many entries to expect: the size of its tables and sketches
	Entry   int   // bytes of a key and a value, about

	// Inline makes the cache do its upkeep in the goroutine that calls it, and take time from the number of calls: a run
	// over a trace is then the same every time, as far as the library can.
	Inline bool
}

// Maker makes one of the caches.
type Maker struct {
	Name   string
	Module string // that it comes from; empty: the standard library
	Make   func(Room) (Cache, error)
}

// Makers are all caches. Covey is the first, to which the others are compared.
var Makers = []Maker{
	{"covey", "covey", newCovey},
	{"fastcache", "github.com/VictoriaMetrics/fastcache", newFastcache},
	{"freecache", "github.com/coocood/freecache", newFreecache},
	{"bigcache", "github.com/allegro/bigcache/v3", newBigcache},
	{"otter", "github.com/maypok86/otter/v2", newOtter},
	{"ristretto", "github.com/dgraph-io/ristretto/v2", newRistretto},
	{"lru", "github.com/hashicorp/golang-lru/v2", newLRU},
	{"xsync", "github.com/puzpuzpuz/xsync/v4", newXsync},
	{"syncmap", "", newSyncMap},
	{"shardedmap", "", newShardedMap},
}

// Named returns a Maker by its name.
func Named(name string) (Maker, bool) {
	for _, m := range Makers {
		if m.Name == name {
			return m, true
		}
	}
	return Maker{}, false
}

// Modules returns the modules that the named caches come from. The error is for the user: it names the flag -caches.
func Modules(names []string) ([]string, error) {
	var modules []string
	for _, name := range names {
		m, ok := Named(name)
		if !ok {
			return nil, fmt.Errorf("-caches: there is no cache %q here", name)
		}
		modules = append(modules, m.Module)
	}
	return modules, nil
}

// Bounded tells a cache that evicts from a map that grows without end.
func (m Maker) Bounded() bool {
	return m.Name != "xsync" && m.Name != "syncmap" && m.Name != "shardedmap"
}

// lend is the bytes of key as a string, good until the caller changes them: for lookups, and for libraries that copy.
func lend(key []byte) string { return unsafe.String(unsafe.SliceData(key), len(key)) }

// visitor copies what it is shown, as the iterators of the caches with arenas do.
type visitor struct {
	buf []byte
	n   int
}

func (v *visitor) visit(key string, value []byte) bool {
	v.buf = append(append(v.buf[:0], key...), value...)
	v.n++
	return true
}
