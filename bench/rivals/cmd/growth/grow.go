package main

import (
	"fmt"
	"runtime"
	"runtime/debug"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"
	"golang.org/x/sys/unix"

	"covey/bench/rivals/internal/cache"
	"covey/bench/rivals/internal/trace"
)

const (
	valueBytes = 64
	entryBytes = trace.KeyBytes + valueBytes
	roomBytes  = 512 // budget of an entry: none is evicted

	longest     = 12 // Sets that are looked at one by one
	mostNanos   = int64(time.Minute)
	digits      = 3
	alone       = 100_000 // timings of nothing
	spins       = 500     // steps of arithmetic that take about as long as a Set
	settleEvery = 1 << 8
)

// figures are those of one cache.
type figures struct {
	Cache   string
	Entries int // kept
	Took    time.Duration

	Wall, Processor           quantiles
	WallAlone, ProcessorAlone time.Duration // of the clocks themselves, median
	WallSpin, ProcessorSpin   quantiles     // of arithmetic after each Set: what the machine adds to anything

	Collections         int64
	MaxPause, AllPauses time.Duration
	Longest             []stall
}

type quantiles struct {
	P50, P99, P999, P9999, Max time.Duration
	OverMs                     int64 // Sets that took more than a millisecond
}

// stall is one Set that took long.
type stall struct {
	At              int // entries before it
	Wall, Processor time.Duration
	Pause           time.Duration // of the garbage collector within it
	begin           time.Time
}

// grow does a task: the name of a cache and a number of entries.
func grow(task string) (any, error) {
	name, count, _ := strings.Cut(task, " ")
	entries, err := strconv.Atoi(count)
	if err != nil {
		return nil, err
	}
	m, ok := cache.Named(name)
	if !ok {
		return nil, fmt.Errorf("there is no cache %q", name)
	}
	c, err := m.Make(cache.Room{Bytes: max(64<<20, int64(entries)*roomBytes), Entry: entryBytes})
	if err != nil {
		return nil, err
	}
	defer c.Close()
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	f := figures{Cache: name}
	wall, processor := newHistogram(), newHistogram()
	wallSpin, processorSpin := newHistogram(), newHistogram()
	for range alone {
		begin, used := read()
		w, p := since(begin, used)
		record(wall, processor, w, p)
	}
	f.WallAlone, f.ProcessorAlone = time.Duration(wall.ValueAtQuantile(50)), time.Duration(processor.ValueAtQuantile(50))
	wall.Reset()
	processor.Reset()

	start := time.Now()
	f.set(c, entries, wall, processor, wallSpin, processorSpin)
	f.Took = time.Since(start)
	f.Wall, f.Processor = summary(wall), summary(processor)
	f.WallSpin, f.ProcessorSpin = summary(wallSpin), summary(processorSpin)
	f.pauses(start)
	key, dst := make([]byte, trace.KeyBytes), make([]byte, 0, valueBytes)
	for n := range entries {
		trace.PutKey(key, uint32(n))
		if dst, ok = c.Get(dst[:0], key); ok {
			f.Entries++
		}
	}
	return f, nil
}

// set sets all keys, and keeps the longest Sets.
func (f *figures) set(c cache.Cache, entries int, wall, processor, wallSpin, processorSpin *hdrhistogram.Histogram) {
	noise := uint64(1)
	key, value := make([]byte, trace.KeyBytes), make([]byte, valueBytes)
	least := time.Duration(0)
	for n := range entries {
		trace.PutKey(key, uint32(n))
		begin, used := read()
		c.Set(key, value)
		w, p := since(begin, used)
		record(wall, processor, w, p)
		if w > least {
			f.Longest = append(f.Longest, stall{At: n, Wall: w, Processor: p, begin: begin})
			slices.SortFunc(f.Longest, func(a, b stall) int { return int(b.Wall - a.Wall) })
			if len(f.Longest) > longest {
				f.Longest = f.Longest[:longest]
				least = f.Longest[longest-1].Wall
			}
		}
		begin, used = read()
		noise = spin(noise)
		w, p = since(begin, used)
		record(wallSpin, processorSpin, w, p)
		if n%settleEvery == 0 && c.Settle != nil {
			c.Settle()
		}
	}
	runtime.KeepAlive(noise)
}

// spin is arithmetic that needs each step's outcome for the next, and no memory.
func spin(x uint64) uint64 {
	for range spins {
		x ^= x << 13
		x ^= x >> 7
		x ^= x << 17
	}
	return x
}

// pauses finds those of the garbage collector, and how much of them lies within the longest Sets.
func (f *figures) pauses(start time.Time) {
	var stats debug.GCStats
	debug.ReadGCStats(&stats)
	for i, end := range stats.PauseEnd {
		if end.Before(start) {
			continue
		}
		f.Collections++
		pause := stats.Pause[i]
		f.MaxPause = max(f.MaxPause, pause)
		f.AllPauses += pause
		for j := range f.Longest {
			s := &f.Longest[j]
			from, to := s.begin, s.begin.Add(s.Wall)
			if begin := end.Add(-pause); begin.After(from) {
				from = begin
			}
			if end.Before(to) {
				to = end
			}
			s.Pause += max(0, to.Sub(from))
		}
	}
}

// read reads both clocks, the slow one first.
func read() (begin time.Time, used int64) {
	used = threadTime()
	return time.Now(), used
}

func since(begin time.Time, used int64) (wall, processor time.Duration) {
	wall = time.Since(begin)
	return wall, time.Duration(threadTime() - used)
}

// threadTime is the processor time of this thread in ns; 0 where the system does not tell.
func threadTime() int64 {
	var t unix.Timespec
	if unix.ClockGettime(unix.CLOCK_THREAD_CPUTIME_ID, &t) != nil {
		return 0
	}
	return t.Nano()
}

func newHistogram() *hdrhistogram.Histogram { return hdrhistogram.New(1, mostNanos, digits) }

// record counts a Set; what is over a minute counts as a minute.
func record(wall, processor *hdrhistogram.Histogram, w, p time.Duration) {
	_ = wall.RecordValue(min(max(1, int64(w)), mostNanos))
	_ = processor.RecordValue(min(max(1, int64(p)), mostNanos))
}

func summary(h *hdrhistogram.Histogram) (q quantiles) {
	at := func(percent float64) time.Duration { return time.Duration(h.ValueAtQuantile(percent)) }
	q = quantiles{P50: at(50), P99: at(99), P999: at(99.9), P9999: at(99.99), Max: time.Duration(h.Max())}
	for _, bar := range h.Distribution() {
		if bar.From > int64(time.Millisecond) {
			q.OverMs += bar.Count
		}
	}
	return q
}
