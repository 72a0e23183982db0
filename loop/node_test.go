package loop

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"covey/client"
	"covey/codec"
	"covey/peer"
)

func TestALoneNodeBecomesReadyAndServesBothProtocols(t *testing.T) {
	t.Parallel()
	tn := startNode(t, testConfig(t, freePort(t)))
	c := dialRaw(t, tn.addr)
	if got := c.do("SET", "k", "v"); got != "+OK" {
		t.Fatalf("SET answered %q", got) // a write waits for the first second instead of failing
	}
	eventually(t, "ready", tn.ready)
	if got := c.do("GET", "k"); got != "v" {
		t.Errorf("GET answered %q", got)
	}
	ctx := context.Background()
	bin, err := client.Dial(ctx, tn.addr)
	if err != nil {
		t.Fatal(err)
	}
	defer bin.Close()
	if err := bin.Set(ctx, []byte("b"), []byte{0, 1, 0xC5}, client.SetOptions{}); err != nil {
		t.Fatal(err)
	}
	v, err := bin.Get(ctx, []byte("b"))
	if err != nil || !bytes.Equal(v, []byte{0, 1, 0xC5}) {
		t.Errorf("Get returned %q, %v", v, err)
	}
	if got := c.do("GET", "b"); got != "\x00\x01\xc5" {
		t.Errorf("RESP reads %q of a binary write", got)
	}
	eventually(t, "the first lines", func() bool { return strings.Contains(tn.out.String(), "0 nodes already here") })
}

func TestReadsAnswerLoadingBeforeReady(t *testing.T) {
	tn := startNode(t, testConfig(t, freePort(t)))
	c := dialRaw(t, tn.addr)
	got := c.do("GET", "k")
	if !tn.ready() && !strings.HasPrefix(got, "-LOADING") {
		t.Errorf("GET while seeking answered %q", got)
	}
	if got := c.do("PING"); got != "+PONG" {
		t.Errorf("PING answered %q", got)
	}
}

func TestAnySplitOfTheInputGivesTheSameReplies(t *testing.T) {
	t.Parallel()
	tn := readyNode(t)
	var in []byte
	var want []string
	for i := range 300 {
		k := fmt.Sprintf("key-%d", i)
		v := strings.Repeat("x", i*7)
		in = append(in, respCommand("SET", k, v)...)
		in = append(in, respCommand("GET", k)...)
		in = append(in, "PING\r\n"...)
		want = append(want, "+OK", v, "+PONG")
	}
	random := rand.New(rand.NewPCG(1, 2))
	for _, piece := range []int{1, 13, 1460, 70_000, len(in)} {
		c := dialRaw(t, tn.addr)
		go func() {
			for rest := in; len(rest) > 0; {
				n := min(len(rest), 1+random.IntN(piece))
				if _, err := c.Write(rest[:n]); err != nil {
					return
				}
				rest = rest[n:]
			}
		}()
		for i, w := range want {
			if got := c.reply(); got != w {
				t.Fatalf("pieces of up to %d: reply %d is %.40q, want %.40q", piece, i, got, w)
			}
		}
	}
}

func TestTheLargestValueGoesInAndOutByBothProtocolsAndToAPeer(t *testing.T) {
	t.Parallel()
	discovery := freePort(t)
	a := startNode(t, testConfig(t, discovery))
	b := startNode(t, testConfig(t, discovery))
	eventually(t, "both ready and linked", func() bool { return a.ready() && b.ready() && len(a.n.mind.Links()) == 1 && len(b.n.mind.Links()) == 1 })
	value := make([]byte, codec.MaxValue)
	random := rand.New(rand.NewPCG(3, 4))
	for i := range len(value) / 8 {
		binary.LittleEndian.PutUint64(value[i*8:], random.Uint64())
	}
	set := respCommand("SET", "big", string(value))
	ra := dialRaw(t, a.addr)
	if _, err := ra.Write(set); err != nil {
		t.Fatal(err)
	}
	if got := ra.reply(); got != "+OK" {
		t.Fatalf("SET answered %.80q", got)
	}
	if got := ra.do("GET", "big"); got != string(value) {
		t.Error("the node that took the value answers another")
	}
	rb := dialRaw(t, b.addr)
	eventually(t, "the value on the peer", func() bool { return rb.do("STRLEN", "big") == fmt.Sprintf(":%d", len(value)) })
	if got := rb.do("GET", "big"); got != string(value) {
		t.Error("the peer answers another value")
	}
	ctx := context.Background()
	bin, err := client.Dial(ctx, b.addr)
	if err != nil {
		t.Fatal(err)
	}
	defer bin.Close()
	if v, err := bin.Get(ctx, []byte("big")); err != nil || !bytes.Equal(v, value) {
		t.Errorf("the binary protocol reads %d bytes, %v", len(v), err)
	}
	if _, err := ra.Write(fmt.Appendf(nil, "*3\r\n$3\r\nSET\r\n$6\r\nbigger\r\n$%d\r\n", codec.MaxValue+1)); err != nil {
		t.Fatal(err)
	}
	if got := ra.reply(); !strings.HasPrefix(got, "-ERR Protocol error") {
		t.Errorf("a value over the limit was answered %q", got)
	}
}

