//go:build !amd64 && !arm64

package store

func prefetchEntry(at, last uintptr)        {}
func prefetchKey(shard, cell, leaf uintptr) {}
func prefetchRest(uintptr, int)             {}
