package ifaces

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// Builders of what the kernel sends.

func attribute(kind uint16, value []byte) []byte {
	b := binary.NativeEndian.AppendUint16(nil, uint16(unix.SizeofRtAttr+len(value)))
	b = append(binary.NativeEndian.AppendUint16(b, kind), value...)
	return append(b, make([]byte, aligned(len(b))-len(b))...)
}

func netlinkMessage(kind, flags uint16, seq uint32, body ...[]byte) []byte {
	all := slices.Concat(body...)
	b := binary.NativeEndian.AppendUint32(nil, uint32(unix.SizeofNlMsghdr+len(all)))
	b = binary.NativeEndian.AppendUint16(b, kind)
	b = binary.NativeEndian.AppendUint16(b, flags)
	b = binary.NativeEndian.AppendUint32(b, seq)
	b = binary.NativeEndian.AppendUint32(b, 4711)
	b = append(b, all...)
	return append(b, make([]byte, aligned(len(b))-len(b))...)
}

func linkMessage(seq uint32, index int32, flags uint32, attributes ...[]byte) []byte {
	head := make([]byte, unix.SizeofIfInfomsg)
	binary.NativeEndian.PutUint32(head[4:], uint32(index))
	binary.NativeEndian.PutUint32(head[8:], flags)
	return netlinkMessage(unix.RTM_NEWLINK, unix.NLM_F_MULTI, seq, head, slices.Concat(attributes...))
}

func addrMessage(seq uint32, family, bits byte, index uint32, attributes ...[]byte) []byte {
	head := make([]byte, unix.SizeofIfAddrmsg)
	head[0], head[1] = family, bits
	binary.NativeEndian.PutUint32(head[4:], index)
	return netlinkMessage(unix.RTM_NEWADDR, unix.NLM_F_MULTI, seq, head, slices.Concat(attributes...))
}

func doneMessage(seq uint32, errno int32) []byte {
	return netlinkMessage(unix.NLMSG_DONE, unix.NLM_F_MULTI, seq, binary.NativeEndian.AppendUint32(nil, uint32(-errno)))
}

func named(name string) []byte { return attribute(unix.IFLA_IFNAME, append([]byte(name), 0)) }

// readAll feeds datagrams to a dump and returns the cards by index, or the first error.
func readAll(datagrams ...[]byte) ([]Interface, dump, error) {
	d := dump{cards: make(map[int]*Interface)}
	for _, b := range datagrams {
		if _, err := d.read(b, 1); err != nil {
			return nil, d, err
		}
	}
	cards := make([]Interface, 0, len(d.cards))
	for _, c := range d.cards {
		cards = append(cards, *c)
	}
	sortByIndex(cards)
	return cards, d, nil
}

