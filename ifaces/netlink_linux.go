package ifaces

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"net/netip"
	"syscall"

	"golang.org/x/sys/unix"
)

// The formats of rtnetlink(7), read without a socket. Numbers are in the machine's byte order, addresses in
// network byte order; messages and attributes start at multiples of four bytes.

const (
	netlinkAlign   = 4
	dumpRequestLen = unix.SizeofNlMsghdr + unix.SizeofIfInfomsg // bytes; the longer of the two requests
)

var errShortNetlink = errors.New("the kernel's list of network cards is cut short")

// appendDumpRequest appends a request for all links (unix.RTM_GETLINK) or IPv4 addresses (unix.RTM_GETADDR) to
// dst. A link request without a family asks for links themselves, not for what bridges know of them.
func appendDumpRequest(dst []byte, kind uint16, seq uint32) []byte {
	size, family := unix.SizeofIfInfomsg, byte(unix.AF_UNSPEC)
	if kind == unix.RTM_GETADDR {
		size, family = unix.SizeofIfAddrmsg, unix.AF_INET
	}
	e := binary.NativeEndian
	dst = e.AppendUint32(dst, uint32(unix.SizeofNlMsghdr+size))
	dst = e.AppendUint16(dst, kind)
	dst = e.AppendUint16(dst, unix.NLM_F_REQUEST|unix.NLM_F_DUMP)
	dst = e.AppendUint32(dst, seq)
	dst = e.AppendUint32(dst, 0) // port: the kernel fills it in
	dst = append(dst, family)
	return append(dst, make([]byte, size-1)...)
}

// message is one netlink message; body aliases the datagram.
type message struct {
	kind, flags uint16
	seq         uint32
	body        []byte
}

// cutMessage takes the first message off a datagram.
func cutMessage(b []byte) (m message, rest []byte, err error) {
	if len(b) < unix.SizeofNlMsghdr {
		return m, nil, errShortNetlink
	}
	e := binary.NativeEndian
	size := e.Uint32(b)
	if size < unix.SizeofNlMsghdr || uint64(size) > uint64(len(b)) {
		return m, nil, errShortNetlink
	}
	m = message{kind: e.Uint16(b[4:]), flags: e.Uint16(b[6:]), seq: e.Uint32(b[8:]), body: b[unix.SizeofNlMsghdr:size]}
	return m, b[min(aligned(int(size)), len(b)):], nil
}

// cutAttribute takes the first attribute off the tail of a message; ok is false when there is no whole one.
// value aliases b.
func cutAttribute(b []byte) (kind uint16, value, rest []byte, ok bool) {
	if len(b) < unix.SizeofRtAttr {
		return 0, nil, nil, false
	}
	size := int(binary.NativeEndian.Uint16(b))
	if size < unix.SizeofRtAttr || size > len(b) {
		return 0, nil, nil, false
	}
	return binary.NativeEndian.Uint16(b[2:]), b[unix.SizeofRtAttr:size], b[min(aligned(size), len(b)):], true
}

func aligned(n int) int { return (n + netlinkAlign - 1) &^ (netlinkAlign - 1) }

// dump gathers the answers to a link request and to the address request that follows it.
type dump struct {
	cards       map[int]*Interface // by index
	interrupted bool               // the cards changed while the kernel listed them: ask again
}

// read takes one datagram of the answer to request seq and reports whether it was the last. Messages of other
// kinds and of other requests are skipped; addresses of cards that were not listed are dropped. Nothing of b is
// kept.
func (d *dump) read(b []byte, seq uint32) (done bool, err error) {
	for len(b) > 0 {
		var m message
		if m, b, err = cutMessage(b); err != nil {
			return false, err
		}
		if m.seq != seq {
			continue
		}
		d.interrupted = d.interrupted || m.flags&unix.NLM_F_DUMP_INTR != 0
		switch m.kind {
		case unix.NLMSG_DONE, unix.NLMSG_ERROR:
			return true, netlinkError(m.body)
		case unix.RTM_NEWLINK:
			err = d.addCard(m.body)
		case unix.RTM_NEWADDR:
			err = d.addAddr(m.body)
		}
		if err != nil {
			return false, err
		}
	}
	return false, nil
}

