package command

import (
	"fmt"
	"strings"
	"testing"

	"covey/codec"
	"covey/store"
)

// step is a command and the reply it must get; after is how long the clock goes on before it, in ms.
type step struct {
	command string // words divided by spaces; '' is an empty word
	want    string
	after   uint64
}

func runSteps(t *testing.T, f *fixture, steps []step) {
	t.Helper()
	for i, s := range steps {
		f.advance(s.after)
		if got := f.do(words(s.command)...); got != s.want {
			t.Errorf("step %d: %s: %q, want %q", i, s.command, got, s.want)
		}
	}
}

func words(s string) []string {
	list := strings.Fields(s)
	for i := range list {
		if list[i] == "''" {
			list[i] = ""
		}
	}
	return list
}

const (
	ok    = "+OK\r\n"
	null  = "$-1\r\n"
	zero  = ":0\r\n"
	one1  = ":1\r\n"
	noInt = "-" + errInteger + "\r\n"
	noSyn = "-" + errSyntax + "\r\n"
)

func bulk(s string) string { return fmt.Sprintf("$%d\r\n%s\r\n", len(s), s) }

func TestCommands(t *testing.T) {
	for _, c := range []struct {
		name  string
		steps []step
	}{
		{"ping", []step{{command: "PING", want: "+PONG\r\n"}, {command: "ping hi", want: bulk("hi")},
			{command: "PING a b", want: "-ERR wrong number of arguments for 'ping' command\r\n"}}},
		{"echo", []step{{command: "ECHO ''", want: bulk("")}}},
		{"reset", []step{{command: "CLIENT SETNAME a", want: ok}, {command: "RESET", want: "+RESET\r\n"}, {command: "CLIENT GETNAME", want: null}}},
		{"auth", []step{{command: "AUTH x", want: "-" + errNoPassword + "\r\n"}, {command: "AUTH default x", want: "-" + errNoPassword + "\r\n"},
			{command: "AUTH bob x", want: "-" + errWrongUser + "\r\n"}, {command: "AUTH a b c", want: noSyn}}},
		{"select", []step{{command: "SELECT 0", want: ok}, {command: "SELECT 1", want: "-" + errDatabase + "\r\n"}, {command: "SELECT x", want: noInt}}},
		{"client", []step{{command: "CLIENT ID", want: ":7\r\n"}, {command: "CLIENT GETNAME", want: null}, {command: "client setname bob", want: ok},
			{command: "CLIENT GETNAME", want: bulk("bob")}, {command: "CLIENT SETNAME ''", want: ok}, {command: "CLIENT GETNAME", want: null},
			{command: "CLIENT SETNAME a\x01b", want: "-" + errNameChars + "\r\n"},
			{command: "CLIENT SETNAME " + strings.Repeat("n", 129), want: "-" + errNameLength + "\r\n"},
			{command: "CLIENT SETINFO LIB-NAME go-redis", want: ok}, {command: "CLIENT SETINFO lib-ver 9", want: ok},
			{command: "CLIENT SETINFO lib-x 9", want: "-ERR Unrecognized option 'lib-x'\r\n"},
			{command: "CLIENT SETINFO LIB-NAME a\x01", want: "-ERR lib-name cannot contain spaces, newlines or special characters.\r\n"},
			{command: "CLIENT INFO", want: bulk("id=7 addr=127.0.0.1:5000 name= age=0 idle=0 flags=N db=0 sub=0 psub=0 ssub=0 multi=-1 qbuf=0 qbuf-free=0 argv-mem=0 multi-mem=0 rbs=0 rbp=0 obl=0 oll=0 omem=0 tot-mem=0 events=r cmd=client|info user=default redir=-1 resp=2 lib-name=go-redis lib-ver=9\n")},
			{command: "CLIENT NONE", want: "-ERR unknown subcommand 'NONE'. Try CLIENT HELP.\r\n"},
			{command: "CLIENT ID x", want: "-ERR wrong number of arguments for 'client|id' command\r\n"},
			{command: "CLIENT", want: "-ERR wrong number of arguments for 'client' command\r\n"}}},
		{"unknown", []step{{command: "NOSUCH a b", want: "-ERR unknown command 'NOSUCH', with args beginning with: 'a' 'b' \r\n"},
			{command: "a_name_that_is_longer_than_any", want: "-ERR unknown command 'a_name_that_is_longer_than_any', with args beginning with: \r\n"},
			{command: "''", want: "-ERR unknown command '', with args beginning with: \r\n"}, {command: "GE\x14", want: "-ERR unknown command 'GE\x14', with args beginning with: \r\n"}}},
		{"get set", []step{{command: "GET a", want: null}, {command: "SET a 1", want: ok}, {command: "get a", want: bulk("1")}, {command: "SET '' ''", want: ok}, {command: "GET ''", want: bulk("")},
			{command: "GET", want: "-ERR wrong number of arguments for 'get' command\r\n"}}},
		{"set options", []step{{command: "SET a 1 XX", want: null}, {command: "SET a 1 NX", want: ok}, {command: "SET a 2 NX", want: null}, {command: "SET a 2 XX", want: ok},
			{command: "SET a 3 GET", want: bulk("2")}, {command: "SET b 1 GET", want: null}, {command: "SET a 4 NX GET", want: bulk("3")}, {command: "GET a", want: bulk("3")},
			{command: "SET c 1 XX GET", want: null}, {command: "EXISTS c", want: zero}, {command: "SET a 1 NX XX", want: noSyn}, {command: "SET a 1 EX", want: noSyn}, {command: "SET a 1 EX 1 PX 1", want: noSyn},
			{command: "SET a 1 KEEPTTL EX 1", want: noSyn}, {command: "SET a 1 EX 1 KEEPTTL", want: noSyn}, {command: "SET a 1 EX x", want: noInt}, {command: "SET a 1 EX 0", want: "-ERR invalid expire time in 'set' command\r\n"},
			{command: "SET a 1 PX -5", want: "-ERR invalid expire time in 'set' command\r\n"}, {command: "SET a 1 EX 9223372036854775807", want: "-ERR invalid expire time in 'set' command\r\n"},
			{command: "SET a 1 PX 9223372036854775807", want: "-ERR invalid expire time in 'set' command\r\n"}, {command: "SET a 1 NOPE", want: noSyn}}},
		{"set expiry", []step{{command: "SET a 1 EX 10", want: ok}, {command: "PTTL a", want: ":10000\r\n"}, {after: 4000, command: "TTL a", want: ":6\r\n"},
			{after: 5999, command: "GET a", want: bulk("1")}, {after: 1, command: "GET a", want: null}, {command: "TTL a", want: ":-2\r\n"},
			{command: "SET a 1 PX 1500", want: ok}, {command: "TTL a", want: ":2\r\n"}, {after: 1, command: "TTL a", want: one1}, {command: "SET a 2 KEEPTTL", want: ok},
			{command: "PTTL a", want: ":1499\r\n"}, {command: "SET a 3", want: ok}, {command: "PTTL a", want: ":-1\r\n"},
			{command: "SET a 1 EX 1 EX 2", want: ok}, {command: "PTTL a", want: ":2000\r\n"}}},
		{"set absolute", []step{{command: fmt.Sprintf("SET a 1 EXAT %d", startOfTime/1000+10), want: ok}, {command: "PTTL a", want: ":10000\r\n"},
			{command: fmt.Sprintf("SET a 1 PXAT %d", startOfTime+77), want: ok}, {command: "PTTL a", want: ":77\r\n"}, {command: "SET a 1 PXAT 5", want: ok}, {command: "GET a", want: null}, {command: "DBSIZE", want: zero}}},
		{"setnx setex psetex getset", []step{{command: "SETNX a 1", want: one1}, {command: "SETNX a 2", want: zero}, {command: "GET a", want: bulk("1")}, {command: "SETEX a 10 x", want: ok}, {command: "PTTL a", want: ":10000\r\n"},
			{command: "PSETEX a 10 y", want: ok}, {command: "PTTL a", want: ":10\r\n"}, {command: "GETSET a z", want: bulk("y")}, {command: "PTTL a", want: ":-1\r\n"}, {command: "GETSET none z", want: null}, {command: "GET none", want: bulk("z")},
			{command: "SETEX a 0 x", want: "-ERR invalid expire time in 'setex' command\r\n"}, {command: "PSETEX a x x", want: noInt}}},
		{"mget mset", []step{{command: "MSET a 1 b 2 a 3", want: ok}, {command: "MGET a none b", want: "*3\r\n" + bulk("3") + null + bulk("2")}, {command: "MSET a", want: "-ERR wrong number of arguments for 'mset' command\r\n"},
			{command: "MSET a 1 b", want: "-ERR wrong number of arguments for 'mset' command\r\n"}}},
		{"strlen", []step{{command: "STRLEN a", want: zero}, {command: "SET a hello", want: ok}, {command: "STRLEN a", want: ":5\r\n"}}},
		{"del exists type", []step{{command: "MSET a 1 b 2", want: ok}, {command: "EXISTS a b a none", want: ":3\r\n"}, {command: "TYPE a", want: "+string\r\n"}, {command: "TYPE none", want: "+none\r\n"},
			{command: "DEL a a none", want: one1}, {command: "UNLINK b", want: one1}, {command: "DBSIZE", want: zero}}},
		{"expire", []step{{command: "EXPIRE a 10", want: zero}, {command: "SET a 1", want: ok}, {command: "TTL a", want: ":-1\r\n"}, {command: "EXPIRE a 10", want: one1}, {command: "PTTL a", want: ":10000\r\n"},
			{command: "PEXPIRE a 77", want: one1}, {command: "PTTL a", want: ":77\r\n"}, {command: "PERSIST a", want: one1}, {command: "PERSIST a", want: zero}, {command: "PERSIST none", want: zero},
			{command: "EXPIRE a 10 XX", want: zero}, {command: "EXPIRE a 10 GT", want: zero}, {command: "EXPIRE a 10 LT", want: one1}, {command: "EXPIRE a 11 NX", want: zero}, {command: "EXPIRE a 9 GT", want: zero},
			{command: "EXPIRE a 11 GT", want: one1}, {command: "EXPIRE a 12 LT", want: zero}, {command: "EXPIRE a 12 XX", want: one1}, {command: "EXPIRE a 12 XX GT", want: zero}, {command: "PTTL a", want: ":12000\r\n"},
			{command: "EXPIRE a 1 NX XX", want: "-ERR NX and XX, GT or LT options at the same time are not compatible\r\n"}, {command: "EXPIRE a 1 GT LT", want: "-ERR GT and LT options at the same time are not compatible\r\n"},
			{command: "EXPIRE a 1 NO", want: "-ERR Unsupported option NO\r\n"}, {command: "EXPIRE a x", want: noInt}, {command: "EXPIRE a 9223372036854775807", want: "-ERR invalid expire time in 'expire' command\r\n"},
			{command: "PEXPIRE a 9223372036854775807", want: "-ERR invalid expire time in 'pexpire' command\r\n"},
			{command: fmt.Sprintf("EXPIREAT a %d", startOfTime/1000+5), want: one1}, {command: "PTTL a", want: ":5000\r\n"}, {command: fmt.Sprintf("PEXPIREAT a %d", startOfTime+5), want: one1}, {command: "PTTL a", want: ":5\r\n"},
			{after: 5, command: "EXISTS a", want: zero}}},
		{"expire in the past deletes", []step{{command: "SET a 1", want: ok}, {command: "EXPIRE a -1", want: one1}, {command: "EXISTS a", want: zero}, {command: "SET a 1", want: ok}, {command: "EXPIREAT a 5", want: one1},
			{command: "GET a", want: null}, {command: "SET a 1", want: ok}, {command: "PEXPIRE a 0", want: one1}, {command: "DBSIZE", want: zero}, {command: "SET a 1", want: ok}, {command: "EXPIRE a -1 GT", want: zero}, {command: "EXISTS a", want: one1}}},
		{"counters", []step{{command: "INCR a", want: one1}, {command: "INCRBY a 10", want: ":11\r\n"}, {command: "DECR a", want: ":10\r\n"}, {command: "DECRBY a 20", want: ":-10\r\n"}, {command: "GET a", want: bulk("-10")},
			{command: "SET b x", want: ok}, {command: "INCR b", want: noInt}, {command: "INCRBY a 1.5", want: noInt}, {command: "SET b 9223372036854775807", want: ok}, {command: "INCR b", want: "-" + errOverflow + "\r\n"},
			{command: "DECRBY a -9223372036854775808", want: "-ERR decrement would overflow\r\n"}, {command: "SET c 5 EX 10", want: ok}, {command: "INCR c", want: ":6\r\n"}, {command: "PTTL c", want: ":10000\r\n"}}},
		{"keys", []step{{command: "KEYS *", want: "*0\r\n"}, {command: "SET abc 1", want: ok}, {command: "SET x 1", want: ok}, {command: "KEYS a*", want: "*1\r\n" + bulk("abc")}, {command: "KEYS " + strings.Repeat("*", 1025), want: "-" + errPattern + "\r\n"}}},
		{"scan", []step{{command: "SCAN 0", want: "*2\r\n" + bulk("0") + "*0\r\n"}, {command: "SET abc 1", want: ok}, {command: "SCAN 0 MATCH b* COUNT 100", want: "*2\r\n" + bulk("0") + "*0\r\n"},
			{command: "SCAN 0 TYPE string COUNT 100", want: "*2\r\n" + bulk("0") + "*1\r\n" + bulk("abc")}, {command: "SCAN 0 TYPE list COUNT 100", want: "*2\r\n" + bulk("0") + "*0\r\n"}, {command: "SCAN x", want: "-ERR invalid cursor\r\n"}, {command: "SCAN 99999999999999999999", want: "-ERR invalid cursor\r\n"},
			{command: "SCAN 0 COUNT", want: noSyn}, {command: "SCAN 0 COUNT 0", want: noSyn}, {command: "SCAN 0 COUNT x", want: noInt}, {command: "SCAN 0 NOPE 1", want: noSyn}}},
		{"flush", []step{{command: "MSET a 1 b 2", want: ok}, {command: "FLUSHALL NOW", want: noSyn}, {command: "FLUSHALL ASYNC", want: ok}, {command: "DBSIZE", want: zero}, {command: "SET a 1", want: ok}, {command: "FLUSHDB", want: ok}, {command: "EXISTS a", want: zero}, {command: "FLUSHALL SYNC 1", want: noSyn}}},
		{"time", []step{{after: 1, command: "TIME", want: "*2\r\n" + bulk("1700000000") + bulk("1000")}}},
		{"config", []step{{command: "CONFIG GET save", want: "*2\r\n" + bulk("save") + bulk("")}, {command: "CONFIG GET APPEND* maxmemor?", want: "*4\r\n" + bulk("appendonly") + bulk("no") + bulk("maxmemory") + bulk("67108864")},
			{command: "CONFIG GET SAVE s?ve save", want: "*2\r\n" + bulk("SAVE") + bulk("")}, {command: "CONFIG GET s[a]ve SAVE", want: "*2\r\n" + bulk("save") + bulk("")},
			{command: "CONFIG GET none", want: "*0\r\n"}, {command: "CONFIG SET save x", want: "-ERR covey takes its settings when it starts, as flags or from the environment (see covey run --help); nothing was changed\r\n"}}},
		{"covey", []step{{command: "COVEY MEMBERS", want: bulk("members report")}, {command: "covey info", want: bulk("info report")}, {command: "COVEY VERIFY", want: bulk("verify report")}, {command: "COVEY X", want: "-ERR unknown subcommand 'X'. Try COVEY HELP.\r\n"}}},
		{"command", []step{{command: "COMMAND COUNT", want: fmt.Sprintf(":%d\r\n", len(commands))}, {command: "COMMAND INFO nope", want: "*1\r\n" + null}, {command: "COMMAND DOCS nope", want: "*0\r\n"},
			{command: "COMMAND LIST FILTERBY PATTERN GET*", want: "*5\r\n" + bulk("get") + bulk("getdel") + bulk("getex") + bulk("getrange") + bulk("getset")}, {command: "COMMAND LIST FILTERBY MODULE x", want: "*0\r\n"}, {command: "COMMAND LIST FILTERBY PATTERN", want: noSyn},
			{command: "COMMAND LIST FILTERBY ACLCAT string", want: "*23\r\n" + bulk("append") + bulk("delex") + bulk("delifeq") + bulk("get") + bulk("getdel") + bulk("getex") + bulk("getrange") + bulk("getset") + bulk("mget") + bulk("mset") + bulk("msetnx") + bulk("psetex") + bulk("set") + bulk("setex") + bulk("setnx") + bulk("setrange") + bulk("strlen") + bulk("substr") + bulk("decr") + bulk("decrby") + bulk("incr") + bulk("incrby") + bulk("incrbyfloat")}}},
	} {
		t.Run(c.name, func(t *testing.T) { runSteps(t, newFixture(t), c.steps) })
	}
}

