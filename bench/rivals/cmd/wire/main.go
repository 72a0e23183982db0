// Wire compares a node with what else answers on a socket: redis-server, memcached, and valkey-server where it is installed. It
// starts them on free ports of the loopback, drives them in turn, and ends them. It is to be started in the folder bench/rivals,
// after `make build`:
//
//		go run ./cmd/wire -o ../results/2006-01-02-wire.md
//		go run ./cmd/wire -only lean -case 'SET 64.*pipeline 16'
//
//	 1. A table (-only) is a question; it has cases (-case), and in each every server is measured -runs times in turn.
//	 2. Requests come from redis-benchmark, or from internal/load, which is not the limit: one thread, no scheduler.
//	 3. Every key is there before it is asked for; every reply is checked, and a wrong one ends the run.
//	 4. A ratio is taken within each run, between measurements that follow each other; shown are the median of the ratios, the
//	    least and the most of them, beside the goal where there is one.
//	 5. Each measurement is also a line of JSON in a file beside the Markdown, for the graphs.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"time"

	"covey/bench/rivals/internal/load"
	"covey/bench/rivals/internal/measured"
	"covey/bench/rivals/internal/report"
	"covey/bench/rivals/internal/server"
)

const (
	clients = 50        // connections, where nothing else is said
	keys    = 1_000_000 // of every keyspace
)

// bench is one run of this program.
type bench struct {
	ctx     context.Context
	fleet   server.Fleet
	servers []string
	cases   *regexp.Regexp
	runs    int // -runs, and in a table as many times that as it says
	warm    time.Duration
	window  time.Duration
	idle    int
	seed    uint64
	others  float64 // percent, from which on a measurement is made again
	again   int     // measurements that may still be made again

	filled map[*server.Server]int // bytes of the values that are there
	rows   measured.Rows
	raw    *os.File // where rows go as JSON
	r      *report.Report
}

// table is one question.
type table struct {
	name  string
	about string
	run   func(*bench) error
	times int // how many times -runs everything is measured
}

// tailTimes is for what is judged by percentiles of a server that waits most of the time: two windows of one server differ there by more
// than the medians of two servers do.
const tailTimes = 3

var tables = []table{
	{"benchmark", "redis-benchmark, 50 connections, uniform keys of 1,000,000", (*bench).benchmarkTable, 1},
	{"lean", "A generator that is not the limit, 50 connections, uniform keys of 1,000,000", (*bench).leanTable, 1},
	{"binary", "Client frames beside RESP, the same node", (*bench).binaryTable, 1},
	{"mixed", "Nine gets to one set, Zipf 0.99 over 1,000,000 keys, values of 64 bytes", (*bench).mixedTable, 1},
	{"offered", "Latency at the same offered load: requests at random times, counted from when each came", (*bench).offeredTable, tailTimes},
	{"large", "Values of 1 MiB, four connections; beside them 2,000 small gets a second of others", (*bench).largeTable, 1},
	{"many", "Idle connections beside 100 busy ones", (*bench).manyTable, 1},
	{"fair", "1,000 gets a second, alone and beside one client with pipelines of 10,000", (*bench).fairTable, 1},
	{"unix", "By a Unix socket, 50 connections, uniform keys of 1,000,000, values of 64 bytes", (*bench).unixTable, 1},
	{"loops", "Event loops: --loops 1, 2 and 4; the default is one for every two processors, and a reserve on the others", (*bench).loopsTable, 1},
	{"replicated", "Three nodes; a Redis primary with two replicas", (*bench).replicatedTable, 1},
	{"visible", "From the reply to visible on another node, by a polling reader", (*bench).visibleTable, tailTimes},
}

func main() {
	load.Child()
	// What is started is ended by the kernel when the thread that started it is gone (Pdeathsig): it must be the main thread.
	runtime.LockOSThread()
	b := &bench{filled: map[*server.Server]int{}}
	out := report.Path()
	var only, cases, servers string
	flag.StringVar(&only, "only", "", "which `tables`, parted by commas: "+names()+"; all when empty")
	flag.StringVar(&cases, "case", "", "only cases that match this `regexp`")
	flag.StringVar(&servers, "servers", "", "which `servers`: covey, before, redis, valkey, memcached; by default those that are there")
	flag.StringVar(&b.fleet.Binary, "binary", "../../bin/covey", "the node's program")
	flag.StringVar(&b.fleet.Before, "before", "", "another `program` of a node, measured beside it")
	flag.StringVar(&b.fleet.CoveyArgs, "args", "", "more `arguments` for both, as in \"--loops 1\"")
	flag.IntVar(&b.runs, "runs", 5, "how often everything is measured")
	flag.DurationVar(&b.warm, "warm", 200*time.Millisecond, "before a measurement counts")
	flag.DurationVar(&b.window, "window", time.Second, "how long a measurement is; redis-benchmark gets 1.5 of it")
	flag.Float64Var(&b.others, "others", 100, "`percent` of the processors that others may have beside a measurement before it is made again, twice at most")
	flag.IntVar(&b.again, "again", 40, "`measurements` that are made again at most, all together")
	flag.IntVar(&b.idle, "idle", 10_000, "idle connections of the table many")
	flag.Uint64Var(&b.seed, "seed", 1, "of keys and times")
	flag.Parse()
	if err := b.main(*out, only, cases, servers); err != nil {
		report.Fail(err)
	}
}

