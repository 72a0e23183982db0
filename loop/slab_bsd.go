//go:build darwin || freebsd

package loop

import "golang.org/x/sys/unix"

const slabFlags = unix.MAP_ANON | unix.MAP_PRIVATE // FreeBSD knows no MAP_NORESERVE, and needs none
