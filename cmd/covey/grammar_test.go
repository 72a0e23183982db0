package main

import (
	"bytes"
	"reflect"
	"runtime"
	"strings"
	"testing"
	"time"
)

// parsed is the verb that a command line selects and all that it was given.
func parsed(t *testing.T, c invocation) (string, *grammar) {
	t.Helper()
	var out bytes.Buffer
	g := new(grammar)
	p := c.process(&out, &out)
	line, err := parse(c.args, &environment{lookup: p.LookupEnv}, p, g)
	if err != nil {
		t.Fatalf("covey %s: %v", strings.Join(c.args, " "), err)
	}
	return line.Selected().Name, g
}

func TestTheCommandLineIsReadAsContracted(t *testing.T) {
	type get func(g *grammar) any
	for _, c := range []struct {
		name string
		invocation
		verb string
		get  get
		want any
	}{
		{"covey alone is covey run", invocation{}, "run", func(g *grammar) any { return g.Run.DiscoveryPort }, uint16(9000)},
		{"flags without a verb are those of run", invocation{args: []string{"--cluster", "blue"}}, "run",
			func(g *grammar) any { return g.Run.Cluster }, "blue"},
		{"flags may stand before arguments", invocation{args: []string{"get", "--addr", "h:1", "k"}}, "get",
			func(g *grammar) any { return g.Get.Addr + " " + g.Get.Key }, "h:1 k"},
		{"flags may follow arguments", invocation{args: []string{"get", "k", "--addr", "h:1"}}, "get",
			func(g *grammar) any { return g.Get.Addr + " " + g.Get.Key }, "h:1 k"},
		{"flags may stand between arguments", invocation{args: []string{"set", "k", "--ttl", "30s", "v"}}, "set",
			func(g *grammar) any { return []any{g.Set.Key, *g.Set.TTL, g.Set.Value} }, []any{"k", 30 * time.Second, "v"}},
		{"two hyphens end the flags", invocation{args: []string{"set", "--ttl=1s", "--", "--k", "-o"}}, "set",
			func(g *grammar) any { return []any{g.Set.Key, g.Set.Value, g.Set.Output} }, []any{"--k", "-o", "text"}},
		{"two hyphens may stand between arguments", invocation{args: []string{"set", "k", "--", "-5"}}, "set",
			func(g *grammar) any { return g.Set.Key + " " + g.Set.Value }, "k -5"},
		{"one hyphen is an argument", invocation{args: []string{"set", "k", "-"}}, "set",
			func(g *grammar) any { return g.Set.Value }, "-"},
		{"an empty argument is an argument", invocation{args: []string{"set", "k", ""}}, "set",
			func(g *grammar) any { return []string{g.Set.Key, g.Set.Value} }, []string{"k", ""}},
		{"a comma is part of a key", invocation{args: []string{"del", "a,b", "c", "--", "-d"}}, "del",
			func(g *grammar) any { return g.Del.Keys }, []string{"a,b", "c", "-d"}},
		{"flags may stand between keys", invocation{args: []string{"del", "a", "-o", "json", "b", "-ah:1", "c", "--addr", "h:2", "d"}}, "del",
			func(g *grammar) any { return []any{g.Del.Keys, g.Del.Output, g.Del.Addr} }, []any{[]string{"a", "b", "c", "d"}, "json", "h:2"}},
		{"a switch takes no argument", invocation{args: []string{"get", "--raw", "k"}}, "get",
			func(g *grammar) any { return []any{g.Get.Raw, g.Get.Key} }, []any{true, "k"}},
		{"a key may be the name of a verb", invocation{args: []string{"get", "set"}}, "get",
			func(g *grammar) any { return g.Get.Key }, "set"},
		{"short flags may be joined with their values", invocation{args: []string{"bench", "-c8", "-P", "16", "-ojson"}}, "bench",
			func(g *grammar) any { return []any{g.Bench.Connections, g.Bench.Pipeline, g.Bench.Output} }, []any{8, 16, "json"}},
		{"a default holds", invocation{args: []string{"info"}}, "info",
			func(g *grammar) any { return g.Info.Addr }, "127.0.0.1:9000"},
		{"the environment comes before the default", invocation{args: []string{"info"}, env: map[string]string{"COVEY_ADDR": "e:1"}}, "info",
			func(g *grammar) any { return g.Info.Addr }, "e:1"},
		{"a flag comes before the environment", invocation{args: []string{"info", "-a", "f:1"}, env: map[string]string{"COVEY_ADDR": "e:1"}}, "info",
			func(g *grammar) any { return g.Info.Addr }, "f:1"},
		{"an empty variable is none", invocation{args: []string{"info"}, env: map[string]string{"COVEY_ADDR": ""}}, "info",
			func(g *grammar) any { return g.Info.Addr }, "127.0.0.1:9000"},
		{"covey alone reads the environment too", invocation{env: map[string]string{"COVEY_MAX_MEMORY": "64m"}}, "run",
			func(g *grammar) any { return *g.Run.MaxMemory }, size(64 << 20)},
		{"peers may be repeated", invocation{args: []string{"run", "--peer", "a:1", "--peer", "b:2"}}, "run",
			func(g *grammar) any { return []string(g.Run.Peer) }, []string{"a:1", "b:2"}},
		{"a list holds several peers", invocation{args: []string{"--peer", "a:1,b:2", "--peer=c:3"}}, "run",
			func(g *grammar) any { return []string(g.Run.Peer) }, []string{"a:1", "b:2", "c:3"}},
		{"a flag comes before all that a variable lists", invocation{args: []string{"run", "--peer", "f:1"}, env: map[string]string{"COVEY_PEER": "a:1,b:2"}}, "run",
			func(g *grammar) any { return []string(g.Run.Peer) }, []string{"f:1"}},
		{"a value is any bytes", invocation{args: []string{"set", "K\xff", "\xfe\xff", "--addr", "h\xfd:1"}}, "set",
			func(g *grammar) any { return []string{g.Set.Key, g.Set.Value, g.Set.Addr} }, []string{"K\xff", "\xfe\xff", "h\xfd:1"}},
		{"a variable is any bytes", invocation{args: []string{"info"}, env: map[string]string{"COVEY_ADDR": "h\xfd:1"}}, "info",
			func(g *grammar) any { return g.Info.Addr }, "h\xfd:1"},
		{"a variable holds several peers", invocation{args: []string{"run"}, env: map[string]string{"COVEY_PEER": "a:1,b:2"}}, "run",
			func(g *grammar) any { return []string(g.Run.Peer) }, []string{"a:1", "b:2"}},
		{"a variable switches a flag on", invocation{args: []string{"get", "k"}, env: map[string]string{"COVEY_RAW": "1"}}, "get",
			func(g *grammar) any { return g.Get.Raw }, true},
		{"a variable switches a flag off", invocation{args: []string{"bench"}, env: map[string]string{"COVEY_FILL": "false"}}, "bench",
			func(g *grammar) any { return g.Bench.Fill }, false},
		{"a pattern of interfaces stays whole", invocation{args: []string{"run", "--interfaces", "eth0,!docker0"}}, "run",
			func(g *grammar) any { return g.Run.Interfaces }, "eth0,!docker0"},
	} {
		t.Run(c.name, func(t *testing.T) {
			verb, g := parsed(t, c.invocation)
			if got := c.get(g); verb != c.verb || !reflect.DeepEqual(got, c.want) {
				t.Errorf("covey %s gives %v %#v, want %v %#v", strings.Join(c.args, " "), verb, got, c.verb, c.want)
			}
		})
	}
}

