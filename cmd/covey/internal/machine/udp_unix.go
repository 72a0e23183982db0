//go:build unix

package machine

import (
	"errors"
	"syscall"

	"golang.org/x/sys/unix"
)

// shareAddress lets a socket share its port with others that agree to it too.
func shareAddress(_, _ string, conn syscall.RawConn) error {
	var failed error
	err := conn.Control(func(fd uintptr) {
		failed = errors.Join(
			unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_REUSEADDR, 1),
			unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, sharePort, 1),
		)
	})
	return errors.Join(err, failed)
}
