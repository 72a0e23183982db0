package ifaces

import (
	"net/netip"
	"slices"
	"testing"
)

func TestMACIsWrittenInColonForm(t *testing.T) {
	if got := (MAC{0x02, 0xfc, 0, 0, 0, 0x1f}).String(); got != "02:fc:00:00:00:1f" {
		t.Errorf("String() = %q", got)
	}
	if !(MAC{}).IsZero() || (MAC{5: 1}).IsZero() {
		t.Error("IsZero must hold for the zero address alone")
	}
}

func TestFlagsAreWrittenByName(t *testing.T) {
	for f, want := range map[Flags]string{
		0:                        "0",
		Up | Running | Broadcast: "up|running|broadcast",
		Loopback | PointToPoint:  "loopback|point-to-point",
	} {
		if got := f.String(); got != want {
			t.Errorf("Flags(%d).String() = %q, want %q", uint8(f), got, want)
		}
	}
}

func TestDirectedBroadcastFollowsFromThePrefix(t *testing.T) {
	for prefix, want := range map[string]string{
		"10.0.0.5/24":     "10.0.0.255",
		"10.1.2.3/8":      "10.255.255.255",
		"172.16.5.9/20":   "172.16.15.255",
		"192.168.1.6/30":  "192.168.1.7",
		"128.0.0.1/1":     "255.255.255.255",
		"192.168.1.6/31":  "",
		"192.168.1.6/32":  "",
		"192.168.1.6/0":   "",
		"2001:db8::1/24":  "",
		"169.254.8.20/16": "169.254.255.255",
	} {
		a := newAddr(netip.MustParsePrefix(prefix))
		got := ""
		if a.Broadcast.IsValid() {
			got = a.Broadcast.String()
		}
		if got != want || a.Prefix.String() != prefix {
			t.Errorf("newAddr(%s) = %s, broadcast %q, want %q", prefix, a.Prefix, got, want)
		}
	}
}

func TestNodeMACIsThatOfTheUsableCardWithTheLowestIndex(t *testing.T) {
	m := func(last byte) MAC { return MAC{2, 0, 0, 0, 0, last} }
	for name, tt := range map[string]struct {
		cards []Interface
		want  MAC
		ok    bool
	}{
		"no card":                        {nil, MAC{}, false},
		"skipped cards do not count":     {[]Interface{{Index: 1, MAC: m(1)}, {Index: 2, MAC: m(2), Usable: true}}, m(2), true},
		"cards without MAC do not count": {[]Interface{{Index: 1, Usable: true}, {Index: 2, MAC: m(2), Usable: true}}, m(2), true},
		"order does not matter":          {[]Interface{{Index: 3, MAC: m(3), Usable: true}, {Index: 2, MAC: m(2), Usable: true}}, m(2), true},
		"none usable":                    {[]Interface{{Index: 1, MAC: m(1)}}, MAC{}, false},
		"one that waits for its cable": {
			Choose([]Interface{{Index: 1, Name: "lo", Flags: Up | Running | Loopback}, {Index: 2, Name: "eth0", MAC: m(2), Flags: Up | Broadcast}}, Pattern{}),
			m(2), true,
		},
		"one that waits is second to a usable one": {
			[]Interface{{Index: 1, Name: "eth0", MAC: m(1), Flags: Broadcast, Reason: "down"}, {Index: 2, MAC: m(2), Usable: true}}, m(2), true,
		},
		"a bridge of containers that is down": {[]Interface{{Index: 1, Name: "docker0", MAC: m(1), Flags: Broadcast, Reason: "down"}}, MAC{}, false},
		"one that the user left out":          {[]Interface{{Index: 1, Name: "eth0", MAC: m(1), Flags: Broadcast, Reason: "excluded"}}, MAC{}, false},
	} {
		t.Run(name, func(t *testing.T) {
			if got, ok := NodeMAC(tt.cards); got != tt.want || ok != tt.ok {
				t.Errorf("NodeMAC = %s, %t, want %s, %t", got, ok, tt.want, tt.ok)
			}
		})
	}
}

func TestEqualSeesEveryDifference(t *testing.T) {
	card := func() Interface {
		return Interface{
			Index: 2, Name: "eth0", MAC: MAC{2}, MTU: 1500, Flags: Up, Usable: true,
			Addrs: []Addr{newAddr(netip.MustParsePrefix("10.0.0.5/24"))},
		}
	}
	if a, b := []Interface{card()}, []Interface{card()}; !Equal(a, b) || !Equal(nil, []Interface{}) {
		t.Fatal("equal lists are told apart")
	}
	for name, change := range map[string]func(*Interface){
		"index":           func(c *Interface) { c.Index++ },
		"name":            func(c *Interface) { c.Name = "eth1" },
		"MAC":             func(c *Interface) { c.MAC[5]++ },
		"MTU":             func(c *Interface) { c.MTU++ },
		"flags":           func(c *Interface) { c.Flags |= Running },
		"address gone":    func(c *Interface) { c.Addrs = nil },
		"address changed": func(c *Interface) { c.Addrs[0] = newAddr(netip.MustParsePrefix("10.0.0.6/24")) },
		"prefix changed":  func(c *Interface) { c.Addrs[0] = newAddr(netip.MustParsePrefix("10.0.0.5/16")) },
		"verdict":         func(c *Interface) { c.Usable = false },
		"reason":          func(c *Interface) { c.Reason = "down" },
	} {
		changed := card()
		change(&changed)
		if Equal([]Interface{card()}, []Interface{changed}) {
			t.Errorf("a change of %s is not seen", name)
		}
	}
	if Equal([]Interface{card()}, slices.Repeat([]Interface{card()}, 2)) {
		t.Error("a card more is not seen")
	}
}
