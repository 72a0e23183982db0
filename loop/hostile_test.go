package loop

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/netip"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"covey/codec"
	"covey/internal/harness"
	"covey/peer"
	"covey/store"
)

// part dials and sends the start of a SET with the longest value, and so many bytes of it.
func part(t *testing.T, tn *testNode, bytesOf int) *rawClient {
	t.Helper()
	c := dialRaw(t, tn.addr)
	if _, err := fmt.Fprintf(c, "*3\r\n$3\r\nSET\r\n$4\r\npart\r\n$%d\r\n", codec.MaxValue); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Write(make([]byte, bytesOf)); err != nil {
		t.Fatal(err)
	}
	return c
}

// Many begin large values and do not end them: together they hold what they may, those that hold most go and are told why, and
// who holds little stays.
func TestOfManyThatHoldTooMuchTheLargestGo(t *testing.T) {
	cfg := testConfig(t, freePort(t))
	cfg.MaxMemory = 64 << 20
	tn := startNode(t, cfg)
	eventually(t, "ready", tn.ready)
	const small, large, count = 1 << 20, 8 << 20, 20
	good := dialRaw(t, tn.addr)
	little := part(t, tn, small)
	w := &tn.n.holdings
	eventually(t, "the little one is held", func() bool { return w.held.Load() >= small })
	var greedy []*rawClient
	for i := range count {
		c := part(t, tn, large)
		greedy = append(greedy, c)
		eventually(t, "it came", func() bool {
			gone := int64(tn.n.counters.overloads.Load())
			return w.held.Load() >= small+(int64(i+1)-gone)*large
		})
		if held := w.held.Load(); held > w.most+large+readBuffer {
			t.Fatalf("%d bytes are held, of %d", held, w.most)
		}
		if got := good.do("PING"); got != "+PONG" {
			t.Fatal(got)
		}
	}
	eventually(t, "enough are gone", func() bool { return w.held.Load() <= w.most })
	if gone, want := tn.n.counters.overloads.Load(), uint64(count-(w.most-small)/large); gone != want {
		t.Errorf("%d are gone, want %d", gone, want)
	}
	told := 0
	for _, c := range greedy {
		_ = c.SetReadDeadline(time.Now().Add(50 * time.Millisecond))
		if got, err := c.answer(); err == nil && strings.HasPrefix(got, "-ERR this node cannot keep more") {
			told++
		}
		_ = c.Close()
	}
	if told == 0 {
		t.Error("nobody is told why it was closed")
	}
	eventually(t, "the little one alone is held", func() bool { return w.held.Load() < 2*small })
	if _, err := little.Write(make([]byte, codec.MaxValue-small+2)); err != nil {
		t.Fatal(err)
	}
	if got := little.reply(); got != "+OK" && !strings.Contains(got, "do not fit") {
		t.Errorf("who held little is answered %q", got)
	}
}

// What nobody reads counts as well, wherever it lies.
func TestRepliesThatNobodyReadsCount(t *testing.T) {
	t.Parallel()
	cfg := testConfig(t, freePort(t))
	cfg.MaxMemory = 64 << 20
	tn := startNode(t, cfg)
	eventually(t, "ready", tn.ready)
	good := dialRaw(t, tn.addr)
	if got := good.do("SET", "v", strings.Repeat("x", 900<<10)); got != "+OK" {
		t.Fatal(got)
	}
	w := &tn.n.holdings
	for range 100 {
		c := dialRaw(t, tn.addr)
		if _, err := c.Write(bytes.Repeat(respCommand("GET", "v"), 20)); err != nil {
			t.Fatal(err)
		}
		if got := good.do("PING"); got != "+PONG" {
			t.Fatal(got)
		}
		w.mu.Lock()
		stay := w.held.Load() - w.doomed // who is told to go goes when its loop has its next turn
		w.mu.Unlock()
		if stay > w.most+2*maxOwed {
			t.Fatalf("%d bytes are held, of %d", stay, w.most)
		}
	}
	eventually(t, "some are closed", func() bool { return tn.n.counters.overloads.Load() > 0 && w.held.Load() <= w.most })
}

