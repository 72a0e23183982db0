//go:build darwin || freebsd

package store

import "golang.org/x/sys/unix"

// MADV_DONTNEED takes no memory away here: it says only that the pages are not needed soon. Those of MADV_FREE are taken as soon as
// anybody is short of memory; until then the system may count them as this process'. FreeBSD knows no MAP_NORESERVE, and needs none.
const (
	mapFlags      = unix.MAP_ANON | unix.MAP_PRIVATE
	releaseAdvice = unix.MADV_FREE
)