// netlinkError returns the error that the body of NLMSG_DONE or NLMSG_ERROR tells, wrapping its errno, or nil.
func netlinkError(body []byte) error {
	if len(body) < 4 {
		return errShortNetlink
	}
	if errno := -int32(binary.NativeEndian.Uint32(body)); errno > 0 {
		return fmt.Errorf("the kernel refuses: %w", syscall.Errno(errno))
	}
	return nil
}

// addCard takes the body of RTM_NEWLINK: a unix.IfInfomsg and attributes.
func (d *dump) addCard(body []byte) error {
	if len(body) < unix.SizeofIfInfomsg {
		return errShortNetlink
	}
	e := binary.NativeEndian
	c := &Interface{Index: int(int32(e.Uint32(body[4:]))), Flags: linuxFlags(e.Uint32(body[8:]))}
	for attrs := body[unix.SizeofIfInfomsg:]; ; {
		kind, value, rest, ok := cutAttribute(attrs)
		if !ok {
			break
		}
		attrs = rest
		switch {
		case kind == unix.IFLA_IFNAME && len(value) <= maxNameBytes:
			c.Name = string(bytes.TrimRight(value, "\x00"))
		case kind == unix.IFLA_ADDRESS && len(value) == len(c.MAC):
			c.MAC = MAC(value)
		case kind == unix.IFLA_MTU && len(value) == 4:
			c.MTU = int(e.Uint32(value))
		case kind == unix.IFLA_MASTER && len(value) == 4:
			c.Owner = int(int32(e.Uint32(value)))
		}
	}
	if c.Index <= 0 || c.Name == "" {
		return nil // not a card that anything could be sent through
	}
	if d.cards[c.Index] == nil && len(d.cards) >= maxCards {
		return fmt.Errorf("this machine has more than %d network cards", maxCards)
	}
	d.cards[c.Index] = c
	return nil
}

// addAddr takes the body of RTM_NEWADDR: a unix.IfAddrmsg and attributes. IFA_LOCAL is the card's own address;
// IFA_ADDRESS is the same, but the other end's on a point-to-point card.
func (d *dump) addAddr(body []byte) error {
	if len(body) < unix.SizeofIfAddrmsg {
		return errShortNetlink
	}
	family, bits := body[0], int(body[1])
	c := d.cards[int(int32(binary.NativeEndian.Uint32(body[4:])))]
	if family != unix.AF_INET || bits > 32 || c == nil || len(c.Addrs) >= maxAddrsPerCard {
		return nil
	}
	var local, address netip.Addr
	for attrs := body[unix.SizeofIfAddrmsg:]; ; {
		kind, value, rest, ok := cutAttribute(attrs)
		if !ok {
			break
		}
		attrs = rest
		switch {
		case kind == unix.IFA_LOCAL && len(value) == 4:
			local = netip.AddrFrom4([4]byte(value))
		case kind == unix.IFA_ADDRESS && len(value) == 4:
			address = netip.AddrFrom4([4]byte(value))
		}
	}
	if !local.IsValid() {
		local = address
	}
	if local.IsValid() {
		c.Addrs = append(c.Addrs, newAddr(netip.PrefixFrom(local, bits)))
	}
	return nil
}

func linuxFlags(v uint32) Flags {
	var f Flags
	for _, m := range [...]struct {
		bit  uint32
		flag Flags
	}{
		{unix.IFF_UP, Up}, {unix.IFF_RUNNING, Running}, {unix.IFF_BROADCAST, Broadcast},
		{unix.IFF_LOOPBACK, Loopback}, {unix.IFF_POINTOPOINT, PointToPoint},
	} {
		if v&m.bit != 0 {
			f |= m.flag
		}
	}
	return f
}
