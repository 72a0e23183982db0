package loop

import (
	"net"
	"testing"
	"time"
)

// A socket that has heard too much hears nothing until the next tick, and then again.
func TestASocketIsDeafUntilTheNextTick(t *testing.T) {
	conn, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	raw, err := conn.SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	var h hearing
	hears := func() bool {
		if _, err := conn.WriteTo([]byte("x"), conn.LocalAddr()); err != nil {
			t.Fatal(err)
		}
		var b [8]byte
		_ = conn.SetReadDeadline(time.Now().Add(20 * time.Millisecond)) // on loopback it is there when the write returns
		_, err := conn.Read(b[:])
		return err == nil
	}
	with := func(f func(fd int)) {
		if err := raw.Control(func(fd uintptr) { f(int(fd)) }); err != nil {
			t.Fatal(err)
		}
	}
	for range 2 {
		with(func(fd int) {
			for range maxHeard - 1 {
				h.heard(fd)
			}
		})
		if !hears() {
			t.Error("deaf before the limit")
		}
		if h.rest() == 0 {
			t.Error("Ethernet frames are read on")
		}
		with(h.heard)
		if hears() || len(h.deaf) != 1 {
			t.Error("not deaf past the limit")
		}
		h.tick()
		if !hears() || h.rest() != 0 {
			t.Error("deaf after a tick")
		}
		h.tick()
	}
}