func TestAUsageErrorExitsWith2AndASentence(t *testing.T) {
	for _, c := range []struct {
		args   []string
		env    map[string]string
		stderr string
	}{
		{args: []string{"gte"}, stderr: "covey: there is no verb \"gte\"; `covey --help` shows what there is\n"},
		{args: []string{"run", "now"}, stderr: "covey: unexpected argument now; `covey run --help` shows what there is\n"},
		{args: []string{"get"}, stderr: "covey: <key> is missing; `covey get --help` shows what there is\n"},
		{args: []string{"set", "k"}, stderr: "covey: <value> is missing"},
		{args: []string{"del"}, stderr: "covey: <key> ... is missing"},
		{args: []string{"get", "a", "b"}, stderr: "unexpected argument b"},
		{args: []string{"get", "k", "--nonsense"}, stderr: "unknown flag --nonsense"},
		{args: []string{"--addr", "127.0.0.1", "get", "k"}, stderr: "unknown flag --addr; the flags of `covey get` come behind these words; `covey get --help`"},
		{args: []string{"set", "k", "-5"}, stderr: "put -- before a key or value that begins with a hyphen"},
		{args: []string{"get", "k", "-o"}, stderr: "--output"},
		{args: []string{"get", "--addr", "-o", "json", "k"}, stderr: "--addr"},
		{args: []string{"get", "k", "-o", "xml"}, stderr: `--output must be one of "text","json" but got "xml"`},
		{args: []string{"get", "k", "--addr", "no:where:"}, stderr: `--addr "no:where:" is neither a host and a port`},
		{args: []string{"info"}, env: map[string]string{"COVEY_OUTPUT": "xml"}, stderr: "the value is that of $COVEY_OUTPUT"},
		{args: []string{"set", "k", "v", "--ttl", "soon"}, stderr: "covey: --ttl: \"soon\" is not a time; write a number and a unit, as in 500ms, 30s or 12h; `covey set --help` shows what there is\n"},
		{args: []string{"set", "k", "v", "--ttl", "10"}, stderr: `"10" is not a time`},
		{args: []string{"set", "k", "v", "--ttl", "99999999h"}, stderr: `--ttl: "99999999h" is longer than the longest time, 2562047h (292 years)`},
		{args: []string{"set", "k", "v", "--ttl", "9223372036854775808ns"}, stderr: "is longer than the longest time"},
		{args: []string{"set", "k", "v", "--ttl", "1.5.5h"}, stderr: "is not a time"},
		{args: []string{"set", "k", "v", "--ttl=-1s"}, stderr: "--ttl -1s is no time to live"},
		{args: []string{"set", "k", "v", "--ttl", "-5s"}, stderr: "covey: --ttl: \"-5s\" is a flag; no value of this one begins with a hyphen; `covey set --help` shows what there is\n"},
		{args: []string{"run", "--loops", "-1"}, stderr: "--loops: \"-1\" is a flag; no value of this one begins with a hyphen"},
		{args: []string{"set", "k", "v", "--ttl", "0"}, stderr: "--ttl 0 is no time to live"},
		{args: []string{"set", "k", "v", "--ttl=-90m"}, stderr: "covey: --ttl -90m is no time to live; give one such as 30s, or leave it out\n"},
		{args: []string{"bench", "-a", "no:where:"}, stderr: `--addr "no:where:" is neither a host and a port`},
		{args: []string{"--cluster", "blue", "get", "k"}, stderr: "--cluster is a flag of `covey run`, not of `covey get`"},
		{args: []string{"run", "--secret-file", "/none/f"}, stderr: "--secret-file: open /none/f: no such file or directory; `covey secret new > FILE` makes one"},
		{args: []string{"run", "--secret-file", "testdata"}, stderr: "--secret-file testdata is a directory; name the file in it"},
		{env: map[string]string{"COVEY_SECRET_FILE": "/none/f"}, stderr: "open /none/f: no such file or directory"},
		{env: map[string]string{"COVEY_SECRET": "swordfish"}, stderr: "$COVEY_SECRET: this is not a secret as `covey secret new` makes them"},
		{args: []string{"get", "k"}, env: map[string]string{"COVEY_SECRET": "swordfish"}, stderr: "$COVEY_SECRET: this is not a secret"},
		{args: []string{"secret", "password"}, stderr: "there is no secret to make a password of"},
		{args: []string{"secret", "old"}, stderr: "must be one of"},
		{args: []string{"run", "--max-memory", "64q"}, stderr: `"64q" is not a size`},
		{args: []string{"run", "--listen", "nine"}, stderr: `--listen "nine" is not an IPv4 address and a port`},
		{args: []string{"run", "--log-level", "loud"}, stderr: `--log-level: "loud" is not a level; give debug, info, warn or error`},
		{args: []string{"run", "--discovery-port", "70000"}, stderr: `"70000" is not a port; give a number from 1 to 65535`},
		{args: []string{"run", "--discovery-port", "0"}, stderr: "--discovery-port 0: give a UDP port from 1 to 65535"},
		{args: []string{"help", "nosuch"}, stderr: "there is no verb \"nosuch\""},
		{args: []string{"secret"}, stderr: "covey: say what to make, new or password; `covey secret --help` shows what there is\n"},
		{args: []string{"-v"}, stderr: "; `covey --help` shows what there is\n"},
		{args: []string{"--max-memory", "64q"}, stderr: "; `covey run --help` shows what there is\n"},
		{args: []string{"--cluster"}, stderr: "covey: --cluster: the value is missing; `covey run --help` shows what there is\n"},
		{args: []string{"run", "--peer"}, stderr: "covey: --peer: the value is missing; `covey run --help` shows what there is\n"},
		{args: []string{"run", "--peer", ""}, stderr: "covey: --peer has an empty value; give HOST:PORT, or leave it out\n"},
		{args: []string{"--peer="}, stderr: "--peer has an empty value"},
		{args: []string{"run", "--peer", "a:1,,b:2"}, stderr: "--peer has an empty value"},
		{args: []string{"run", "--peer", "a:1,"}, stderr: "--peer has an empty value"},
		{args: []string{"run", "--peer", "a:1", "--peer", "", "--peer", "b:2"}, stderr: "--peer has an empty value"},
		{args: []string{"run"}, env: map[string]string{"COVEY_PEER": "a:1,,b:2"}, stderr: "--peer has an empty value; give HOST:PORT, or leave it out (the value is that of $COVEY_PEER)"},
		{args: []string{"run", "--secret-file", ""}, stderr: "--secret-file has an empty value"},
		{args: []string{"run", "--listen", ""}, stderr: "--listen has an empty value"},
		{args: []string{"run", "--http", ""}, stderr: "--http has an empty value"},
		{args: []string{"run", "--interfaces", ""}, stderr: "--interfaces has an empty value"},
		{args: []string{"get", "k", "--addr", ""}, stderr: "--addr has an empty value"},
		{args: []string{"run", "--max-memory", "0"}, stderr: "--max-memory 0: give 8 MiB to 256 GiB"},
		{args: []string{"run", "--max-memory", "257g"}, stderr: "give 8 MiB to 256 GiB"},
		{args: []string{"run", "--horizon", "721h"}, stderr: "covey: --horizon 721h: give 10s to 720h0m0s\n"},
		{args: []string{"run", "--max-memory", "4m"}, stderr: "covey: --max-memory 4m: give 8 MiB to 256 GiB\n"},
		{args: []string{"run", "--max-memory=0.5MiB"}, stderr: "covey: --max-memory 0.5MiB: give 8 MiB"},
		{env: map[string]string{"COVEY_MAX_MEMORY": "4m"}, stderr: "covey: --max-memory 4m: give 8 MiB to 256 GiB (the value is that of $COVEY_MAX_MEMORY)\n"},
		{args: []string{"run", "--max-memory", "4m"}, env: map[string]string{"COVEY_MAX_MEMORY": "64m"}, stderr: "covey: --max-memory 4m: give 8 MiB to 256 GiB\n"},
		{args: []string{"run", "--loops", "0257"}, stderr: "covey: --loops 0257: give a number from 0"},
		{args: []string{"run", "--loops", "many"}, stderr: "covey: --loops: \"many\" is not a whole number; give one such as 4; `covey run --help` shows what there is\n"},
		{args: []string{"run", "--loops", "0x10"}, stderr: "is not a whole number"},
		{args: []string{"run", "--loops", "9999999999999999999"}, stderr: "covey: --loops: \"9999999999999999999\" is more than a number here can be; give a smaller one"},
		{args: []string{"bench", "--seed", "1.5"}, stderr: "covey: --seed: \"1.5\" is not a whole number"},
		{env: map[string]string{"COVEY_LISTEN": "nine"}, stderr: "the value is that of $COVEY_LISTEN"},
		{args: []string{"info"}, env: map[string]string{"COVEY_ADDR": "no:where:"}, stderr: "the value is that of $COVEY_ADDR"},
		{args: []string{"info", "-a", "127.0.0.1:"}, stderr: `--addr "127.0.0.1:" is neither a host and a port`},
		{args: []string{"info", "-a", "127.0.0.1:0"}, stderr: `--addr "127.0.0.1:0" is neither a host and a port`},
		{args: []string{"info", "-a", "127.0.0.1:65536"}, stderr: `--addr "127.0.0.1:65536" is neither a host and a port`},
		{args: []string{"info", "-a", "127.0.0.1:no"}, stderr: `--addr "127.0.0.1:no" is neither a host and a port`},
		{args: []string{"doctor", "--interfaces", "!"}, stderr: "--interfaces"},
		{args: []string{"bench", "-c", "0"}, stderr: "--connections 0 is out of bounds; give 1 to 10000"},
		{args: []string{"bench", "-d", "1g"}, stderr: "covey: --data 1g is out of bounds; give 0 to 16777216\n"},
		{args: []string{"bench", "-d1t", "-c8"}, stderr: "covey: --data 1t is out of bounds"},
		{args: []string{"bench", "-P1000", "-d", "1m"}, stderr: "covey: with --connections 50, --pipeline 1000 and --data 1048576 the requests under way would have "},
		{args: []string{"bench"}, env: map[string]string{"COVEY_REQUESTS": "0"}, stderr: "--requests 0 is out of bounds; give 1 to 1000000000000 (the value is that of $COVEY_REQUESTS)"},
		{args: []string{"set", "k", "v", "--ttl"}, stderr: "covey: --ttl: the value is missing; `covey set --help` shows what there is\n"},
		{args: []string{"get", "k", "--addr", "--"}, stderr: "covey: --addr: the value is missing; `covey get --help` shows what there is\n"},
		{args: []string{"doctor", "--listen", "[::]:9000"}, stderr: "covey: --listen [::]:9000: give an IPv4 address and a port other than 0"},
		{args: []string{"doctor", "--listen", "0.0.0.0:0"}, stderr: "covey: --listen 0.0.0.0:0: give an IPv4 address"},
		{args: []string{"doctor", "--discovery-port", "0"}, stderr: "covey: --discovery-port 0: give a UDP port from 1 to 65535"},
		{args: []string{"doctor", "--cluster", strings.Repeat("c", 65)}, stderr: "covey: --cluster: give a name of 1 to 64 bytes"},
		{args: []string{"doctor", "--cluster", "red\n"}, stderr: `covey: --cluster "red\n": give a name without line ends`},
		{args: []string{"doctor", "--peer", "[::1]:9000"}, stderr: "covey: --peer [::1]:9000: give an IPv4 address or a name"},
		{args: []string{"doctor", "--wait=-1s"}, stderr: "covey: --wait -1s: give 0s to 1h0m0s"},
		{args: []string{"doctor", "--wait=1.5h"}, stderr: "covey: --wait 1.5h: give 0s to 1h0m0s\n"},
		{args: []string{"doctor"}, env: map[string]string{"COVEY_WAIT": "1000h"}, stderr: "(the value is that of $COVEY_WAIT)"},
	} {
		t.Run(strings.Join(c.args, " "), func(t *testing.T) {
			invocation{args: c.args, env: c.env}.run(t).expect(t, outcome{status: exitUsage, stderr: c.stderr})
		})
	}
}

