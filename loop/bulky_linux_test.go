package loop

import (
	"strconv"
	"strings"
	"testing"

	"covey/codec"
)

// Who got a large reply the last time has its turn after those that did not, though it was ready before them, and one of such a
// round. The engine may have had the events of a round for itself, which knows no such order, so it is tried again and again.
func TestWhoGotMuchComesLast(t *testing.T) {
	cfg := testConfig(t, freePort(t))
	cfg.Loops = 1
	tn := startNode(t, cfg)
	eventually(t, "ready", tn.ready)
	one := dialRaw(t, tn.addr)
	value := strings.Repeat("x", 2*codec.RefValue)
	if got := one.do("SET", "large", value); got != "+OK" {
		t.Fatal(got)
	}
	many := []*rawClient{dialRaw(t, tn.addr), dialRaw(t, tn.addr), dialRaw(t, tn.addr)}
	l := tn.onlyLoop()
	for range 1000 {
		if got := one.do("SET", "n", "0"); got != "+OK" {
			t.Fatal(got)
		}
		// After this, too, of the four the last that was heard of is the one with the small request.
		for _, c := range many {
			if c.do("GET", "large") != value {
				t.Fatal("the value came out wrong")
			}
		}
		l.turning.Lock()
		for _, c := range many {
			if _, err := c.Write(respCommand("INCR", "n")); err != nil {
				t.Fatal(err)
			}
		}
		_, err := one.Write(respCommand("GET", "n"))
		l.turning.Unlock()
		if err != nil {
			t.Fatal(err)
		}
		seen, err := strconv.Atoi(one.reply())
		if err != nil {
			t.Fatal(err)
		}
		for _, c := range many {
			if got := c.reply(); got[0] != ':' {
				t.Fatal(got)
			}
		}
		if seen <= 1 { // one had begun its turn
			return
		}
	}
	t.Error("all of those that got much had their turn before another that was ready")
}

// It is known by it until its next commands, also when it is paid in several turns and then looked at once more.
func TestWhoGotMuchIsKnownByIt(t *testing.T) {
	cfg := testConfig(t, freePort(t))
	cfg.Loops = 1
	tn := startNode(t, cfg)
	eventually(t, "ready", tn.ready)
	c := dialRaw(t, tn.addr)
	bulky := func() int { return tn.connsWith(func(c *conn) bool { return c.bulky }) }
	value := strings.Repeat("x", 3*quietPay)
	if got := c.do("SET", "large", value); got != "+OK" {
		t.Fatal(got)
	}
	for range 20 {
		if got := bulky(); got != 0 {
			t.Fatalf("%d connections got much, and none did", got)
		}
		if got := c.do("GET", "large"); got != value {
			t.Fatalf("%d bytes", len(got))
		}
		if got := bulky(); got != 1 {
			t.Fatalf("%d connections got much, and one did", got)
		}
		if got := c.do("PING"); got != "+PONG" {
			t.Fatal(got)
		}
	}
}
