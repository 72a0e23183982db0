package store

import "golang.org/x/sys/unix"

const (
	mapFlags      = unix.MAP_ANON | unix.MAP_PRIVATE | unix.MAP_NORESERVE
	releaseAdvice = unix.MADV_DONTNEED
)
