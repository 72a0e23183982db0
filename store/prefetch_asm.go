//go:build amd64 || arm64

package store

// prefetchEntry asks the processor for the cache lines of an address, of the one behind it as far as the last byte, and of that, and does
// not wait. The addresses need not be of this process. What follows in program order, a lock taken included, does not wait for
// them either, as it would for a load.
//
//go:noescape
func prefetchEntry(at, last uintptr)

// prefetchKey does so for three lines of a shard, a cell, and a leaf.
//
//go:noescape
func prefetchKey(shard, cell, leaf uintptr)

// prefetchRest does so for lines in a row, one at least.
//
//go:noescape
func prefetchRest(at uintptr, lines int)
