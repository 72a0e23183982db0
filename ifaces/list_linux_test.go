package ifaces

import (
	"fmt"
	"net"
	"net/netip"
	"reflect"
	"strings"
	"testing"
)

// netCards is what package net knows of the cards: name, index, MTU, MAC, flags and IPv4 prefixes as text.
func netCards(t *testing.T) []string {
	t.Helper()
	all, err := net.Interfaces()
	if err != nil {
		t.Fatal(err)
	}
	var lines []string
	for _, c := range all {
		var prefixes []string
		addrs, err := c.Addrs()
		if err != nil {
			t.Fatal(err)
		}
		for _, a := range addrs {
			if p := netip.MustParsePrefix(a.String()); p.Addr().Is4() {
				prefixes = append(prefixes, p.String())
			}
		}
		has := func(f net.Flags) bool { return c.Flags&f != 0 }
		mac := MAC{}
		copy(mac[:], c.HardwareAddr)
		lines = append(lines, fmt.Sprintln(c.Index, c.Name, c.MTU, mac, has(net.FlagUp), has(net.FlagRunning),
			has(net.FlagBroadcast), has(net.FlagLoopback), has(net.FlagPointToPoint), prefixes))
	}
	return lines
}

// listCards is the same as List tells it.
func listCards(t *testing.T) []string {
	t.Helper()
	all, err := List()
	if err != nil {
		t.Fatal(err)
	}
	var lines []string
	for _, c := range all {
		var prefixes []string
		for _, a := range c.Addrs {
			prefixes = append(prefixes, a.Prefix.String())
		}
		has := func(f Flags) bool { return c.Flags&f != 0 }
		lines = append(lines, fmt.Sprintln(c.Index, c.Name, c.MTU, c.MAC, has(Up), has(Running),
			has(Broadcast), has(Loopback), has(PointToPoint), prefixes))
	}
	return lines
}

func TestListAgreesWithPackageNetOnThisMachine(t *testing.T) {
	// The cards of a machine may change between two looks: they must agree once while nothing changed.
	const looks = 50
	for range looks {
		before, got, after := netCards(t), listCards(t), netCards(t)
		if !reflect.DeepEqual(before, after) {
			continue
		}
		if !reflect.DeepEqual(got, before) {
			t.Fatalf("List:\n%s\npackage net:\n%s", strings.Join(got, ""), strings.Join(before, ""))
		}
		if len(got) == 0 {
			t.Fatal("no card, not even loopback")
		}
		return
	}
	t.Fatalf("the cards changed during each of %d looks", looks)
}

func TestListTellsWhatACardIs(t *testing.T) {
	n := newNamespace(t)
	n.ip(t, `link set lo up
		link add eth0 index 110 address 02:00:00:00:00:0a mtu 1400 type veth peer name far index 111 address 02:00:00:00:00:0b
		address add 10.1.2.3/20 dev eth0
		address add 10.1.2.4/20 dev eth0
		address add 192.168.7.1/31 dev eth0
		address add 192.168.8.1 peer 192.168.8.2/32 dev eth0
		address add 10.9.9.9/16 broadcast 255.255.255.255 dev eth0
		address add fd00::1/64 dev eth0
		link set eth0 up
		link set far up
		link add br0 index 112 address 02:00:00:00:00:0c type bridge
		`)
	n.card(t, "eth0", isRunning)
	n.card(t, "far", isRunning)

	addr := func(prefix, broadcast string) Addr {
		a := Addr{Prefix: netip.MustParsePrefix(prefix)}
		if broadcast != "" {
			a.Broadcast = netip.MustParseAddr(broadcast)
		}
		return a
	}
	want := []Interface{
		{Index: 1, Name: "lo", MTU: 65536, Flags: Up | Running | Loopback, Addrs: []Addr{addr("127.0.0.1/8", "127.255.255.255")}},
		{Index: 110, Name: "eth0", MAC: MAC{2, 0, 0, 0, 0, 10}, MTU: 1400, Flags: lan, Addrs: []Addr{
			addr("10.1.2.3/20", "10.1.15.255"), addr("192.168.7.1/31", ""), addr("192.168.8.1/32", ""),
			addr("10.9.9.9/16", "10.9.255.255"), addr("10.1.2.4/20", "10.1.15.255"), // the kernel lists secondary addresses last
		}},
		{Index: 111, Name: "far", MAC: MAC{2, 0, 0, 0, 0, 11}, MTU: 1500, Flags: lan},
		{Index: 112, Name: "br0", MAC: MAC{2, 0, 0, 0, 0, 12}, MTU: 1500, Flags: Broadcast},
	}
	if got := n.list(t); !Equal(got, want) {
		t.Errorf("List:\n%+v\nwant:\n%+v", got, want)
	}
	chosen := Choose(n.list(t), Pattern{})
	if got := usableNames(chosen); got != "eth0" {
		t.Errorf("usable: %q, want eth0, which is one end of a veth pair", got)
	}
	if mac, ok := NodeMAC(chosen); !ok || mac != want[1].MAC {
		t.Errorf("NodeMAC = %s, %t", mac, ok)
	}
}

func TestListReadsAnAnswerOfManyDatagrams(t *testing.T) {
	const pairs = 64 // at about 1 KiB a card this is several times what one datagram holds
	n := newNamespace(t)
	var lines strings.Builder
	for i := range pairs {
		fmt.Fprintf(&lines, "link add left%d index %d type veth peer name right%d index %d\n", i, 100+2*i, i, 101+2*i)
		fmt.Fprintf(&lines, "address add 10.%d.0.1/24 dev left%d\n", i, i)
	}
	n.ip(t, lines.String())
	cards := n.list(t)
	if len(cards) != 1+2*pairs {
		t.Fatalf("%d cards, want %d", len(cards), 1+2*pairs)
	}
	for i := range pairs {
		left, right := cards[1+2*i], cards[2+2*i]
		want := netip.PrefixFrom(netip.AddrFrom4([4]byte{10, byte(i), 0, 1}), 24)
		if left.Name != fmt.Sprintf("left%d", i) || len(left.Addrs) != 1 || left.Addrs[0].Prefix != want || left.MAC.IsZero() {
			t.Errorf("card %d is %+v", left.Index, left)
		}
		if right.Name != fmt.Sprintf("right%d", i) || right.Addrs != nil || right.MAC == left.MAC {
			t.Errorf("card %d is %+v", right.Index, right)
		}
	}
}
