package command

import (
	"bytes"
	"errors"
	"flag"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"covey/codec"
)

// The oracle is a real redis-server on a unix socket: the same commands go to it and to a
// Turn, and the reply bytes must be the same. docs/COMPATIBILITY.md lists what may differ.

var oracleSeed = flag.Uint64("oracle.seed", 1, "seed of the random commands that are compared with redis-server")

// startOracle runs a redis-server and returns the path of its socket.
func startOracle(t *testing.T) string {
	t.Helper()
	path, err := exec.LookPath("redis-server")
	if err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatal("redis-server is missing: install the Debian package redis-server")
		}
		t.Skip("redis-server is not installed: the comparison with a real Redis is left out")
	}
	dir, err := os.MkdirTemp("", "covey") // short: the path of a socket has at most 107 bytes
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	socket := filepath.Join(dir, "redis.sock")
	server := exec.Command(path, "--port", "0", "--unixsocket", socket, "--save", "", "--appendonly", "no", "--dir", dir)
	var log bytes.Buffer
	server.Stdout, server.Stderr = &log, &log
	if err := server.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		server.Process.Kill()
		server.Wait()
	})
	for deadline := time.Now().Add(10 * time.Second); ; time.Sleep(5 * time.Millisecond) {
		if conn, err := net.Dial("unix", socket); err == nil {
			conn.Close()
			return socket
		}
		if time.Now().After(deadline) {
			t.Fatalf("redis-server does not answer: %s", log.String())
		}
	}
}

// pair is one connection to the oracle, and a Turn to compare with.
type pair struct {
	t       *testing.T
	conn    net.Conn
	in      []byte
	scanner codec.ReplyScanner
	mine    *fixture
}

