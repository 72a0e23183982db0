package loop

import (
	"strconv"
	"strings"
	"testing"

	"covey/codec"
)

// A client asks for the largest value again and again, with commands behind it, and does not read for a while: the reply
// waits in one slab and counts as held, the commands wait, nothing is lost or out of order, and in the end nothing is held.
func TestALargeReplyWaitsInItsSlab(t *testing.T) {
	cfg := testConfig(t, freePort(t))
	tn := startNode(t, cfg)
	eventually(t, "ready", tn.ready)
	c := dialRaw(t, tn.addr)
	value := strings.Repeat("0123456789abcdef", codec.MaxValue/16)
	if got := c.do("SET", "large", value); got != "+OK" {
		t.Fatal(got)
	}
	const asked = 3
	var pipeline []byte
	for i := range asked {
		pipeline = append(pipeline, respCommand("GET", "large")...)
		pipeline = append(pipeline, respCommand("ECHO", strconv.Itoa(i))...)
	}
	if _, err := c.Write(pipeline); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the reply waits", func() bool { return tn.n.holdings.held.Load() > codec.MaxValue })
	if held := tn.n.holdings.held.Load(); held > codec.MaxValue+maxOwed+owedStep+keepBuffer {
		t.Errorf("%d bytes are held for a client that does not read", held)
	}
	if _, err := c.Write(respCommand("ECHO", "last")); err != nil { // comes while the reply waits
		t.Fatal(err)
	}
	for i := range asked {
		if got := c.reply(); got != value {
			t.Fatalf("reply %d has %d bytes", i, len(got))
		}
		if got := c.reply(); got != strconv.Itoa(i) {
			t.Fatalf("after the value %q, want %d", got, i)
		}
	}
	if got := c.reply(); got != "last" {
		t.Fatalf("at the end %q", got)
	}
	eventually(t, "nothing large is held", func() bool { return tn.n.holdings.held.Load() <= keepBuffer })
}

func TestAClientThatGoesTakesItsLargeReplyWithIt(t *testing.T) {
	tn := startNode(t, testConfig(t, freePort(t)))
	eventually(t, "ready", tn.ready)
	c := dialRaw(t, tn.addr)
	if got := c.do("SET", "large", strings.Repeat("x", codec.MaxValue)); got != "+OK" {
		t.Fatal(got)
	}
	if _, err := c.Write(respCommand("GET", "large")); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the reply waits", func() bool { return tn.n.holdings.held.Load() > codec.MaxValue })
	_ = c.Close()
	eventually(t, "nothing is held", func() bool { return tn.n.holdings.held.Load() == 0 })
}
