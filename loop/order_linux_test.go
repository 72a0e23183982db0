package loop

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"covey/peer"
)

// TestALinkAtRestIsWrittenToBeforeTheReply counts the segments that the kernel has taken for a link when the reply to a write is
// here: the record is among them, though nobody has rung for it.
func TestALinkAtRestIsWrittenToBeforeTheReply(t *testing.T) {
	port := freePort(t)
	cfg := testConfig(t, port)
	cfg.Loops = 1
	a, b := startNode(t, cfg), startNode(t, testConfig(t, port))
	eventually(t, "two nodes ready and linked", func() bool {
		return a.ready() && b.ready() && len(a.n.mind.Links()) == 1
	})
	link := a.n.mind.Links()[0]
	sent := func() uint64 {
		info, err := unix.GetsockoptTCPInfo(link.User().(*conn).g.Fd(), unix.IPPROTO_TCP, unix.TCP_INFO)
		if err != nil {
			t.Fatal(err)
		}
		return info.Bytes_sent
	}
	c := dialRaw(t, a.addr)
	value := strings.Repeat("longer than a heartbeat ", 20)
	for i := range 50 {
		eventually(t, "all is acknowledged", func() bool { return link.Backlog() == 0 })
		<-time.After(2 * peer.Pace) // at rest is what was not written to for so long
		before := sent()
		if got := c.do("SET", fmt.Sprint("k", i), value); got != "+OK" {
			t.Fatal(got)
		}
		if n := sent() - before; n < uint64(len(value)) {
			t.Fatalf("write %d: the reply is here, and %d bytes have left for the peer", i, n)
		}
	}
}