// A command of very many arguments costs a few times what came of it, and is counted.
func TestManyArgumentsAreCounted(t *testing.T) {
	t.Parallel()
	tn := readyNode(t)
	c := dialRaw(t, tn.addr)
	const args = 400_000
	in := append([]byte("*1000000\r\n$3\r\nDEL\r\n"), bytes.Repeat([]byte("$0\r\n\r\n"), args)...)
	if _, err := c.Write(in); err != nil {
		t.Fatal(err)
	}
	var held int64
	eventually(t, "all came", func() bool { held = tn.n.holdings.held.Load(); return held >= int64(len(in)+args*8) })
	if held > int64(4*len(in)) {
		t.Errorf("%d bytes are held for %d", held, len(in))
	}
	_ = c.Close()
	eventually(t, "nothing is held", func() bool { return tn.n.holdings.held.Load() == 0 })
}

// A length that is claimed holds nothing.
func TestALengthThatIsClaimedHoldsNothing(t *testing.T) {
	t.Parallel()
	tn := readyNode(t)
	for _, n := range []int64{-1, 0, 1 << 24, 1 << 31, 1<<32 - 1, 1<<63 - 1} {
		head := binary.LittleEndian.AppendUint32([]byte{codec.Magic, byte(codec.KindSetValue), 0, 0}, uint32(n))
		for _, in := range [][]byte{fmt.Appendf(nil, "*%d\r\n", n), fmt.Appendf(nil, "*2\r\n$%d\r\n", n), append(head, 0, 0, 0, 0, 1)} {
			c := dialRaw(t, tn.addr)
			if _, err := c.Write(in); err != nil {
				t.Fatal(err)
			}
			if got := dialRaw(t, tn.addr).do("PING"); got != "+PONG" {
				t.Fatal(got)
			}
			if held := tn.n.holdings.held.Load(); held > minGrow {
				t.Errorf("%.20q: %d bytes are held", in, held)
			}
			_ = c.Close()
			eventually(t, "nothing is held", func() bool { return tn.n.holdings.held.Load() == 0 })
		}
	}
}

// Others are served between the commands of one that sends many that take long.
func TestCommandsThatTakeLongLetOthersThrough(t *testing.T) {
	cfg := testConfig(t, freePort(t))
	cfg.Loops = 1
	tn := startNode(t, cfg)
	eventually(t, "ready", tn.ready)
	for i := range 20_000 {
		tn.n.store.Set(nil, fmt.Appendf(nil, "key-%d", i), []byte("v"), tn.n.store.Hash(fmt.Appendf(nil, "key-%d", i)), tn.n.cluster.Cluster(tn.n.clock.now()), store.SetOptions{})
	}
	good, busy := dialRaw(t, tn.addr), dialRaw(t, tn.addr)
	for _, c := range []*rawClient{good, busy} {
		if got := c.do("PING"); got != "+PONG" {
			t.Fatal(got)
		}
	}
	many, small := 200, 200_000
	if harness.Race { // each takes that much longer
		many, small = many/5, small/5
	}
	for name, c := range map[string]struct {
		in    []byte
		asked int
	}{
		"walks in one read":      {bytes.Repeat(respCommand("KEYS", "nothing"), many), many},
		"what piled up, behind":  {append(respCommand("WAIT", "9", "200"), bytes.Repeat(respCommand("GET", "key-1"), small)...), small + 1},
		"many keys in each, too": {bytes.Repeat(respCommand(append([]string{"EXISTS"}, strings.Split(strings.Repeat("key-7 ", 5_000), " ")[:5_000]...)...), many), many},
	} {
		t.Run(name, func(t *testing.T) {
			pings := 0
			for try := 0; try < 10 && pings < 5; try++ { // with one processor for all, the clients may have none for so long
				pings = max(pings, pingsBeside(t, good, busy, c.in, int64(c.asked)))
			}
			if pings < 5 {
				t.Errorf("%d pings got through", pings)
			}
		})
	}
}

