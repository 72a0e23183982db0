// Growth times every single Set on the way from an empty cache to ten million entries, each cache in a process of its own,
// and prints how long the longest took and why. It is to be started in the folder bench/rivals:
//
//	go run ./cmd/growth -o ../results/2006-01-02-growth.md
//
// Each Set is timed by two clocks (grow.go): time, and the processor time of the thread. What another program took, or a
// pause of the garbage collector, or a wait for a lock, is in the first alone; what the cache itself did, page faults
// and help with marking included, is in both. So where the second is short, the stall is not the cache's own work. Where it
// is not, it may still be the machine's: a host that runs others, or an interrupt, counts as processor time. So arithmetic
// that touches no memory is timed in the same way after every Set.
package main

import (
	"flag"
	"fmt"
	"strconv"
	"strings"
	"time"

	"covey/bench/rivals/internal/apart"
	"covey/bench/rivals/internal/cache"
	"covey/bench/rivals/internal/report"
)

func main() {
	apart.Child(grow)
	out := report.Path()
	entries := flag.Int("entries", 10_000_000, "how many")
	names := flag.String("caches", "covey,fastcache,otter,xsync,syncmap,shardedmap", "which caches")
	flag.Parse()
	if err := run(*out, *entries, strings.Split(*names, ",")); err != nil {
		report.Fail(err)
	}
}

func run(out string, entries int, names []string) error {
	if entries < 1 || entries > 1<<31 {
		return fmt.Errorf("-entries %d: give a number from 1 to 2^31", entries)
	}
	modules, err := cache.Modules(names)
	if err != nil {
		return err
	}
	r := report.BeginAnyLoad(out, "The longest Set while a cache grows", modules)
	r.Text("%d entries of 16 + 64 bytes set one after the other by one goroutine, each key once, into a cache that was told nothing of", entries)
	r.Text("their number. Time, and processor time of the thread, of every Set. GOGC is the default.\n")
	var all []figures
	for _, name := range names {
		var f figures
		if err := apart.Run(fmt.Sprint(name, " ", entries), &f); err != nil {
			return err
		}
		all = append(all, f)
	}
	timeTable(r, all)
	pauseTable(r, all)
	for _, f := range all[:1] {
		stallTable(r, f)
	}
	return r.End()
}

func timeTable(r *report.Report, all []figures) {
	var rows [][]string
	for _, f := range all {
		for _, clock := range []struct {
			name string
			quantiles
		}{{"time", f.Wall}, {"processor", f.Processor}, {"time of arithmetic instead", f.WallSpin}, {"processor, arithmetic instead", f.ProcessorSpin}} {
			rows = append(rows, []string{f.Cache + ", " + clock.name, us(clock.P50), us(clock.P99), us(clock.P999), us(clock.P9999), us(clock.Max),
				strconv.FormatInt(clock.OverMs, 10)})
		}
	}
	r.Text("Microseconds a Set, and microseconds of some arithmetic in registers after each Set: what is long there, the machine adds to")
	r.Text("anything. The clocks alone take %s (time) and %s (processor), median.\n", us(all[0].WallAlone), us(all[0].ProcessorAlone))
	r.Table([]string{"cache, clock", "p50", "p99", "p99.9", "p99.99", "max", "over 1 ms, Sets"}, rows)
}

func pauseTable(r *report.Report, all []figures) {
	r.Text("Pauses of the garbage collector meanwhile (of the last 256 collections).\n")
	var rows [][]string
	for _, f := range all {
		rows = append(rows, []string{f.Cache, strconv.FormatInt(f.Collections, 10), us(f.MaxPause), us(f.AllPauses),
			f.Took.Round(time.Millisecond).String(), strconv.Itoa(f.Entries)})
	}
	r.Table([]string{"cache", "collections", "longest pause, µs", "all pauses, µs", "took in all", "entries kept"}, rows)
}

func stallTable(r *report.Report, f figures) {
	r.Text("The longest Sets of %s.\n", f.Cache)
	var rows [][]string
	for _, s := range f.Longest {
		rows = append(rows, []string{strconv.Itoa(s.At), us(s.Wall), us(s.Processor), us(s.Wall - s.Processor), us(s.Pause)})
	}
	r.Table([]string{"at entry", "time, µs", "processor, µs", "waiting, µs", "of it pauses of the collector, µs"}, rows)
}

func us(d time.Duration) string {
	return strconv.FormatFloat(float64(d)/float64(time.Microsecond), 'f', 2, 64)
}
