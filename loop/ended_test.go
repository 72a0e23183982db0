package loop

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"covey/codec"
)

// dialNarrow is dialRaw with little room for what the node sends.
func dialNarrow(t testing.TB, addr string) *rawClient {
	t.Helper()
	narrow := net.Dialer{Control: func(_, _ string, raw syscall.RawConn) (err error) {
		_ = raw.Control(func(fd uintptr) { err = unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_RCVBUF, 4<<10) })
		return err
	}}
	c, err := narrow.Dial("tcp4", addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	_ = c.SetDeadline(time.Now().Add(2 * patience))
	return &rawClient{t, c, bufio.NewReaderSize(c, 64<<10)}
}

// all sends commands, ends its side where half says so, and reads until the node ends its own.
func (c *rawClient) all(commands []byte, half bool) []byte {
	c.t.Helper()
	sent := make(chan error, 1)
	go func() {
		_, err := c.Write(commands)
		if err == nil && half {
			err = c.Conn.(*net.TCPConn).CloseWrite()
		}
		sent <- err
	}()
	got, err := io.ReadAll(c.r)
	if err != nil {
		c.t.Fatalf("after %d bytes: %v", len(got), err)
	}
	if err := <-sent; err != nil {
		c.t.Fatal(err)
	}
	return got
}

// manySets are so many commands SET, of keys of their own.
func manySets(prefix string, count int) (commands []byte) {
	for i := range count {
		commands = append(commands, respCommand("SET", fmt.Sprint(prefix, i), "v")...)
	}
	return commands
}

// manyWords are the words of a command with so many keys, each with a value behind it if there is one.
func manyWords(name string, count int, value ...string) (words []string) {
	words = append(words, name)
	for i := range count {
		words = append(append(words, fmt.Sprint("k", i)), value...)
	}
	return words
}

// join puts commands, or replies, behind each other.
func join(parts ...[]byte) []byte { return bytes.Join(parts, nil) }

// Who ends its side behind the last command has all of them carried out, and reads all replies: those of a long list, of EXEC, of more than a
// turn writes, and of more than a socket takes.
func TestWhoEndsItsSideGetsAllReplies(t *testing.T) {
	t.Parallel()
	tn := readyNode(t)
	c := dialRaw(t, tn.addr)
	value, large := strings.Repeat("x", 10<<10), strings.Repeat("y", 5<<20)
	if c.do("SET", "value", value) != "+OK" || c.do("SET", "large", large) != "+OK" {
		t.Fatal("not set")
	}
	ok, queued := []byte("+OK\r\n"), []byte("+QUEUED\r\n")
	get := codec.AppendBulk(nil, []byte(value))
	done := respCommand("SET", "done", "1")
	for _, tc := range []struct {
		name    string
		send    []byte
		replies []byte
	}{
		{"a long list", join(respCommand(manyWords("MSET", 5000, "v")...), manySets("s", 300)), bytes.Repeat(ok, 301)},
		{"more replies than a turn writes", bytes.Repeat(respCommand("GET", "value"), 40), bytes.Repeat(get, 40)},
		{"more replies than a socket takes", bytes.Repeat(respCommand("GET", "value"), 600), bytes.Repeat(get, 600)},
		{"pages of large values", bytes.Repeat(respCommand("GET", "large"), 3), bytes.Repeat(codec.AppendBulk(nil, []byte(large)), 3)},
		{"a transaction", join(respCommand("MULTI"), manySets("t", 2000), respCommand("EXEC")),
			join(ok, bytes.Repeat(queued, 2000), []byte("*2000\r\n"), bytes.Repeat(ok, 2000))},
		{"the last command is not whole", join(bytes.Repeat(respCommand("GET", "value"), 40), done, []byte("*1\r\n$4\r\nPI")), join(bytes.Repeat(get, 40), ok)},
	} {
		for _, dial := range []func(testing.TB, string) *rawClient{dialRaw, dialNarrow} {
			c.do("DEL", "done")
			part := dial(t, tn.addr)
			if !strings.HasPrefix(tc.name, "the last") {
				if got := part.all(join(tc.send, done), true); !bytes.Equal(got, join(tc.replies, ok)) {
					t.Errorf("%s: %d bytes of replies, want %d", tc.name, len(got), len(tc.replies)+len(ok))
				}
			} else if got := part.all(tc.send, true); !bytes.Equal(got, tc.replies) {
				t.Errorf("%s: %d bytes of replies, want %d", tc.name, len(got), len(tc.replies))
			}
			if got := c.do("GET", "done"); got != "1" {
				t.Errorf("%s: the last command was not carried out: %s", tc.name, got)
			}
		}
	}
	eventually(t, "nothing of them is left", func() bool {
		return tn.n.served.Load() == 1 && tn.n.counters.connections.Load() == 1 && tn.n.parked.Load() == 0
	})
}

