//go:build !amd64 && !arm64

package store

func prefetchEntry(uintptr)                 {}
func prefetchKey(shard, cell, leaf uintptr) {}
func prefetchRest(uintptr, int)             {}
