// Clients compares covey's Go client with go-redis and rueidis: many goroutines that share few connections to one node, which it
// starts and ends. It is to be started in the folder bench/rivals, after `make build`:
//
//		go run ./cmd/clients -o ../results/2006-01-02-clients.md
//
//	 1. Each measurement is a process of its own (work.go), so that processor time, allocations and collections are one client's.
//	 2. Goroutines send one request each and wait for its reply; that requests of different goroutines leave together is the
//	    clients' doing. What a client can do beside that with its own kind of batches is not used.
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
}

func (s shape) String() string {
	verb := "GET"
	if s.sets {
		verb = "SET"
	}
	return fmt.Sprintf("%s 64, %d goroutines, %d connections", verb, s.goroutines, s.connections)
}

var shapes = []shape{
	{false, 1, 1}, {true, 1, 1}, {false, 64, 1}, {true, 64, 1}, {false, 64, 4}, {true, 64, 4}, {false, 1000, 4}, {true, 1000, 4},
}

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
	r := report.Begin(out, "Clients for Go on one node", []string{"github.com/redis/go-redis/v9", "github.com/redis/rueidis"})
	r.Text("Every goroutine sends one request at a time, values of %d bytes, uniform keys of %s; %d runs of %v. CPU and allocations are the", valueBytes,
		"100,000", s.runs, s.window)
	r.Text("client's, a request. covey and rueidis put requests of all goroutines on the connections there are; go-redis takes a connection from")
	r.Text("a pool for each; go-redis-auto is its AutoPipeline, experimental, which has a number of connections of its own.\n")
	if err := errors.Join(json.NewEncoder(lines).Encode(map[string]any{"date": time.Now().Format(time.RFC3339), "commit": report.Commit(),
		"machine": report.Machine(), "runs": s.runs}), measure(ctx, s, r, node, json.NewEncoder(lines))); err != nil {
		return err
	}
	return r.End()
}

// row is one measurement, as it stands in the file of lines.
type row struct {
	Case   string `json:"case"`
	Client string `json:"client"`
	Run    int    `json:"run"`
	figures
	Node float64 `json:"node_us"` // processor time of the node, a request
}

func measure(ctx context.Context, s settings, r *report.Report, node *server.Server, lines *json.Encoder) error {
	var ratios, medians [][]string
	for _, c := range shapes {
		if !s.only.MatchString(c.String()) {
			continue
		}
		fmt.Fprintln(os.Stderr, c)
		rows := map[string][]row{}
		for run := range s.runs {
			for i := range s.names {
				name := s.names[(i+run)%len(s.names)]
				one := row{Case: c.String(), Client: name, Run: run + 1}
				task, err := json.Marshal(job{Client: name, Addr: node.Addr, Shape: [2]int{c.goroutines, c.connections}, Sets: c.sets, For: s.window})
				if err != nil {
					return err
				}
				before, err := report.Processor(node.Pid())
				if err != nil {
					return err
				}
				if err := apart.RunContext(ctx, string(task), &one.figures); err != nil {
					return fmt.Errorf("%s, %s: %w", c, name, err)
				}
				after, err := report.Processor(node.Pid())
				if err != nil {
					return err
				}
				one.Node = (after - before).Seconds() * 1e6 / float64(one.Requests)
				rows[name] = append(rows[name], one)
				if err := lines.Encode(one); err != nil {
					return err
				}
			}
		}
		for _, name := range s.names {
			if name != s.names[0] {
				ratios = append(ratios, []string{c.String() + ", " + name, ratio(rows[s.names[0]], rows[name], func(f *row) float64 { return f.PerSecond }),
					ratio(rows[s.names[0]], rows[name], func(f *row) float64 { return f.CPU })})
			}
			medians = append(medians, medianLine(c.String()+", "+name, rows[name]))
		}
	}
	if len(s.names) > 1 {
		r.Table([]string{s.names[0] + " ->", "requests/s", "CPU"}, ratios)
	}
	r.Table([]string{"medians", "requests/s", "CPU us", "allocations", "bytes", "p50 us", "p99 us", "node us"}, medians)
	return nil
}

func ratio(a, b []row, of func(*row) float64) string {
	out := make([]float64, len(a))
	for i := range a {
		out[i] = of(&a[i]) / max(of(&b[i]), 1e-9)
	}
	return fmt.Sprintf("%.2f (%.2f to %.2f)", median(out), slices.Min(out), slices.Max(out))
}

func medianLine(name string, rows []row) []string {
	line := []string{name}
	for _, column := range []struct {
		format string
		of     func(*row) float64
	}{
		{"%.0f", func(f *row) float64 { return f.PerSecond }}, {"%.2f", func(f *row) float64 { return f.CPU }},
		{"%.2f", func(f *row) float64 { return f.Allocations }}, {"%.0f", func(f *row) float64 { return f.Bytes }},
		{"%.0f", func(f *row) float64 { return f.P50 }}, {"%.0f", func(f *row) float64 { return f.P99 }}, {"%.2f", func(f *row) float64 { return f.Node }},
	} {
		var values []float64
		for i := range rows {
			values = append(values, column.of(&rows[i]))
		}
		line = append(line, fmt.Sprintf(column.format, median(values)))
	}
	return line
}

func median(values []float64) float64 {
	sorted := slices.Sorted(slices.Values(values))
	n := len(sorted)
	return (sorted[(n-1)/2] + sorted[n/2]) / 2
}
