package loop

import (
	"net/netip"
	"testing"

	"covey/ifaces"
)

func TestAnAnnounceOverASkippedCardDoesNotCount(t *testing.T) {
	card := func(prefix string, usable bool) ifaces.Interface {
		return ifaces.Interface{Usable: usable, Addrs: []ifaces.Addr{{Prefix: netip.MustParsePrefix(prefix)}}}
	}
	cards := []ifaces.Interface{card("127.0.0.1/8", false), card("10.0.0.5/24", true), card("172.17.0.1/16", false), card("10.0.0.6/25", false)}
	for from, want := range map[string]bool{
		"10.0.0.9":   true,  // on the card in use, and on a skipped one as well
		"10.0.0.200": true,  // on the card in use alone
		"172.17.0.9": false, // on the skipped one
		"127.0.0.1":  true,  // another node of this machine
		"192.0.2.7":  true,  // through a router
	} {
		if got := welcome(cards, netip.MustParseAddr(from)); got != want {
			t.Errorf("announce from %s: counts %v, want %v", from, got, want)
		}
	}
}

// TestABeaconThatWentDeafIsOpenedAnew: the node looks by itself, and keeps none that has stopped.
func TestABeaconThatWentDeafIsOpenedAnew(t *testing.T) {
	n := startNode(t, testConfig(t, freePort(t)))
	b := n.n.beacon
	lo := ifaces.Interface{Index: 1, Name: "lo", MAC: ifaces.MAC{2, 0, 0, 0, 0, 1}, Addrs: []ifaces.Addr{{Prefix: netip.MustParsePrefix("127.0.0.1/8")}}}
	b.mu.Lock()
	b.openFrames(lo)
	opened := b.frames
	b.mu.Unlock()
	if len(opened) != 1 {
		t.Skip("Ethernet frames are not permitted here")
	}
	if b.deaf() {
		t.Error("it is deaf at once")
	}
	_ = opened[0].b.Close() // as if its reader had ended
	eventually(t, "it is kept no more", func() bool {
		b.mu.Lock()
		defer b.mu.Unlock()
		return len(b.frames) == 0
	})
}
