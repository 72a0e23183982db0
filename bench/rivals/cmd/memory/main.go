// Memory fills every cache, in a process of its own, with entries of 16 and 64 bytes and prints what an entry costs in
// resident memory after a collection, and what a collection of the full cache costs; and the same entries in
// redis-server, which it starts and ends (redis.go). It is to be started in the folder
// bench/rivals:
//
//	go run ./cmd/memory -o ../results/2006-01-02-memory.md
package main

import (
	"flag"
	"fmt"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"time"

	"covey/bench/rivals/internal/cache"
	"covey/bench/rivals/internal/report"
	"covey/bench/rivals/internal/weigh"
)

func main() {
	weigh.Child()
	runtime.LockOSThread() // what is started ends with the thread that started it
	out := report.Path()
	counts := flag.String("entries", "0,1000000,5000000", "how many entries, a list that begins with 0")
	names := flag.String("caches", "covey,fastcache,freecache,bigcache,otter,ristretto,lru,xsync,syncmap,shardedmap", "which caches")
	redis := flag.Bool("redis", true, "redis-server too")
	flag.Parse()
	if err := run(*out, *counts, strings.Split(*names, ","), *redis); err != nil {
		report.Fail(err)
	}
}

func run(out, list string, names []string, redis bool) error {
	var counts []int
	for text := range strings.SplitSeq(list, ",") {
		n, err := strconv.Atoi(text)
		if err != nil || n < 0 || n > 1<<31 {
			return fmt.Errorf("-entries: %q is no number of entries", text)
		}
		counts = append(counts, n)
	}
	if counts[0] != 0 || len(counts) < 2 {
		return fmt.Errorf("-entries %s: begin with 0, what is taken off, and name another", list)
	}
	modules, err := cache.Modules(names)
	if err != nil {
		return err
	}
	r := report.BeginAnyLoad(out, "The store beside other caches: memory and garbage collection", modules)
	r.Text("Entries of 16 + 64 bytes, each cache in a process of its own and large enough to evict none. Memory is resident memory")
	r.Text("after a collection and after free pages went back, less that of the same cache empty. GOGC is the default.\n")
	all := map[string][]weigh.Figures{}
	for _, name := range names {
		for _, n := range counts {
			f, err := weigh.Weigh(name, n)
			if err != nil {
				return err
			}
			all[name] = append(all[name], f)
		}
	}
	var server []redisFigures
	if redis {
		var err error
		if server, err = weighRedis(counts); err != nil {
			return err
		}
		r.Text("redis-server: %s, nothing saved, filled by pipelines.\n", server[0].version)
	}
	for i, n := range counts {
		if n > 0 {
			memoryTable(r, names, all, server, i, n)
		}
	}
	collectionTable(r, names, all, counts)
	return r.End()
}

func memoryTable(r *report.Report, names []string, all map[string][]weigh.Figures, server []redisFigures, i, n int) {
	r.Text("## %d entries: bytes an entry\n", n)
	type line struct {
		name  string
		bytes float64
		kept  int
		nanos float64
	}
	var lines []line
	for _, name := range names {
		f := all[name][i]
		per := float64(f.RSS-all[name][0].RSS) / float64(max(1, f.Entries))
		lines = append(lines, line{name: name, bytes: per, kept: f.Entries, nanos: float64(f.Took.Nanoseconds()) / float64(n)})
	}
	if server != nil {
		s := server[i]
		lines = append(lines, line{name: "redis-server", bytes: float64(s.rss-server[0].rss) / float64(max(1, s.entries)), kept: s.entries})
	}
	slices.SortStableFunc(lines, func(a, b line) int { return int(a.bytes - b.bytes) })
	covey := 0.0
	for _, l := range lines {
		if l.name == "covey" {
			covey = l.bytes
		}
	}
	var rows [][]string
	for _, l := range lines {
		fill := "-"
		if l.nanos > 0 {
			fill = fmt.Sprintf("%.0f", l.nanos)
		}
		rows = append(rows, []string{l.name, fmt.Sprintf("%.1f", l.bytes), fmt.Sprintf("%.1f", l.bytes-weigh.EntryBytes),
			fmt.Sprintf("%.2f", covey/l.bytes), strconv.Itoa(l.kept), fill})
	}
	r.Table([]string{"cache", "bytes an entry", "beyond key and value", "covey : this", "entries kept", "ns a set while filling"}, rows)
}

func collectionTable(r *report.Report, names []string, all map[string][]weigh.Figures, counts []int) {
	r.Text("## Garbage collection\n")
	r.Text("Collections of the cache as it is, asked for one after the other, nothing else running in the process: from begin to end,")
	r.Text("processor time of the whole of it, and of its marking alone, and the pause, medians; the longest pause of all; in brackets")
	r.Text("each to the same cache empty. Then the longest pause and all marking while it was filled. Pauses are times by the clock")
	r.Text("on the wall: a thread that others keep waiting makes them longer; for the medians the goal of covey is 1.5.\n")
	var rows [][]string
	for _, name := range names {
		empty := all[name][0]
		for i, n := range counts {
			f := all[name][i]
			rows = append(rows, []string{name, strconv.Itoa(n), strconv.Itoa(f.Collections), ms(f.Collection),
				beside(f.Processor, empty.Processor), beside(f.Mark, empty.Mark), beside(f.Pause, empty.Pause),
				beside(f.MaxPause, empty.MaxPause), ms(f.FillPause), ms(f.FillMark)})
		}
	}
	r.Table([]string{"cache", "entries", "collections", "one, ms", "processor, ms", "marking, ms", "pause, ms", "longest pause, ms",
		"longest, filling, ms", "marking, filling, ms"}, rows)
}

// beside is a time, and in brackets its ratio to another.
func beside(d, other time.Duration) string {
	return fmt.Sprintf("%s (%.2f)", ms(d), float64(d)/float64(max(1, other)))
}

func ms(d time.Duration) string {
	return strconv.FormatFloat(float64(d)/float64(time.Millisecond), 'f', 3, 64)
}
