// Hitratio plays traces to covey's store and to other caches, and prints what share of the asks each answered, beside the
// optimum (optimal.go) and what the policies reach by themselves (policy.go), as Markdown. It is to be started in the folder bench/rivals:
//
//		go run ./cmd/hitratio -o ../results/2006-01-02-hitratio.md
//
//	 1. A trace is asked for key by key: on a miss the key is set. The first fifth of a made trace is not counted.
//	 2. All caches get the same capacity, in one of two meanings (capacity.go). Equal entries: each is given the budget, by
//	    what it counts itself, with which it holds as many entries as it should, found by filling it: the comparison is of
//	    what they choose to keep. Equal bytes: each holds as many entries as fit in the resident memory in which covey
//	    holds that many, by the bytes an entry takes in each (measured as by cmd/memory): the comparison is of what a
//	    machine's memory is good for.
//	 3. The caches play at once, a few at a time (play.go); what they decide does not depend on time.
package main

import (
	"flag"
	"fmt"
	"os"
	"runtime"
	"slices"
	"strconv"
	"strings"

	"covey/bench/rivals/internal/cache"
	"covey/bench/rivals/internal/report"
	"covey/bench/rivals/internal/trace"
	"covey/bench/rivals/internal/weigh"
)

type settings struct {
	keys, asks, weighed, workers int
	seed                         uint64
	makers                       []cache.Maker
	equal                        []string
}

func main() {
	weigh.Child()
	var s settings
	out := report.Path()
	flag.IntVar(&s.keys, "keys", 1_000_000, "keys of a made trace")
	flag.IntVar(&s.asks, "asks", 5_000_000, "asks of a made trace")
	flag.Uint64Var(&s.seed, "seed", 1, "of the made traces")
	flag.IntVar(&s.weighed, "weighed", 1_000_000, "entries with which the bytes an entry are measured")
	flag.IntVar(&s.workers, "workers", runtime.NumCPU(), "caches that play at once")
	equal := flag.String("equal", "entries,bytes", "what capacity means: entries, bytes or both")
	names := flag.String("caches", "covey,otter,ristretto,freecache,bigcache,lru", "which caches; covey is the first")
	flag.Parse()
	s.equal = strings.Split(*equal, ",")
	for name := range strings.SplitSeq(*names, ",") {
		m, ok := cache.Named(name)
		if !ok || !m.Bounded() {
			report.Fail(fmt.Errorf("-caches: there is no cache %q here that evicts", name))
		}
		s.makers = append(s.makers, m)
	}
	if s.keys < 100 || s.asks < s.keys || s.asks+s.keys >= fillKeys || s.workers < 1 {
		report.Fail(fmt.Errorf("give at least 100 -keys, as many -asks, and a worker"))
	}
	if err := run(s, *out); err != nil {
		report.Fail(err)
	}
}

func run(s settings, out string) error {
	var modules []string
	for _, m := range s.makers {
		modules = append(modules, m.Module)
	}
	r := report.Begin(out, "The store beside other caches: hit ratios", modules)
	r.Text("What a cache keeps does not depend on the load of the machine.\n")
	traces := load(r, s)
	alone := plan(s, traces)
	for _, equal := range s.equal {
		perEntry, err := weights(s, equal)
		if err != nil {
			return err
		}
		if err := compare(r, s, traces, alone, equal, perEntry); err != nil {
			return err
		}
	}
	return r.End()
}

// load makes the traces and says what they are.
func load(r *report.Report, s settings) (traces []trace.Trace) {
	for _, m := range trace.Makers {
		traces = append(traces, m(s.seed, s.keys, s.asks))
	}
	if real, err := trace.Glimpse(); err != nil {
		fmt.Fprintln(os.Stderr, "left out:", err)
	} else {
		traces = append(traces, real)
	}
	r.Text("Keys of 16 bytes, values of 64, seed %d. A cache's size is a part of the trace's keys.\n", s.seed)
	for _, t := range traces {
		r.Text("- %s: %d asks, the first %d not counted, %d keys; %s", t.Name, len(t.Asks), t.Warm, t.Keys, t.About)
	}
	r.Text("")
	return traces
}