// What came whole does not wait for the rest of a large command behind it, whatever ends its turns: not while the client has more to
// send, and not when it has ended its side.
func TestWhatCameWholeDoesNotWaitForALargeCommandBehindIt(t *testing.T) {
	t.Parallel()
	tn := readyNode(t)
	c := dialRaw(t, tn.addr)
	value, large := strings.Repeat("x", 40<<10), strings.Repeat("y", 1<<20)
	if c.do("SET", "value", value) != "+OK" || c.do("SET", "large", large) != "+OK" {
		t.Fatal("not set")
	}
	get, bulk, none := respCommand("GET", "none"), codec.AppendBulk(nil, []byte(large)), []byte("$-1\r\n")
	behind := respCommand("SET", "part", large)
	for _, tc := range []struct {
		name       string
		send, want []byte
	}{
		{"a slice of time", respCommand("ECHO", large), bulk},
		{"the last of a slice of time", join(respCommand("MULTI"), respCommand("SET", "k", large)), []byte("+OK\r\n+QUEUED\r\n")},
		{"a reply that is owed", bytes.Repeat(respCommand("GET", "large"), 5), bytes.Repeat(bulk, 5)},
		{"replies", bytes.Repeat(respCommand("GET", "value"), 50), bytes.Repeat(codec.AppendBulk(nil, []byte(value)), 50)},
		{"a wait", respCommand("WAIT", "1", "50"), []byte(":0\r\n")},
		{"a long list", respCommand(manyWords("DEL", 5000)...), []byte(":0\r\n")},
	} {
		want := tc.want
		send := join(tc.send, behind[:100])
		if !strings.HasPrefix(tc.name, "the last") {
			want, send = join(tc.want, none), join(tc.send, get, behind[:100])
		}
		part := dialRaw(t, tn.addr)
		if _, err := part.Write(send); err != nil {
			t.Fatal(err)
		}
		got := make([]byte, len(want))
		if _, err := io.ReadFull(part.r, got); err != nil || !bytes.Equal(got, want) {
			t.Errorf("%s: no reply to what came whole: %v", tc.name, err)
			continue
		}
		if _, err := part.Write(behind[100:]); err != nil {
			t.Fatal(err)
		}
		if line, err := part.r.ReadString('\n'); err != nil || !strings.HasPrefix(line, "+") {
			t.Errorf("%s: the large command was answered %q, %v", tc.name, line, err)
		}
		if got := dialRaw(t, tn.addr).all(send, true); !bytes.Equal(got, want) {
			t.Errorf("%s: %d bytes of replies to who ended its side, want %d", tc.name, len(got), len(want))
		}
	}
	eventually(t, "nothing of them is left", func() bool { return tn.n.parked.Load() == 0 })
}

// Who closes at once, and reads none of the replies, has everything carried out that came whole.
func TestWhatCameWholeIsCarriedOutThoughItsClientIsGone(t *testing.T) {
	t.Parallel()
	tn := readyNode(t)
	c := dialRaw(t, tn.addr)
	if got := c.do("SET", "value", strings.Repeat("x", 10<<10)); got != "+OK" {
		t.Fatal(got)
	}
	for name, send := range map[string][]byte{
		"a long list":       respCommand(manyWords("MSET", 5000, "v")...),
		"replies":           bytes.Repeat(respCommand("GET", "value"), 400),
		"a transaction":     join(respCommand("MULTI"), manySets("t", 2000), respCommand("EXEC")),
		"after a long list": join(respCommand(manyWords("EXISTS", 5000)...), bytes.Repeat(respCommand("GET", "value"), 60)),
	} {
		c.do("DEL", "done")
		hasty := dialRaw(t, tn.addr)
		if _, err := hasty.Write(join(send, respCommand("SET", "done", "1"))); err != nil {
			t.Fatal(err)
		}
		_ = hasty.Close()
		eventually(t, "all is carried out: "+name, func() bool { return c.do("EXISTS", "done") == ":1" })
	}
	if got := c.do("DBSIZE"); got != ":7002" {
		t.Errorf("%s keys", got)
	}
	eventually(t, "nothing of them is left", func() bool {
		return tn.n.served.Load() == 1 && tn.n.counters.connections.Load() == 1 && tn.n.parked.Load() == 0
	})
}

