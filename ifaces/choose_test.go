package ifaces

import (
	"net/netip"
	"path"
	"reflect"
	"slices"
	"strings"
	"testing"
)

const lan = Up | Running | Broadcast

// lanCards makes cards that could be used by all but their names.
func lanCards(names ...string) []Interface {
	cards := make([]Interface, len(names))
	for i, name := range names {
		cards[i] = Interface{
			Index: i + 1, Name: name, MAC: MAC{2, 0, 0, 0, 0, byte(i + 1)}, MTU: 1500, Flags: lan,
			Addrs: []Addr{newAddr(netip.PrefixFrom(netip.AddrFrom4([4]byte{10, byte(i), 0, 1}), 24))},
		}
	}
	return cards
}

func mustParse(t *testing.T, s string) Pattern {
	t.Helper()
	p, err := ParsePattern(s)
	if err != nil {
		t.Fatalf("ParsePattern(%q): %v", s, err)
	}
	return p
}

func usableNames(cards []Interface) string {
	var names []string
	for _, c := range cards {
		if c.Usable {
			names = append(names, c.Name)
		}
	}
	return strings.Join(names, ",")
}

func TestCardIsSkippedForWhatItCannotDo(t *testing.T) {
	for name, tt := range map[string]struct {
		change func(*Interface)
		reason string
	}{
		"loopback":       {func(c *Interface) { c.Flags |= Loopback }, "loopback"},
		"point-to-point": {func(c *Interface) { c.Flags |= PointToPoint }, "point-to-point, so it has no broadcasts"},
		"no broadcast":   {func(c *Interface) { c.Flags &^= Broadcast }, "cannot broadcast"},
		"down":           {func(c *Interface) { c.Flags &^= Up | Running }, "down"},
		"no carrier":     {func(c *Interface) { c.Flags &^= Running }, "no carrier: cable unplugged or radio not associated"},
		"no IPv4":        {func(c *Interface) { c.Addrs = nil }, "no IPv4 address"},
	} {
		for _, pattern := range []string{"", "eth0", "*"} { // no pattern overrides what the card cannot do
			t.Run(name+" with "+pattern, func(t *testing.T) {
				cards := lanCards("eth0")
				tt.change(&cards[0])
				got := Choose(cards, mustParse(t, pattern))
				if got[0].Usable || got[0].Reason != tt.reason {
					t.Errorf("usable %t, reason %q, want %q", got[0].Usable, got[0].Reason, tt.reason)
				}
			})
		}
	}
}

func TestVirtualCardIsSkippedByNameBesideARealOne(t *testing.T) {
	for name, kind := range map[string]string{
		"docker0": "a Docker bridge", "docker_gwbridge": "a Docker bridge", "br-0123456789ab": "a Docker bridge",
		"veth12ab34c": "a container port", "cni0": "a container network", "flannel.1": "a container network",
		"cali1234567": "a container network", "lxcbr0": "a container network", "podman1": "a container network",
		"cilium_host": "a container network", "kube-bridge": "a container network", "cbr0": "a container network",
		"virbr0": "a virtual machine network", "vnet3": "a virtual machine network", "vmnet8": "a virtual machine network",
		"vboxnet0": "a virtual machine network", "vEthernet (WSL (Hyper-V firewall))": "a virtual machine network",
		"tun0": "a tunnel", "tap1": "a tunnel", "wg0": "a VPN", "tailscale0": "a VPN", "ztabcdef12": "a VPN",
		"dummy0": "a dummy card", "epair0b": "a container port", "vmenet0": "a virtual machine network", "bridge100": "a virtual machine network",
	} {
		got := Choose(lanCards(name, "eth0"), Pattern{})
		want := kind + ", going by its name; --interfaces " + name + " would use it"
		if got[0].Usable || got[0].Reason != want {
			t.Errorf("%s: usable %t, reason %q, want %q", name, got[0].Usable, got[0].Reason, want)
		}
		if !got[1].Usable || got[1].Reason != "" {
			t.Errorf("eth0 beside %s: usable %t, reason %q", name, got[1].Usable, got[1].Reason)
		}
	}
}

func TestCardThatMayCarryTheLANIsNotSkippedByName(t *testing.T) {
	names := []string{
		"eth0", "eno1", "enp3s0", "enx00e04c680001", "wlan0", "wlp2s0", "en0", "bond0", "team0", "br0", "br-lan", "br-0123456789ABC",
		"br-0123456789a", "bridge0", "bridge10", "vmbr0", "vlan10", "eth0.10", "usb0", "Ethernet 2", "Wi-Fi", "vEthernet (External)", "hamster",
	}
	if got := usableNames(Choose(lanCards(names...), Pattern{})); got != strings.Join(names, ",") {
		t.Errorf("usable: %s", got)
	}
}

