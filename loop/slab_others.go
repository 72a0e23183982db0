//go:build !linux && !darwin && !freebsd

package loop

// newSlab returns an empty buffer of so many bytes of room.
func newSlab(size int) []byte { return make([]byte, 0, size) }

// freeSlab leaves b to the collector.
func freeSlab([]byte) {}
