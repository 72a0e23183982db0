package loop

import (
	"strconv"
	"strings"
	"testing"

	"covey/codec"
)

// A client asks for the largest value again and again, with commands behind it, and does not read for a while: the reply
// waits where the value lies, or, while another client has as much pinned as may be, in one slab that counts as held; the commands
// wait, nothing is lost or out of order, though the value is written anew meanwhile, and in the end nothing is held.
func TestALargeReplyWaits(t *testing.T) {
	t.Parallel()
	for _, command := range []string{"MGET", "GET"} {
		t.Run(command, func(t *testing.T) { largeReplyWaits(t, command, false) })
		t.Run(command+", copied", func(t *testing.T) { largeReplyWaits(t, command, true) })
	}
}

func largeReplyWaits(t *testing.T, command string, copied bool) {
	cfg := testConfig(t, freePort(t))
	cfg.MaxMemory = 96 << 20 // one value of the greatest length may be pinned
	tn := startNode(t, cfg)
	eventually(t, "ready", tn.ready)
	value := strings.Repeat("0123456789abcdef", codec.MaxValue/16)
	set, again := respCommand("SET", "large", value), respCommand("SET", "large", strings.Repeat("another", codec.MaxValue/7))
	c := dialRaw(t, tn.addr)
	if _, err := c.Write(set); err != nil {
		t.Fatal(err)
	}
	if got := c.reply(); got != "+OK" {
		t.Fatal(got)
	}
	most := int64(maxOwedPin + quietPay + keepBuffer)
	if copied {
		hog := dialRaw(t, tn.addr)
		defer hog.Close()
		if got := hog.do("SET", "other", value); got != "+OK" {
			t.Fatal(got)
		}
		if _, err := hog.Write(respCommand("GET", "other")); err != nil {
			t.Fatal(err)
		}
		eventually(t, "it is pinned", func() bool { return tn.n.parked.Load() > 0 })
		most += int64(maxOwedPin + quietPay + keepBuffer + maxOwed + codec.MaxValue)
	}
	const asked = 3
	var pipeline []byte
	for i := range asked {
		pipeline = append(pipeline, respCommand(command, "large")...)
		pipeline = append(pipeline, respCommand("ECHO", strconv.Itoa(i))...)
	}
	if _, err := c.Write(pipeline); err != nil {
		t.Fatal(err)
	}
	if copied {
		eventually(t, "the reply waits", func() bool { return tn.n.holdings.held.Load() > codec.MaxValue })
	} else {
		eventually(t, "the reply waits", func() bool { return tn.n.parked.Load() > 0 })
	}
	if held := tn.n.holdings.held.Load(); held > most {
		t.Errorf("%d bytes are held for a client that does not read", held)
	}
	other := dialRaw(t, tn.addr)
	if _, err := other.Write(again); err != nil {
		t.Fatal(err)
	}
	if got := other.reply(); got != "+OK" {
		t.Fatal(got)
	}
	if _, err := c.Write(respCommand("ECHO", "last")); err != nil { // comes while the reply waits
		t.Fatal(err)
	}
	for i := range asked {
		if command == "MGET" {
			if got := c.reply(); got != "*1" {
				t.Fatalf("reply %d is %q", i, got)
			}
		}
		got := c.reply()
		if i == 0 {
			if got != value {
				t.Fatalf("the value that is written anew while it is sent came with %d bytes", len(got))
			}
			value = strings.Repeat("another", codec.MaxValue/7)
		} else if got != value {
			t.Fatalf("reply %d has %d bytes", i, len(got))
		}
		if got := c.reply(); got != strconv.Itoa(i) {
			t.Fatalf("after the value %q, want %d", got, i)
		}
	}
	if got := c.reply(); got != "last" {
		t.Fatalf("at the end %q", got)
	}
	const ofHog = maxOwedPin + quietPay
	eventually(t, "nothing large of it is held", func() bool { return tn.n.holdings.held.Load() <= ofHog+keepBuffer })
}

func TestAClientThatGoesTakesItsLargeReplyWithIt(t *testing.T) {
	t.Parallel()
	tn := readyNode(t)
	c := dialRaw(t, tn.addr)
	if got := c.do("SET", "large", strings.Repeat("x", codec.MaxValue)); got != "+OK" {
		t.Fatal(got)
	}
	if _, err := c.Write(respCommand("GETDEL", "large")); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the reply waits", func() bool { return tn.n.holdings.held.Load() > codec.MaxValue })
	_ = c.Close()
	eventually(t, "nothing is held", func() bool { return tn.n.holdings.held.Load() == 0 })
}