func TestVirtualCardsAreUsedWhenTheyAreAllThereIs(t *testing.T) {
	if got := usableNames(Choose(lanCards("veth0"), Pattern{})); got != "veth0" {
		t.Errorf("a lone veth0: usable %q", got)
	}
	cards := lanCards("eth0", "docker0", "tailscale0", "wg0")
	cards[0].Flags &^= Running     // no candidate: it cannot be used
	cards[3].Flags |= PointToPoint // nor this
	if got := usableNames(Choose(cards, Pattern{})); got != "docker0,tailscale0" {
		t.Errorf("without a cable in eth0: usable %q", got)
	}
	if got := usableNames(Choose(lanCards("eth0", "docker0"), mustParse(t, "!eth0"))); got != "docker0" {
		t.Errorf("with eth0 excluded: usable %q", got)
	}
}

func TestPatternSelects(t *testing.T) {
	cards := lanCards("eth0", "eth1", "enp3s0", "docker0", "veth1")
	for pattern, want := range map[string]string{
		"":                       "eth0,eth1,enp3s0",
		"  ":                     "eth0,eth1,enp3s0",
		"eth0":                   "eth0",
		"eth?":                   "eth0,eth1",
		"e[nt]*,!eth1":           "eth0,enp3s0",
		"!eth1, eth*":            "eth0",
		"!e*,eth0":               "", // exclusion wins over inclusion
		"!eth1":                  "eth0,enp3s0",
		"eth0,docker0":           "eth0,docker0", // naming it overrides the skip by name
		"doc*":                   "docker0",
		"*":                      "eth0,eth1,enp3s0,docker0,veth1",
		"*,!veth*":               "eth0,eth1,enp3s0,docker0",
		"eth0,!docker0,en*":      "eth0,enp3s0",
		"eth7":                   "",
		"!eth0,!eth1,!enp3s0":    "docker0,veth1",
		" ! eth0 , ! docker0\t ": "eth1,enp3s0",
	} {
		if got := usableNames(Choose(cards, mustParse(t, pattern))); got != want {
			t.Errorf("pattern %q: usable %q, want %q", pattern, got, want)
		}
	}
}

func TestPatternGivesItsReason(t *testing.T) {
	cards := lanCards("eth0", "eth1", "lo")
	cards[2].Flags |= Loopback
	got := Choose(cards, mustParse(t, "eth*,!eth1"))
	for i, want := range []string{"", "excluded by --interfaces", "loopback"} {
		if got[i].Reason != want {
			t.Errorf("%s: reason %q, want %q", got[i].Name, got[i].Reason, want)
		}
	}
	if got := Choose(cards, mustParse(t, "eth1")); got[0].Reason != "not named by --interfaces" {
		t.Errorf("eth0: reason %q", got[0].Reason)
	}
}

func TestMalformedPatternIsAnsweredWithASentence(t *testing.T) {
	for pattern, want := range map[string]string{
		"eth0,,eth1":              `the interface pattern "eth0,,eth1" has a term without a name: write it as in eth0,en*,!docker0`,
		"!":                       `the interface pattern "!" has a term without a name: write it as in eth0,en*,!docker0`,
		"eth0,":                   `the interface pattern "eth0," has a term without a name: write it as in eth0,en*,!docker0`,
		"eth0,en[0-":              `the interface pattern "eth0,en[0-" has a malformed glob, "en[0-": close every [ with a ]`,
		strings.Repeat("a", 1025): "the interface pattern has 1025 bytes, at most 1024 are allowed: use globs such as en*",
		strings.Repeat("a,", 65):  "the interface pattern has 66 terms, at most 64 are allowed: use globs such as en*",
	} {
		p, err := ParsePattern(pattern)
		if err == nil || err.Error() != want {
			t.Errorf("ParsePattern(%.20q) = %v, want %s", pattern, err, want)
		}
		if !reflect.DeepEqual(p, Pattern{}) {
			t.Errorf("ParsePattern(%.20q) returns a pattern beside the error", pattern)
		}
	}
}

func TestChooseLeavesItsInputAloneAndIsStable(t *testing.T) {
	cards := lanCards("eth0", "docker0")
	before := slices.Clone(cards)
	once := Choose(cards, Pattern{})
	if !Equal(cards, before) {
		t.Error("Choose changed its input")
	}
	if twice := Choose(once, Pattern{}); !Equal(once, twice) {
		t.Errorf("Choose of its own result differs: %+v, then %+v", once, twice)
	}
}

func TestNamesOfVirtualCardsAreWellFormedGlobs(t *testing.T) {
	for _, v := range virtual {
		if _, err := path.Match(v.glob, ""); err != nil {
			t.Errorf("%q: %v", v.glob, err)
		}
	}
}

func TestABridgeWithAPortThatCarriesTheLANIsUsed(t *testing.T) {
	for _, tt := range []struct {
		port, want string
	}{
		{"eth1", "eth0,virbr0"}, {"vnet3", "eth0"}, {"veth12ab34c", "eth0"}, {"tap0", "eth0"},
	} {
		cards := lanCards("eth0", "virbr0", tt.port)
		cards[2].Owner, cards[2].Addrs = cards[1].Index, nil
		got := Choose(cards, Pattern{})
		if names := usableNames(got); names != tt.want {
			t.Errorf("with port %s usable are %s, want %s", tt.port, names, tt.want)
		}
		if want := "a port of virbr0, which has the address"; got[2].Reason != want {
			t.Errorf("port %s is skipped because it is %q, want %q", tt.port, got[2].Reason, want)
		}
	}
}
