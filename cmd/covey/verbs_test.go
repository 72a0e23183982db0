package main

import (
	"encoding/json"
	"io/fs"
	"net"
	"os"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"covey/codec"
	"covey/internal/harness"
)

func TestGetPrintsTheValueAndANewline(t *testing.T) {
	f := startFake(t)
	f.with(func() {
		f.values["k"] = "v"
		f.values["empty"] = ""
		f.values["lines"] = "a\nb\n"
		f.values["bytes"] = "\xff\x00"
	})
	for _, c := range []struct {
		args []string
		want outcome
	}{
		{[]string{"get", "k"}, outcome{stdout: "v\n"}},
		{[]string{"get", "k", "--raw"}, outcome{stdout: "v"}},
		{[]string{"get", "empty"}, outcome{stdout: "\n"}},
		{[]string{"get", "empty", "--raw"}, outcome{}},
		{[]string{"get", "lines"}, outcome{stdout: "a\nb\n\n"}},
		{[]string{"get", "bytes", "--raw"}, outcome{stdout: "\xff\x00"}},
		{[]string{"get", "k", "-o", "json"}, outcome{stdout: "{\n  \"key\": \"k\",\n  \"found\": true,\n  \"value\": \"v\"\n}\n"}},
		{[]string{"get", "bytes", "-o", "json"}, outcome{stdout: "{\n  \"key\": \"bytes\",\n  \"found\": true,\n  \"value_base64\": \"/wA=\"\n}\n"}},
		{[]string{"get", "none"}, outcome{status: exitAbsent, stderr: "covey: there is no key \"none\"\n"}},
		{[]string{"get", "none", "-o", "json"}, outcome{status: exitAbsent, stdout: "{\n  \"key\": \"none\",\n  \"found\": false\n}\n", stderr: "there is no key"}},
	} {
		t.Run(strings.Join(c.args, " "), func(t *testing.T) {
			call(t, append([]string{c.args[0], "--addr", f.addr}, c.args[1:]...)...).expect(t, c.want)
		})
	}
}

func TestSetStoresTheValueOfItsArgumentOrOfStandardInput(t *testing.T) {
	f := startFake(t)
	large := strings.Repeat("x", codec.MaxValue)
	for _, c := range []struct {
		name  string
		args  []string
		stdin string
		want  outcome
		value string
		ttl   time.Duration
	}{
		{"an argument", []string{"k", "v"}, "", outcome{}, "v", 0},
		{"with a time to live", []string{"k", "v", "--ttl", "1500ms"}, "", outcome{}, "v", 1500 * time.Millisecond},
		{"an empty value", []string{"k", ""}, "", outcome{}, "", 0},
		{"standard input", []string{"k", "-"}, "\x00\xff\n", outcome{}, "\x00\xff\n", 0},
		{"the largest value", []string{"k", "-"}, large, outcome{}, large, 0},
		{"json", []string{"k", "four", "-o", "json"}, "", outcome{stdout: "{\n  \"key\": \"k\",\n  \"bytes\": 4\n}\n"}, "four", 0},
		{"a value too long", []string{"k", "-"}, large + "x", outcome{status: exitUsage, stderr: "longer than 16 MiB"}, "", -1},
		{"a key too long", []string{strings.Repeat("k", codec.MaxKey+1), "v"}, "", outcome{status: exitUsage, stderr: "a key has at most 64 KiB"}, "", -1},
	} {
		t.Run(c.name, func(t *testing.T) {
			f.with(func() { clear(f.values); clear(f.ttls) })
			invocation{args: append([]string{"set", "--addr", f.addr}, c.args...), stdin: c.stdin}.run(t).expect(t, c.want)
			f.with(func() {
				value, stored := f.values["k"]
				if stored != (c.ttl >= 0) || value != c.value || stored && f.ttls["k"] != c.ttl {
					t.Errorf("the node holds %d bytes (stored %v, time to live %v), want %d (%v)", len(value), stored, f.ttls["k"], len(c.value), c.ttl)
				}
			})
		})
	}
}

