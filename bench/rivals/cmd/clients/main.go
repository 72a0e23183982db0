// Clients compares covey's Go client with go-redis and rueidis: many goroutines that share few connections to one node, which it
// starts and ends. It is to be started in the folder bench/rivals, after `make build`:
//
//		go run ./cmd/clients -o ../results/2006-01-02-clients.md
//
//	 1. Each measurement is a process of its own (work.go), so that processor time, allocations and collections are one client's.
//	 2. Goroutines send one request each and wait for its reply; that requests of different goroutines leave together is the
//	    clients' doing. Where a call has many keys it is each client's own kind of batch: GetMany and SetMany, or MGET and MSET.
//	 3. Clients are measured in turn, as often as -runs says; ratios are taken within each run.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"time"

	"covey/bench/rivals/internal/apart"
	"covey/bench/rivals/internal/measured"
	"covey/bench/rivals/internal/report"
	"covey/bench/rivals/internal/server"
)

// settings are what the flags say.
type settings struct {
	runs   int
	window time.Duration
	only   *regexp.Regexp
	names  []string
	binary string
}

// shape is how many share how much.
type shape struct {
	sets        bool
	goroutines  int
	connections int
	keys        int // of a call; 0: one, by a request of its own
}

func (s shape) String() string {
	verb := "GET"
	if s.sets {
		verb = "SET"
	}
	if s.keys > 0 {
		return fmt.Sprintf("%s 64, %d goroutines, %d keys a call", verb, s.goroutines, s.keys)
	}
	return fmt.Sprintf("%s 64, %d goroutines, %d connections", verb, s.goroutines, s.connections)
}

var shapes = []shape{
	{goroutines: 1, connections: 1}, {sets: true, goroutines: 1, connections: 1}, {goroutines: 64, connections: 1}, {sets: true, goroutines: 64, connections: 1},
	{goroutines: 64, connections: 4}, {sets: true, goroutines: 64, connections: 4}, {goroutines: 1000, connections: 4}, {sets: true, goroutines: 1000, connections: 4},
	{goroutines: 1, connections: 1, keys: 100}, {sets: true, goroutines: 1, connections: 1, keys: 100},
}

// rivals are the modules that covey's client is compared with.
var rivals = []string{"github.com/redis/go-redis/v9", "github.com/redis/rueidis"}

func main() {
	apart.Child(work)
	runtime.LockOSThread() // the node is ended by the kernel when this thread is gone (server.Fleet)
	var s settings
	out := report.Path()
	flag.IntVar(&s.runs, "runs", 5, "how often everything is measured")
	flag.DurationVar(&s.window, "window", time.Second, "how long a measurement is")
	flag.StringVar(&s.binary, "binary", "../../bin/covey", "the node's program")
	only := flag.String("case", "", "only cases that match this `regexp`")
	names := flag.String("clients", strings.Join(clientNames, ","), "which `clients`; the others are held against the first")
	flag.Parse()
	s.names = strings.Split(*names, ",")
	for _, name := range s.names {
		if !slices.Contains(clientNames, name) {
			report.Fail(fmt.Errorf("-clients: there is no client %q: %s", name, strings.Join(clientNames, ", ")))
		}
	}
	var err error
	if s.only, err = regexp.Compile(*only); err == nil {
		err = run(s, *out)
	}
	if err != nil {
		report.Fail(err)
	}
}

