//go:build !linux

package loop

import "net/netip"

// claimName has no abstract socket to take off Linux; the probe alone guards the port, or the path.
func claimName(string) (release func(), err error) { return func() {}, nil }

// beside returns where a stranger may listen that the probe of addr does not meet. These systems let one listen at an address of the
// machine beside another that listens at all of them, if both reuse addresses, as Go has it; it takes the connections to that address.
func beside(addr netip.AddrPort) []netip.AddrPort {
	if addr.Addr().IsUnspecified() {
		return []netip.AddrPort{netip.AddrPortFrom(netip.AddrFrom4([4]byte{127, 0, 0, 1}), addr.Port())}
	}
	return []netip.AddrPort{netip.AddrPortFrom(netip.IPv4Unspecified(), addr.Port())}
}