// pingsBeside is how many pings one client has answered while another, that sends much at once, has its own.
func pingsBeside(t *testing.T, good, busy *rawClient, in []byte, asked int64) (pings int) {
	t.Helper()
	var answered atomic.Int64
	done := make(chan error, 1)
	go func() {
		if _, err := busy.Write(in); err != nil {
			done <- err
		}
	}()
	go func() {
		for answered.Load() < asked {
			if _, err := busy.answer(); err != nil {
				done <- err
				return
			}
			answered.Add(1)
		}
		done <- nil
	}()
	eventually(t, "it is under way", func() bool { return answered.Load() > 0 })
	for answered.Load() < asked {
		if got := good.do("PING"); got != "+PONG" {
			t.Fatal(got)
		}
		pings++
	}
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	return pings
}

// One command of very many keys goes on over turns, of which others have some between; what is sent behind it waits for its end.
func TestACommandOfVeryManyKeysGoesOnOverTurns(t *testing.T) {
	t.Parallel()
	cfg := testConfig(t, freePort(t))
	cfg.Loops = 1
	tn := startNode(t, cfg)
	eventually(t, "ready", tn.ready)
	const keys = 20_000
	pairs, list := []string{"MSET"}, []string{"MGET"}
	for i := range keys {
		key := fmt.Sprint("key-", i)
		pairs, list = append(pairs, key, fmt.Sprint(i)), append(list, key)
	}
	good, c := dialRaw(t, tn.addr), dialRaw(t, tn.addr)
	if got := good.do("PING"); got != "+PONG" {
		t.Fatal(got)
	}
	if got := c.do(pairs...); got != "+OK" {
		t.Fatal(got)
	}
	in := append(respCommand(list...), respCommand("KEYS", "key-*")...)
	list[0] = "EXISTS"
	in = append(in, respCommand(list...)...)
	list[0] = "DEL"
	in = append(append(in, respCommand(list...)...), respCommand("DBSIZE")...)
	sent := make(chan error, 1)
	go func() {
		_, err := c.Write(in)
		sent <- err
	}()
	if got := c.reply(); got != fmt.Sprint("*", keys) {
		t.Fatal(got)
	}
	for i := range keys {
		if got := c.reply(); got != fmt.Sprint(i) {
			t.Fatalf("value %d is %q", i, got)
		}
		if i%1000 == 0 && good.do("PING") != "+PONG" {
			t.Fatal("no answer to another")
		}
	}
	if got := c.reply(); got != fmt.Sprint("*", keys) {
		t.Fatal(got)
	}
	for range keys {
		c.reply()
	}
	for _, want := range []string{fmt.Sprint(":", keys), fmt.Sprint(":", keys), ":0"} {
		if got := c.reply(); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
	if err := <-sent; err != nil {
		t.Error(err)
	}
	eventually(t, "nothing is held", func() bool { return tn.n.holdings.held.Load() == 0 })
}

// A browser that is led to the port, by HTTP or TLS, has nothing carried out, however its bytes are cut.
func TestABrowserHasNothingCarriedOut(t *testing.T) {
	tn := readyNode(t)
	good := dialRaw(t, tn.addr)
	evil := "SET evil 1\r\n*3\r\n$3\r\nSET\r\n$4\r\nevil\r\n$1\r\n1\r\n"
	post := "POST / HTTP/1.1\r\nHost: 127.0.0.1:9000\r\nContent-Type: text/plain\r\nContent-Length: 60\r\n\r\n" + evil
	for _, in := range []string{
		post, strings.ToLower(post[:4]) + post[4:], "\r\n" + post, "GET / HTTP/1.1\r\nUpgrade: websocket\r\n\r\n" + evil, "OPTIONS * HTTP/1.1\r\n\r\n" + evil,
		"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + evil, "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n" + evil,
	} {
		for _, piece := range []int{1, 7, len(in)} {
			c := dialRaw(t, tn.addr)
			for rest := in; len(rest) > 0; {
				n := min(piece, len(rest))
				if _, err := io.WriteString(c, rest[:n]); err != nil {
					break // closed already
				}
				rest = rest[n:]
			}
			if !c.closedByNode() {
				t.Errorf("%.20q in pieces of %d: the connection stays open", in, piece)
			}
			if got := good.do("DBSIZE"); got != ":0" {
				t.Fatalf("%.20q in pieces of %d is carried out: DBSIZE %s", in, piece, got)
			}
		}
	}
}

// ofTheBell says whether the caller is in a turn of the bell, which is no connection's.
func ofTheBell() bool {
	var at [16]uintptr
	frames := runtime.CallersFrames(at[:runtime.Callers(2, at[:])])
	for more := true; more; {
		var f runtime.Frame
		if f, more = frames.Next(); strings.HasSuffix(f.Function, ".(*eventLoop).answer") {
			return true
		}
	}
	return false
}

func TestAHandlersPanicCostsItsConnection(t *testing.T) {
	var armed atomic.Bool
	tn := startHooked(t, testConfig(t, freePort(t)), func(_ *eventLoop, begins bool) {
		if begins && !ofTheBell() && armed.CompareAndSwap(true, false) {
			panic("a mistake")
		}
	})
	eventually(t, "ready", tn.ready)
	good, bad := dialRaw(t, tn.addr), dialRaw(t, tn.addr)
	for _, c := range []*rawClient{good, bad} {
		if got := c.do("PING"); got != "+PONG" {
			t.Fatal(got)
		}
	}
	before := tn.n.counters.panics.Load()
	armed.Store(true)
	if _, err := bad.Write(respCommand("SET", "k", "v")); err != nil {
		t.Fatal(err)
	}
	if !bad.closedByNode() {
		t.Error("the connection goes on")
	}
	eventually(t, "counted", func() bool { return tn.n.counters.panics.Load() > before })
	if got := good.do("PING"); got != "+PONG" {
		t.Errorf("another client is answered %q", got)
	}
	if !strings.Contains(tn.log.String(), "handler panicked") {
		t.Error("it is not logged")
	}
}

func TestAPanicFromWithinTheStoreEndsTheProcess(t *testing.T) {
	n := &node{log: slog.New(slog.DiscardHandler)}
	over := func(f func()) (r any) {
		defer func() { r = recover() }()
		func() {
			defer func() {
				if r := recover(); r != nil {
					n.panicked(r)
				}
			}()
			f()
		}()
		return nil
	}
	if r := over(func() { panic("a mistake of the loop") }); r != nil {
		t.Errorf("the process ends with %v", r)
	}
	if r := over(func() { (*store.Store)(nil).Len() }); r == nil {
		t.Error("the process goes on with a broken store")
	}
	if got := n.counters.panics.Load(); got != 2 {
		t.Errorf("%d panics are counted", got)
	}
}

func TestTheConnectionsOfOneAddressAreBounded(t *testing.T) {
	var s sources
	one, other := netip.MustParseAddr("10.0.0.1"), netip.MustParseAddr("10.0.0.2")
	for range maxSourceConns {
		if !s.add(one) {
			t.Fatal("refused before the limit")
		}
	}
	if s.add(one) || !s.add(other) {
		t.Error("the limit is not each address's own")
	}
	s.drop(one)
	if !s.add(one) || s.add(one) {
		t.Error("one that closed makes room for one")
	}
	for range maxSourceConns + 1 {
		if !s.add(netip.MustParseAddr("127.0.0.1")) {
			t.Fatal("the programs of this machine share an address")
		}
	}
	s.drop(other)
	if len(s.conns) != 1 {
		t.Errorf("%d addresses are remembered", len(s.conns))
	}
}

// Clients cannot take the descriptors of links, nor links those of clients.
func TestLinksThatAreDialedAreBounded(t *testing.T) {
	n := &node{share: share{called: 1}}
	n.called.Store(1)
	if err := n.connect(peer.Dial{Addr: netip.MustParseAddrPort("127.0.0.1:1")}); err == nil || !strings.Contains(err.Error(), "as many links as it may") {
		t.Errorf("one more is dialed: %v", err)
	}
}

func TestConnectionsOverTheLimitAreToldAndCounted(t *testing.T) {
	cfg := testConfig(t, freePort(t))
	tn := startNode(t, cfg)
	eventually(t, "ready", tn.ready)
	first := dialRaw(t, tn.addr)
	if got := first.do("PING"); got != "+PONG" {
		t.Fatal(got)
	}
	room := tn.n.share.conns - 1
	tn.n.served.Add(int64(room)) // as if so many were open
	c, err := net.Dial("tcp4", tn.addr)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	_ = c.SetDeadline(time.Now().Add(10 * time.Second))
	if text, err := io.ReadAll(c); err != nil || !strings.HasPrefix(string(text), "-ERR this node serves as many connections as it may") {
		t.Errorf("%q, %v", text, err)
	}
	tn.n.served.Add(-int64(room))
	if got := dialRaw(t, tn.addr).do("PING"); got != "+PONG" || tn.n.counters.refused.Load() != 1 {
		t.Errorf("with room again %q, %d refused", got, tn.n.counters.refused.Load())
	}
	eventually(t, "the refused one does not count", func() bool { return tn.n.served.Load() == 2 })
}

// What comes behind a command that waits is kept up to a limit; past it the client is told and closed.
func TestWhatPilesUpBehindACommandThatWaitsIsBounded(t *testing.T) {
	t.Parallel()
	cfg := testConfig(t, freePort(t))
	cfg.MaxMemory = 1 << 30 // all together may hold more
	tn := startNode(t, cfg)
	eventually(t, "ready", tn.ready)
	c := dialRaw(t, tn.addr)
	if _, err := c.Write(respCommand("WAIT", "9", "20000")); err != nil {
		t.Fatal(err)
	}
	behind, sent := bytes.Repeat(respCommand("GET", "k"), 10_000), 0
	for sent < 2*(maxWaitingInput+codec.MaxFrame) {
		n, err := c.Write(behind)
		sent += n
		if err != nil {
			break
		}
	}
	if sent < maxWaitingInput || tn.n.counters.overloads.Load() != 1 {
		t.Errorf("closed after %d bytes, %d counted", sent, tn.n.counters.overloads.Load())
	}
	eventually(t, "nothing is held", func() bool { return tn.n.holdings.held.Load() == 0 })
}

// What the limits have to do with each other.
func TestLimitsFitTogether(t *testing.T) {
	for what, ok := range map[string]bool{
		"the largest command and its reply fit what all may hold":        minHeld >= codec.MaxCommand+maxOwed && minHeld >= 2*codec.MaxFrame,
		"what is heavy is more than a small buffer":                      heavyFrom > minGrow && heavyFrom <= keepBuffer,
		"a peer that keeps to its window is not closed":                  maxWaitingPeer >= peer.Window+codec.MaxFrame+readMost,
		"the largest value comes in time on the slowest network allowed": codec.MaxFrame/slowestFrame < 3600,
		"leaving ends within 2 s":                                        drainTimeout+leaveTimeout+2*dialGrace < 2*time.Second,
		"one address cannot take all connections":                        maxSourceConns <= maxConns/8,
		"all members of the largest mesh can be linked":                  maxCalled >= peer.MaxMembers && peer.MaxLinks >= 2*peer.MaxMembers,
		"a mesh that starts at once is heard":                            maxHeard*int(time.Second/tickInterval) >= 8*peer.MaxMembers,
		"a greeting comes before the connection is closed":               peer.GreetingTimeout <= firstByteTimeout,
		"strangers leave room for members":                               peer.MaxHints <= peer.MaxTargets/2 && peer.MaxStrangers < peer.MaxDialing,
	} {
		if !ok {
			t.Errorf("not so: %s", what)
		}
	}
}

// Peers that come and go under ever new names fill no disk.
func TestLinesAboutMembersAreBounded(t *testing.T) {
	var l lines
	now, said := int64(time.Millisecond), 0 // of the node's clock: it has just started
	for range 10 * maxChangeLines {
		if ok, _ := l.next(now); ok {
			said++
		}
	}
	if said != maxChangeLines {
		t.Errorf("%d lines at once", said)
	}
	if ok, _ := l.next(now + int64(changeLineEvery) - 1); ok {
		t.Error("one more too early")
	}
	if ok, missed := l.next(now + int64(changeLineEvery)); !ok || missed != 9*maxChangeLines+1 {
		t.Errorf("one more in time: %v, %d missed", ok, missed)
	}
}