func names() string {
	var all []string
	for _, t := range tables {
		all = append(all, t.name)
	}
	return strings.Join(all, ", ")
}

func (b *bench) main(out, only, cases, servers string) (err error) {
	var stop context.CancelFunc
	b.ctx, stop = signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if b.cases, err = regexp.Compile(cases); err != nil {
		return err
	}
	chosen, err := choose(only)
	if err != nil {
		return err
	}
	if b.runs < 1 || b.window < 50*time.Millisecond || b.idle < 1 || b.idle > load.MaxConnections-clients {
		return fmt.Errorf("give -runs of at least 1, a -window of at least 50ms, -idle of 1 to %d", load.MaxConnections-clients)
	}
	if err := b.choose(servers); err != nil {
		return err
	}
	if b.fleet.Folder, err = os.MkdirTemp("", "covey-wire-"); err != nil {
		return err
	}
	defer os.RemoveAll(b.fleet.Folder)
	defer func() { err = errors.Join(err, b.fleet.End()) }()
	if b.raw, err = os.Create(rawPath(out, b.fleet.Folder)); err != nil {
		return err
	}
	defer b.raw.Close()
	b.r = report.Begin(out, "A node beside other servers: the wire", nil)
	if err := b.head(); err != nil {
		return err
	}
	runs := b.runs
	for _, t := range chosen {
		began := time.Now()
		b.r.Text("## %s\n", strings.ToUpper(t.name[:1])+t.name[1:])
		b.r.Text("%s.\n", t.about)
		b.runs = runs * t.times
		if t.times > 1 {
			b.r.Text("%d runs.\n", b.runs)
		}
		if err := errors.Join(t.run(b), b.fleet.End()); err != nil {
			return fmt.Errorf("%s: %w", t.name, err)
		}
		b.r.Text("It took %v.\n", time.Since(began).Round(time.Second))
	}
	return b.r.End()
}

func choose(only string) ([]table, error) {
	if only == "" {
		return tables, nil
	}
	var chosen []table
	for name := range strings.SplitSeq(only, ",") {
		i := slices.IndexFunc(tables, func(t table) bool { return t.name == name })
		if i < 0 {
			return nil, fmt.Errorf("-only: there is no table %q: %s", name, names())
		}
		chosen = append(chosen, tables[i])
	}
	return chosen, nil
}

// choose finds the servers that are there.
func (b *bench) choose(servers string) error {
	if servers != "" {
		b.servers = strings.Split(servers, ",")
		return nil
	}
	b.servers = []string{"covey"}
	if b.fleet.Before != "" {
		b.servers = append(b.servers, "before")
	}
	for _, name := range []string{"redis", "valkey", "memcached"} {
		program := name
		if name != "memcached" {
			program += "-server"
		}
		if _, err := exec.LookPath(program); err == nil {
			b.servers = append(b.servers, name)
		}
	}
	return nil
}

// head says what is compared, in which versions.
func (b *bench) head() error {
	var versions []string
	for _, name := range b.servers {
		process := exec.Command(name+"-server", "--version")
		switch name {
		case "covey":
			process = exec.Command(b.fleet.Binary, "version")
		case "before":
			process = exec.Command(b.fleet.Before, "version")
		case "memcached":
			process = exec.Command(name, "-V")
		}
		text, err := process.Output()
		if err != nil {
			return fmt.Errorf("%s does not run (make build makes covey): %w", name, err)
		}
		first, _, _ := strings.Cut(string(text), "\n")
		shown, _, err := b.fleet.Command(name, "PORT")
		if err != nil {
			return err
		}
		versions = append(versions, fmt.Sprintf("%s: %s: `%s`", name, strings.TrimSpace(first),
			strings.ReplaceAll(strings.Join(quoted(shown.Args), " "), b.fleet.Folder, "FOLDER")))
		b.r.Text("- %s", versions[len(versions)-1])
	}
	b.r.Text("\n%d runs, %v each after %v; servers, generator and whatever else runs share the machine's processors, and nothing is pinned.", b.runs, b.window, b.warm)
	b.r.Text("CPU is the servers' processor time in seconds per million requests; by -> stands how covey is to the other: median of the")
	b.r.Text("ratios within each run (least to most). Others is what share of the processors went to what is not measured, per cent; **busy**")
	b.r.Text("are figures of which most runs were beside others with more than %d.\n", measured.BusyPercent)
	return b.writeHead(versions)
}

func quoted(args []string) []string {
	out := slices.Clone(args)
	for i, a := range out {
		if a == "" || strings.ContainsAny(a, " ") {
			out[i] = "'" + a + "'"
		}
	}
	out[0] = out[0][strings.LastIndexByte(out[0], '/')+1:]
	return out
}
