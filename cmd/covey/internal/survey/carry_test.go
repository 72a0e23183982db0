package survey

import (
	"bufio"
	"io"
	"net"
	"net/netip"
	"strings"
	"testing"

	"covey/internal/harness"
)

// answering listens and gives each connection to a reply function of commands, until that returns false.
func answering(t *testing.T, reply func(w io.Writer, size int) bool) netip.AddrPort {
	t.Helper()
	ln := harness.Listen(t, func(conn net.Conn) { serve(conn, reply) })
	return netip.MustParseAddrPort(ln.Addr().String())
}

// serve reads "*2", "$4", "ECHO", a length and the bytes, each ended by CR LF.
func serve(conn net.Conn, reply func(w io.Writer, size int) bool) {
	lines := bufio.NewReader(conn)
	for line := 1; ; line++ {
		text, err := lines.ReadString('\n')
		if err != nil || line%5 == 0 && !reply(conn, len(text)-2) {
			break
		}
	}
	_, _ = io.Copy(io.Discard, lines) // until the other side ends
}

func echoes(w io.Writer, size int) bool {
	_, err := io.WriteString(w, "$"+map[bool]string{true: "1", false: "16384"}[size == 1]+"\r\n"+strings.Repeat(".", size)+"\r\n")
	return err == nil
}

func TestWhereLargePacketsAreLostIsTold(t *testing.T) {
	well := answering(t, echoes)
	keyed := answering(t, func(w io.Writer, _ int) bool {
		_, err := io.WriteString(w, "-NOAUTH Authentication required.\r\n")
		return err == nil
	})
	swallowing := answering(t, func(w io.Writer, size int) bool { return size == 1 && echoes(w, size) })
	half := answering(t, func(w io.Writer, size int) bool { // the way back is the narrow one
		if size == 1 {
			return echoes(w, size)
		}
		_, _ = io.WriteString(w, "$16384\r\n..")
		return false
	})
	mute := answering(t, func(io.Writer, int) bool { return false })
	none := netip.MustParseAddrPort("127.0.0.1:1")
	got := Stuck(t.Context(), []netip.AddrPort{well, keyed, swallowing, mute, half, none})
	if len(got) != 2 || got[0] != swallowing || got[1] != half {
		t.Errorf("stuck are %v, want %v", got, []netip.AddrPort{swallowing, half})
	}
}