func TestQuitRepliesAndCloses(t *testing.T) {
	if reply, v := newFixture(t).doVerdict("QUIT"); reply != ok || v != Close {
		t.Errorf("%q, verdict %d", reply, v)
	}
}

func TestHelloChoosesTheProtocol(t *testing.T) {
	f := newFixture(t)
	body := bulk("server") + bulk("redis") + bulk("version") + bulk(redisVersion) + bulk("proto") + ":%d\r\n" + bulk("id") + ":7\r\n" +
		bulk("mode") + bulk("standalone") + bulk("role") + bulk("master") + bulk("modules") + "*0\r\n"
	runSteps(t, f, []step{
		{command: "HELLO", want: "*14\r\n" + fmt.Sprintf(body, 2)},
		{command: "HELLO 3 SETNAME bob", want: "%7\r\n" + fmt.Sprintf(body, 3)},
		{command: "GET none", want: "_\r\n"},
		{command: "CLIENT GETNAME", want: bulk("bob")},
		{command: "HELLO", want: "%7\r\n" + fmt.Sprintf(body, 3)},
		{command: "HELLO 4", want: "-NOPROTO unsupported protocol version\r\n"},
		{command: "HELLO x", want: "-ERR Protocol version is not an integer or out of range\r\n"},
		{command: "HELLO 2 AUTH default x", want: "-" + errNoPassword + "\r\n"},
		{command: "HELLO 2 AUTH bob x", want: "-" + errWrongUser + "\r\n"},
		{command: "HELLO 2 SETNAME", want: "-ERR Syntax error in HELLO option 'SETNAME'\r\n"},
		{command: "GET none", want: "_\r\n"},
		{command: "HELLO 2", want: "*14\r\n" + fmt.Sprintf(body, 2)},
		{command: "GET none", want: null},
	})
}

