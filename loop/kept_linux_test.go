package loop

import (
	"fmt"
	"net"
	"sync/atomic"
	"testing"
)

// Who resets its connection while a reply to it is kept until its round is over has everything carried out that came whole, though
// the write that shows it comes behind the turn.
func TestWhatCameWholeIsCarriedOutThoughAKeptReplyFindsNobody(t *testing.T) {
	cfg := testConfig(t, freePort(t))
	cfg.Loops = 1
	var armed atomic.Int32 // 2: the next turn is held; 1: the one behind it resets
	held, release := make(chan bool), make(chan bool)
	var leaves atomic.Pointer[rawClient] // the loop learns of it by its socket alone, which orders nothing in memory
	tn := startHooked(t, cfg, func(_ *eventLoop, begins bool) {
		switch {
		case !begins:
		case armed.CompareAndSwap(2, 1):
			held <- true
			<-release
		case armed.CompareAndSwap(1, 0):
			_ = leaves.Load().Close()
		}
	})
	eventually(t, "ready", tn.ready)
	first, beside := dialRaw(t, tn.addr), dialRaw(t, tn.addr)
	ping := respCommand("PING")
	beside.do("PING")
	for i := range 5 {
		first.do("PING")
		hasty := dialRaw(t, tn.addr)
		leaves.Store(hasty)
		hasty.do("PING")
		_ = hasty.Conn.(*net.TCPConn).SetLinger(0)
		armed.Store(2)
		for j, say := range []struct {
			c    *rawClient
			what []byte
		}{{first, ping}, {hasty, append(manySets("s", 2000), respCommand("SET", fmt.Sprint("last", i), "1")...)}, {beside, ping}} {
			if _, err := say.c.Write(say.what); err != nil {
				t.Fatal(err)
			}
			if j == 0 {
				<-held
			}
		}
		release <- true
		if first.reply() != "+PONG" || beside.reply() != "+PONG" {
			t.Fatal("no reply")
		}
		eventually(t, "all is carried out", func() bool { return beside.do("EXISTS", fmt.Sprint("last", i)) == ":1" })
	}
}
