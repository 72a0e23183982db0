//go:build amd64 || arm64

package store

// prefetch asks the processor for the cache line at an address, which need not be one of this process, and does not wait.
// What follows in program order, a lock taken included, does not wait for it either, as it would for a load.
//
//go:noescape
func prefetch(at uintptr)

// prefetchEntry does so for three lines: most entries.
//
//go:noescape
func prefetchEntry(at uintptr)