func TestInfoHasTheFieldsThatClientsRead(t *testing.T) {
	f := newFixture(t)
	f.do("SET", "a", "1")
	f.do("GET", "a")
	f.do("GET", "b")
	f.host.facts.Tally = f.Tally
	all := f.do("INFO")
	for _, want := range []string{
		"# Server\r\nredis_version:" + redisVersion, "covey_version:0.1.0", "tcp_port:9000", "uptime_in_seconds:90061", "uptime_in_days:1",
		"connected_clients:1", "maxmemory:67108864", "maxmemory_human:64.00M", "loading:0", "total_commands_processed:11",
		"keyspace_hits:1", "keyspace_misses:1", "role:master", "cluster_enabled:0", "db0:keys=1,expires=0,avg_ttl=0",
		"# Covey\r\nnode_id:02fc00000001-9000", "cluster_name:default", "state:ready", "members:3",
	} {
		if !strings.Contains(all, want) {
			t.Errorf("INFO has no %q", want)
		}
	}
	if got := f.do("INFO", "cluster"); got != bulk("# Cluster\r\ncluster_enabled:0\r\n") {
		t.Errorf("INFO cluster: %q", got)
	}
	if got := f.do("INFO", "cluster", "nosuch", "keyspace"); got != bulk("# Cluster\r\ncluster_enabled:0\r\n\r\n# Keyspace\r\ndb0:keys=1,expires=0,avg_ttl=0\r\n") {
		t.Errorf("INFO of two sections: %q", got)
	}
	if got := f.do("INFO", "everything"); got != all {
		t.Errorf("INFO everything is not INFO")
	}
	f.host.state = codec.StateLoading
	if got := f.do("INFO", "persistence"); !strings.Contains(got, "loading:1") {
		t.Errorf("a loading node's INFO persistence: %q", got)
	}
	f.do("HELLO", "3")
	if got := f.do("INFO", "cluster"); got != "=34\r\ntxt:# Cluster\r\ncluster_enabled:0\r\n\r\n" {
		t.Errorf("INFO in RESP3: %q", got)
	}
}