// TestKeysAndValuesAreAnyBytes uses bytes that are no UTF-8, which are no JSON either.
func TestKeysAndValuesAreAnyBytes(t *testing.T) {
	f := startFake(t)
	f.with(func() { f.values["K\ufffd"], f.values["K\xfe"] = "another key", "another key" })
	at := func(args ...string) outcome { return call(t, append([]string{args[0], "-a", f.addr}, args[1:]...)...) }
	at("set", "K\xff", "\xfe\xff").expect(t, outcome{})
	f.with(func() {
		if got := f.values["K\xff"]; got != "\xfe\xff" || len(f.values) != 3 {
			t.Errorf("the node holds %q under the key, and %d keys, want %q and 3", got, len(f.values), "\xfe\xff")
		}
	})
	at("get", "K\xff", "--raw").expect(t, outcome{stdout: "\xfe\xff"})
	at("get", "--", "K\xff").expect(t, outcome{stdout: "\xfe\xff\n"})
	at("get", "K\xff", "-o", "json").expect(t, outcome{stdout: "{\n  \"key_base64\": \"S/8=\",\n  \"found\": true,\n  \"value_base64\": \"/v8=\"\n}\n"})
	at("set", "K\xff", "\xf0\x9f", "-o", "json").expect(t, outcome{stdout: "{\n  \"key_base64\": \"S/8=\",\n  \"bytes\": 2\n}\n"})
	at("set", "a<b", "<&>", "-o", "json").expect(t, outcome{stdout: "{\n  \"key\": \"a<b\",\n  \"bytes\": 3\n}\n"})
	at("del", "a<b").expect(t, outcome{stdout: "1\n"})
	at("del", "none", "-o", "text", "K\xff").expect(t, outcome{stdout: "1\n"})
	at("get", "K\xff").expect(t, outcome{status: exitAbsent, stderr: `there is no key "K\xff"`})
	at("get", "K\xff", "-o", "json").expect(t, outcome{status: exitAbsent, stdout: "{\n  \"key_base64\": \"S/8=\",\n  \"found\": false\n}\n", stderr: "there is no key"})
	f.with(func() {
		if len(f.values) != 2 {
			t.Errorf("the node holds %d keys, want the two that were there before", len(f.values))
		}
	})
}

func TestDelPrintsHowManyKeysThereWere(t *testing.T) {
	f := startFake(t)
	for _, c := range []struct {
		args string
		want outcome
	}{
		{"del a", outcome{stdout: "1\n"}},
		{"del a none b", outcome{stdout: "2\n"}},
		{"del none", outcome{status: exitAbsent, stdout: "0\n"}},
		{"del a b -o json", outcome{stdout: "{\n  \"deleted\": 2\n}\n"}},
		{"del none -o json", outcome{status: exitAbsent, stdout: "{\n  \"deleted\": 0\n}\n"}},
	} {
		t.Run(c.args, func(t *testing.T) {
			f.with(func() { f.values["a"], f.values["b"] = "1", "2" })
			call(t, append(strings.Fields(c.args), "--addr", f.addr)...).expect(t, c.want)
		})
	}
}

var someMembers = []codec.MemberReport{
	{ID: "02fc00000001-9000", MAC: "02:fc:00:00:00:01", Addr: "10.0.0.1:9000", State: "self", LastSeen: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC), Synced: true, Readiness: "ready"},
	{ID: "02fc00000002-9000", MAC: "02:fc:00:00:00:02", Addr: "10.0.0.2:9000", State: "alive", LastSeen: time.Date(2026, 1, 2, 3, 4, 5, 250e6, time.UTC), RTT: 210, Lag: 7, LagMS: 2500, Offset: -12, Readiness: "loading"},
	{ID: "02fc00000003-9000", MAC: "02:fc:00:00:00:03", Addr: "10.0.1.3:9000", State: "alive", LastSeen: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC), Via: "02fc00000002-9000"},
}

