//go:build !linux

package ifaces

import (
	"fmt"
	"net"
	"net/netip"
)

// List returns every network card, sorted by index, without verdicts: Choose gives those.
func List() ([]Interface, error) {
	all, err := net.Interfaces()
	if err != nil {
		return nil, fmt.Errorf("cannot list the network cards: %w", err)
	}
	if len(all) > maxCards {
		return nil, fmt.Errorf("cannot list the network cards: this machine has more than %d", maxCards)
	}
	cards := make([]Interface, 0, len(all))
	for _, n := range all {
		if len(n.Name) > maxNameBytes {
			continue
		}
		c := Interface{Index: n.Index, Name: n.Name, MTU: n.MTU, Flags: netFlags(n.Flags)}
		if len(n.HardwareAddr) == len(c.MAC) {
			c.MAC = MAC(n.HardwareAddr)
		}
		addrs, err := n.Addrs()
		if err != nil {
			continue // the card went away since it was listed
		}
		c.Addrs = ipv4Addrs(addrs)
		cards = append(cards, c)
	}
	sortByIndex(cards)
	return cards, nil
}

// ipv4Addrs keeps the IPv4 addresses of a card.
func ipv4Addrs(addrs []net.Addr) []Addr {
	var kept []Addr
	for _, a := range addrs {
		n, ok := a.(*net.IPNet)
		if !ok || n.IP.To4() == nil || len(kept) == maxAddrsPerCard {
			continue
		}
		if bits, size := n.Mask.Size(); size == 32 {
			kept = append(kept, newAddr(netip.PrefixFrom(netip.AddrFrom4([4]byte(n.IP.To4())), bits)))
		}
	}
	return kept
}

func netFlags(v net.Flags) Flags {
	var f Flags
	for _, m := range [...]struct {
		bit  net.Flags
		flag Flags
	}{
		{net.FlagUp, Up}, {net.FlagRunning, Running}, {net.FlagBroadcast, Broadcast},
		{net.FlagLoopback, Loopback}, {net.FlagPointToPoint, PointToPoint},
	} {
		if v&m.bit != 0 {
			f |= m.flag
		}
	}
	return f
}
