package loop

import "golang.org/x/sys/unix"

const slabFlags = unix.MAP_ANON | unix.MAP_PRIVATE | unix.MAP_NORESERVE