func TestThreeNodesFindEachOtherAndReplicate(t *testing.T) {
	t.Parallel()
	discovery := freePort(t)
	var nodes []*testNode
	for range 3 {
		nodes = append(nodes, startNode(t, testConfig(t, discovery)))
	}
	for _, tn := range nodes {
		eventually(t, "ready with two links", func() bool { return tn.ready() && len(tn.n.mind.Links()) == 2 })
	}
	ctx := context.Background()
	rdb := redis.NewClient(&redis.Options{Addr: nodes[0].addr})
	defer rdb.Close()
	if err := rdb.Set(ctx, "k", "v", 0).Err(); err != nil {
		t.Fatal(err)
	}
	others := []*rawClient{dialRaw(t, nodes[1].addr), dialRaw(t, nodes[2].addr)}
	for _, c := range others {
		eventually(t, "the value on a peer", func() bool { return c.do("GET", "k") == "v" })
	}
	if got := others[0].do("WAIT", "2", "5000"); got != ":2" {
		t.Errorf("WAIT with nothing written answered %q", got)
	}
	if got := others[0].do("SET", "w", "1"); got != "+OK" {
		t.Fatal(got)
	}
	if got := others[0].do("WAIT", "2", "5000"); got != ":2" {
		t.Errorf("WAIT answered %q, want both peers", got)
	}
	if got := others[1].do("GET", "w"); got != "1" {
		t.Errorf("after WAIT 2 a peer answers %q", got)
	}
	if got := others[1].do("DEL", "k"); got != ":1" {
		t.Errorf("DEL answered %q", got)
	}
	eventually(t, "the deletion everywhere", func() bool { return others[0].do("GET", "k") == "$-1" })
	if err := rdb.FlushAll(ctx).Err(); err != nil {
		t.Fatal(err)
	}
	for _, c := range others {
		eventually(t, "the flush everywhere", func() bool { return c.do("DBSIZE") == ":0" })
	}
}

func TestANodeThatJoinsLateHasEverythingBeforeItIsReady(t *testing.T) {
	t.Parallel()
	discovery := freePort(t)
	a := startNode(t, testConfig(t, discovery))
	eventually(t, "ready", a.ready)
	const keys = 20_000
	var in []byte
	for i := range keys {
		in = append(in, respCommand("SET", fmt.Sprintf("key-%d", i), strings.Repeat("v", 100))...)
	}
	c := dialRaw(t, a.addr)
	go func() { _, _ = c.Write(in) }()
	for range keys {
		if got := c.reply(); got != "+OK" {
			t.Fatal(got)
		}
	}
	b := startNode(t, testConfig(t, discovery))
	rb := dialRaw(t, b.addr)
	eventually(t, "ready", func() bool {
		got := rb.do("GET", "key-19999")
		if strings.HasPrefix(got, "-LOADING") {
			return false
		}
		if got != strings.Repeat("v", 100) {
			t.Fatalf("the first read that is no LOADING answered %.40q", got)
		}
		return true
	})
	if got := rb.do("DBSIZE"); got != fmt.Sprintf(":%d", keys) {
		t.Errorf("DBSIZE is %s at ready, want %d", got, keys)
	}
}

