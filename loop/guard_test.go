package loop

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/panjf2000/gnet/v2"
	"golang.org/x/sys/unix"

	"covey/client"
	"covey/codec"
	"covey/command"
	"covey/peer"
	"covey/seal"
)

// secretText is the secret of a test; the same number gives the same.
func secretText(t testing.TB, number byte) string {
	t.Helper()
	text, err := seal.New(rand.NewChaCha8([32]byte{number}))
	if err != nil {
		t.Fatal(err)
	}
	return text
}

func secretsOf(t testing.TB, numbers ...byte) seal.Secrets {
	t.Helper()
	var text string
	for _, number := range numbers {
		text += secretText(t, number) + "\n"
	}
	all, err := seal.Parse([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// startKeyed runs a node with secrets; it is ready when it returns no later than its first second is over.
func startKeyed(t *testing.T, discovery uint16, numbers ...byte) *testNode {
	t.Helper()
	cfg := testConfig(t, discovery)
	cfg.Secrets = secretsOf(t, numbers...)
	return startNode(t, cfg)
}

func linked(count int, nodes ...*testNode) func() bool {
	return func() bool {
		for _, n := range nodes {
			if !n.ready() || len(n.n.mind.Links()) != count {
				return false
			}
		}
		return true
	}
}

// authenticated is a client of a node with secret 1.
func authenticated(t testing.TB, addr string) *rawClient {
	t.Helper()
	c := dialRaw(t, addr)
	if got := c.do("AUTH", secretText(t, 1)); got != "+OK" {
		t.Fatalf("AUTH answered %q", got)
	}
	return c
}

func TestNodesWithOneSecretLinkAndReplicate(t *testing.T) {
	t.Parallel()
	discovery := freePort(t)
	a, b := startKeyed(t, discovery, 1), startKeyed(t, discovery, 1)
	eventually(t, "two keyed nodes ready and linked", linked(1, a, b))
	ca, cb := authenticated(t, a.addr), authenticated(t, b.addr)
	for i, size := range []int{1, 100, 70_000, seal.MaxPlain, codec.MaxValue} {
		key, value := fmt.Sprint("key", i), strings.Repeat("v", size)
		if got := ca.do("SET", key, value); got != "+OK" {
			t.Fatalf("SET of %d bytes answered %q", size, got)
		}
		eventually(t, fmt.Sprintf("%d bytes on the other node", size), func() bool { return cb.do("GET", key) == value })
	}
	for _, n := range []*testNode{a, b} {
		r := n.n.report()
		if r.Security != 1 || r.OtherSecrets != 0 || r.BadInput != 0 || r.BadAnnounces != 0 {
			t.Errorf("security %d, other_secrets %d, bad_input %d, bad_announces %d", r.Security, r.OtherSecrets, r.BadInput, r.BadAnnounces)
		}
	}
	if got := ca.do("INFO", "covey"); !strings.Contains(got, "security:keyed") {
		t.Errorf("INFO says %q", got)
	}
}

// An open node, one with another secret and keyed ones are on one network: the keyed ones link with each other alone.
func TestNodesWithAnotherSecretOrNoneGetNothing(t *testing.T) {
	t.Parallel()
	discovery := freePort(t)
	a, b := startKeyed(t, discovery, 1), startKeyed(t, discovery, 1)
	eventually(t, "two keyed nodes linked", linked(1, a, b))
	cfg := testConfig(t, discovery)
	cfg.Peers = []string{a.addr} // it dials too, not only hears
	open := startNode(t, cfg)
	cfg = testConfig(t, discovery)
	cfg.Peers, cfg.Secrets = []string{a.addr}, secretsOf(t, 2)
	other := startNode(t, cfg)
	if got := authenticated(t, a.addr).do("SET", "k", "v"); got != "+OK" {
		t.Fatal(got)
	}
	eventually(t, "both strangers ready by themselves", func() bool { return open.ready() && other.ready() })
	eventually(t, "both sides to notice", func() bool {
		return a.n.counters.otherSecrets.Load() > 0 && open.n.counters.otherSecrets.Load() > 0 && other.n.counters.otherSecrets.Load() > 0
	})
	if got := dialRaw(t, open.addr).do("SET", "intruder", "1"); got != "+OK" {
		t.Fatal(got)
	}
	for name, n := range map[string]*testNode{"open": open, "other": other} {
		if links, keys := len(n.n.mind.Links()), n.n.store.Counts().Keys; links != 0 || name == "other" && keys != 0 {
			t.Errorf("%s has %d links and %d keys", name, links, keys)
		}
	}
	if !linked(1, a, b)() || a.n.store.Counts().Keys != 1 {
		t.Errorf("a has %d links and %d keys", len(a.n.mind.Links()), a.n.store.Counts().Keys)
	}
}

// closesSilently reports whether a connection on which b is sent is closed without a byte in answer.
func closesSilently(t *testing.T, addr string, b []byte) bool {
	t.Helper()
	c := dialRaw(t, addr)
	if _, err := c.Write(b); err != nil {
		t.Fatal(err)
	}
	_ = c.SetReadDeadline(time.Now().Add(10 * time.Second))
	got, err := io.ReadAll(c)
	var slow net.Error
	if errors.As(err, &slow) && slow.Timeout() {
		t.Error("it stays open")
	}
	return len(got) == 0
}

func TestWhoDoesNotKnowTheSecretHearsNothing(t *testing.T) {
	t.Parallel()
	a := startKeyed(t, freePort(t), 1)
	eventually(t, "ready", a.ready)
	_, wrong, err := seal.Dial(secretsOf(t, 2)[0], rand.NewChaCha8([32]byte{1}))
	if err != nil {
		t.Fatal(err)
	}
	_, right, _ := seal.Dial(secretsOf(t, 1)[0], rand.NewChaCha8([32]byte{1}))
	greeting := codec.AppendGreeting(nil, codec.Greeting{Dialed: true, ProtoMin: 1, ProtoMax: 1, Cluster: peer.ClusterTag("test"), Node: 7, Stream: 7, Dial: 1})
	older := bytes.Clone(right)
	older[1]--
	for name, b := range map[string][]byte{
		"a handshake of another version": older, "a greeting without the handshake": greeting, "a handshake under another secret": wrong, "noise that begins as one": append([]byte{seal.Magic}, bytes.Repeat([]byte{7}, 60)...),
		"a handshake with more behind it": append(bytes.Clone(right), greeting...), "a batch": codec.AppendBatchHeader(nil, 1, 1, 1, 0, 100),
	} {
		before := a.n.counters.otherSecrets.Load()
		if !closesSilently(t, a.addr, b) {
			t.Errorf("%s is answered", name)
		}
		if a.n.counters.otherSecrets.Load() == before {
			t.Errorf("%s is not counted", name)
		}
	}
	if a.n.mind.Linked() != 0 {
		t.Error("the state machine has heard of it")
	}
}

// tapped is a proxy before a node that keeps what a dialer says.
func tapped(t *testing.T, to string) (addr string, said func() []byte) {
	t.Helper()
	ln, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = ln.Close() })
	kept := &lockedBuffer{}
	go func() {
		for {
			in, err := ln.Accept()
			if err != nil {
				return
			}
			out, err := net.Dial("tcp4", to)
			if err != nil {
				_ = in.Close()
				return
			}
			go func() { _, _ = io.Copy(in, out); _ = in.Close() }()
			go func() { _, _ = io.Copy(io.MultiWriter(out, kept), in); _ = out.Close() }()
		}
	}()
	return ln.Addr().String(), func() []byte { return []byte(kept.String()) }
}

// A session that somebody has recorded and says again gets the answer to its handshake, for that is all that can be known by
// then, and nothing more: the connection ends and the node knows of no link.
func TestARecordedSessionIsOfNoUse(t *testing.T) {
	t.Parallel()
	a := startKeyed(t, freePort(t), 1)
	tap, said := tapped(t, a.addr)
	cfg := testConfig(t, freePort(t))
	cfg.Secrets, cfg.Peers = secretsOf(t, 1), []string{tap}
	b := startNode(t, cfg)
	eventually(t, "linked through the tap", linked(1, a, b))
	recorded := said()
	if len(recorded) < seal.HandshakeLen+100 {
		t.Fatalf("only %d bytes were recorded", len(recorded))
	}
	opened, before := a.n.mind.Counters().LinksOpened, a.n.counters.otherSecrets.Load()
	c := dialRaw(t, a.addr)
	if _, err := c.Write(recorded[:seal.HandshakeLen]); err != nil {
		t.Fatal(err)
	}
	if _, err := io.ReadFull(c, make([]byte, seal.HandshakeLen)); err != nil {
		t.Fatalf("no answer to the handshake: %v", err)
	}
	if _, err := c.Write(recorded[seal.HandshakeLen:]); err != nil {
		t.Fatal(err)
	}
	if rest, err := io.ReadAll(c); len(rest) > 0 || err != nil && !strings.Contains(err.Error(), "reset") {
		t.Errorf("%d bytes came for what was recorded, %v", len(rest), err)
	}
	if a.n.mind.Counters().LinksOpened != opened || a.n.counters.otherSecrets.Load() == before {
		t.Error("a link was opened, or the attempt is not counted")
	}
	if !linked(1, a, b)() {
		t.Error("the real link has suffered")
	}
}

func TestARecordedAnnounceCausesNoDial(t *testing.T) {
	t.Parallel()
	a := startKeyed(t, freePort(t), 1)
	eventually(t, "ready", a.ready)
	signed := func(incarnation, sequence uint64, number byte) []byte {
		b := codec.AppendAnnounce(nil, codec.Announce{Form: codec.FormAnnounce, ProtoMin: 1, ProtoMax: 1, State: codec.StateReady, Cluster: peer.ClusterTag("test"),
			Node: 9, Incarnation: incarnation, Sequence: sequence, Port: 1, Lifetime: 15_000})
		if number > 0 {
			seal.NewAnnouncer(secretsOf(t, number)).Sign(b)
		}
		return b
	}
	c, err := net.Dial("udp4", fmt.Sprintf("127.0.0.1:%d", a.n.cfg.DiscoveryPort))
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	send := func(b []byte) {
		if _, err := c.Write(b); err != nil {
			t.Fatal(err)
		}
	}
	heard := func() uint64 { return a.n.mind.Counters().AnnouncesHeard }
	before := heard()
	send(signed(5, 3, 1))
	eventually(t, "the announce to be heard", func() bool { return heard() == before+1 })
	send(signed(5, 3, 1))  // the same again
	send(signed(5, 2, 1))  // one before it
	send(signed(4, 99, 1)) // one of the start before
	send(signed(6, 1, 0))  // one without a secret
	send(signed(6, 2, 2))  // one with another
	send(signed(5, 4, 1))  // datagrams of one socket come in order, on one loop: the last shows that all were judged
	eventually(t, "the last to be heard", func() bool { return heard() >= before+2 })
	if got := heard(); got != before+2 {
		t.Errorf("%d announces were heard, want 2", got-before)
	}
	if got := a.n.counters.otherSecrets.Load(); got != 2 {
		t.Errorf("other_secrets is %d, want 2", got)
	}
}

func TestAClientProvesItselfFirst(t *testing.T) {
	t.Parallel()
	a := startKeyed(t, freePort(t), 1)
	eventually(t, "ready", a.ready)
	c := dialRaw(t, a.addr)
	if got := c.do("GET", "k"); got != "-NOAUTH Authentication required." {
		t.Errorf("GET answered %q", got)
	}
	if got := c.do("AUTH", "default", secretsOf(t, 1)[0].Password()); got != "+OK" {
		t.Errorf("AUTH with the password answered %q", got)
	}
	if got := c.do("SET", "k", "v"); got != "+OK" {
		t.Errorf("SET answered %q", got)
	}
	c = dialRaw(t, a.addr)
	for range 3 {
		if got := c.do("AUTH", "guess"); !strings.HasPrefix(got, "-WRONGPASS") {
			t.Errorf("a guess is answered %q", got)
		}
	}
	if !c.closedByNode() {
		t.Error("it may guess on")
	}
	c = dialRaw(t, a.addr) // more than an AUTH needs, and no whole command
	_, _ = fmt.Fprintf(c, "*2\r\n$4\r\nAUTH\r\n$16777216\r\n")
	if !c.closedByNode() {
		t.Error("a stranger may send 16 MiB")
	}
	ctx := context.Background()
	bin, err := client.Dial(ctx, a.addr, client.WithSecret(secretText(t, 1)))
	if err != nil {
		t.Fatal(err)
	}
	defer bin.Close()
	if v, err := bin.Get(ctx, []byte("k")); err != nil || string(v) != "v" {
		t.Errorf("Get gave %q, %v", v, err)
	}
	if _, err := client.Dial(ctx, a.addr, client.WithSecret(secretText(t, 2))); !errors.Is(err, client.ErrDenied) {
		t.Errorf("with another secret: %v", err)
	}
	none, err := client.Dial(ctx, a.addr)
	if err != nil {
		t.Fatal(err)
	}
	defer none.Close()
	if _, err := none.Get(ctx, []byte("k")); !errors.Is(err, client.ErrDenied) {
		t.Errorf("without one: %v", err)
	}
	open := startNode(t, testConfig(t, freePort(t)))
	if _, err := client.Dial(ctx, open.addr, client.WithSecret(secretText(t, 1))); !errors.Is(err, client.ErrDenied) {
		t.Errorf("with a secret at an open node: %v", err)
	}
}

// Three nodes get another secret one after the other, in two rounds: both count, then the new one alone. Nobody is taken for
// dead, and what is written meanwhile is everywhere.
func TestSecretsAreReplacedWhileNodesRun(t *testing.T) {
	t.Parallel()
	discovery := freePort(t)
	var nodes []*testNode
	var tell []chan seal.Secrets
	for range 3 {
		cfg := testConfig(t, discovery)
		cfg.Secrets = secretsOf(t, 1)
		news := make(chan seal.Secrets)
		cfg.NewSecrets = news
		nodes, tell = append(nodes, startNode(t, cfg)), append(tell, news)
	}
	eventually(t, "three nodes linked", linked(2, nodes...))
	c := authenticated(t, nodes[0].addr)
	written := 0
	write := func() {
		if got := c.do("SET", fmt.Sprint("k", written), "v"); got != "+OK" {
			t.Fatal(got)
		}
		written++
	}
	for _, round := range [][]byte{{2, 1}, {2}} {
		for i := range nodes {
			tell[i] <- secretsOf(t, round...)
			write()
			eventually(t, "all linked again", func() bool {
				write()
				return linked(2, nodes...)()
			})
		}
	}
	fresh := secretsOf(t, 2)
	eventually(t, "every link under the new secret", func() bool {
		write()
		for _, n := range nodes {
			for _, l := range n.n.mind.Links() {
				if !fresh.Has(l.User().(*conn).session.Secret) {
					return false
				}
			}
		}
		return linked(2, nodes...)()
	})
	eventually(t, "all that was written everywhere", func() bool {
		for _, n := range nodes {
			if int(n.n.store.Counts().Keys) != written {
				return false
			}
		}
		return true
	})
	for _, n := range nodes {
		if log := n.log.String(); strings.Contains(log, "state=dead") || strings.Contains(log, "broke the protocol") {
			t.Errorf("a member was taken for dead, or for a liar:\n%s", log)
		}
	}
	if got := dialRaw(t, nodes[0].addr).do("AUTH", secretText(t, 1)); !strings.HasPrefix(got, "-WRONGPASS") {
		t.Errorf("the old secret still opens: %q", got)
	}
}

func TestABrokenRecordCostsItsLink(t *testing.T) {
	t.Parallel()
	a := startKeyed(t, freePort(t), 1)
	eventually(t, "ready", a.ready)
	d, hello, _ := seal.Dial(secretsOf(t, 1)[0], rand.NewChaCha8([32]byte{3}))
	c := dialRaw(t, a.addr)
	for _, b := range hello { // in any pieces
		if _, err := c.Write([]byte{b}); err != nil {
			t.Fatal(err)
		}
	}
	answer := make([]byte, seal.HandshakeLen)
	if _, err := io.ReadFull(c, answer); err != nil {
		t.Fatal(err)
	}
	s, err := d.Finish(answer)
	if err != nil {
		t.Fatal(err)
	}
	sealed, _ := s.Out.Append(nil, codec.AppendGreeting(nil, codec.Greeting{Dialed: true, ProtoMin: 1, ProtoMax: 1, Cluster: peer.ClusterTag("test"), Node: 7, Stream: 7, Dial: 1}))
	if _, err := c.Write(sealed); err != nil {
		t.Fatal(err)
	}
	head := make([]byte, 2)
	if _, err := io.ReadFull(c, head); err != nil {
		t.Fatalf("no greeting in return: %v", err)
	}
	if _, err := io.ReadFull(c, make([]byte, binary.LittleEndian.Uint16(head))); err != nil {
		t.Fatal(err)
	}
	before := a.n.counters.badInput.Load()
	sealed, _ = s.Out.Append(nil, codec.AppendBye(nil, codec.Bye{Reason: codec.ReasonLeft}))
	sealed[len(sealed)-1] ^= 1
	if _, err := c.Write(sealed); err != nil {
		t.Fatal(err)
	}
	if !c.closedByNode() {
		t.Error("the link goes on")
	}
	eventually(t, "the link gone and counted", func() bool { return a.n.mind.Linked() == 0 && a.n.counters.badInput.Load() > before })
}

func TestWhoIsWaitedForHasItsTime(t *testing.T) {
	secret := secretsOf(t, 1)
	open, keyed := &eventLoop{n: &node{}}, &eventLoop{n: &node{guard: newGuard(secret)}}
	d, hello, _ := seal.Dial(secret[0], rand.NewChaCha8([32]byte{1}))
	half, answer, _ := seal.Accept(secret, hello, rand.NewChaCha8([32]byte{2}))
	other, _ := d.Finish(answer)
	sealed, _ := other.Out.Append(nil, []byte("greeting"))
	if _, err := half.In.Append(nil, sealed[:5]); err != nil {
		t.Fatal(err)
	}
	at := func(since time.Duration) int64 { return int64(time.Hour + since) }
	begun, local := int64(time.Hour), netip.MustParseAddr("127.0.0.1")
	known, proved := &conn{l: keyed, protocol: protocolRESP, lastByte: begun}, &conn{l: keyed, protocol: protocolPeer, lastByte: begun}
	known.client.Known = true
	ends, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(ends[0])
	defer unix.Close(ends[1])
	if _, err := unix.Write(ends[1], []byte("P")); err != nil {
		t.Fatal(err)
	}
	late := func(c *conn, now int64) bool { is, _ := c.overdue(now); return is }
	for name, c := range map[string]struct {
		c     *conn
		limit time.Duration // 0: it may rest
	}{
		"never spoke":                    {&conn{l: open, lastByte: begun, g: &pipe{}}, firstByteTimeout},
		"never spoke, to a socket":       {&conn{l: open, lastByte: begun, g: &socket{fd: ends[1]}}, firstByteTimeout},
		"spoke, and was not heard yet":   {&conn{l: open, lastByte: begun, g: &socket{fd: ends[0]}}, 0},
		"part of a header":               {&conn{l: open, lastByte: begun, in: []byte{codec.Magic}, g: &pipe{}}, firstByteTimeout},
		"the same, on this machine":      {&conn{l: open, lastByte: begun, in: []byte{codec.Magic}, client: command.Client{From: local}}, frameTimeout},
		"asked, without a password":      {&conn{l: keyed, protocol: protocolRESP, lastByte: begun, client: command.Client{From: local}}, authTimeout},
		"never spoke, on this machine":   {&conn{l: open, lastByte: begun, g: &pipe{}, client: command.Client{From: local}}, 0},
		"the same, with a secret":        {&conn{l: keyed, lastByte: begun, g: &pipe{}, client: command.Client{From: local}}, firstByteTimeout},
		"handshake without a record":     {&conn{l: keyed, protocol: protocolProving, lastByte: begun}, firstByteTimeout},
		"half a command":                 {&conn{l: open, protocol: protocolRESP, lastByte: begun, in: []byte("GET")}, frameTimeout},
		"half a record":                  {&conn{l: keyed, protocol: protocolPeer, lastByte: begun, session: half}, frameTimeout},
		"a client that rests":            {&conn{l: open, protocol: protocolRESP, lastByte: begun}, 0},
		"a command that waits":           {&conn{l: open, protocol: protocolRESP, lastByte: begun, in: []byte("GET"), waiting: true}, 0},
		"a client that has passed rests": {known, 0},
		"a link":                         {proved, 0},
	} {
		c.c.client.Since, c.c.begun = begun, begun
		if c.limit == 0 {
			if late(c.c, at(time.Hour)) {
				t.Errorf("%s: closed", name)
			}
			continue
		}
		if late(c.c, at(c.limit)) || !late(c.c, at(c.limit+1)) {
			t.Errorf("%s: not closed after %v exactly", name, c.limit)
		}
		if _, why := c.c.overdue(at(c.limit + 1)); (why != "") != (c.limit == frameTimeout && c.c.protocol != protocolUnknown) {
			t.Errorf("%s: is told %q", name, why)
		}
	}
	stranger := &conn{l: keyed, protocol: protocolBinary, lastByte: begun + int64(authTimeout)} // busy, and without a password
	stranger.client.Since = begun
	stranger.begun = stranger.lastByte
	if late(stranger, at(authTimeout)) || !late(stranger, at(authTimeout+1)) {
		t.Error("a client without a password is not closed in time")
	}
	// A byte now and then does not keep a command open, a slow network does.
	for bytes, limit := range map[int]time.Duration{10: frameTimeout, slowestFrame * 60: frameTimeout + time.Minute} {
		drip := &conn{l: open, protocol: protocolRESP, begun: begun, in: make([]byte, bytes)}
		drip.lastByte = at(limit)
		if late(drip, at(limit)) || !late(drip, at(limit+time.Millisecond)) {
			t.Errorf("a command of which %d bytes came, the last one just now, is not closed after %v", bytes, limit)
		}
	}
}

// A pool may have opened the connection long ago; the time for a command counts from its first byte.
func TestTheTimeForAHeaderBeginsWithItsFirstByte(t *testing.T) {
	l := loopFor(t, nil)
	c := &conn{l: l, g: &pipe{}, client: command.Client{From: netip.MustParseAddr("127.0.0.1")}}
	header := codec.AppendGetValue(nil, 1, codec.GetValue{Key: []byte("k")})
	for i, at := range []time.Duration{time.Hour, time.Hour + 20*time.Second} {
		c.lastByte, c.got = int64(at), header[2*i:2*i+2]
		if act, told := l.decide(c, int64(at)); told || act != gnet.None {
			t.Fatalf("%d bytes of a header: %v, %v", 2*i+2, act, told)
		}
		if late, _ := c.overdue(int64(at + time.Second)); late {
			t.Errorf("%d bytes of a header: closed after a second", 2*i+2)
		}
	}
	if late, _ := c.overdue(int64(time.Hour + frameTimeout + time.Second)); !late {
		t.Error("closed by its last byte, not by its first")
	}
}

// TestAnAnnounceOverAnotherCardCountsWithASecret: or a member would never be dialed at its other address when its link is silent.
func TestAnAnnounceOverAnotherCardCountsWithASecret(t *testing.T) {
	discovery := freePort(t)
	a, b := startKeyed(t, discovery, 1), startKeyed(t, discovery, 1)
	eventually(t, "two linked", linked(1, a, b))
	word := b.n.mind.Announce(codec.FormAnnounce)
	before := a.n.mind.Counters().AnnouncesRepeated
	for range 2 {
		a.n.heard(word, netip.MustParseAddr("127.0.0.1"))
		a.n.heard(word, netip.MustParseAddr("127.0.0.2"))
	}
	if got := a.n.mind.Counters().AnnouncesRepeated - before; got != 1 {
		t.Errorf("%d copies came to be known, want that over the other card", got)
	}
}

// TestAClientWithTwoSecretsPasses: while one replaces the other it does not know which of them the node knows.
func TestAClientWithTwoSecretsPasses(t *testing.T) {
	n := startKeyed(t, freePort(t), 1)
	for _, text := range []string{secretText(t, 1) + "\n" + secretText(t, 2), secretText(t, 2) + "\n" + secretText(t, 1)} {
		c, err := client.Dial(context.Background(), n.addr, client.WithSecret(text))
		if err != nil {
			t.Fatal(err)
		}
		c.Close()
	}
	if _, err := client.Dial(context.Background(), n.addr, client.WithSecret(secretText(t, 2)+"\n"+secretText(t, 3))); !errors.Is(err, client.ErrDenied) {
		t.Errorf("two that it does not know: %v", err)
	}
}

// Who says RESET and AUTH in one breath is no stranger in between, however much comes behind and wherever the turn ends.
func TestAPipelineIsCutBetweenRESETAndAUTH(t *testing.T) {
	t.Parallel()
	tn := startKeyed(t, freePort(t), 1)
	eventually(t, "ready", tn.ready)
	c, auth := authenticated(t, tn.addr), respCommand("AUTH", secretText(t, 1))
	const part = codec.RefValue
	last := turnReply - 3*len(fmt.Sprintf("$%d\r\n%s\r\n", part, strings.Repeat("x", part))) - len("$65536\r\n\r\n") - len(":0\r\n") - 1 // the reply to RESET ends the turn
	c.do("SET", "part", strings.Repeat("x", part))
	c.do("SET", "last", strings.Repeat("x", last))
	pipeline := append(respCommand("WAIT", "1", "300"), bytes.Repeat(respCommand("GET", "part"), 3)...) // all the rest piles up meanwhile
	pipeline = append(append(append(pipeline, respCommand("GET", "last")...), respCommand("RESET")...), auth...)
	pipeline = append(pipeline, respCommand("SET", "behind", strings.Repeat("y", maxUnproved+100))...)
	pipeline = append(pipeline, manySets("s", 2000)...)
	for range 3 {
		if _, err := c.Write(pipeline); err != nil {
			t.Fatal(err)
		}
		if got := c.reply(); got != ":0" {
			t.Fatal(got)
		}
		for i, want := range []int{part, part, part, last} {
			if got := c.reply(); len(got) != want {
				t.Fatalf("reply %d has %d bytes", i, len(got))
			}
		}
		if reset, auth := c.reply(), c.reply(); reset != "+RESET" || auth != "+OK" {
			t.Fatalf("RESET: %q, AUTH: %q", reset, auth)
		}
		for i := range 2001 {
			if got := c.reply(); got != "+OK" {
				t.Fatalf("SET %d: %q", i, got)
			}
		}
	}
}