// The pages of a value that is being sent are kept from others when it is deleted, and come back when the client goes.
func TestAClientThatGoesLeavesNothingPinned(t *testing.T) {
	t.Parallel()
	tn := readyNode(t)
	other := dialRaw(t, tn.addr)
	if got := other.do("SET", "large", strings.Repeat("x", codec.MaxValue)); got != "+OK" {
		t.Fatal(got)
	}
	c := dialRaw(t, tn.addr)
	if _, err := c.Write(respCommand("GET", "large")); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the reply waits", func() bool { return tn.n.parked.Load() > 0 })
	if got := other.do("DEL", "large"); got != ":1" {
		t.Fatal(got)
	}
	if bytes := tn.n.store.Counts().Bytes; bytes < codec.MaxValue {
		t.Errorf("the store counts %d bytes while it is read from", bytes)
	}
	_ = c.Close()
	eventually(t, "its pages are given back", func() bool { return tn.n.store.Counts().Bytes < codec.MaxValue })
}

// The time that a command may take begins with its first bytes, also where these come while its client is still owed a reply: a client
// that takes long to read one may send the next meanwhile.
func TestTheTimeOfACommandBeginsWithItsFirstBytes(t *testing.T) {
	t.Parallel()
	cfg := testConfig(t, freePort(t))
	cfg.Loops = 1
	tn := startNode(t, cfg)
	eventually(t, "ready", tn.ready)
	value, next := strings.Repeat("v", codec.MaxValue), respCommand("SET", "next", strings.Repeat("n", 60_000))
	c := dialRaw(t, tn.addr)
	if got := c.do("SET", "large", value); got != "+OK" {
		t.Fatal(got)
	}
	if _, err := c.Write(respCommand("GET", "large")); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the reply waits", func() bool { return tn.n.parked.Load() == 1 && tn.n.hurried.Load() == 0 })
	tn.n.clock.suspended.Add(int64(frameTimeout) + int64(frameTimeout)/2)
	stuck := dialRaw(t, tn.addr) // begins a command earlier than c, and is closed when that takes too long
	begin(tn, stuck, next[:50_000])
	tn.n.clock.suspended.Add(int64(frameTimeout) / 2)
	begin(tn, c, next[:50_000])
	if got := c.reply(); got != value {
		t.Fatalf("%d bytes", len(got))
	}
	tn.n.clock.suspended.Add(int64(frameTimeout) * 3 / 4)
	if !stuck.closedByNode() {
		t.Fatal("nothing is swept")
	}
	if _, err := c.Write(next[50_000:]); err != nil {
		t.Fatal(err)
	}
	if got := c.reply(); got != "+OK" {
		t.Error(got)
	}
}

// begin sends a part of a command, of 50,000 bytes or more, and returns when it waits at the node's only loop.
func begin(tn *testNode, c *rawClient, part []byte) {
	c.t.Helper()
	begun := func() int { return tn.connsWith(func(c *conn) bool { return len(c.in)-c.from > 40_000 }) }
	was := begun()
	if _, err := c.Write(part); err != nil {
		c.t.Fatal(err)
	}
	eventually(c.t, "the command has begun", func() bool { return begun() > was })
}

// Pools of connections are opened long before they are needed. On the node's own machine they stay, and nothing comes over them that was not
// asked for: clients take that as the reply to their first command.
func TestAClientOnThisMachineMayBeSilent(t *testing.T) {
	t.Parallel()
	cfg := testConfig(t, freePort(t))
	cfg.Loops = 1
	tn := startNode(t, cfg)
	eventually(t, "ready", tn.ready)
	silent, stuck := dialRaw(t, tn.addr), dialRaw(t, tn.addr)
	begin(tn, stuck, respCommand("SET", "next", strings.Repeat("n", 60_000))[:50_000])
	tn.n.clock.suspended.Add(10 * int64(frameTimeout))
	if !stuck.closedByNode() {
		t.Fatal("nothing is swept")
	}
	if got := silent.do("PING"); got != "+PONG" {
		t.Error(got)
	}
}