func TestExpireatConvertsByTheWallClock(t *testing.T) {
	f := newFixture(t)
	f.host.wall = (startOfTime - 30_000) * 1000 // this wall clock is 30 s behind cluster time
	runSteps(t, f, []step{
		{command: "SET a 1", want: ok},
		{command: fmt.Sprintf("EXPIREAT a %d", startOfTime/1000-20), want: one1},
		{command: "PTTL a", want: ":10000\r\n"},
		{command: fmt.Sprintf("SET a 1 PXAT %d", startOfTime-25_000), want: ok},
		{command: "PTTL a", want: ":5000\r\n"},
	})
}

func TestKeysThatAreTooLongAreRefused(t *testing.T) {
	f := newFixture(t)
	long := strings.Repeat("k", codec.MaxKey+1)
	want := "-" + errKeyLength + "\r\n"
	for _, args := range [][]string{{"GET", long}, {"SET", long, "v"}, {"MGET", "a", long}, {"MSET", "a", "1", long, "2"}, {"DEL", "a", long}, {"INCR", long}, {"EXPIRE", long, "1"}} {
		if got := f.do(args...); got != want {
			t.Errorf("%s: %.60q", args[0], got)
		}
	}
	if got := f.do("SET", long[1:], "v"); got != ok {
		t.Errorf("the longest key: %.60q", got)
	}
	if got := f.do("MSET", "a", long); got != ok {
		t.Errorf("a value is no key: %.60q", got)
	}
	if f.do("EXISTS", "a") != one1 {
		t.Error("the key is not there")
	}
}

