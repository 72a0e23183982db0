package loop

import (
	"net/netip"
	"strings"
	"testing"

	"covey/ifaces"
)

func TestOnlyHostsOfTheNodesOwnNetworksAreServed(t *testing.T) {
	card := func(prefix string, usable bool, reason string, flags ifaces.Flags) ifaces.Interface {
		return ifaces.Interface{Name: "eth0", Usable: usable, Reason: reason, Flags: flags, Addrs: []ifaces.Addr{{Prefix: netip.MustParsePrefix(prefix)}}}
	}
	const ready = ifaces.Up | ifaces.Running | ifaces.Broadcast
	cards := ifaces.Choose([]ifaces.Interface{
		card("10.0.0.5/24", true, "", ready), card("10.1.0.5/24", false, "", ifaces.Up|ifaces.Broadcast),
	}, ifaces.Pattern{})
	cards = append(cards, card("172.17.0.1/16", false, "a Docker bridge", ready), card("127.0.0.1/8", false, "loopback", ifaces.Loopback))
	for from, want := range map[string]bool{
		"127.0.0.1":  true,  // this machine
		"127.1.2.3":  true,  //
		"10.0.0.5":   true,  // its own address
		"172.17.0.1": true,  // the same, of a card that is not used
		"10.0.0.77":  true,  // on its network
		"10.1.0.77":  true,  // on that of a card that had no carrier when it was looked at
		"10.0.1.1":   false, // beyond a router
		"172.17.0.9": false, // on a network that is not used
		"8.8.8.8":    false, //
		"0.0.0.0":    false, //
	} {
		if got := onLink(cards, netip.MustParseAddr(from)); got != want {
			t.Errorf("%s: served %v, want %v", from, got, want)
		}
	}
	if onLink(nil, netip.Addr{}) {
		t.Error("a connection without an address is served")
	}
}

func TestPublicAddressesAreKnown(t *testing.T) {
	for addr, want := range map[string]bool{
		"8.8.8.8": true, "1.1.1.1": true, "172.32.0.1": true, "192.169.0.1": true, "100.128.0.1": true, "11.0.0.1": true,
		"10.0.0.1": false, "172.16.0.1": false, "172.31.255.255": false, "192.168.1.1": false, "169.254.1.1": false, "100.64.0.1": false,
		"127.0.0.1": false, "192.0.2.2": false, "198.18.0.1": false, "203.0.113.9": false, "240.0.0.1": false, "224.0.0.1": false,
	} {
		if got := public(netip.MustParseAddr(addr)); got != want {
			t.Errorf("%s: public %v, want %v", addr, got, want)
		}
	}
}

// A node with a public address starts without a secret only when it was told where to listen.
func TestAPublicAddressIsNotListenedOnUnasked(t *testing.T) {
	cards := []ifaces.Interface{
		{Name: "eth0", Addrs: []ifaces.Addr{{Prefix: netip.MustParsePrefix("10.0.0.5/24")}}},
		{Name: "eth1", Addrs: []ifaces.Addr{{Prefix: netip.MustParsePrefix("8.8.8.8/24")}}},
	}
	exposed := func(set bool, secret ...byte) error {
		cfg := testConfig(t, 9000)
		cfg.ListenSet, cfg.Listen = set, netip.MustParseAddrPort("0.0.0.0:9000")
		n := &node{cfg: cfg, beacon: new(beacon)}
		if len(secret) > 0 {
			n.guard = newGuard(secretsOf(t, secret...))
		}
		n.beacon.cards.Store(&cards)
		return n.exposed()
	}
	err := exposed(false)
	if err == nil || !strings.Contains(err.Error(), "eth1 has the public address 8.8.8.8") || !strings.Contains(err.Error(), "--listen 0.0.0.0:9000") {
		t.Errorf("unasked: %v", err)
	}
	if err := exposed(true); err != nil {
		t.Errorf("told to: %v", err)
	}
	if err := exposed(false, 1); err != nil {
		t.Errorf("with a secret: %v", err)
	}
	cards = cards[:1]
	if err := exposed(false); err != nil {
		t.Errorf("with private addresses alone: %v", err)
	}
}

func TestTheSentenceOfANodeThatTurnsAwayIsQuotedAndCut(t *testing.T) {
	for b, want := range map[string]string{
		"-DENIED no\r\n+OK": `"DENIED no"`, "-ERR \x1b[2J\n": `"ERR \x1b[2J"`, "-": `""`, "": "", "\xc5abc": "",
		"-" + strings.Repeat("x", 1000): `"` + strings.Repeat("x", maxRefusal-1) + `"`,
	} {
		if got := refusal([]byte(b)); got != want {
			t.Errorf("%q: %s, want %s", b, got, want)
		}
	}
}

// What would have kept a node from starting is not used when it comes later.
func TestACardThatGetsAPublicAddressIsNotUsed(t *testing.T) {
	const ready = ifaces.Up | ifaces.Running | ifaces.Broadcast
	all := []ifaces.Interface{
		{Name: "eth0", Flags: ready, Addrs: []ifaces.Addr{{Prefix: netip.MustParsePrefix("10.0.0.5/24")}}},
		{Name: "eth1", Flags: ready, Addrs: []ifaces.Addr{{Prefix: netip.MustParsePrefix("8.8.8.8/24")}}},
	}
	for _, c := range []struct {
		set  bool
		g    *guard
		used bool
	}{{false, nil, false}, {true, nil, true}, {false, newGuard(secretsOf(t, 1)), true}} {
		cfg := testConfig(t, 9000)
		cfg.ListenSet, cfg.Listen = c.set, netip.MustParseAddrPort("0.0.0.0:9000")
		b := &beacon{n: &node{cfg: cfg, guard: c.g}}
		got := b.choose(all)
		if !got[0].Usable || got[1].Usable != c.used {
			t.Errorf("--listen given %v, keyed %v: %+v", c.set, c.g != nil, got)
		}
		if served := onLink(got, netip.MustParseAddr("8.8.8.9")); served != c.used {
			t.Errorf("--listen given %v, keyed %v: served %v", c.set, c.g != nil, served)
		}
	}
}
