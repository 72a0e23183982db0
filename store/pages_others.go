//go:build !linux && !darwin && !freebsd

package store

func mapBytes(n int) ([]byte, error) { return make([]byte, n), nil }

// unmapBytes leaves b to the collector.
func unmapBytes([]byte) {}

// releaseBytes keeps the memory: a slice has no way to give part of it back.
func releaseBytes([]byte) {}