func TestAValueThatCannotFitIsRefusedWithASentence(t *testing.T) {
	f := newFixture(t)
	if got := f.do("SET", "a", strings.Repeat("v", codec.MaxValue+1)); !strings.HasPrefix(got, "-ERR the key or the value is larger") {
		t.Errorf("%.80q", got)
	}
	if f.client.Dirty {
		t.Error("a refused write was staged")
	}
}

func TestSCANVisitsEveryKey(t *testing.T) {
	f := newFixture(t)
	const n = 5000
	for i := range n {
		f.do("SET", fmt.Sprint("key:", i), "v")
	}
	seen, cursor, calls := map[string]bool{}, "0", 0
	for {
		calls++
		out := f.do("SCAN", cursor, "COUNT", "100000", "MATCH", "key:*")
		r, _, err := codec.ParseReply([]byte(out))
		if err != nil || len(r.Elements) != 2 {
			t.Fatal(err, out)
		}
		for _, k := range r.Elements[1].Elements {
			seen[string(k.Str)] = true
		}
		if got := len(r.Elements[1].Elements); got > maxScanCount {
			t.Fatalf("one SCAN gave %d keys", got)
		}
		if cursor = string(r.Elements[0].Str); cursor == "0" || calls > 10*n {
			break
		}
	}
	if len(seen) != n {
		t.Errorf("%d keys seen in %d calls, want %d", len(seen), calls, n)
	}
	if r, _, _ := codec.ParseReply([]byte(f.do("KEYS", "*"))); len(r.Elements) != n {
		t.Errorf("KEYS gave %d", len(r.Elements))
	}
}