func TestMembersIsTabSeparatedInAPipeAndColumnsForAPerson(t *testing.T) {
	f := startFake(t)
	f.with(func() { f.reports[codec.TopicMembers] = someMembers })
	call(t, "members", "-a", f.addr).expect(t, outcome{stdout: "id\tmac\taddr\tstate\tlast_seen\trtt_us\tlag\tsynced\treadiness\tlag_ms\tclock_offset_ms\tvia\n" +
		"02fc00000001-9000\t02:fc:00:00:00:01\t10.0.0.1:9000\tself\t2026-01-02T03:04:05Z\t0\t0\ttrue\tready\t0\t0\t\n" +
		"02fc00000002-9000\t02:fc:00:00:00:02\t10.0.0.2:9000\talive\t2026-01-02T03:04:05.25Z\t210\t7\tfalse\tloading\t2500\t-12\t\n" +
		"02fc00000003-9000\t02:fc:00:00:00:03\t10.0.1.3:9000\talive\t2026-01-02T03:04:05Z\t0\t0\tfalse\t\t0\t0\t02fc00000002-9000\n"})

	rows := memberTable(someMembers, someMembers[1].LastSeen.Add(5*time.Second)).rows
	want := []string{"02fc00000002-9000", "10.0.0.2:9000", "alive", "5 s ago", "0.21 ms", "-12 ms", "7 since 2 s", "loading", "-"}
	if got := strings.Join(rows[1], "|"); got != strings.Join(want, "|") {
		t.Errorf("a person reads %q, want %q", got, want)
	}
	want = []string{"02fc00000003-9000", "10.0.1.3:9000", "alive", "5 s ago", "-", "-", "0", "no", "02fc00000002-9000"}
	if got := strings.Join(rows[2], "|"); got != strings.Join(want, "|") {
		t.Errorf("a person reads %q, want %q", got, want)
	}
}

// TestReportsInJSONHaveTheContractedFields holds the names that outside scripts rely on, and the types they have.
func TestReportsInJSONHaveTheContractedFields(t *testing.T) {
	f := startFake(t)
	f.with(func() {
		f.reports[codec.TopicMembers] = someMembers
		f.reports[codec.TopicInfo] = codec.InfoReport{ID: "02fc00000001-9000", Digest: "00ff"}
		f.reports[codec.TopicVerify] = codec.VerifyReport{Converged: true, Digest: "00ff", Members: 2, Differing: []string{}}
	})
	for verb, fields := range map[string]map[string]any{
		"members": {"id": "", "mac": "", "addr": "", "state": "", "last_seen": "", "rtt_us": 0., "lag": 0., "lag_ms": 0., "clock_offset_ms": 0., "synced": true, "via": ""},
		"info": {"id": "", "version": 0., "uptime_s": 0., "ready": 0., "keys": 0., "bytes": 0., "max_memory": 0., "members": 0., "digest": "", "commands": 0.,
			"repaired_keys": 0., "dropped_by_floor": 0., "lag_ms": 0., "evictions": 0., "connections": 0., "security": 0.},
		"verify": {"converged": true, "digest": "", "since": "", "members": 0., "differing": []any{}},
	} {
		t.Run(verb, func(t *testing.T) {
			got := call(t, verb, "-o", "json", "-a", f.addr)
			got.expect(t, outcome{stdout: got.stdout})
			object := map[string]any{}
			var into any = &object
			if verb == "members" {
				into = &[]*map[string]any{&object}
			}
			if err := json.Unmarshal([]byte(got.stdout), into); err != nil {
				t.Fatalf("%v in %s", err, got.stdout)
			}
			for name, like := range fields {
				value, there := object[name]
				if !there || jsonType(value) != jsonType(like) {
					t.Errorf("%s is %v (there %v), want a %s", name, value, there, jsonType(like))
				}
			}
		})
	}
}

func jsonType(v any) string {
	switch v.(type) {
	case string:
		return "string"
	case float64:
		return "number"
	case bool:
		return "bool"
	case []any:
		return "array"
	default:
		return "something else"
	}
}

