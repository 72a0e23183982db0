//go:build amd64 || arm64

package store

// prefetchEntry asks the processor for the cache lines at an address and does not wait: three of them, most entries. The address need
// not be one of this process. What follows in program order, a lock taken included, does not wait for them either, as it would for
// a load.
//
//go:noescape
func prefetchEntry(at uintptr)

// prefetchKey does so for three lines of a shard, a cell, and a leaf.
//
//go:noescape
func prefetchKey(shard, cell, leaf uintptr)

// prefetchRest does so for more lines, one at least.
//
//go:noescape
func prefetchRest(at uintptr, lines int)
