package loop

import (
	"errors"
	"fmt"
	"net"

	"golang.org/x/sys/unix"
)

// claimName takes the abstract unix socket @covey-PORT, which the kernel frees when the process
// ends however it ends: an atomic lock, where SO_REUSEPORT would let a second node share the port.
func claimName(port uint16) (release func(), err error) {
	ln, err := net.Listen("unix", fmt.Sprintf("@covey-%d", port))
	if err != nil {
		return nil, err
	}
	return func() { _ = ln.Close() }, nil
}

// inUse tells a taken address from every other failure to listen.
func inUse(err error) bool { return errors.Is(err, unix.EADDRINUSE) }
