package loop

import (
	"net"
	"net/netip"
)

// claimName takes the abstract unix socket @covey-NAME, which the kernel frees when the process
// ends however it ends: an atomic lock. The name is a port, which SO_REUSEPORT would let a second node share, or stands for a path.
func claimName(name string) (release func(), err error) {
	ln, err := net.Listen("unix", "@covey-"+name)
	if err != nil {
		return nil, err
	}
	return func() { _ = ln.Close() }, nil
}

// beside is empty: a probe meets every listener at an address that overlaps.
func beside(netip.AddrPort) []netip.AddrPort { return nil }