func TestBadInputCostsTheConnectionAndIsCounted(t *testing.T) {
	t.Parallel()
	tn := readyNode(t)
	good := dialRaw(t, tn.addr)
	oversized := binary.LittleEndian.AppendUint32([]byte{codec.Magic, byte(codec.KindSetValue), 0, 0}, 1<<31)
	for name, in := range map[string][]byte{
		"HTTP request":            []byte("GET / HTTP/1.1\r\nHost: x\r\n\r\n"),
		"bad multibulk length":    []byte("*-5\r\n*99999999999\r\n"),
		"bad bulk length":         []byte("*1\r\n$-7\r\n"),
		"oversized frame":         append(oversized, 0, 0, 0, 0),
		"unknown kind":            {codec.Magic, 0xEE, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 9},
		"reserved byte set":       {codec.Magic, 0x20, 0, 9, 1, 0, 0, 0, 0, 0, 0, 0, 9},
		"greeting that is none":   {codec.Magic, 0x01, 0, 0, 4, 0, 0, 0, 0, 0, 0, 0, 1, 2, 3, 4},
		"batch before a greeting": codec.AppendBatch(nil, codec.Batch{Stream: 1, First: 1, Count: 1, Records: codec.AppendRecord(nil, &codec.Record{Kind: codec.KindString, Key: []byte("evil"), Stamp: 1 << 60})}),
	} {
		t.Run(name, func(t *testing.T) {
			before := tn.n.counters.badInput.Load()
			c := dialRaw(t, tn.addr)
			if _, err := c.Write(in); err != nil {
				t.Fatal(err)
			}
			if !c.closedByNode() {
				t.Error("the connection stays open")
			}
			if tn.n.counters.badInput.Load() == before {
				t.Error("not counted")
			}
			if got := good.do("PING"); got != "+PONG" {
				t.Errorf("another client is answered %q", got)
			}
		})
	}
	if got := good.do("DBSIZE"); got != ":0" {
		t.Errorf("DBSIZE %s: something was taken from bad input", got)
	}
}

func TestAClientThatDoesNotReadHoldsUpNobodyAndIsBounded(t *testing.T) {
	t.Parallel()
	tn := readyNode(t)
	good := dialRaw(t, tn.addr)
	if got := good.do("SET", "big", strings.Repeat("x", 1<<20)); got != "+OK" {
		t.Fatal(got)
	}
	slow := dialRaw(t, tn.addr)
	const asked = 500
	if _, err := slow.Write(bytes.Repeat(respCommand("GET", "big"), asked)); err != nil {
		t.Fatal(err)
	}
	for range 200 {
		if got := good.do("PING"); got != "+PONG" {
			t.Fatalf("another client is answered %q", got)
		}
	}
	var queued int
	eventually(t, "the slow client waits", func() bool {
		for l := range tn.n.eachLoop() {
			queued += int(l.parked.count.Load())
		}
		return queued > 0
	})
	for i := range asked {
		if got := slow.reply(); len(got) != 1<<20 {
			t.Fatalf("reply %d has %d bytes", i, len(got))
		}
	}
}

func TestGarbageDatagramsAreCountedAndOtherClustersIgnored(t *testing.T) {
	t.Parallel()
	discovery := freePort(t)
	a := startNode(t, testConfig(t, discovery))
	other := testConfig(t, discovery)
	other.Cluster = "another"
	b := startNode(t, other)
	eventually(t, "ready", func() bool { return a.ready() && b.ready() })
	pc, err := net.Dial("udp4", fmt.Sprintf("127.0.0.1:%d", discovery))
	if err != nil {
		t.Fatal(err)
	}
	defer pc.Close()
	for _, in := range [][]byte{{0}, []byte("hello"), bytes.Repeat([]byte{0xff}, 80), bytes.Repeat([]byte("COVY"), 300)} {
		if _, err := pc.Write(in); err != nil {
			t.Fatal(err)
		}
	}
	// A unicast datagram reaches one of the sockets that share the port.
	eventually(t, "counted", func() bool { return a.n.counters.badAnnounce.Load()+b.n.counters.badAnnounce.Load() >= 4 })
	if len(a.n.mind.Links()) != 0 || len(b.n.mind.Links()) != 0 {
		t.Error("nodes of two clusters are linked")
	}
}

func TestATakenPortIsAnErrorOnlyWhenItWasAskedFor(t *testing.T) {
	discovery := freePort(t)
	a := startNode(t, testConfig(t, discovery))
	cfg := testConfig(t, discovery)
	cfg.Listen = a.n.cfg.Listen
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	cfg.Out, cfg.Logger = a.out, a.n.log
	if err := Run(ctx, cfg); err == nil || !strings.Contains(err.Error(), "taken by another covey node") {
		t.Errorf("Run on a taken port returned %v", err)
	}
	cfg.ListenSet = false
	b := startNode(t, cfg)
	if got, want := b.n.cfg.Listen.Port(), a.n.cfg.Listen.Port(); got <= want {
		t.Errorf("port %d taken, want one after %d", got, want)
	}
	eventually(t, "said", func() bool { return strings.Contains(b.out.String(), "the default port is taken") })
}

