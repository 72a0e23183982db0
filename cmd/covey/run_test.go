package main

import (
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"covey/codec"
	"covey/internal/harness"
)

// What tests of other packages need too.
type lines = harness.Buffer

var (
	freePort   = harness.FreePort
	eventually = harness.Eventually
)

// TestANodeIsRunAskedAndEndedByTheCommandLine goes through the verbs as a first user does, with a real node.
func TestANodeIsRunAskedAndEndedByTheCommandLine(t *testing.T) {
	dir, err := os.MkdirTemp("", "covey") // that of the test is too long for a socket
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(dir)
	path := filepath.Join(dir, "s")
	node := startRun(t, map[string]string{"COVEY_MAX_MEMORY": "64m", "COVEY_UNIX": path})
	addr := node.addr

	at := func(args ...string) outcome { return call(t, append(args, "-a", addr)...) }
	at("set", "greeting", "hello").expect(t, outcome{})
	at("get", "greeting").expect(t, outcome{stdout: "hello\n"})
	call(t, "get", "greeting", "-a", path).expect(t, outcome{stdout: "hello\n"})
	call(t, "get", "greeting", "-a", path+"-none").expect(t, outcome{status: exitUnreachable, stderr: "no node answers at " + path + "-none (connect: no such file or directory)"})
	at("set", "brief", "v", "--ttl", "50ms").expect(t, outcome{})
	eventually(t, "a key with a time to live expires", func() bool { return at("get", "brief").status == exitAbsent })
	large := strings.Repeat("x", codec.MaxValue)
	invocation{args: []string{"set", "large", "-", "-a", addr}, stdin: large}.run(t).expect(t, outcome{})
	if got := at("get", "large", "--raw"); got.status != exitDone || got.stdout != large {
		t.Errorf("a value of 16 MiB comes back as %d bytes, exit status %d", len(got.stdout), got.status)
	}
	at("del", "greeting", "none").expect(t, outcome{stdout: "1\n"})
	at("get", "greeting").expect(t, outcome{status: exitAbsent, stderr: "there is no key \"greeting\""})

	var members []codec.MemberReport
	if err := json.Unmarshal([]byte(at("members", "-o", "json").stdout), &members); err != nil || len(members) != 1 || members[0].State != "self" || members[0].Addr != addr {
		t.Errorf("a lone node lists the members %+v, error %v", members, err)
	}
	var report codec.InfoReport
	eventually(t, "what expired is not counted any more", func() bool {
		if err := json.Unmarshal([]byte(at("info", "-o", "json").stdout), &report); err != nil || report.Ready != 1 || report.MaxMemory != 64<<20 || report.Keys < 1 || report.Keys > 2 {
			t.Fatalf("the node reports %+v, error %v", report, err)
		}
		return report.Keys == 1
	})
	if got := at("verify"); got.status != exitDone {
		t.Errorf("a lone node does not agree with itself: %+v", got)
	}
	var reports []benchReport
	if got := call(t, "bench", "-n", "200", "-a", path); got.status != exitDone || !strings.Contains(got.stdout, "binary") {
		t.Errorf("covey bench by the Unix socket: %+v", got)
	}
	got := at("bench", "-n", "2000", "-c", "3", "-P", "5", "-r", "50", "-o", "json")
	if err := json.Unmarshal([]byte(got.stdout), &reports); err != nil || len(reports) != 2 || reports[0].Requests != 2000 || reports[1].Requests != 2000 || reports[0].Misses+reports[1].Misses != 0 {
		t.Errorf("covey bench reports %s, standard error %q, error %v", got.stdout, got.stderr, err)
	}
	if got := call(t, "run", "--listen", addr, "--http", "off"); got.status != exitFailed || !strings.Contains(got.stderr, "--listen") {
		t.Errorf("a second node on the same port: %+v", got)
	}

	node.end()
	if status := <-node.ended; status != exitDone {
		t.Errorf("the node ended with status %d: %s", status, node.logged.String())
	}
}

func TestRunHandsItsFlagsToTheNode(t *testing.T) {
	config := func(args ...string) (cfgText string, err error) {
		c := invocation{args: append([]string{"run"}, args...)}
		_, g := parsed(t, c)
		cfg, err := g.Run.config(c.process(io.Discard, io.Discard))
		return fmt.Sprintf("%s set=%v udp=%d cards=%q peers=%v cluster=%s memory=%d horizon=%v loops=%d http=%s set=%v", cfg.Listen, cfg.ListenSet, cfg.DiscoveryPort,
			cfg.Interfaces, cfg.Peers, cfg.Cluster, cfg.MaxMemory, cfg.Horizon, cfg.Loops, cfg.HTTP, cfg.HTTPSet), err
	}
	got, err := config("--max-memory", "1g")
	if want := `0.0.0.0:9000 set=false udp=9000 cards="" peers=[] cluster=default memory=1073741824 horizon=1h0m0s loops=0 http=127.0.0.1:9080 set=false`; got != want || err != nil {
		t.Errorf("the defaults are %s, want %s (error %v)", got, want, err)
	}
	got, err = config("--listen", "10.0.0.5:9001", "--discovery-port", "9100", "--interfaces", "eth0,!docker0", "--peer", "a:1", "--peer", "b:2", "--cluster", "blue",
		"--max-memory", "64m", "--horizon", "10m", "--loops", "3", "--http", "off")
	if want := `10.0.0.5:9001 set=true udp=9100 cards="eth0,!docker0" peers=[a:1 b:2] cluster=blue memory=67108864 horizon=10m0s loops=3 http=off set=true`; got != want || err != nil {
		t.Errorf("the flags give %s, want %s (error %v)", got, want, err)
	}
}

func TestListenTakesAnAddressAndAPort(t *testing.T) {
	for text, want := range map[string]netip.AddrPort{
		"0.0.0.0:9000": netip.MustParseAddrPort("0.0.0.0:9000"), ":9001": netip.MustParseAddrPort("0.0.0.0:9001"), "10.0.0.5:9000": netip.MustParseAddrPort("10.0.0.5:9000"),
	} {
		if got, err := parseListen(text); err != nil || got != want {
			t.Errorf("%q is %v, error %v", text, got, err)
		}
	}
	for _, text := range []string{"", "9000", "host:9000", "10.0.0.5", "10.0.0.5:70000"} {
		if got, err := parseListen(text); err == nil {
			t.Errorf("%q was taken as %v", text, got)
		}
	}
}

func TestTheLogIsTextOrJSONFromALevelOn(t *testing.T) {
	var out lines
	newLogger(&out, slog.LevelWarn, "json").Info("too little")
	newLogger(&out, slog.LevelWarn, "json").Warn("enough", "n", 1)
	var record map[string]any
	if err := json.Unmarshal([]byte(out.String()), &record); err != nil || record["msg"] != "enough" || record["n"] != 1. {
		t.Errorf("the log is %q, error %v", out.String(), err)
	}
	var text lines
	newLogger(&text, slog.LevelInfo, "text").Info("enough")
	if !strings.Contains(text.String(), "level=INFO msg=enough") {
		t.Errorf("the log is %q", text.String())
	}
}
