package loop

import (
	"net"
	"net/netip"
	"testing"

	"covey/ifaces"
)

func TestALinkIsCutLooseOnlyWhenItsAddressCannotBeSentFrom(t *testing.T) {
	const works = ifaces.Up | ifaces.Running | ifaces.Broadcast
	card := func(addr string, flags ifaces.Flags, usable bool) ifaces.Interface {
		return ifaces.Interface{Name: "eth0", Flags: flags, Usable: usable, Addrs: []ifaces.Addr{{Prefix: netip.MustParsePrefix(addr)}}}
	}
	for _, c := range []struct {
		what, from string
		cards      []ifaces.Interface
		want       bool
	}{
		{"its card works", "10.0.0.5", []ifaces.Interface{card("10.0.0.5/24", works, true)}, true},
		{"its card is not for announces, but works", "10.0.0.5", []ifaces.Interface{card("10.0.0.5/24", works, false)}, true},
		{"its card has another address", "10.0.0.5", []ifaces.Interface{card("10.0.0.6/24", works, true)}, false},
		{"its card is down", "10.0.0.5", []ifaces.Interface{card("10.0.0.5/24", ifaces.Broadcast, false)}, false},
		{"its card has no carrier", "10.0.0.5", []ifaces.Interface{card("10.0.0.5/24", ifaces.Up, false)}, false},
		{"there is no card", "10.0.0.5", nil, false},
		{"loopback needs none", "127.0.0.1", nil, true},
	} {
		if got := carries(c.cards, netip.MustParseAddr(c.from)); got != c.want {
			t.Errorf("%s: carries = %v", c.what, got)
		}
	}
	if !carries(nil, netip.Addr{}) {
		t.Error("a link whose address is not known is cut loose")
	}
}

func TestTheLocalAddressOfAnAcceptedConnectionIsItsOwn(t *testing.T) {
	ln, err := net.Listen("tcp4", "0.0.0.0:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	go func() {
		if c, err := net.Dial("tcp4", net.JoinHostPort("127.0.0.1", portOf(ln))); err == nil {
			defer c.Close()
		}
	}()
	conn, err := ln.Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	raw, err := conn.(*net.TCPConn).SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	var got netip.Addr
	if err := raw.Control(func(fd uintptr) { got = localAddr(int(fd)) }); err != nil || got != netip.MustParseAddr("127.0.0.1") {
		t.Errorf("the address is %v, %v", got, err)
	}
	if got := localAddr(-1); got.IsValid() {
		t.Errorf("no connection has the address %v", got)
	}
}

func portOf(ln net.Listener) string {
	_, port, _ := net.SplitHostPort(ln.Addr().String())
	return port
}
