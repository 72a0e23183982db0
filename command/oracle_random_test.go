package command

import (
	"flag"
	"fmt"
	"math/rand/v2"
	"regexp"
	"strings"
	"testing"
	"time"

	"covey/codec"
	"covey/internal/harness"
)

var oracleSeed = flag.Uint64("oracle.seed", 1, "seed of the random commands that are compared with redis-server")

// often is how many random commands are compared: under the race detector a tenth, for there is one goroutine of ours.
func often(n int) int {
	if harness.Race {
		return n / 10
	}
	return n
}

// TestOracleRandom compares long random sequences of commands; a failing run says its seed.
func TestOracleRandom(t *testing.T) {
	t.Logf("repeat with -oracle.seed=%d", *oracleSeed)
	forBothProtocols(t, func(t *testing.T, p *pair) {
		g := &generator{Rand: rand.New(rand.NewPCG(*oracleSeed, 4)), base: time.Now().Unix()}
		for i := 0; i < often(15_000) && !t.Failed(); i++ {
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

func (g *generator) getexOptions() (o []string) {
	for g.IntN(2) == 0 {
		switch w := g.pick("PERSIST", "EX", "PX", "EXAT", "PXAT", "ex", "KEEPTTL"); strings.ToUpper(w) {
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
	name := g.pick("GET", "SET", "SET", "SET", "SETNX", "SETEX", "PSETEX", "GETSET", "GETDEL", "MGET", "MSET", "MSETNX", "DEL", "UNLINK", "EXISTS", "TTL", "PTTL", "TYPE", "STRLEN",
		"EXPIRE", "EXPIRE", "PEXPIRE", "EXPIREAT", "PEXPIREAT", "PERSIST", "INCR", "INCRBY", "INCRBYFLOAT", "DECR", "DECRBY", "DBSIZE", "KEYS", "SCAN", "FLUSHALL", "PING", "ECHO", "GETEX", "GETEX", "GETRANGE", "SUBSTR", "APPEND", "SETRANGE", "TOUCH", "EXPIRETIME", "PEXPIRETIME")
	cmd := []string{name}
	switch name {
	case "SET":
		cmd = append(append(cmd, g.key(), g.value()), g.setOptions()...)
	case "SETRANGE":
		cmd = append(cmd, g.key(), g.pick("0", "1", "7", "2000", "-1", "abc", "600000000", "9223372036854775807"), g.value())
	case "SETNX", "GETSET", "APPEND":
		cmd = append(cmd, g.key(), g.value())
	case "SETEX":
		cmd = append(cmd, g.key(), g.span("EX"), g.value())
	case "PSETEX":
		cmd = append(cmd, g.key(), g.span("PX"), g.value())
	case "MSET", "MSETNX":
		for range 1 + g.IntN(3) {
			cmd = append(cmd, g.key(), g.value())
		}
	case "MGET", "DEL", "UNLINK", "EXISTS", "TOUCH":
		cmd = append(cmd, g.some(g.key)...)
	case "EXPIRE", "PEXPIRE", "EXPIREAT", "PEXPIREAT":
		unit := map[string]string{"EXPIRE": "EX", "PEXPIRE": "PX", "EXPIREAT": "EXAT", "PEXPIREAT": "PXAT"}[name]
		cmd = append(append(cmd, g.key(), g.span(unit)), g.expireOptions()...)
	case "GETEX":
		cmd = append(append(cmd, g.key()), g.getexOptions()...)
	case "GETRANGE", "SUBSTR":
		cmd = append(cmd, g.key(), g.number(), g.number())
	case "INCRBY", "INCRBYFLOAT", "DECRBY":
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
	for i := 0; i < often(4_000) && !t.Failed(); i++ {
		p.same("KEYS", g.pattern())
	}
}

// TestOracleTransactions compares random transactions, with keys that are watched and changed or not.
func TestOracleTransactions(t *testing.T) {
	t.Logf("repeat with -oracle.seed=%d", *oracleSeed)
	forBothProtocols(t, func(t *testing.T, p *pair) {
		g := &generator{Rand: rand.New(rand.NewPCG(*oracleSeed, 6)), base: time.Now().Unix()}
		for i := 0; i < often(10_000) && !t.Failed(); i++ {
			p.same(g.transactional()...)
		}
		p.same("DISCARD")
		for _, key := range g.keys() {
			p.same("GET", key)
		}
	})
}

// connections are commands about the connection, right and wrong ones.
var connections = []string{
	"CLIENT SETNAME x", "CLIENT GETNAME", "client getname a", "CLIENT NOSUCH", "CLIENT", "SELECT 0", "SELECT x", "SELECT 99999999999", "RESET", "RESET x", "AUTH", "AUTH x", "AUTH bob x", "AUTH a b c",
	"HELLO 1", "HELLO x", "HELLO 3 NOSUCH", "HELLO 2 AUTH a", "CONFIG GET save", "CONFIG GET SAVE SAVE", "CONFIG GET", "COMMAND INFO get nosuch", "COMMAND COUNT x", "WAIT x 0", "WAIT 0 0", "MULTI x", "EXEC x", "DISCARD x",
	"UNWATCH x", "WATCH", "TIME x", "KEYS", "SCAN x", "SCAN 0 COUNT 0", "NOSUCH a",
}

// transactional makes commands that begin, fill and end transactions. None replies a time, which two clocks measure differently, or
// lists keys, which come in any order; none is a FLUSHALL, after which a watched key that was not there counts as changed.
func (g *generator) transactional() []string {
	switch g.IntN(13) {
	case 0, 1:
		return []string{"MULTI"}
	case 2, 3:
		return []string{"EXEC"}
	case 4:
		return []string{"DISCARD"}
	case 5, 6:
		return append([]string{"WATCH"}, g.some(g.key)...)
	case 7:
		return []string{"UNWATCH"}
	case 8:
		return strings.Fields(g.pick(connections...))
	}
	for {
		switch cmd := g.command(); cmd[0] {
		case "TTL", "PTTL", "EXPIRETIME", "PEXPIRETIME", "KEYS", "SCAN", "FLUSHALL":
		default:
			return cmd
		}
	}
}

// TestOracleRandomBytes compares what comes back for pieces of commands put together at random: whole and broken arrays, inline commands
// with quotes, transactions, and what ends the connection. None has a zero byte, with which an inline command never ends in Redis.
func TestOracleRandomBytes(t *testing.T) {
	t.Logf("repeat with -oracle.seed=%d", *oracleSeed)
	socket := startOracle(t)
	g := &generator{Rand: rand.New(rand.NewPCG(*oracleSeed, 7))}
	for i := 0; i < often(5_000) && !t.Failed(); i++ {
		var in strings.Builder
		in.WriteString("FLUSHALL\r\n")
		for range 1 + g.IntN(10) {
			in.WriteString(g.pick(pieces...))
		}
		in.WriteString("\r\n")
		theirs, mine := rawTheirs(t, socket, in.String()), rawMine(t, in.String())
		if helloID.ReplaceAllString(theirs, "") != helloID.ReplaceAllString(mine, "") {
			t.Errorf("%q:\n redis %.600q\n covey %.600q", in.String(), theirs, mine)
		}
	}
}

var helloID = regexp.MustCompile(`\$2\r\nid\r\n:\d+\r\n`)

var pieces = []string{
	"*1\r\n$4\r\nPING\r\n", "*2\r\n$4\r\nECHO\r\n$3\r\n\r\n\xff\r\n", "*3\r\n$3\r\nSET\r\n$1\r\na\r\n$1\r\nb\r\n", "PING\r\n", "ping", "ECHO ", "ECHO \"a b\"\r\n", "ECHO 'a'b\r\n", "SET a b\r\n",
	"GET a\r\n", "INCR n\r\n", "DEL n a\r\n", "GETEX a EX x\r\n", "MULTI\r\n", "EXEC\r\n", "DISCARD\r\n", "WATCH a\r\n", "RESET\r\n", "HELLO 3\r\n", "HELLO 2\r\n", "NOSUCH x y\r\n", "CLIENT SETNAME x\r\n", "CLIENT GETNAME\r\n",
	"*2\r\n", "*0\r\n", "*-1\r\n", "*", "$", "$4\r\n", "$3\r\nGET\r\n", "$1\r\na\r\n", "$-1\r\n", ":1\r\n", "-1\r\n", "0\r\n", "3\r\n", "5", "+", "99999\r\n", "\"", "'", "\\x41", "\\", "\r\n", "\n", "\r", " ", "\t", "\v", "abc", "\xff",
}
