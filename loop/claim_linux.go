package loop

import (
	"fmt"
	"net"
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