// Loops that the node refuses must not have become processors of the scheduler before it does: with 100,000 of those the program dies.
func TestLoopsThatAreRefusedChangeNothing(t *testing.T) {
	before := runtime.GOMAXPROCS(0)
	defer runtime.GOMAXPROCS(before)
	call(t, "run", "--loops", "257").expect(t, outcome{status: exitUsage, stderr: "--loops 257: give a number from 0"})
	if now := runtime.GOMAXPROCS(0); now != before {
		t.Errorf("the scheduler has %d processors, before it had %d", now, before)
	}
}

func TestEveryVerbExplainsItselfWithExamples(t *testing.T) {
	for _, verb := range []string{"run", "get", "set", "del", "members", "info", "verify", "bench", "doctor", "version"} {
		t.Run(verb, func(t *testing.T) {
			got := call(t, verb, "--help")
			got.expect(t, outcome{stdout: got.stdout})
			for _, part := range []string{"Usage: covey " + verb, "Examples:", "covey " + verb, "[$COVEY_"} {
				if !strings.Contains(got.stdout, part) {
					t.Errorf("covey %s --help does not show %q:\n%s", verb, part, got.stdout)
				}
			}
		})
	}
	get := call(t, "get", "--help")
	call(t, "help", "get").expect(t, outcome{stdout: get.stdout})
	version := call(t, "version")
	call(t, "--version").expect(t, outcome{stdout: version.stdout})
	whole := call(t, "--help")
	call(t, "help").expect(t, outcome{stdout: whole.stdout})
	whole.expect(t, outcome{stdout: whole.stdout})
	if !strings.Contains(whole.stdout, "doctor") {
		t.Errorf("covey --help does not list the verbs:\n%s", whole.stdout)
	}
}