// A WAIT of who has ended its side does not wait for long, and what is behind it is carried out.
func TestWhoEndsItsSideAndWaitsIsNotWaitedForLong(t *testing.T) {
	t.Parallel()
	tn := readyNode(t)
	short := dialRaw(t, tn.addr).all(join(respCommand("SET", "a", "1"), respCommand("WAIT", "1", "50"), respCommand("SET", "b", "1")), true)
	if string(short) != "+OK\r\n:0\r\n+OK\r\n" {
		t.Errorf("%q", short)
	}
	long := dialRaw(t, tn.addr).all(join(respCommand("WAIT", "1", "0"), respCommand("SET", "c", "1")), true)
	if string(long) != ":0\r\n+OK\r\n" {
		t.Errorf("%q", long)
	}
	if got := dialRaw(t, tn.addr).do("EXISTS", "a", "b", "c"); got != ":3" {
		t.Errorf("%s keys", got)
	}
}

// However many WAITs somebody has sent who is gone, they take no longer than one.
func TestManyWAITsOfWhoIsGoneTakeNoLongerThanOne(t *testing.T) {
	t.Parallel()
	tn := readyNode(t)
	for i, reset := range []bool{false, true} {
		c := dialRaw(t, tn.addr)
		if _, err := c.Write(join(bytes.Repeat(respCommand("WAIT", "1", "0"), 100), respCommand("SET", fmt.Sprint("behind", i), "1"))); err != nil {
			t.Fatal(err)
		}
		eventually(t, "the first waits", func() bool { return tn.n.awaiting.Load() == 1 })
		if reset {
			_ = c.Conn.(*net.TCPConn).SetLinger(0)
		}
		_ = c.Close()
		eventually(t, "nothing is left of it", func() bool {
			return tn.n.served.Load() == 0 && tn.n.counters.connections.Load() == 0 && tn.n.awaiting.Load() == 0 && tn.n.holdings.held.Load() == 0
		})
	}
	if got := dialRaw(t, tn.addr).do("EXISTS", "behind0", "behind1"); got != ":2" {
		t.Errorf("%s of what was behind them is there", got)
	}
}

// A node ends although a client that has ended its side does not read what it is owed.
func TestANodeEndsBesideAClientThatHasEndedItsSide(t *testing.T) {
	t.Parallel()
	tn := readyNode(t)
	c := dialRaw(t, tn.addr)
	if got := c.do("SET", "large", strings.Repeat("x", codec.MaxValue)); got != "+OK" {
		t.Fatal(got)
	}
	deaf := dialNarrow(t, tn.addr)
	if _, err := deaf.Write(bytes.Repeat(respCommand("GET", "large"), 3)); err != nil {
		t.Fatal(err)
	}
	if err := deaf.Conn.(*net.TCPConn).CloseWrite(); err != nil {
		t.Fatal(err)
	}
	eventually(t, "it waits", func() bool { return tn.n.parked.Load() == 1 && tn.n.hurried.Load() == 0 })
	_ = c.Close()
	eventually(t, "it alone is left", func() bool { return tn.n.served.Load() == 1 })
	if err := tn.stop(); err != nil {
		t.Fatal(err)
	}
	if left := tn.n.served.Load(); left != 0 {
		t.Errorf("%d connections are left", left)
	}
}

// Who has ended its side and reads nothing is closed after frameTimeout, also when the turn that made what it is owed had no time for what is
// behind that.
func TestWhoEndsItsSideAndReadsNothingIsNotWaitedForForEver(t *testing.T) {
	t.Parallel()
	cfg := testConfig(t, freePort(t))
	cfg.Loops = 1
	tn := startNode(t, cfg)
	eventually(t, "ready", tn.ready)
	for i, behind := range [][]byte{nil, respCommand("GET", "none")} {
		deaf := dialNarrow(t, tn.addr)
		if _, err := deaf.Write(join(respCommand("ECHO", strings.Repeat("x", codec.MaxValue)), behind)); err != nil {
			t.Fatal(err)
		}
		if err := deaf.Conn.(*net.TCPConn).CloseWrite(); err != nil {
			t.Fatal(err)
		}
		eventually(t, "it waits", func() bool {
			return tn.connsWith(func(c *conn) bool {
				return c.tail != nil && c.slow && c.waiting && c.owes() && c.rest == (behind != nil)
			}) == 1
		})
		tn.n.clock.suspended.Add(2 * int64(frameTimeout))
		eventually(t, fmt.Sprint("nothing of it is left: ", i), func() bool {
			return tn.n.served.Load() == 0 && tn.n.parked.Load() == 0 && tn.n.holdings.held.Load() == 0
		})
	}
}

