//go:build linux || darwin || freebsd

package loop

import "golang.org/x/sys/unix"

// newSlab returns an empty buffer of so many bytes of room, not from the Go heap: it has memory only as far as it was
// written, it is gone the moment freeSlab gives it back, and no garbage is let lie on its account.
func newSlab(size int) []byte {
	b, err := unix.Mmap(-1, 0, size, unix.PROT_READ|unix.PROT_WRITE, slabFlags)
	if err != nil {
		return make([]byte, 0, size)
	}
	return b[:0]
}

// freeSlab gives back what newSlab returned. Of any other slice it knows nothing, and leaves it to the collector.
func freeSlab(b []byte) {
	if cap(b) > 0 {
		_ = unix.Munmap(b[:cap(b)])
	}
}
