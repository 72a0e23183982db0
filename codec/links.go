package codec

import (
	"encoding/binary"
	"net/netip"
)

const linkChangeLen = 16

// LinkChange says that the sender of a heartbeat has come to be linked with a node, or is not any more.
type LinkChange struct {
	Node uint64
	Addr netip.AddrPort // where the sender reaches it: IPv4, or not valid; a hint to dial, no more
	Gone bool
}

// LinkChanges is a list of them as it stands on the wire, 16 bytes each. The zero value is an empty list.
type LinkChanges []byte

// Len returns how many there are.
func (c LinkChanges) Len() int { return len(c) / linkChangeLen }

// At returns the i-th.
func (c LinkChanges) At(i int) LinkChange {
	b := c[i*linkChangeLen:]
	m := LinkChange{Node: binary.LittleEndian.Uint64(b), Gone: b[14] != 0}
	if port := binary.LittleEndian.Uint16(b[12:]); port != 0 {
		m.Addr = netip.AddrPortFrom(netip.AddrFrom4([4]byte(b[8:12])), port)
	}
	return m
}

// Append appends m to the list, in the manner of the built-in append. An address that is not IPv4 is left out.
func (c LinkChanges) Append(m LinkChange) LinkChanges {
	all, b := extend(c, linkChangeLen)
	clear(b)
	binary.LittleEndian.PutUint64(b, m.Node)
	if ip := m.Addr.Addr().Unmap(); ip.Is4() && m.Addr.Port() != 0 {
		ip4 := ip.As4()
		copy(b[8:], ip4[:])
		binary.LittleEndian.PutUint16(b[12:], m.Addr.Port())
	}
	b[14] = bit(m.Gone, 1)
	return all
}

// check reports what is wrong with a list that came.
func (c LinkChanges) check() error {
	for ; len(c) > 0; c = c[linkChangeLen:] {
		if c[14] > 1 || c[15] != 0 {
			return ErrReserved
		}
		if c[12]|c[13] == 0 && c[8]|c[9]|c[10]|c[11] != 0 {
			return ErrRange // an address is whole, or there is none
		}
	}
	return nil
}
