package command

import (
	"bytes"
	"errors"
	"fmt"
	"io"
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

// startOracle runs a redis-server and returns the path of its socket.
func startOracle(t testing.TB) string {
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
	case "SELECT": // the error goes on to say what to do
		if begin, ok := strings.CutSuffix(theirs, "range\r\n"); ok && strings.HasPrefix(mine, begin+"range (") {
			return
		}
	case "TTL", "EXPIRETIME":
		if near(theirs, mine, 1) {
			return
		}
	case "PTTL", "PEXPIRETIME":
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

// What COMMAND says of a command is what Redis says of it.
func TestOracleCommandInfo(t *testing.T) {
	forBothProtocols(t, func(t *testing.T, p *pair) {
		for i := range commands {
			e := &commands[i]
			if newer(e) {
				continue
			}
			if len(e.subs) == 0 {
				p.same("COMMAND", "INFO", e.name)
				continue
			}
			for j := range e.subs {
				if sub := &e.subs[j]; !newer(sub) {
					p.sameButTips("COMMAND", "INFO", sub.full)
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

// CLIENT INFO has the fields of Redis in its order, but for two that it leaves out; what follows them is of Redis 7.2. The numbers are
// numbers: there are clients that fail without.
func TestOracleClientInfo(t *testing.T) {
	forBothProtocols(t, func(t *testing.T, p *pair) {
		for _, transaction := range []bool{false, true} {
			if transaction {
				p.same("MULTI")
				p.both("CLIENT", "INFO")
			}
			theirs, mine := p.both(map[bool][]string{false: {"CLIENT", "INFO"}, true: {"EXEC"}}[transaction]...)
			want, got := infoFields(t, theirs), infoFields(t, mine)
			for _, name := range []string{"laddr", "fd"} {
				want = slices.DeleteFunc(want, func(f [2]string) bool { return f[0] == name })
			}
			if len(got) != len(want)+2 || got[len(want)][0] != "lib-name" || got[len(want)+1][0] != "lib-ver" {
				t.Fatalf("fields:\n redis %q\n covey %q", want, got)
			}
			for i, f := range want {
				_, err := strconv.Atoi(f[1])
				_, mineErr := strconv.Atoi(got[i][1])
				if f[0] != got[i][0] || (err == nil) != (mineErr == nil) || f[0] == "multi" && f[1] != got[i][1] {
					t.Errorf("redis has %q, covey %q", f, got[i])
				}
			}
		}
	})
}

// infoFields are the fields of a reply to CLIENT INFO, or of an EXEC that has it alone: names and values.
func infoFields(t *testing.T, reply string) (fields [][2]string) {
	t.Helper()
	r, _, err := codec.ParseReply([]byte(reply))
	if err != nil {
		t.Fatalf("%q: %v", reply, err)
	}
	if len(r.Elements) == 1 {
		r = r.Elements[0]
	}
	for _, word := range strings.Fields(strings.TrimPrefix(string(r.Str), "txt:")) {
		name, value, ok := strings.Cut(word, "=")
		if !ok {
			t.Fatalf("%q in %q", word, reply)
		}
		fields = append(fields, [2]string{name, value})
	}
	return fields
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

// rawTheirs sends in and a QUIT, ends its side, and reads to the end.
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
	if err := conn.(*net.UnixConn).CloseWrite(); err != nil && !errors.Is(err, syscall.ENOTCONN) {
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
	out, _ := gatherAll(newFixture(t), new(codec.Parser), []byte(in+"*1\r\n$4\r\nQUIT\r\n"))
	return string(out)
}