func TestNetlinkDumpIsRead(t *testing.T) {
	mac := attribute(unix.IFLA_ADDRESS, macA[:])
	mtu := attribute(unix.IFLA_MTU, binary.NativeEndian.AppendUint32(nil, 1400))
	ip := func(kind uint16, a, b, c, d byte) []byte { return attribute(kind, []byte{a, b, c, d}) }
	eth0 := linkMessage(1, 2, unix.IFF_UP|unix.IFF_BROADCAST|unix.IFF_RUNNING|unix.IFF_MULTICAST, named("eth0"), mac, mtu)
	card := func(change func(*Interface)) []Interface {
		c := Interface{Index: 2, Name: "eth0", MAC: macA, MTU: 1400, Flags: lan}
		change(&c)
		return []Interface{c}
	}
	withAddrs := func(prefixes ...string) []Interface {
		return card(func(c *Interface) {
			for _, p := range prefixes {
				c.Addrs = append(c.Addrs, newAddr(netip.MustParsePrefix(p)))
			}
		})
	}
	for name, tt := range map[string]struct {
		datagrams [][]byte
		want      []Interface
	}{
		"nothing": {[][]byte{doneMessage(1, 0)}, nil},
		"a card":  {[][]byte{eth0}, withAddrs()},
		"a port of a bridge": {
			[][]byte{linkMessage(1, 2, unix.IFF_UP|unix.IFF_BROADCAST|unix.IFF_RUNNING, named("eth0"), mac, mtu, attribute(unix.IFLA_MASTER, binary.NativeEndian.AppendUint32(nil, 7)))},
			card(func(c *Interface) { c.Owner = 7 }),
		},
		"an address": {
			[][]byte{slices.Concat(eth0, doneMessage(1, 0)), addrMessage(1, unix.AF_INET, 24, 2, ip(unix.IFA_LOCAL, 10, 0, 0, 5))},
			withAddrs("10.0.0.5/24"),
		},
		"its own end of a point-to-point address": {
			[][]byte{eth0, addrMessage(1, unix.AF_INET, 32, 2, ip(unix.IFA_ADDRESS, 10, 0, 0, 6), ip(unix.IFA_LOCAL, 10, 0, 0, 5))},
			withAddrs("10.0.0.5/32"),
		},
		"an address without IFA_LOCAL": {
			[][]byte{eth0, addrMessage(1, unix.AF_INET, 30, 2, ip(unix.IFA_ADDRESS, 10, 0, 0, 6))},
			withAddrs("10.0.0.6/30"),
		},
		"a broadcast address that was set is not believed": {
			[][]byte{eth0, addrMessage(1, unix.AF_INET, 16, 2, ip(unix.IFA_LOCAL, 10, 0, 0, 5), ip(unix.IFA_BROADCAST, 10, 0, 0, 255))},
			withAddrs("10.0.0.5/16"),
		},
		"two addresses in the kernel's order": {
			[][]byte{eth0, addrMessage(1, unix.AF_INET, 8, 2, ip(unix.IFA_LOCAL, 10, 0, 0, 9)), addrMessage(1, unix.AF_INET, 8, 2, ip(unix.IFA_LOCAL, 10, 0, 0, 5))},
			withAddrs("10.0.0.9/8", "10.0.0.5/8"),
		},
		"IPv6 and malformed addresses are left out": {
			[][]byte{
				eth0,
				addrMessage(1, unix.AF_INET6, 64, 2, attribute(unix.IFA_ADDRESS, make([]byte, 16))),
				addrMessage(1, unix.AF_INET, 33, 2, ip(unix.IFA_LOCAL, 10, 0, 0, 5)),
				addrMessage(1, unix.AF_INET, 24, 2, attribute(unix.IFA_LOCAL, []byte{10, 0, 0})),
				addrMessage(1, unix.AF_INET, 24, 2),
			},
			withAddrs(),
		},
		"an address of a card not listed":       {[][]byte{eth0, addrMessage(1, unix.AF_INET, 24, 3, ip(unix.IFA_LOCAL, 10, 0, 0, 5))}, withAddrs()},
		"a card listed twice counts once":       {[][]byte{linkMessage(1, 2, 0, named("old")), eth0}, withAddrs()},
		"answers to another request":            {[][]byte{eth0, linkMessage(7, 3, 0, named("eth1")), doneMessage(7, 1)}, withAddrs()},
		"messages of another kind":              {[][]byte{netlinkMessage(unix.RTM_NEWROUTE, 0, 1, []byte{1}), eth0}, withAddrs()},
		"cards without a name or an index":      {[][]byte{linkMessage(1, 3, 0, mac), linkMessage(1, 0, 0, named("a")), linkMessage(1, -1, 0, named("b")), eth0}, withAddrs()},
		"a name too long":                       {[][]byte{linkMessage(1, 3, 0, named(strings.Repeat("n", 255))), eth0}, withAddrs()},
		"a hardware address that is no MAC":     {[][]byte{linkMessage(1, 3, 0, named("ib0"), attribute(unix.IFLA_ADDRESS, make([]byte, 20)))}, []Interface{{Index: 3, Name: "ib0"}}},
		"an attribute longer than its room":     {[][]byte{linkMessage(1, 3, 0, named("eth3"), []byte{200, 0, 4, 0})}, []Interface{{Index: 3, Name: "eth3"}}},
		"flags":                                 {[][]byte{linkMessage(1, 3, unix.IFF_LOOPBACK|unix.IFF_POINTOPOINT, named("x"))}, []Interface{{Index: 3, Name: "x", Flags: Loopback | PointToPoint}}},
		"what follows the end is not looked at": {[][]byte{slices.Concat(eth0, doneMessage(1, 0), []byte{1, 2, 3})}, withAddrs()},
	} {
		t.Run(name, func(t *testing.T) {
			got, d, err := readAll(tt.datagrams...)
			if err != nil || !Equal(got, tt.want) || d.interrupted {
				t.Errorf("cards %+v, interrupted %t, error %v; want %+v", got, d.interrupted, err, tt.want)
			}
		})
	}
}