// weights returns the bytes an entry takes in each cache, or nil when entries are what is equal.
func weights(s settings, equal string) (map[string]float64, error) {
	switch equal {
	case "entries":
		return nil, nil
	case "bytes":
	default:
		return nil, fmt.Errorf("-equal %q: it is entries or bytes", equal)
	}
	out := map[string]float64{}
	for _, m := range s.makers {
		empty, err := weigh.Weigh(m.Name, 0)
		if err != nil {
			return nil, err
		}
		full, err := weigh.Weigh(m.Name, s.weighed)
		if err != nil {
			return nil, err
		}
		out[m.Name] = float64(full.RSS-empty.RSS) / float64(max(1, full.Entries))
	}
	return out, nil
}

// compare plays all traces and prints the tables.
func compare(r *report.Report, s settings, traces []trace.Trace, alone map[string][]string, equal string, perEntry map[string]float64) error {
	r.Text("## Equal %s\n", equal)
	if perEntry != nil {
		r.Text("Covey holds the named part of the keys; the others what fits in the same resident memory, at these bytes an entry,")
		r.Text("measured with %d entries: %s. The policies by themselves hold what covey holds.\n", s.weighed, list(s.makers, perEntry))
	} else {
		r.Text("Every cache holds the named part of the keys; the budget for that, by what it counts itself, was found by filling it.\n")
	}
	games := games(s, traces, perEntry)
	play(games, s.workers)
	head := []string{"trace, size"}
	for _, m := range s.makers {
		head = append(head, m.Name)
	}
	var rows, gaps, sizes [][]string
	for len(games) > 0 {
		line := games[:len(s.makers)]
		games = games[len(s.makers):]
		label := line[0].label()
		row, gap := []string{label}, []string{label}
		top, name := 0.0, ""
		for _, g := range line {
			if g.ok() && g.ratio > top {
				top, name = g.ratio, g.maker.Name
			}
		}
		for _, g := range line {
			row, gap = append(row, g.percent()), append(gap, g.points(top))
			sizes = append(sizes, g.size())
		}
		rows, gaps = append(rows, append(append(row, alone[label]...), name, line[0].points(top))), append(gaps, gap)
	}
	r.Text("Hits, %% of the asks: of the caches; of policies by themselves, over one queue; which cache is the best, and the points of")
	r.Text("%s to it.\n", s.makers[0].Name)
	full := slices.Clone(head)
	for _, policy := range bare {
		full = append(full, policy.name)
	}
	r.Table(append(full, "best cache", s.makers[0].Name+" to it"), rows)
	r.Text("Points to the best of the caches.\n")
	r.Table(head, gaps)
	r.Text("How they were set up.\n")
	r.Table([]string{"cache", "should hold", "holds", "at the end of traces", "budget, bytes", "value, bytes", "remarks"}, dedup(sizes))
	return nil
}

func list(makers []cache.Maker, perEntry map[string]float64) string {
	var parts []string
	for _, m := range makers {
		parts = append(parts, m.Name+" "+strconv.FormatFloat(perEntry[m.Name], 'f', 1, 64))
	}
	return strings.Join(parts, ", ")
}

func percent(ratio float64) string { return strconv.FormatFloat(100*ratio, 'f', 2, 64) }

// dedup leaves out rows that were there already.
func dedup(rows [][]string) (out [][]string) {
	seen := map[string]bool{}
	for _, row := range rows {
		if key := strings.Join(row, "|"); !seen[key] {
			seen[key] = true
			out = append(out, row)
		}
	}
	slices.SortStableFunc(out, func(a, b []string) int { return strings.Compare(a[0], b[0]) })
	return out
}