// Each write leaves its updates in the stage, in order; what writes nothing leaves none.
func TestWritesAreStagedOnceInOrder(t *testing.T) {
	for _, c := range []struct{ command, want string }{
		{"SET a 1", "a=1"}, {"SET a 1 EX 5", "a=1 at+5000"}, {"SET a 1 NX", ""}, {"SET none 1 XX", ""}, {"SET a 2 KEEPTTL", "a=2 keeps"},
		{"SET a 2 IFEQ 1", "a=2"}, {"SET a 2 IFEQ 2", ""}, {"SET a 2 IFEQ 1 KEEPTTL", "a=2 keeps"}, {"DELEX a IFEQ 1", "a deleted"}, {"DELEX a IFEQ 2", ""}, {"DELEX a", "a deleted"}, {"DELIFEQ a 1", "a deleted"},
		{"GETSET a 3", "a=3"}, {"GETDEL none", ""}, {"SETNX a 4", ""}, {"MSET x 1 y 2", "x=1,y=2"}, {"INCR n", "n=1 keeps"}, {"INCRBY a 1", "a=2 keeps"},
		{"DEL a none", "a deleted"}, {"DEL none", ""}, {"EXPIRE a 5", "a expiry at+5000"}, {"EXPIRE none 5", ""}, {"PERSIST a", ""}, {"FLUSHALL", "flush"},
		{"GET a", ""}, {"EXPIRE a -1", "a expiry past"}, {"SET a 1 EX 0", ""}, {"INCRBY a x", ""},
	} {
		f := newFixture(t)
		f.do("SET", "a", "1")
		f.endTurn(t)
		f.do(words(c.command)...)
		dirty := f.client.Dirty
		var got []string
		for _, r := range f.endTurn(t) {
			got = append(got, showRecord(t, r, f))
		}
		if s := strings.Join(got, ","); s != c.want {
			t.Errorf("%s: staged %q, want %q", c.command, s, c.want)
		}
		if dirty != (c.want != "") {
			t.Errorf("%s: Dirty is %v", c.command, dirty)
		}
	}
}

