package ifaces

import (
	"net"
	"net/netip"
	"slices"
	"strings"
)

// MAC is the 48-bit hardware address of a card. The zero value means that the card has none of this length.
type MAC [6]byte

// String returns the address as aa:bb:cc:dd:ee:ff.
func (m MAC) String() string { return net.HardwareAddr(m[:]).String() }

// IsZero reports whether m is no address at all.
func (m MAC) IsZero() bool { return m == MAC{} }

// Flags is the set of a card's properties that matter to covey.
type Flags uint8

const (
	Up           Flags = 1 << iota // switched on by the administrator
	Running                        // has a carrier: the cable is in, the radio is associated
	Broadcast                      // can send to all hosts of its network at once
	Loopback                       // leads back to this machine
	PointToPoint                   // leads to exactly one other host
)

var flagNames = [...]string{"up", "running", "broadcast", "loopback", "point-to-point"}

// String returns the names of the flags in f, separated by "|", or "0".
func (f Flags) String() string {
	var names []string
	for i, name := range flagNames {
		if f&(1<<i) != 0 {
			names = append(names, name)
		}
	}
	if names == nil {
		return "0"
	}
	return strings.Join(names, "|")
}

// Addr is one IPv4 address of a card.
type Addr struct {
	Prefix    netip.Prefix // the host's address with the prefix length of its network, as in 10.0.0.5/24
	Broadcast netip.Addr   // the directed broadcast address of that network; zero when there is none (/31, /32)
}

// newAddr returns the Addr of a host address. The broadcast address is always computed: the one a system reports
// can be absent, or set to 255.255.255.255, while every host on the network accepts the computed one.
func newAddr(p netip.Prefix) Addr {
	a := Addr{Prefix: p}
	if !p.Addr().Is4() || p.Bits() < 1 || p.Bits() > 30 {
		return a
	}
	ip := p.Addr().As4()
	for bit := p.Bits(); bit < 32; bit++ {
		ip[bit/8] |= 0x80 >> (bit % 8)
	}
	a.Broadcast = netip.AddrFrom4(ip)
	return a
}

// Interface is one network card as it was when listed.
type Interface struct {
	Index int // the system's number of the card, positive
	Name  string
	MAC   MAC
	MTU   int // bytes
	Flags Flags
	Owner int    // index of the bridge, bond or other card that this one is a port of; 0: of none, or the system does not tell
	Addrs []Addr // IPv4 only, in the system's order, at most 64; shared by copies, so not to be changed

	Usable bool   // set by Choose
	Reason string // why the card is skipped, a phrase for the user; empty when usable. Set by Choose
}

// NodeMAC returns the MAC address of the usable card with the lowest index. Where no card is usable yet it is that of the
// first one that waits: a machine whose node starts before its cable, its driver or its DHCP server is ready keeps its name.
// false: no such card has a MAC.
func NodeMAC(chosen []Interface) (MAC, bool) {
	for _, counts := range []func(*Interface) bool{func(c *Interface) bool { return c.Usable }, (*Interface).Waits} {
		var first *Interface
		for i := range chosen {
			c := &chosen[i]
			if counts(c) && !c.MAC.IsZero() && (first == nil || c.Index < first.Index) {
				first = c
			}
		}
		if first != nil {
			return first.MAC, true
		}
	}
	return MAC{}, false
}

// Waits reports whether c would be usable if it were up, had its carrier and an address.
func (c *Interface) Waits() bool {
	const never = Loopback | PointToPoint
	return c.Flags&never == 0 && c.Flags&Broadcast != 0 && virtualKind(c.Name) == "" && c.Reason == obstacle(c)
}

// Equal reports whether a and b are the same cards in the same order with the same properties, addresses and
// verdicts.
func Equal(a, b []Interface) bool {
	return slices.EqualFunc(a, b, func(x, y Interface) bool {
		return x.Index == y.Index && x.Name == y.Name && x.MAC == y.MAC && x.MTU == y.MTU && x.Flags == y.Flags && x.Owner == y.Owner &&
			x.Usable == y.Usable && x.Reason == y.Reason && slices.Equal(x.Addrs, y.Addrs)
	})
}

// sortByIndex puts cards into the order that List promises.
func sortByIndex(cards []Interface) {
	slices.SortFunc(cards, func(a, b Interface) int { return a.Index - b.Index })
}
