// Compare runs the benchmarks of bench/rivals on every cache, each in a process of its own, several times over with the
// caches in turn, and prints benchstat's tables and how covey stands to the others, as Markdown. It is to be started in
// the folder bench/rivals:
//
//		go run ./cmd/compare -o ../results/2006-01-02-store.md
//
//	 1. The benchmarks are built once (runs.go).
//	 2. A run is every cache once, begun with another cache each time, so that a machine that gets slower or faster
//	    favours none.
//	 3. A process beside which others had more than a few percent of the processors is run again, a few times at most.
//	    Who else measures or works here at times can take turns with it: RIVALS_LOCKS names files, parted by colons, that are
//	    locked (flock) while a process is measured.
//	 4. A ratio is taken within each run, between processes that ran close to each other; shown are the median of the
//	    ratios and the least and the most of them (ratios.go).
package main

import (
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"

	"covey/bench/rivals/internal/cache"
	"covey/bench/rivals/internal/measured"
	"covey/bench/rivals/internal/report"
)

type settings struct {
	runs, keys                  int
	benchtime, cpu, bench, kept string
	locks, caches               []string
	others                      float64
}

func main() {
	var s settings
	out := report.Path()
	flag.IntVar(&s.runs, "runs", 6, "how often every cache is measured")
	flag.IntVar(&s.keys, "keys", 1_000_000, "how many keys there are")
	flag.StringVar(&s.benchtime, "benchtime", "1s", "time or count of a benchmark, as go test has it")
	flag.StringVar(&s.cpu, "cpu", "1,2", "how many processors, a list")
	flag.StringVar(&s.bench, "bench", "Store|HotKey|DuringWalk", "which benchmarks, a regular expression")
	flag.StringVar(&s.kept, "raw", "", "also keep what the benchmarks printed in this `file`, for benchstat")
	flag.Float64Var(&s.others, "others", 4, "`percent` of the processors that others may have beside a process before it is run again")
	names := flag.String("caches", "covey,fastcache,freecache,bigcache,otter,ristretto,xsync,syncmap,shardedmap,nothing", "which caches; the others are held against the first")
	flag.Parse()
	s.caches = strings.Split(*names, ",")
	s.locks = filepath.SplitList(os.Getenv("RIVALS_LOCKS"))
	if err := run(s, *out); err != nil {
		report.Fail(err)
	}
}

func run(s settings, out string) error {
	modules, err := cache.Modules(slices.DeleteFunc(slices.Clone(s.caches), func(name string) bool { return name == nothing }))
	if err != nil {
		return err
	}
	r := report.Begin(out, "The store beside other caches: time", modules)
	r.Text("Zipf 0.99 over %d keys of 16 bytes, values of 64 bytes, all present; ns an operation, all processors of the column at", s.keys)
	r.Text("work at once. %d runs with the caches in turn, each in a process of its own, %s a benchmark. Covey's store has versions,", s.runs, s.benchtime)
	r.Text("expiry, eviction and digests on. HotKey: everybody wants one key. DuringWalk: another goroutine walks all entries meanwhile.")
	r.Text("The cache called nothing holds nothing: it shows what the benchmark itself takes of every figure.\n")
	printed, others, err := measure(s)
	if err != nil {
		return err
	}
	r.Text("Beside the processes measured others had %.1f %% of the processors (median; %.1f %% at most).\n", measured.Median(others), slices.Max(others))
	raw := s.kept
	if raw == "" {
		folder, err := os.MkdirTemp("", "covey-compare-")
		if err != nil {
			return err
		}
		defer os.RemoveAll(folder)
		raw = filepath.Join(folder, "raw.txt")
	}
	if err := os.WriteFile(raw, []byte(strings.Join(printed, "")), 0o644); err != nil {
		return err
	}
	found, err := parse(printed)
	if err != nil {
		return err
	}
	r.Text("## Covey to the others, time: below 1 covey is faster\n")
	r.Text("Median of the ratios within each run (least to most).\n")
	found.ratios(r, s.caches)
	r.Text("## Medians\n")
	found.medians(r, s.caches)
	r.Text("## benchstat\n")
	tables, err := benchstat(raw, s.caches)
	if err != nil {
		return err
	}
	r.Block(tables)
	return r.End()
}

// nothing is no cache: it shows what the benchmarks take themselves.
const nothing = "nothing"

// benchstat compares all caches to the first.
func benchstat(raw string, caches []string) (string, error) {
	column := "/cache@(" + strings.Join(caches, " ") + ")"
	out, err := exec.Command("go", "tool", "benchstat", "-filter", ".unit:sec/op", "-col", column, raw).CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("benchstat: %w: %s", err, out)
	}
	return string(out), nil
}