func TestSIGTERMSaysLeft(t *testing.T) {
	t.Parallel()
	discovery := freePort(t)
	a := startNode(t, testConfig(t, discovery))
	b := startNode(t, testConfig(t, discovery))
	eventually(t, "linked", func() bool { return len(a.n.mind.Links()) == 1 && len(b.n.mind.Links()) == 1 })
	if err := b.stop(); err != nil {
		t.Fatal(err)
	}
	eventually(t, "left", func() bool { return strings.Contains(a.log.String(), "state=left") })
}

func TestSIGTERMFlushesWhatWasWritten(t *testing.T) {
	t.Parallel()
	discovery := freePort(t)
	a := startNode(t, testConfig(t, discovery))
	b := startNode(t, testConfig(t, discovery))
	eventually(t, "ready and linked", func() bool { return a.ready() && b.ready() && len(a.n.mind.Links()) == 1 })
	c := dialRaw(t, a.addr)
	const count = 20
	for i := range count {
		if got := c.do("SET", fmt.Sprintf("k%d", i), strings.Repeat("x", 1<<20)); got != "+OK" {
			t.Fatal(got)
		}
	}
	if err := a.stop(); err != nil {
		t.Fatal(err)
	}
	if got := dialRaw(t, b.addr).do("DBSIZE"); got != fmt.Sprintf(":%d", count) {
		t.Errorf("the peer has %s keys of %d", got, count)
	}
	eventually(t, "left", func() bool { return strings.Contains(b.log.String(), "state=left") })
}

// greetByHand makes a connection a link of a node that does not exist otherwise.
func greetByHand(t *testing.T, addr string) *rawClient {
	t.Helper()
	c := dialRaw(t, addr)
	g := codec.Greeting{Dialed: true, Cluster: peer.ClusterTag("test"), Node: codec.NodeID([6]byte{2, 9, 9, 9, 9, 9}, 1), Incarnation: 1, Stream: 99,
		ProtoMin: codec.ProtoMin, ProtoMax: codec.ProtoMax, Port: 1, State: codec.StateSeeking, Dial: 1}
	if _, err := c.Write(codec.AppendGreeting(nil, g)); err != nil {
		t.Fatal(err)
	}
	head := make([]byte, codec.HeaderLen)
	if _, err := io.ReadFull(c.r, head); err != nil {
		t.Fatalf("no greeting in answer: %v", err)
	}
	h, _, err := codec.DecodeHeader(head)
	if err != nil || h.Kind != codec.KindGreeting {
		t.Fatalf("%v, %v in answer to a greeting", h.Kind, err)
	}
	if _, err := io.CopyN(io.Discard, c.r, int64(h.Length)); err != nil {
		t.Fatal(err)
	}
	g.Full = true
	if _, err := c.Write(codec.AppendGreeting(nil, g)); err != nil {
		t.Fatal(err)
	}
	return c
}

func TestAPeerThatDoesNotReadIsClosedBeforeItCostsMemory(t *testing.T) {
	t.Parallel()
	tn := readyNode(t)
	c := greetByHand(t, tn.addr)
	eventually(t, "linked", func() bool { return len(tn.n.mind.Links()) == 1 })
	var flood []byte
	for range 1000 {
		flood = codec.AppendHeartbeat(flood, codec.Heartbeat{State: codec.StateSeeking})
	}
	const limit = 1 << 30
	sent := 0
	for sent < limit {
		n, err := c.Write(flood)
		sent += n
		if err != nil {
			break
		}
	}
	if sent >= limit {
		t.Errorf("%d MiB of heartbeats were taken and their answers kept", sent>>20)
	}
	eventually(t, "closed", func() bool { return len(tn.n.mind.Links()) == 0 })
}

func TestAPeerThatTheUserNamedAndNobodyFindsIsLoggedOnce(t *testing.T) {
	t.Parallel()
	cfg := testConfig(t, freePort(t))
	nobody := fmt.Sprintf("127.0.0.1:%d", freePort(t))
	cfg.Peers = []string{nobody}
	tn := startNode(t, cfg)
	eventually(t, "tried often", func() bool { return tn.n.mind.Counters().DialsFailed >= 4 })
	if got := strings.Count(tn.log.String(), "level=WARN msg=\"--peer cannot be reached"); got != 1 {
		t.Errorf("%d warnings, want one:\n%s", got, tn.log)
	}
}