// TestTheColumnsOfMembersIntoAPipeAreThoseThatAreTold: by the README and by covey members --help.
func TestTheColumnsOfMembersIntoAPipeAreThoseThatAreTold(t *testing.T) {
	readme, err := os.ReadFile("../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	want := strings.Join(memberRows(nil).header, " ")
	for what, text := range map[string]string{"README.md": string(readme), "covey members --help": strings.Join(strings.Fields(call(t, "members", "--help").stdout), " ")} {
		if !strings.Contains(text, want) {
			t.Errorf("%s does not name the columns %s", what, want)
		}
	}
	person := memberTable(nil, time.Now()).header
	if row := "\n" + strings.Join(person, "  "); !strings.Contains(strings.Join(regexp.MustCompile(` +`).Split(string(readme), -1), " "), strings.ReplaceAll(row, "  ", " ")) {
		t.Errorf("README.md shows no table of %s", person)
	}
}

func TestVerifyExitsWith3WhenNotConverged(t *testing.T) {
	f := startFake(t)
	since := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	report := func(r codec.VerifyReport) func() { return func() { f.reports[codec.TopicVerify] = r } }
	f.with(report(codec.VerifyReport{Converged: true, Digest: "00ff", Since: since, Members: 3, Differing: []string{}}))
	call(t, "verify", "-a", f.addr).expect(t, outcome{stdout: "converged\tdigest\tsince\tmembers\tdiffering\tleft_out\tunlinked\ntrue\t00ff\t2026-01-02T03:04:05Z\t3\t\t0\t0\n"})

	apart := codec.VerifyReport{Digest: "00ff", Since: since, Members: 3, Differing: []string{"a", "b"}, LeftOut: 2, Unlinked: 1}
	f.with(report(apart))
	call(t, "verify", "-a", f.addr).expect(t, outcome{status: exitAbsent, stdout: "converged\tdigest\tsince\tmembers\tdiffering\tleft_out\tunlinked\nfalse\t00ff\t2026-01-02T03:04:05Z\t3\ta,b\t2\t1\n"})
	if got := call(t, "verify", "-a", f.addr, "-o", "json"); got.status != exitAbsent {
		t.Errorf("with -o json the exit status is %d, want %d", got.status, exitAbsent)
	}
	alone := codec.VerifyReport{Converged: true, Digest: "00ff", Members: 1}
	if got := verdict(&alone); got != "converged: no other member is alive to differ from, digest 00ff" {
		t.Errorf("a person reads %q of a lone node", got)
	}
	if got := verdict(&apart); !strings.HasPrefix(got, "not converged: of 3 members a, b differ;") || !strings.Contains(got, "2 of 65536 parts") ||
		!strings.Contains(got, "; not compared: 1 that only peers are linked with") {
		t.Errorf("a person reads %q", got)
	}
	if got := verdict(&codec.VerifyReport{Members: 1}); !strings.HasPrefix(got, "not converged yet: ") {
		t.Errorf("a person reads %q before there is anything to compare", got)
	}
}

func TestInfoPrintsOneFigureALine(t *testing.T) {
	f := startFake(t)
	f.with(func() {
		f.reports[codec.TopicInfo] = codec.InfoReport{ID: "02fc00000001-9000", Release: "0.1.0", Version: 0.1, Security: 1, Uptime: 61.5, Ready: 1, Keys: 5, Bytes: 1 << 20, MaxMemory: 64 << 20}
	})
	got := call(t, "info", "-a", f.addr)
	got.expect(t, outcome{stdout: got.stdout})
	for _, line := range []string{"field\tvalue\n", "\nid\t02fc00000001-9000\n", "\nrelease\t0.1.0\n", "\nversion\t0.1\n", "\nsecurity\t1\n", "\nuptime_s\t61.5\n", "\nbytes\t1048576\n", "\nmax_memory\t67108864\n"} {
		if !strings.Contains(got.stdout, line) {
			t.Errorf("%q is not in\n%s", line, got.stdout)
		}
	}
	rows := figures(&codec.InfoReport{Bytes: 3 << 19, Uptime: 61.5}, true).rows
	if bytes, uptime := rows[5][1], rows[2][1]; bytes != "1.5 MiB" || uptime != "1m2s" {
		t.Errorf("a person reads %q bytes and %q", bytes, uptime)
	}
	if len(rows) != 16 {
		t.Errorf("%d lines of a node with which all is well", len(rows))
	}
	rows = figures(&codec.InfoReport{OtherClusters: 1, OtherSecrets: 2, Denied: 3, Refused: 4, Overloads: 5, BadInput: 6, BadAnnounces: 7, AheadDropped: 8, Panics: 9}, true).rows[16:]
	for i, name := range []string{"other_clusters", "other_secrets", "denied", "refused", "overloads", "bad_input", "bad_announces", "ahead_dropped", "handler_panics"} {
		if rows[i][0] != name || rows[i][1] != strconv.Itoa(i+1) {
			t.Errorf("%v, want %s %d", rows[i], name, i+1)
		}
	}
}

func TestANodeThatLoadsIsAskedAgainUntilPatienceEnds(t *testing.T) {
	f := startFake(t)
	f.with(func() { f.values["k"] = "v"; f.loading = 3 })
	invocation{args: []string{"get", "k", "-a", f.addr}, patience: time.Minute}.run(t).expect(t, outcome{stdout: "v\n"})

	f.with(func() { f.values["a"], f.values["b"] = "1", "2"; f.loading = 1 })
	invocation{args: []string{"del", "a", "b", "-a", f.addr}, patience: time.Minute}.run(t).expect(t, outcome{stdout: "2\n"})

	f.with(func() { f.loading = -1 })
	invocation{args: []string{"get", "k", "-a", f.addr}, patience: time.Millisecond}.run(t).
		expect(t, outcome{status: exitFailed, stderr: "the node at " + f.addr + " is still loading the data of its peers; try again in a moment"})
}

func TestARefusalIsPassedOnInTheNodesWords(t *testing.T) {
	f := startFake(t)
	f.with(func() { f.refusal = "no room for 16 MiB" })
	call(t, "set", "k", "v", "-a", f.addr).expect(t, outcome{status: exitFailed, stderr: "answers: no room for 16 MiB"})
}

func TestWithoutANodeTheExitStatusIs4AndTheSentenceSaysWhatToDo(t *testing.T) {
	ln, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	addr := ln.Addr().String()
	ln.Close()
	for _, args := range []string{"get k", "set k v", "del k", "members", "info", "verify", "bench", "bench -o json --no-fill"} {
		t.Run(args, func(t *testing.T) {
			call(t, append(strings.Fields(args), "--addr", addr)...).
				expect(t, outcome{status: exitUnreachable, stderr: "covey: no node answers at " + addr + "; start one with `covey run`, or give --addr\n"})
		})
	}
}

func TestAnAddressWithoutAPortIsThatOfANode(t *testing.T) {
	for given, want := range map[string]string{"10.0.0.5": "10.0.0.5:9000", "nas": "nas:9000", "[::1]": "[::1]:9000", "nas:9001": "nas:9001"} {
		n := nodeFlag{Addr: given}
		if err := n.check(); err != nil || n.Addr != want {
			t.Errorf("%s is taken for %s, %v; want %s", given, n.Addr, err, want)
		}
	}
}

// A host that does not answer is given up when the user does not want to wait any more.
func TestAVerbThatIsInterruptedWhileItDialsSaysSo(t *testing.T) {
	ctx, cancel := contextOf(t)
	cancel()
	for _, args := range []string{"get k", "set k v", "members", "bench"} {
		invocation{args: append(strings.Fields(args), "--addr", "192.0.2.77:9000")}.runIn(t, ctx).
			expect(t, outcome{status: exitFailed, stderr: "covey: interrupted\n"})
	}
}

// full is an output without room.
type full struct{}

func (full) Write([]byte) (int, error) {
	return 0, &fs.PathError{Op: "write", Path: "/dev/stdout", Err: syscall.ENOSPC}
}

func TestHelpThatCannotBePrintedIsNoMistakeOfUsage(t *testing.T) {
	var stderr strings.Builder
	status := run(t.Context(), []string{"--help"}, invocation{}.process(full{}, &stderr))
	if status != exitFailed || stderr.String() != "covey: write /dev/stdout: no space left on device\n" {
		t.Errorf("%d, %q", status, stderr.String())
	}
}

func TestWhatIsNoNodeIsSaidToBeNone(t *testing.T) {
	ln := harness.Listen(t, func(conn net.Conn) {
		conn.Write([]byte("HTTP/1.1 400 Bad Request\r\n\r\n"))
		conn.Read(make([]byte, 100))
	})
	call(t, "get", "k", "-a", ln.Addr().String()).expect(t, outcome{status: exitUnreachable, stderr: "is not a covey node"})
}

func TestVersionTellsProgramGoAndProtocol(t *testing.T) {
	got := call(t, "version")
	got.expect(t, outcome{stdout: got.stdout})
	lines := strings.Split(strings.TrimSpace(got.stdout), "\n")
	if len(lines) != 3 || lines[0] != "covey "+version || !strings.HasPrefix(lines[1], "go1.") || !strings.HasPrefix(lines[2], "protocol ") {
		t.Errorf("covey version prints %q", got.stdout)
	}
	var r versionReport
	if err := json.Unmarshal([]byte(call(t, "version", "-o", "json").stdout), &r); err != nil || r.Version != version || r.ProtocolMin < 1 {
		t.Errorf("covey version -o json gives %+v, error %v", r, err)
	}
}
