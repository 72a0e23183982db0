package loop

import (
	"errors"
	"net"
	"net/netip"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// TestAStrangerAtAnAddressThatOverlapsIsMet: whoever listens at one address of a port has the connections to it, whatever else the
// system lets listen there, so a node takes another port, or says so.
func TestAStrangerAtAnAddressThatOverlapsIsMet(t *testing.T) {
	for _, tt := range []struct{ stranger, node string }{
		{"127.0.0.1", "0.0.0.0"},
		{"0.0.0.0", "127.0.0.1"},
		{"127.0.0.1", "127.0.0.1"},
		{"0.0.0.0", "0.0.0.0"},
	} {
		stranger, err := net.Listen("tcp4", tt.stranger+":0")
		if err != nil {
			t.Fatal(err)
		}
		port := stranger.Addr().(*net.TCPAddr).AddrPort().Port()
		addr := netip.AddrPortFrom(netip.MustParseAddr(tt.node), port)
		if _, err := claim(addr); !errors.Is(err, unix.EADDRINUSE) {
			t.Errorf("claim of %s beside %s: %v", addr, stranger.Addr(), err)
		}
		if _, _, err := claimFrom(addr, true); err == nil || !strings.Contains(err.Error(), "is taken by another process") {
			t.Errorf("--listen %s beside %s: %v", addr, stranger.Addr(), err)
		}
		if err := stranger.Close(); err != nil {
			t.Fatal(err)
		}
		release, err := claim(addr)
		if err != nil {
			t.Errorf("claim of %s when the stranger has gone: %v", addr, err)
			continue
		}
		release()
	}
}
