package command

import (
	"fmt"
	"net"
	"strings"
	"testing"
	"time"

	"covey/codec"
	"covey/tracking"
)

// tracker compares what a connection that tracks gets from Redis with what it gets here, while another one writes.
type tracker struct {
	*pair
	writer net.Conn // to the oracle
	other  *Client
}

func newTracker(t *testing.T, socket string) *tracker {
	p := newPair(t, socket, codec.RESP3)
	writer, err := net.Dial("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { writer.Close() })
	return &tracker{p, writer, &Client{ID: 8, From: p.mine.client.From}}
}

// step runs a command of the connection that tracks, or with "other: " before it of the writer. What comes on the former is to be the same,
// with the messages.
func (k *tracker) step(line string) {
	k.t.Helper()
	now := uint64(time.Now().UnixMilli())
	k.mine.Now, k.mine.host.wall = now, now*1000
	line, others := strings.CutPrefix(line, "other: ")
	args := strings.Fields(line)
	for i := range args {
		args[i] = strings.Trim(args[i], `"`)
	}
	var theirs, mine string
	if others {
		k.theirsOther(args)
		k.mineOther(args)
	} else {
		theirs, mine = k.theirs(args...), k.mine.do(args...)
	}
	theirs += k.untilPong()
	if sub := k.mine.client.Track; sub != nil && !k.mine.client.UnderWay() {
		mine = string(sub.Take([]byte(mine)))
	}
	mine += k.mine.do("PING")
	if theirs != mine {
		k.t.Errorf("%s:\n redis %q\n covey %q", line, theirs, mine)
	}
	k.mine.endTurn(k.t)
}

func (k *tracker) theirsOther(args []string) {
	k.t.Helper()
	if _, err := k.writer.Write(codec.AppendCommand(nil, args...)); err != nil {
		k.t.Fatal(err)
	}
	if _, err := k.writer.Read(make([]byte, 4096)); err != nil {
		k.t.Fatal(err)
	}
}

func (k *tracker) mineOther(args []string) {
	list := make([][]byte, len(args))
	for i := range args {
		list[i] = []byte(args[i])
	}
	k.mine.RESP(k.other, list, nil)
}

// untilPong returns what the oracle has for the connection, with the reply to a PING at its end.
func (k *tracker) untilPong() (all string) {
	k.t.Helper()
	reply := k.theirs("PING")
	for ; ; reply = k.reply() {
		if all += reply; reply == "+PONG\r\n" || reply == "+QUEUED\r\n" {
			return all
		}
	}
}

// TestOracleTracking compares replies and messages with those of Redis.
func TestOracleTracking(t *testing.T) {
	socket := startOracle(t)
	long := strings.Repeat("x", 40)
	for _, c := range []struct{ name, steps string }{
		{"what was read is told once", "CLIENT TRACKING ON; GET k; other: SET k 1; other: SET k 2; GET k; other: APPEND k 3; GET k; other: DEL k; other: DEL k; GET k; other: SET k 1; CLIENT TRACKING OFF; other: SET k 2"},
		{"own writes are told behind their replies", "CLIENT TRACKING ON; GET k; SET k 1; GET k; SET k 2; SET k 3; INCR k; GET k; INCRBY k 3; GET k; DEL k"},
		{"what kind of read", "CLIENT TRACKING ON; SET k 1; STRLEN k; other: SET k 2; EXISTS a k b; other: SET b 1; other: SET k 3; TTL k; other: EXPIRE k 100; TYPE k; other: PERSIST k; MGET a b k; other: MSET a 1 b 2 k 3; GETRANGE k 0 1; other: GETDEL k; TOUCH k; other: SETNX k 9; SUBSTR k 0 1; other: GETEX k PX 100000"},
		{"no read", "CLIENT TRACKING ON; SET k 1; GETSET k 2; other: SET k 3; GETEX k; other: SET k 4; INCR k; other: SET k 5"},
		{"writes that change nothing", "CLIENT TRACKING ON; GET k; other: DEL k; other: SET k 1 XX; other: EXPIRE k 10; other: SET k 1; GET k; other: SETNX k 2; other: PERSIST k; other: SET k 3"},
		{"all is forgotten", "CLIENT TRACKING ON; GET k; other: FLUSHALL; other: SET k 1; GET k; FLUSHALL; other: SET k 2; other: FLUSHDB"},
		{"not of itself", "CLIENT TRACKING ON NOLOOP; GET k; SET k 1; GET k; other: SET k 2; CLIENT TRACKINGINFO"},
		{"prefixes", "CLIENT TRACKING ON BCAST PREFIX a: PREFIX bc; other: SET a:1 x; other: SET b x; other: SET bc x; other: SET a: 1; SET a:2 x; other: DEL a:1; other: DEL a:1; other: FLUSHALL; CLIENT TRACKINGINFO; other: SET a 1; CLIENT TRACKING ON BCAST PREFIX d; other: SET d1 1; CLIENT TRACKINGINFO"},
		{"all prefixes", "CLIENT TRACKING ON BCAST NOLOOP; SET a 1; other: SET a 2; CLIENT TRACKINGINFO; CLIENT TRACKING ON BCAST; SET a 1; CLIENT TRACKINGINFO"},
		{"opting in", "CLIENT TRACKING ON OPTIN; GET k; other: SET k 1; CLIENT CACHING YES; GET k; GET l; other: SET k 2; other: SET l 1; CLIENT CACHING YES; CLIENT TRACKINGINFO; NOSUCH; GET k; other: SET k 3; CLIENT CACHING NO; CLIENT CACHING MAYBE"},
		{"opting in to a transaction", "CLIENT TRACKING ON OPTIN; CLIENT CACHING YES; MULTI; PTTL k; GET k; EXEC; CLIENT TRACKINGINFO; other: SET k 1; GET k; other: SET k 2; MULTI; CLIENT CACHING YES; GET k; EXEC; CLIENT TRACKINGINFO; other: SET k 3; CLIENT CACHING YES; MULTI; DISCARD; GET k; other: SET k 4"},
		{"opting out", "CLIENT TRACKING ON OPTOUT; GET k; other: SET k 1; CLIENT CACHING NO; CLIENT TRACKINGINFO; GET k; other: SET k 2; GET k; other: SET k 3; CLIENT CACHING YES"},
		{"errors", "CLIENT TRACKING; CLIENT TRACKING MAYBE; CLIENT TRACKING ON NOSUCH; CLIENT TRACKING ON PREFIX a; CLIENT TRACKING ON PREFIX; CLIENT TRACKING ON REDIRECT x; CLIENT TRACKING ON REDIRECT; CLIENT TRACKING ON BCAST OPTIN; CLIENT TRACKING ON OPTIN OPTOUT; " +
			"CLIENT TRACKING ON BCAST PREFIX a PREFIX b PREFIX ab; CLIENT TRACKING ON BCAST PREFIX ab PREFIX a; CLIENT CACHING YES; CLIENT GETREDIR; CLIENT TRACKINGINFO; CLIENT TRACKING OFF; CLIENT TRACKING ON; CLIENT GETREDIR; CLIENT CACHING YES; CLIENT TRACKING ON BCAST; CLIENT TRACKING ON OPTIN; CLIENT TRACKING ON OPTOUT; CLIENT TRACKINGINFO; CLIENT TRACKING OFF; " +
			"CLIENT TRACKING ON BCAST PREFIX a; CLIENT TRACKING ON BCAST PREFIX ab; CLIENT TRACKING ON BCAST PREFIX a; CLIENT TRACKING ON; CLIENT TRACKINGINFO; CLIENT GETREDIR x; CLIENT TRACKINGINFO x; CLIENT CACHING"},
		{"the end", "CLIENT TRACKING ON; GET k; RESET"},
		{"a long key", "CLIENT TRACKING ON; GET " + long + "; other: SET " + long + " 1"},
	} {
		t.Run(c.name, func(t *testing.T) {
			k := newTracker(t, socket)
			for line := range strings.SplitSeq(c.steps, ";") {
				k.step(strings.TrimSpace(line))
			}
		})
	}
}

// tracking3 is a fixture whose client tracks by RESP3.
func tracking3(t *testing.T, options ...string) *fixture {
	f := newFixture(t)
	f.do("HELLO", "3")
	if reply := f.do(append([]string{"CLIENT", "TRACKING", "ON"}, options...)...); reply != ok {
		t.Fatal(reply)
	}
	return f
}

// taken returns the messages for the fixture's client.
func (f *fixture) taken() string { return string(f.client.Track.Take(nil)) }

func told(key string) string { return ">2\r\n$10\r\ninvalidate\r\n*1\r\n" + bulk(key) }

const toldAll = ">2\r\n$10\r\ninvalidate\r\n_\r\n"

// In RESP2 nothing could be told: that is an error, and stale values are none's.
func TestTrackingIsForRESP3(t *testing.T) {
	f := newFixture(t)
	for _, c := range []struct{ command, says string }{
		{"CLIENT TRACKING ON", "HELLO 3"}, {"CLIENT TRACKING ON BCAST PREFIX a", "HELLO 3"}, {"CLIENT TRACKING ON REDIRECT 7", "HELLO 3"},
	} {
		if got := f.do(strings.Fields(c.command)...); !strings.HasPrefix(got, "-ERR ") || !strings.Contains(got, c.says) {
			t.Errorf("%s: %q", c.command, got)
		}
	}
	if got := f.do("CLIENT", "TRACKING", "OFF"); got != ok {
		t.Errorf("OFF: %q", got)
	}
	f.do("HELLO", "3")
	if got := f.do("CLIENT", "TRACKING", "ON", "REDIRECT", "7"); !strings.Contains(got, "REDIRECT is not supported; send HELLO 3") {
		t.Errorf("REDIRECT: %q", got)
	}
}

func TestWhatEndsTracking(t *testing.T) {
	for _, end := range []string{"CLIENT TRACKING OFF", "RESET", "HELLO 2"} {
		f := tracking3(t, "OPTIN")
		f.do("CLIENT", "CACHING", "YES")
		f.do(strings.Fields(end)...)
		if n := f.Tracking.Counts().Clients; n != 0 || f.client.Track != nil || f.Tracking.Active() {
			t.Errorf("after %s %d clients track", end, n)
		}
		f.do("HELLO", "3")
		if got := f.do("CLIENT", "TRACKINGINFO"); !strings.Contains(got, "off") || !strings.Contains(got, ":-1\r\n") {
			t.Errorf("after %s: %q", end, got)
		}
	}
}

func TestTheTrackingOfAConnectionIsShown(t *testing.T) {
	f := tracking3(t)
	f.do("MGET", "a", "b")
	for _, want := range []string{"tracking_clients:1\r\n", "tracking_total_keys:2\r\ntracking_total_items:2\r\ntracking_total_prefixes:0\r\n"} {
		if all := f.do("INFO"); !strings.Contains(all, want) {
			t.Errorf("INFO lacks %q: %s", want, all)
		}
	}
	if got := f.do("CLIENT", "INFO"); !strings.Contains(got, " flags=t ") || !strings.Contains(got, " redir=0 ") {
		t.Errorf("CLIENT INFO: %s", got)
	}
	f = tracking3(t, "BCAST", "PREFIX", "a", "PREFIX", "b")
	f.do("MULTI")
	f.do("CLIENT", "INFO")
	if got := f.do("EXEC"); !strings.Contains(got, " flags=xtB ") {
		t.Errorf("CLIENT INFO: %s", got)
	}
	if got := f.do("INFO", "stats"); !strings.Contains(got, "tracking_total_prefixes:2\r\n") {
		t.Errorf("INFO: %s", got)
	}
}

func TestThePrefixesOfAClientAreBounded(t *testing.T) {
	f := newFixture(t)
	f.do("HELLO", "3")
	many := []string{"CLIENT", "TRACKING", "ON", "BCAST"}
	for i := range tracking.MaxPrefixes {
		many = append(many, "PREFIX", fmt.Sprintf("%03d", i))
	}
	for _, args := range [][]string{
		append(many[:len(many):len(many)], "PREFIX", "more"),
		{"CLIENT", "TRACKING", "ON", "BCAST", "PREFIX", strings.Repeat("x", tracking.MaxPrefix+1)},
	} {
		if got := f.do(args...); got != "-"+errTrackPrefixes+"\r\n" {
			t.Errorf("%d words: %q", len(args), got)
		}
	}
	if got := f.do(many...); got != ok {
		t.Errorf("as many as may be: %q", got)
	}
	if got := f.do("CLIENT", "TRACKING", "ON", "BCAST", "PREFIX", "more"); got != "-"+errTrackPrefixes+"\r\n" {
		t.Errorf("one more: %q", got)
	}
}

// Whatever writes tells of it: commands of RESP, scripts of locks and limiters, the binary messages.
func TestEachWriteIsTold(t *testing.T) {
	const release = `if redis.call("get",KEYS[1]) == ARGV[1] then return redis.call("del",KEYS[1]) else return 0 end`
	for _, c := range [][]string{
		{"SET", "k", "1"}, {"SETEX", "k", "10", "1"}, {"PSETEX", "k", "10000", "1"}, {"GETSET", "k", "1"}, {"GETDEL", "k"}, {"GETEX", "k", "EX", "9"}, {"DEL", "k"}, {"UNLINK", "a", "k"},
		{"DELEX", "k", "IFEQ", "7"}, {"DELIFEQ", "k", "7"}, {"SET", "k", "1", "IFEQ", "7"}, {"SET", "k", "1", "XX", "GET"}, {"MSET", "a", "1", "k", "2"}, {"APPEND", "k", "1"}, {"SETRANGE", "k", "0", "x"},
		{"INCR", "k"}, {"DECRBY", "k", "2"}, {"INCRBYFLOAT", "k", "1.5"}, {"EXPIRE", "k", "10"}, {"PEXPIREAT", "k", "1"}, {"EVAL", release, "1", "k", "7"},
		{"EVAL", textOfLimits, "1", "k", "60", "1"}, {"EVAL", textOfFlexible, "1", "k", "1", "60"},
	} {
		f := tracking3(t)
		f.do("SET", "k", "7")
		f.do("GET", "k")
		f.taken()
		other := &Client{ID: 8}
		list := make([][]byte, len(c))
		for i := range c {
			list[i] = []byte(c[i])
		}
		if out, _ := f.RESP(other, list, nil); out[0] == '-' {
			t.Errorf("%q: %q", c, out)
		}
		if got := f.taken(); got != told("k") {
			t.Errorf("%q: told %q", c, got)
		}
	}
	for name, frame := range map[string][]byte{
		"set": setFrame("k", "1", 0, 0), "delete": deleteFrame("k"), "increment": incrementFrame("k", 1, 0), "expire": expireFrame("k", 9_000),
	} {
		f := tracking3(t)
		f.do("SET", "k", "7")
		f.do("GET", "k")
		f.taken()
		h, _, _ := codec.DecodeHeader(frame)
		f.Frame(&Client{ID: 8}, h, frame[codec.HeaderLen:], nil)
		if got := f.taken(); got != told("k") {
			t.Errorf("the message %s: told %q", name, got)
		}
	}
}

// A transaction that takes several turns has read what it has not replied yet.
func TestATransactionIsUnderWayUntilItIsAnswered(t *testing.T) {
	f := tracking3(t)
	f.do("SET", "k", "1")
	f.do("MULTI")
	f.do("GET", "k")
	f.do("KEYS", "*")
	f.do("GET", "k")
	out, v := f.RESP(f.client, [][]byte{[]byte("EXEC")}, nil)
	if v != Again || !f.client.UnderWay() {
		t.Fatalf("%q, verdict %d", out, v)
	}
	f.RESP(&Client{ID: 8}, [][]byte{[]byte("SET"), []byte("k"), []byte("2")}, nil)
	if !f.client.Track.Waits() || !f.client.UnderWay() {
		t.Error("a message waits, and the transaction goes on")
	}
	for v == Again {
		out, v = f.RESP(f.client, [][]byte{[]byte("EXEC")}, nil)
	}
	if f.client.UnderWay() || !strings.HasSuffix(string(out), bulk("2")) {
		t.Errorf("%q", out)
	}
	if got := f.taken(); got != told("k") {
		t.Errorf("told %q", got)
	}
}

// All keys of a list are remembered, also where it takes several turns.
func TestTheKeysOfALongListAreRemembered(t *testing.T) {
	f := tracking3(t)
	const keys = 3*listArgs + 7
	args := []string{"MGET"}
	for i := range keys {
		args = append(args, fmt.Sprint("key", i))
	}
	f.do(args...)
	if n := f.Tracking.Counts().Keys; n != keys {
		t.Errorf("%d of %d keys are remembered", n, keys)
	}
	if f.client.UnderWay() {
		t.Error("it is over")
	}
}

// A key is remembered when its command begins to read, also within a transaction: whoever changes it then finds the reader.
func TestAKeyIsRememberedBeforeItIsRead(t *testing.T) {
	f := tracking3(t)
	began := 0
	cmd := &entry{name: "read", arity: 2, first: 1, last: 1, step: 1, flags: flagReadOnly, run: func(t *Turn, c *Client, args [][]byte, out []byte) ([]byte, Verdict) {
		if began++; t.Tracking.Counts().Keys != began {
			return codec.AppendError(out, "ERR it is not remembered"), Done
		}
		return codec.AppendSimple(out, "OK"), Done
	}}
	args := [][]byte{[]byte("read"), []byte("a")}
	if out, _ := f.reply(f.client, cmd, args, nil); string(out) != ok {
		t.Errorf("%q", out)
	}
	args[1] = []byte("b")
	if out, _ := f.execOne(f.client, cmd, args, nil); string(out) != ok {
		t.Errorf("in a transaction: %q", out)
	}
}

// The channel of a message is no key.
func TestAMessageIsNoChangeOfAKey(t *testing.T) {
	f := tracking3(t)
	f.do("GET", "news")
	publisher := &Client{ID: 8}
	f.RESP(publisher, [][]byte{[]byte("PUBLISH"), []byte("news"), []byte("hello")}, nil)
	if got := f.taken(); got != "" {
		t.Errorf("after PUBLISH: %q", got)
	}
	f.RESP(publisher, [][]byte{[]byte("SET"), []byte("news"), []byte("1")}, nil)
	if got := f.taken(); got != told("news") {
		t.Errorf("after SET: %q", got)
	}
}