// What a client that has ended its side has read has no memory any more: that of the rest is what is counted.
func TestWhatATailHasSentIsGivenBack(t *testing.T) {
	ends, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM, 0)
	if err != nil {
		t.Fatal(err)
	}
	tl := &tail{fd: ends[0], unread: -1}
	defer tl.close()
	defer unix.Close(ends[1])
	if err := unix.SetNonblock(ends[0], true); err != nil {
		t.Fatal(err)
	}
	sent := make([]byte, 4<<20)
	for i := range sent {
		sent[i] = byte(i >> 10)
	}
	var got []byte
	piece := make([]byte, 16<<10)
	read := func(until int) {
		for len(got) < until {
			n, err := unix.Read(ends[1], piece)
			if err != nil {
				t.Fatal(err)
			}
			got = append(got, piece[:n]...)
			tl.flush()
		}
	}
	_, _ = tl.Write(sent[:3<<20])
	read(2 << 20)
	_, _ = tl.Write(sent[3<<20:])
	for left := 2 << 20; left > 16<<10; left /= 2 {
		if read(len(sent) - left); cap(tl.out) > 2*max(tl.OutboundBuffered(), minGrow) {
			t.Fatalf("%d bytes of memory for %d", cap(tl.out), tl.OutboundBuffered())
		}
	}
	if read(len(sent)); tl.out != nil || !bytes.Equal(got, sent) {
		t.Errorf("%d bytes came, %d are left", len(got), len(tl.out))
	}
}

// What ends a connection cuts off nothing of the replies before it, nor its own.
func TestWhatEndsAConnectionCutsOffNoReply(t *testing.T) {
	t.Parallel()
	tn := startNode(t, testConfig(t, freePort(t)))
	cfg := testConfig(t, freePort(t))
	cfg.Secrets = secretsOf(t, 1)
	keyed := startNode(t, cfg)
	eventually(t, "ready", tn.ready)
	value, large := strings.Repeat("x", 10<<10), strings.Repeat("y", codec.MaxValue)
	c := dialRaw(t, tn.addr)
	if c.do("SET", "value", value) != "+OK" || c.do("SET", "large", large) != "+OK" {
		t.Fatal("not set")
	}
	const problem = "-ERR Protocol error: invalid multibulk length\r\n"
	wrong := respCommand("AUTH", "wrong")
	for _, tc := range []struct {
		node          *testNode
		send, replies []byte
	}{
		{tn, join(bytes.Repeat(respCommand("GET", "value"), 300), respCommand("QUIT")), join(bytes.Repeat(codec.AppendBulk(nil, []byte(value)), 300), []byte("+OK\r\n"))},
		{tn, join(bytes.Repeat(respCommand("GET", "value"), 300), []byte("*x\r\n")), join(bytes.Repeat(codec.AppendBulk(nil, []byte(value)), 300), []byte(problem))},
		{tn, join(respCommand("GET", "large"), []byte("*x\r\n"), manySets("not", 1000)), join(codec.AppendBulk(nil, []byte(large)), []byte(problem))},
		{tn, join(bytes.Repeat(respCommand("GET", "value"), 5), []byte("*x\r\n"), bytes.Repeat(respCommand("PING"), 30_000)), join(bytes.Repeat(codec.AppendBulk(nil, []byte(value)), 5), []byte(problem))},
		{keyed, join(wrong, wrong, wrong), bytes.Repeat([]byte("-WRONGPASS invalid username-password pair or user is disabled.\r\n"), 3)},
	} {
		narrow := dialNarrow(t, tc.node.addr)
		if got := narrow.all(tc.send, false); !bytes.Equal(got, tc.replies) {
			t.Errorf("%d bytes of replies, want %d", len(got), len(tc.replies))
		}
	}
	if got := c.do("EXISTS", "not0", "not999"); got != ":0" {
		t.Errorf("what came behind the end was carried out: %s", got)
	}
	_ = c.Close()
	eventually(t, "nothing of them is left", func() bool { return tn.n.served.Load() == 0 && tn.n.parked.Load() == 0 })
}