func TestNetlinkDumpThatIsBrokenIsAnError(t *testing.T) {
	eth0 := linkMessage(1, 2, 0, named("eth0"))
	for name, datagram := range map[string][]byte{
		"cut in the header":       eth0[:unix.SizeofNlMsghdr-1],
		"cut in the body":         eth0[:len(eth0)-1],
		"a length of nothing":     make([]byte, unix.SizeofNlMsghdr),
		"a length of 4 GiB":       slices.Concat([]byte{255, 255, 255, 255}, eth0[4:]),
		"a link without its head": netlinkMessage(unix.RTM_NEWLINK, 0, 1, make([]byte, unix.SizeofIfInfomsg-1)),
		"address without head":    netlinkMessage(unix.RTM_NEWADDR, 0, 1, make([]byte, unix.SizeofIfAddrmsg-1)),
		"an error without number": netlinkMessage(unix.NLMSG_ERROR, 0, 1, []byte{1, 2, 3}),
	} {
		if _, _, err := readAll(datagram); !errors.Is(err, errShortNetlink) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestNetlinkRefusalCarriesItsErrno(t *testing.T) {
	refusal := binary.NativeEndian.AppendUint32(nil, ^uint32(unix.EACCES)+1)
	for name, datagram := range map[string][]byte{
		"at the start": netlinkMessage(unix.NLMSG_ERROR, 0, 1, refusal),
		"at the end":   doneMessage(1, int32(unix.EACCES)),
	} {
		_, _, err := readAll(datagram)
		if !errors.Is(err, unix.EACCES) || err.Error() != "the kernel refuses: permission denied" {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestNetlinkDumpThatWasInterruptedIsNoticed(t *testing.T) {
	_, d, err := readAll(linkMessage(1, 2, 0, named("eth0")), netlinkMessage(unix.NLMSG_DONE, unix.NLM_F_DUMP_INTR, 1, make([]byte, 4)))
	if err != nil || !d.interrupted {
		t.Errorf("interrupted %t, error %v", d.interrupted, err)
	}
}

func TestNetlinkDumpIsBounded(t *testing.T) {
	d := dump{cards: make(map[int]*Interface)}
	for i := range maxCards {
		if _, err := d.read(linkMessage(1, int32(i+1), 0, named("x")), 1); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := d.read(linkMessage(1, 1, 0, named("again")), 1); err != nil {
		t.Errorf("a card known already, beside %d: %v", maxCards, err)
	}
	if _, err := d.read(linkMessage(1, maxCards+1, 0, named("x")), 1); err == nil || err.Error() != fmt.Sprintf("this machine has more than %d network cards", maxCards) {
		t.Errorf("one card too many: %v", err)
	}
	for i := range maxAddrsPerCard + 1 {
		local := attribute(unix.IFA_LOCAL, []byte{10, 0, 0, byte(i)})
		if _, err := d.read(addrMessage(1, unix.AF_INET, 24, 1, local), 1); err != nil {
			t.Fatal(err)
		}
	}
	if got := d.cards[1].Addrs; len(got) != maxAddrsPerCard || got[0].Prefix.String() != "10.0.0.0/24" {
		t.Errorf("%d addresses are kept, from %v", len(got), got[0])
	}
}

func TestNetlinkRequestFormat(t *testing.T) {
	if binary.NativeEndian.Uint16([]byte{1, 0}) != 1 {
		t.Skip("the bytes below are for little-endian machines")
	}
	links := []byte{32, 0, 0, 0, 18, 0, 1, 3, 7, 0, 0, 0, 31: 0}
	addrs := []byte{24, 0, 0, 0, 22, 0, 1, 3, 8, 0, 0, 0, 0, 0, 0, 0, 2, 23: 0}
	if got := appendDumpRequest(nil, unix.RTM_GETLINK, 7); !slices.Equal(got, links) {
		t.Errorf("links: % x, want % x", got, links)
	}
	if got := appendDumpRequest(nil, unix.RTM_GETADDR, 8); !slices.Equal(got, addrs) {
		t.Errorf("addresses: % x, want % x", got, addrs)
	}
}

// FuzzNetlinkDump reads any bytes as the answers to both requests. Its corpus holds dumps that a kernel sent.
func FuzzNetlinkDump(f *testing.F) {
	f.Fuzz(func(t *testing.T, links, addrs []byte) {
		d := dump{cards: make(map[int]*Interface)}
		_, linksErr := d.read(links, 1)
		_, addrsErr := d.read(addrs, 2)
		if len(links) == 0 && linksErr != nil || len(addrs) == 0 && addrsErr != nil {
			t.Errorf("errors about nothing: %v, %v", linksErr, addrsErr)
		}
		for index, c := range d.cards {
			if c.Index != index || index <= 0 || c.Name == "" || len(c.Name) > maxNameBytes || len(c.Addrs) > maxAddrsPerCard {
				t.Errorf("card %d is %+v", index, c)
			}
			for _, a := range c.Addrs {
				if !a.Prefix.IsValid() || !a.Prefix.Addr().Is4() {
					t.Errorf("address %v", a.Prefix)
				}
				if a.Broadcast.IsValid() && !a.Prefix.Contains(a.Broadcast) {
					t.Errorf("broadcast address %s is outside of %s", a.Broadcast, a.Prefix)
				}
			}
		}
	})
}
