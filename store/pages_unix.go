//go:build linux || darwin || freebsd

package store

import (
	"unsafe"

	"golang.org/x/sys/unix"
)

// mapBytes maps n bytes of zeros. They have no memory until they are written, whatever the system's overcommit.
func mapBytes(n int) ([]byte, error) {
	return unix.Mmap(-1, 0, n, unix.PROT_READ|unix.PROT_WRITE, mapFlags)
}

// unmapBytes gives back what mapBytes returned. It cannot fail for such a slice.
func unmapBytes(b []byte) { _ = unix.Munmap(b) }

// releaseBytes gives the memory of whole system pages in b back; the addresses stay. Their content is lost. Where the
// system refuses, they keep it: no harm but the memory.
func releaseBytes(b []byte) {
	page := uintptr(unix.Getpagesize())
	start := uintptr(unsafe.Pointer(&b[0]))
	skip := (page - start%page) % page
	n := (start + uintptr(len(b))) &^ (page - 1)
	if end := n - start; n > start && end > skip {
		_ = unix.Madvise(b[skip:end], releaseAdvice)
	}
}
