// Package weigh finds what a cache costs in memory and in garbage collections, by filling it in a process of its own.
//
//  1. The program that wants to know starts itself again (Weigh, by internal/apart); the child (Child) fills the cache,
//     and looks at its collections and its memory.
//  2. The memory of an entry is the resident memory of the full cache, less that of the same cache when it is empty,
//     divided by the entries.
package weigh

import (
	"fmt"
	"os"
	"runtime"
	"runtime/debug"
	"runtime/metrics"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"covey/bench/rivals/internal/apart"
	"covey/bench/rivals/internal/cache"
	"covey/bench/rivals/internal/report"
	"covey/bench/rivals/internal/trace"
)

const (
	// ValueBytes and EntryBytes are the payload of every entry.
	ValueBytes = 64
	EntryBytes = trace.KeyBytes + ValueBytes

	roomBytes   = 512      // budget of an entry: none is evicted; what is not used costs address space alone
	leastRoom   = 64 << 20 // bytes
	settleEvery = 1 << 8   // sets; for caches that would drop some otherwise

	// Collections of the full cache, to see what one costs: as many as fit into some seconds, within these bounds. The
	// runtime remembers the pauses of the last 256.
	leastCollections = 5
	mostCollections  = 250
	collectFor       = 5 * time.Second
)

// Figures are those of one cache with so many entries.
type Figures struct {
	Cache   string
	Asked   int // entries set
	Entries int // entries that are there afterwards
	RSS     int64
	Took    time.Duration // to fill it

	Collections int           // that were looked at, of the full cache
	Collection  time.Duration // of one, median, from begin to end
	Processor   time.Duration // processor time of one, median, sweep and all by the account of the system
	Mark        time.Duration // of its marking, all processors together, median, by the account of the runtime
	Pause       time.Duration // while the program stood still in one, median
	MaxPause    time.Duration // and the longest of all of them
	FillPause   time.Duration // the longest while it was filled
	FillMark    time.Duration // processor time of marking while it was filled
}

// Weigh fills a cache in a child process.
func Weigh(name string, entries int) (f Figures, err error) {
	err = apart.Run(fmt.Sprint(name, " ", entries), &f)
	return f, err
}

// Child does what Weigh asks for, and ends the program, if this is the child. It is to be called first.
func Child() {
	apart.Child(func(task string) (any, error) {
		name, count, _ := strings.Cut(task, " ")
		entries, err := strconv.Atoi(count)
		if err != nil {
			return nil, err
		}
		return fill(name, entries)
	})
}

func fill(name string, entries int) (Figures, error) {
	f := Figures{Cache: name, Asked: entries}
	m, ok := cache.Named(name)
	if !ok {
		return f, fmt.Errorf("there is no cache %q", name)
	}
	c, err := m.Make(cache.Room{Bytes: max(leastRoom, int64(entries)*roomBytes), Entries: entries, Entry: EntryBytes})
	if err != nil {
		return f, err
	}
	before, start := readGC(), time.Now()
	key, value := make([]byte, trace.KeyBytes), make([]byte, ValueBytes)
	for n := range entries {
		trace.PutKey(key, uint32(n))
		c.Set(key, value)
		if n%settleEvery == 0 {
			settle(c)
		}
	}
	settle(c)
	f.Took = time.Since(start)
	runtime.GC()
	after := readGC()
	f.FillMark, f.FillPause = after.mark-before.mark, after.pause
	if f.RSS, err = resident(); err != nil {
		return f, err
	}
	f.collect()
	dst := make([]byte, 0, ValueBytes)
	for n := range entries {
		trace.PutKey(key, uint32(n))
		if dst, ok = c.Get(dst[:0], key); ok {
			f.Entries++
		}
	}
	c.Close()
	return f, nil
}

func settle(c cache.Cache) {
	if c.Settle != nil {
		c.Settle()
	}
}

// resident is the memory of this process after what is garbage has gone back to the system.
func resident() (int64, error) {
	for range 2 { // what finalisers and pools let go of is free at the second
		debug.FreeOSMemory()
	}
	now, _, err := report.RSS(os.Getpid())
	return now, err
}

// collect looks at many collections of the cache as it is.
func (f *Figures) collect() {
	var took, used, marks []time.Duration
	for begin := time.Now(); len(took) < leastCollections || len(took) < mostCollections && time.Since(begin) < collectFor; {
		before, processor, start := readGC(), processorTime(), time.Now()
		runtime.GC()
		took = append(took, time.Since(start))
		used = append(used, processorTime()-processor)
		marks = append(marks, readGC().mark-before.mark)
	}
	f.Collections = len(took)
	f.Collection, f.Processor, f.Mark = median(took), median(used), median(marks)
	var stats debug.GCStats
	debug.ReadGCStats(&stats)
	// A collection stops the program twice, which counts as one pause here.
	pauses := stats.Pause[:min(len(stats.Pause), f.Collections)]
	f.MaxPause, f.Pause = slices.Max(pauses), median(pauses)
}

func median(all []time.Duration) time.Duration {
	slices.Sort(all)
	return all[len(all)/2]
}

// processorTime is what this process used of the processors.
func processorTime() time.Duration {
	var t unix.Timespec
	if unix.ClockGettime(unix.CLOCK_PROCESS_CPUTIME_ID, &t) != nil {
		return 0
	}
	return time.Duration(t.Nano())
}

type gc struct {
	mark  time.Duration // processor time since the start of the program
	pause time.Duration // the longest of the last collections
}

func readGC() gc {
	samples := []metrics.Sample{
		{Name: "/cpu/classes/gc/mark/assist:cpu-seconds"},
		{Name: "/cpu/classes/gc/mark/dedicated:cpu-seconds"},
		{Name: "/cpu/classes/gc/mark/idle:cpu-seconds"},
	}
	metrics.Read(samples)
	var out gc
	for _, s := range samples {
		if s.Value.Kind() == metrics.KindFloat64 {
			out.mark += time.Duration(s.Value.Float64() * float64(time.Second))
		}
	}
	var stats debug.GCStats
	debug.ReadGCStats(&stats)
	for _, pause := range stats.Pause {
		out.pause = max(out.pause, pause)
	}
	return out
}
