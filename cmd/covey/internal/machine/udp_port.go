//go:build unix && !freebsd

package machine

import "golang.org/x/sys/unix"

const sharePort = unix.SO_REUSEPORT
