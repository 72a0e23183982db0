//go:build !amd64 && !arm64

package store

func prefetch(uintptr)      {}
func prefetchEntry(uintptr) {}
