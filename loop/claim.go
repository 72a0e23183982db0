package loop

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strconv"

	"golang.org/x/sys/unix"
)

// claim makes a TCP address this node's own for as long as it lives.
//
// gnet listens with SO_REUSEPORT, so a second process on the same port would start without an
// error and take half of the connections. Two guards stand before that: a lock among covey nodes
// (claimName) and a probe for strangers.
func claim(addr netip.AddrPort) (release func(), err error) {
	release, err = claimName(strconv.Itoa(int(addr.Port())))
	if err != nil {
		return nil, &nameTaken{addr.Port(), err}
	}
	for _, at := range append([]netip.AddrPort{addr}, beside(addr)...) {
		ln, err := net.Listen("tcp4", at.String())
		if err != nil {
			release()
			return nil, err
		}
		_ = ln.Close()
	}
	return release, nil
}

// nameTaken says that another covey node of this machine holds a port, on whatever address.
type nameTaken struct {
	port uint16
	err  error
}

func (e *nameTaken) Error() string {
	return fmt.Sprintf("port %d is held by another covey node", e.port)
}
func (e *nameTaken) Unwrap() error { return e.err }

// claimFrom claims addr or, unless it was asked for by name, the next free port after it.
func claimFrom(addr netip.AddrPort, exact bool) (netip.AddrPort, func(), error) {
	for i := range portTries {
		port := int(addr.Port()) + i
		if port > 65535 {
			break
		}
		try := netip.AddrPortFrom(addr.Addr(), uint16(port))
		release, err := claim(try)
		if err == nil {
			return try, release, nil
		}
		if !inUse(err) {
			return addr, nil, fmt.Errorf("cannot listen on %s: %w; give --listen an address and port this machine may use", try, err)
		}
		var held *nameTaken
		if exact && errors.As(err, &held) {
			return addr, nil, fmt.Errorf("port %d is taken by another covey node of this machine; give --listen another port, or leave --listen out to take the next free one", port)
		}
		if exact {
			return addr, nil, fmt.Errorf("%s is taken by another process; stop it, or give --listen another port, or leave --listen out to take the next free one", try)
		}
	}
	return addr, nil, fmt.Errorf("no free TCP port from %d to %d; give --listen a port that is free", addr.Port(), int(addr.Port())+portTries-1)
}

// inUse tells a taken address from every other failure to listen.
func inUse(err error) bool { return errors.Is(err, unix.EADDRINUSE) }