func run(s settings, out string) (err error) {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	folder, err := os.MkdirTemp("", "covey-clients-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(folder)
	fleet := server.Fleet{Binary: s.binary, Folder: folder}
	defer func() { err = errors.Join(err, fleet.End()) }()
	node, err := fleet.Start(ctx, "covey")
	if err != nil {
		return err
	}
	if err := fill(ctx, node.Addr); err != nil {
		return err
	}
	raw := folder + "/rows.jsonl"
	if out != "" {
		raw = strings.TrimSuffix(out, ".md") + ".jsonl"
	}
	lines, err := os.Create(raw)
	if err != nil {
		return err
	}
	defer lines.Close()
	r := report.Begin(out, "Clients for Go on one node", rivals)
	r.Text("Every goroutine makes one call at a time, values of %d bytes, uniform keys of %s; %d runs of %v. CPU and allocations are the", valueBytes,
		"100,000", s.runs, s.window)
	r.Text("client's, for one key. covey and rueidis put requests of all goroutines on the connections there are; go-redis takes a connection from")
	r.Text("a pool for each; go-redis-auto is its AutoPipeline, experimental, which has a number of connections of its own.\n")
	if err := errors.Join(json.NewEncoder(lines).Encode(measured.Head{Date: time.Now().Format(time.RFC3339), Commit: report.Commit(),
		Machine: report.Machine(), Versions: []string{report.Versions(rivals)}, Runs: s.runs, Command: report.Command()}), measure(ctx, s, r, node, json.NewEncoder(lines))); err != nil {
		return err
	}
	return r.End()
}

func measure(ctx context.Context, s settings, r *report.Report, node *server.Server, lines *json.Encoder) error {
	var rows measured.Rows
	for _, c := range shapes {
		if !s.only.MatchString(c.String()) {
			continue
		}
		fmt.Fprintln(os.Stderr, c)
		for run := range s.runs {
			for i := range s.names {
				name := s.names[(i+run)%len(s.names)]
				one, err := once(ctx, node, name, c, s.window)
				if err != nil {
					return fmt.Errorf("%s, %s: %w", c, name, err)
				}
				one.Run = run + 1
				rows = append(rows, one)
				if err := lines.Encode(one); err != nil {
					return err
				}
			}
		}
	}
	show(r, rows, s.names)
	return nil
}

// once measures one client.
func once(ctx context.Context, node *server.Server, name string, c shape, window time.Duration) (measured.Row, error) {
	task, err := json.Marshal(job{Client: name, Addr: node.Addr, Shape: [2]int{c.goroutines, c.connections}, Keys: c.keys, Sets: c.sets, For: window})
	if err != nil {
		return measured.Row{}, err
	}
	percent, began := report.Others(), time.Now()
	before, err := report.Processor(node.Pid())
	if err != nil {
		return measured.Row{}, err
	}
	var f figures
	if err := apart.RunContext(ctx, string(task), &f); err != nil {
		return measured.Row{}, err
	}
	after, err := report.Processor(node.Pid())
	others := max(0, percent()-100*(after-before).Seconds()/(time.Since(began).Seconds()*float64(runtime.NumCPU())))
	return measured.Row{Table: "clients", Case: c.String(), Server: name, Requests: f.Requests, PerSecond: f.PerSecond, P50: f.P50, P99: f.P99, Others: others,
		CPU: f.CPU, Allocations: f.Allocations, Bytes: f.Bytes, Node: (after - before).Seconds() * 1e6 / float64(f.Requests)}, err
}

// show prints how the first client stands to the others, and medians.
func show(r *report.Report, rows measured.Rows, names []string) {
	var ratios, medians [][]string
	for _, c := range rows.Cases() {
		mine := rows.Of("clients", c, names[0])
		for _, name := range names {
			theirs := rows.Of("clients", c, name)
			if name != names[0] {
				ratios = append(ratios, []string{c + ", " + name, mine.RatioText(theirs, measured.PerSecond), mine.RatioText(theirs, measured.CPU)})
			}
			medians = append(medians, medianLine(c+", "+name, theirs))
		}
	}
	if len(names) > 1 {
		r.Table([]string{names[0] + " ->", "requests/s", "CPU"}, ratios)
	}
	r.Table([]string{"medians", "requests/s", "CPU us", "allocations", "bytes", "p50 us", "p99 us", "node us", "others %"}, medians)
}

func medianLine(name string, rows measured.Rows) []string {
	line := []string{name}
	for _, column := range []struct {
		format string
		of     func(*measured.Row) float64
	}{
		{"%.0f", measured.PerSecond}, {"%.2f", measured.CPU}, {"%.2f", func(r *measured.Row) float64 { return r.Allocations }},
		{"%.0f", func(r *measured.Row) float64 { return r.Bytes }}, {"%.0f", measured.P50}, {"%.0f", measured.P99},
		{"%.2f", func(r *measured.Row) float64 { return r.Node }}, {"%.1f", measured.Others},
	} {
		line = append(line, fmt.Sprintf(column.format, rows.Median(column.of)))
	}
	return line
}