func showRecord(t *testing.T, r codec.Record, f *fixture) string {
	s := string(r.Key)
	switch {
	case r.Flags&codec.RecordFlush != 0:
		return "flush"
	case r.Flags&codec.RecordDeleted != 0:
		return s + " deleted"
	case r.Flags&codec.RecordExpiryOnly != 0:
		s += " expiry"
	default:
		// What it reads as, on another node.
		other := newFixture(t)
		other.Store.Merge((*store.Record)(&r), other.Store.Hash(r.Key), other.Now)
		value, _, _ := other.Store.Get(nil, r.Key, other.Store.Hash(r.Key), other.Now)
		s += "=" + string(value)
	}
	if r.Flags&codec.RecordKeeps != 0 {
		s += " keeps"
	}
	switch {
	case r.ExpireAt > f.Now:
		s += fmt.Sprintf(" at+%d", r.ExpireAt-f.Now)
	case r.ExpireAt > 0:
		s += " past"
	}
	return s
}

// What a command staged makes the same reads on another node.
func TestStagedUpdatesCarryOver(t *testing.T) {
	a, b := newFixture(t), newFixture(t)
	for _, c := range []string{"SET a 1 EX 100", "INCR a", "SET b 2", "EXPIRE b 7", "MSET c 3 d 4", "DEL c", "PERSIST b", "SET e 5 PX 50", "SET f 6", "GETSET f 7", "EXPIRE f -1"} {
		a.do(words(c)...)
	}
	for _, r := range a.endTurn(t) {
		if r.Flags&codec.RecordRef != 0 {
			t.Fatal("a short value by reference")
		}
		out := b.Store.Merge((*store.Record)(&r), b.Store.Hash(r.Key), b.Now)
		if out != 0 {
			t.Errorf("%q: %v", r.Key, out)
		}
	}
	for _, key := range []string{"a", "b", "c", "d", "e", "f"} {
		for _, cmd := range []string{"GET", "PTTL"} {
			if x, y := a.do(cmd, key), b.do(cmd, key); x != y {
				t.Errorf("%s %s: %q here, %q there", cmd, key, x, y)
			}
		}
	}
}

func TestEveryCommandIsFoundInAnyCase(t *testing.T) {
	for i := range commands {
		e := &commands[i]
		for _, name := range []string{e.name, strings.ToUpper(e.name), strings.ToUpper(e.name[:1]) + e.name[1:]} {
			if got := lookup([]byte(name)); got != e {
				t.Errorf("%s is not found", name)
			}
		}
		if e.run == nil || e.arity == 0 || e.summary == "" || e.since == "" || e.group == "" || e.complexity == "" {
			t.Errorf("the entry of %s is not whole", e.name)
		}
		if got := lookup([]byte(e.name + "x")); got != nil && got.name != e.name+"x" {
			t.Errorf("%sx finds %s", e.name, got.name)
		}
	}
}