func newPair(t *testing.T, socket string, proto int) *pair {
	t.Helper()
	conn, err := net.Dial("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	p := &pair{t: t, conn: conn, mine: newFixture(t)}
	if proto == codec.RESP3 {
		p.theirs("HELLO", "3")
		p.mine.do("HELLO", "3")
	}
	p.both("FLUSHALL")
	return p
}

// theirs runs a command on the oracle.
func (p *pair) theirs(args ...string) string {
	p.t.Helper()
	p.conn.SetDeadline(time.Now().Add(20 * time.Second))
	if _, err := p.conn.Write(codec.AppendCommand(nil, args...)); err != nil {
		p.t.Fatalf("%q: %v", args, err)
	}
	return p.reply()
}

func (p *pair) reply() string {
	p.t.Helper()
	for {
		if n, err := p.scanner.Next(p.in); err != nil {
			p.t.Fatal(err)
		} else if n > 0 {
			reply := string(p.in[:n])
			p.in = p.in[n:]
			return reply
		}
		buf := make([]byte, 64<<10)
		n, err := p.conn.Read(buf)
		if err != nil {
			p.t.Fatal(err)
		}
		p.in = append(p.in, buf[:n]...)
	}
}

// both runs a command on both, at about the same time, and returns both replies.
func (p *pair) both(args ...string) (theirs, mine string) {
	p.t.Helper()
	now := uint64(time.Now().UnixMilli())
	p.mine.Now, p.mine.host.wall = now, now*1000
	theirs, mine = p.theirs(args...), p.mine.do(args...)
	p.mine.endTurn(p.t)
	return theirs, mine
}

// same compares the replies to one command. Times to live are measured with two clocks and
// may differ a little; sets of keys come in any order.
func (p *pair) same(args ...string) {
	p.t.Helper()
	theirs, mine := p.both(args...)
	if theirs == mine {
		return
	}
	switch strings.ToUpper(args[0]) {
	case "TTL":
		if near(theirs, mine, 1) {
			return
		}
	case "PTTL":
		if near(theirs, mine, 2000) {
			return
		}
	case "KEYS", "SCAN":
		if reflect.DeepEqual(sortedKeys(p.t, theirs), sortedKeys(p.t, mine)) {
			return
		}
	}
	p.t.Errorf("%.200q:\n redis %.300q\n covey %.300q", args, theirs, mine)
}

func near(a, b string, within int64) bool {
	x, err1 := strconv.ParseInt(strings.Trim(a, ":\r\n"), 10, 64)
	y, err2 := strconv.ParseInt(strings.Trim(b, ":\r\n"), 10, 64)
	return err1 == nil && err2 == nil && x >= 0 && y >= 0 && max(x, y)-min(x, y) <= within
}

// sortedKeys are all the strings in a reply but empty ones: in Redis only "*" matches an empty
// key, not "**".
func sortedKeys(t *testing.T, reply string) []string {
	r, _, err := codec.ParseReply([]byte(reply))
	if err != nil {
		t.Fatal(err)
	}
	var list []string
	var walk func(r codec.Reply)
	walk = func(r codec.Reply) {
		if r.Elements == nil && len(r.Str) > 0 {
			list = append(list, fmt.Sprintf("%c%s", r.Kind, r.Str))
		}
		for _, e := range r.Elements {
			walk(e)
		}
	}
	walk(r)
	slices.Sort(list)
	return list
}

func forBothProtocols(t *testing.T, test func(t *testing.T, p *pair)) {
	socket := startOracle(t)
	for _, proto := range []int{codec.RESP2, codec.RESP3} {
		t.Run(fmt.Sprint("RESP", proto), func(t *testing.T) { test(t, newPair(t, socket, proto)) })
	}
}

func TestOracleTable(t *testing.T) {
	forBothProtocols(t, func(t *testing.T, p *pair) {
		for _, line := range strings.Split(strings.TrimSpace(oracleTable), "\n") {
			p.same(words(line)...)
		}
	})
}

// oracleTable are commands whose replies depend on one another, one a line; ” is an empty word.
const oracleTable = `
PING
PING hello
PING a b
ECHO
ECHO hello
ECHO a b
SELECT 0
SELECT 16
SELECT -1
SELECT 99999999999
SELECT x
CLIENT GETNAME
CLIENT SETNAME bob
CLIENT GETNAME
CLIENT SETNAME ''
CLIENT GETNAME
CLIENT NOSUCH
CLIENT nosuch a b
CLIENT ID a
CLIENT GETNAME a
CLIENT
CONFIG
CONFIG NOSUCH
CONFIG GET
CONFIG GET save
CONFIG GET appendonly
COMMAND NOSUCH
COMMAND COUNT x
COMMAND INFO nosuch
COMMAND INFO get nosuch
COMMAND DOCS nosuch
COMMAND LIST FILTERBY
COMMAND LIST FILTERBY NOSUCH x
COMMAND LIST FILTERBY MODULE x
NOSUCH
NOSUCH a
nosuch a b c d e f g
'' a
GET
GET a b
GET none
SET a
SET a 1
GET a
get a
gEt a
SET a '' 
GET a
STRLEN a
SET a 1 NX
SET a 1 XX
SET none 1 XX
SET a 2 GET
SET none2 2 GET
SET a 3 NX GET
SET none3 3 XX GET
SET a 1 nx xx
SET a 1 GET GET
SET a 1 EX
SET a 1 EX 10 PX 10
SET a 1 EX 10 EX 20
SET a 1 EX 0
SET a 1 EX -1
SET a 1 EX x
SET a 1 EX 1.5
SET a 1 EX 9223372036854775807
SET a 1 EX 9223372036854775
SET a 1 PX 9223372036854775807
SET a 1 KEEPTTL EX 10
SET a 1 EX 10 KEEPTTL
SET a 1 PERSIST
SET a 1 NOSUCH
SET a 1 EXAT 1
GET a
SET a 1 PXAT 1
EXISTS a
SET a 1 EXAT 0
SET a 1 EXAT 99999999999
TTL a
SET a 2 KEEPTTL
TTL a
SET a 2
TTL a
SETNX a 1
SETNX b 1
SETNX b
SETEX a 100 v
TTL a
SETEX a 0 v
SETEX a x v
SETEX a 10
PSETEX a 100000 v
PTTL a
PSETEX a -5 v
GETSET a w
TTL a
GETSET none4 w
GETSET a
MSET a 1 b 2
MSET a 1 b
MSET a
MGET a b none
MGET
EXISTS a b a none
EXISTS
TYPE a
TYPE none
DEL a a none
UNLINK b none
DEL
SET n 10
INCR n
INCRBY n 5
INCRBY n -5
INCRBY n x
INCRBY n 1.5
INCRBY n 9223372036854775807
DECR n
DECRBY n 3
DECRBY n -9223372036854775808
DECRBY n x
GET n
INCR new
DECR new2
SET s abc
INCR s
SET s ''
INCR s
SET s 01
INCR s
SET s +1
INCR s
SET s -0
INCR s
SET s 9223372036854775807
INCR s
SET s -9223372036854775808
DECR s
INCR s
SET s 9223372036854775808
INCR s
SET t 5 EX 1000
INCR t
TTL t
EXPIRE none 10
EXPIRE t 2000
TTL t
EXPIRE t 3000 NX
EXPIRE t 3000 XX
EXPIRE t 2500 GT
EXPIRE t 3500 GT
EXPIRE t 4000 LT
EXPIRE t 3000 LT
EXPIRE t 3000 NX XX
EXPIRE t 3000 NX GT
EXPIRE t 3000 GT LT
EXPIRE t 3000 XX GT
EXPIRE t 3000 NOSUCH
EXPIRE t x
EXPIRE t x NOSUCH
EXPIRE t 1.5
EXPIRE t
EXPIRE t 9223372036854775807
EXPIRE t -9223372036854775808
EXPIRE t 9223372036854775
PEXPIRE t 9223372036854775807
PEXPIRE t 5000000
PTTL t
EXPIREAT t 99999999999
TTL t
PEXPIREAT t 99999999999000
PTTL t
PERSIST t
PERSIST t
PERSIST none
TTL t
EXPIRE t 100 GT
EXPIRE t 100 LT
TTL t
EXPIRE t -1 GT
EXISTS t
EXPIRE t -1
EXISTS t
TTL t
SET t 1
EXPIREAT t 1
GET t
SET t 1
PEXPIREAT t -5
GET t
SET t 1
PEXPIRE t 0
GET t
TTL
PTTL none
PERSIST
DBSIZE
DBSIZE x
KEYS *
KEYS n*
KEYS ?
KEYS
SCAN 0 COUNT 1000
SCAN 0 COUNT 1000 MATCH n*
SCAN 0 COUNT 1000 TYPE string
SCAN 0 COUNT 1000 TYPE list
SCAN 0 COUNT 1000 TYPE nosuch
SCAN 0 COUNT
SCAN 0 COUNT 0
SCAN 0 COUNT -1
SCAN 0 COUNT x
SCAN 0 MATCH
SCAN 0 NOSUCH x
SCAN x
SCAN 99999999999999999999
SCAN
STRLEN none
STRLEN
WAIT 0 0
WAIT 0 10
WAIT x 0
WAIT 0 x
WAIT 0 -1
WAIT 0
TIME x
FLUSHALL x
FLUSHALL ASYNC SYNC
FLUSHDB x
FLUSHDB ASYNC
DBSIZE
SET a 1
FLUSHALL SYNC
DBSIZE
HELLO 1
HELLO 4
HELLO x
HELLO 3 SETNAME
HELLO 3 NOSUCH
HELLO 3 AUTH a
HELLO 3 AUTH bob x
AUTH
AUTH x
AUTH bob x
AUTH a b c
RESET x
RESET
QUIT
`

// TestOracleRandom compares long random sequences of commands; a failing run says its seed.
func TestOracleRandom(t *testing.T) {
	t.Logf("repeat with -oracle.seed=%d", *oracleSeed)
	forBothProtocols(t, func(t *testing.T, p *pair) {
		g := &generator{Rand: rand.New(rand.NewPCG(*oracleSeed, 4)), base: time.Now().Unix()}
		for i := 0; i < 15_000 && !t.Failed(); i++ {
			p.same(g.command()...)
		}
		for _, key := range g.keys() {
			p.same("GET", key)
			p.same("TTL", key)
		}
	})
}

// generator makes commands that are mostly right.
type generator struct {
	*rand.Rand
	base int64
	n    int64
}

func (g *generator) keys() []string {
	return []string{"a", "b", "c", "key:1", "key:2", "", "\x00\xff\r\n"}
}

func (g *generator) pick(list ...string) string { return list[g.IntN(len(list))] }

func (g *generator) key() string { return g.pick(g.keys()...) }

func (g *generator) value() string {
	return g.pick("", "1", "10", "-7", "abc", " 1", "01", "1.5", "9223372036854775807", "-9223372036854775808", "9223372036854775808", "\x00\r\n\xff", strings.Repeat("long", 300))
}

func (g *generator) number() string {
	return g.pick("1", "5", "-3", "100", "0", "abc", "9223372036854775807", "-9223372036854775808", "1.0", "")
}

// seconds is a time to live. No two are alike or close: GT and LT must not depend on which
// of the two clocks is a millisecond ahead. None ends within the test.
func (g *generator) seconds() int64 {
	g.n++
	return 100_000 + (g.n*7919%100_000)*20
}

// span is the argument of an expiry of the given unit, now and then a wrong or a past one.
func (g *generator) span(unit string) string {
	if g.IntN(6) == 0 {
		return g.pick("0", "-1", "abc", "", "9223372036854775807", "1.5", "-9223372036854775808")
	}
	switch unit {
	case "EX":
		return fmt.Sprint(g.seconds())
	case "PX":
		return fmt.Sprint(g.seconds() * 1000)
	case "EXAT":
		return fmt.Sprint(g.base + g.seconds())
	default:
		return fmt.Sprint((g.base + g.seconds()) * 1000)
	}
}

func (g *generator) setOptions() (o []string) {
	for g.IntN(2) == 0 {
		switch w := g.pick("NX", "XX", "GET", "KEEPTTL", "EX", "PX", "EXAT", "PXAT", "ex", "nosuch"); strings.ToUpper(w) {
		case "EX", "PX", "EXAT", "PXAT":
			o = append(o, w, g.span(strings.ToUpper(w)))
		default:
			o = append(o, w)
		}
	}
	return o
}

func (g *generator) expireOptions() (o []string) {
	for g.IntN(2) == 0 {
		o = append(o, g.pick("NX", "XX", "GT", "LT", "lt", "nosuch"))
	}
	return o
}

func (g *generator) some(one func() string) (list []string) {
	for range 1 + g.IntN(4) {
		list = append(list, one())
	}
	return list
}

func (g *generator) command() []string {
	name := g.pick("GET", "SET", "SET", "SET", "SETNX", "SETEX", "PSETEX", "GETSET", "MGET", "MSET", "DEL", "UNLINK", "EXISTS", "TTL", "PTTL", "TYPE", "STRLEN",
		"EXPIRE", "EXPIRE", "PEXPIRE", "EXPIREAT", "PEXPIREAT", "PERSIST", "INCR", "INCRBY", "DECR", "DECRBY", "DBSIZE", "KEYS", "SCAN", "FLUSHALL", "PING", "ECHO")
	cmd := []string{name}
	switch name {
	case "SET":
		cmd = append(append(cmd, g.key(), g.value()), g.setOptions()...)
	case "SETNX", "GETSET":
		cmd = append(cmd, g.key(), g.value())
	case "SETEX":
		cmd = append(cmd, g.key(), g.span("EX"), g.value())
	case "PSETEX":
		cmd = append(cmd, g.key(), g.span("PX"), g.value())
	case "MSET":
		for range 1 + g.IntN(3) {
			cmd = append(cmd, g.key(), g.value())
		}
	case "MGET", "DEL", "UNLINK", "EXISTS":
		cmd = append(cmd, g.some(g.key)...)
	case "EXPIRE", "PEXPIRE", "EXPIREAT", "PEXPIREAT":
		unit := map[string]string{"EXPIRE": "EX", "PEXPIRE": "PX", "EXPIREAT": "EXAT", "PEXPIREAT": "PXAT"}[name]
		cmd = append(append(cmd, g.key(), g.span(unit)), g.expireOptions()...)
	case "INCRBY", "DECRBY":
		cmd = append(cmd, g.key(), g.number())
	case "KEYS":
		cmd = append(cmd, g.pattern())
	case "SCAN":
		cmd = append(cmd, "0", "COUNT", "1000", "MATCH", g.pattern())
	case "FLUSHALL":
		if g.IntN(10) > 0 {
			return []string{"DBSIZE"}
		}
	case "DBSIZE", "PING":
	case "ECHO":
		cmd = append(cmd, g.value())
	default:
		cmd = append(cmd, g.key())
	}
	if g.IntN(40) == 0 { // a wrong count
		cmd = cmd[:1+g.IntN(len(cmd))]
	}
	return cmd
}

func (g *generator) pattern() string {
	var s strings.Builder
	for range g.IntN(7) {
		s.WriteString(g.pick("*", "?", "a", "b", "key:", "1", "[", "]", "^", "-", "\\", "[a-c]", "[^a]", "\x00"))
	}
	return s.String()
}

// TestOraclePatterns compares the matching of patterns on its own, with keys made of the
// patterns' own characters.
func TestOraclePatterns(t *testing.T) {
	p := newPair(t, startOracle(t), codec.RESP2)
	g := &generator{Rand: rand.New(rand.NewPCG(*oracleSeed, 5))}
	for range 200 {
		p.both("SET", g.pattern(), "v")
	}
	for i := 0; i < 4_000 && !t.Failed(); i++ {
		p.same("KEYS", g.pattern())
	}
}

// What COMMAND says of a command is what Redis says of it.
func TestOracleCommandInfo(t *testing.T) {
	forBothProtocols(t, func(t *testing.T, p *pair) {
		for i := range commands {
			e := &commands[i]
			if e.name == "covey" {
				continue
			}
			if len(e.subs) == 0 {
				p.same("COMMAND", "INFO", e.name)
				continue
			}
			for j := range e.subs {
				// Redis 7.0 has no SETINFO; clients of today send it.
				if full := e.subs[j].full; full != "client|setinfo" {
					p.sameButTips("COMMAND", "INFO", full)
				}
			}
		}
	})
}

// sameButTips compares COMMAND INFO of one subcommand but for the tips, which differ from
// subcommand to subcommand and help nobody here.
func (p *pair) sameButTips(args ...string) {
	p.t.Helper()
	theirs, mine := p.both(args...)
	var list [2][]codec.Reply
	for i, reply := range []string{theirs, mine} {
		r, _, err := codec.ParseReply([]byte(reply))
		if err != nil || len(r.Elements) != 1 || len(r.Elements[0].Elements) != 10 {
			p.t.Fatalf("%q: %q, %v", args, reply, err)
		}
		list[i] = r.Elements[0].Elements
		list[i][7] = codec.Reply{}
	}
	if !reflect.DeepEqual(list[0], list[1]) {
		p.t.Errorf("%q:\n redis %.400q\n covey %.400q", args, theirs, mine)
	}
}

// TestOracleRaw sends bytes as they are and compares everything that comes back until the
// server closes: framing, inline commands, and what ends a connection.
func TestOracleRaw(t *testing.T) {
	socket := startOracle(t)
	for _, in := range []string{
		"PING\r\n", "PING\n", "\r\n\r\nPING\r\n", "  PING  hello \r\n", "ECHO \"a b\\n\\x41\\\"\"\r\n", "ECHO 'it\\'s'\r\n", "ECHO \"\"\r\n", "ECHO a\"b\"\r\n", "ECHO a\"b\" c\r\n",
		"ECHO \"a\r\n", "ECHO 'a\r\n", "ECHO \"a\"b\r\n", "ECHO a\vb\r\n", "\vECHO a\r\n", "ECHO \"\\x4g\\q\"\r\n",
		"*1\r\n$4\r\nPING\r\n", "*2\r\n$4\r\nECHO\r\n$0\r\n\r\n", "*0\r\n*1\r\n$4\r\nPING\r\n", "*-1\r\nPING\r\n", "*-9\r\nPING\r\n",
		"*x\r\n", "*\r\n", "*01\r\n", "*+1\r\n", "*-0\r\n", "*9999999999999999999999\r\n", "*2147483648\r\n", "*1\r\nPING\r\n", "*1\r\n:1\r\n", "*1\r\n\r\n",
		"*1\r\n$-1\r\n", "*1\r\n$x\r\n", "*1\r\n$\r\n", "*1\r\n$99999999999\r\n", "*1\r\n$04\r\nPING\r\n", "*1\r\n$4\r\nPINGxx*1\r\n$4\r\nPING\r\n", "*1\r\x00$4\r\x00PING\r\n",
		"PING\r\n*1\r\n$4\r\nPING\r\nPING\r\n", "PING\r\n*1\r\nx\r\nPING\r\n", "NOSUCH a\rb\r\n", "*2\r\n$6\r\nNO\r\nCH\r\n$3\r\n\r\nx\r\n", "QUIT\r\nPING\r\n",
	} {
		theirs := rawTheirs(t, socket, in)
		if mine := rawMine(t, in); mine != theirs {
			t.Errorf("%q:\n redis %q\n covey %q", in, theirs, mine)
		}
	}
}

// rawTheirs sends in and a QUIT, and reads to the end.
func rawTheirs(t *testing.T, socket, in string) string {
	t.Helper()
	conn, err := net.Dial("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	conn.SetDeadline(time.Now().Add(10 * time.Second))
	if _, err := io.WriteString(conn, in+"*1\r\n$4\r\nQUIT\r\n"); err != nil {
		t.Fatal(err)
	}
	all, err := io.ReadAll(conn)
	if err != nil && !errors.Is(err, syscall.ECONNRESET) {
		t.Fatalf("%q: %v after %q", in, err, all)
	}
	return string(all)
}

// rawMine does what the loop does with the bytes of a connection.
func rawMine(t *testing.T, in string) string {
	f := newFixture(t)
	var p codec.Parser
	var out []byte
	for buf := []byte(in + "*1\r\n$4\r\nQUIT\r\n"); len(buf) > 0; {
		args, n, err := p.Next(buf)
		if err != nil {
			return string(codec.AppendError(out, "ERR "+err.Error()))
		}
		if n == 0 {
			break
		}
		buf = buf[n:]
		var v Verdict
		if out, v = f.RESP(f.client, args, out); v == Close {
			break
		}
	}
	return string(out)
}
