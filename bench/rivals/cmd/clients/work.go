package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

const (
	keyCount   = 100_000
	valueBytes = 64
	warm       = 200 * time.Millisecond
	timedOneIn = 16      // calls of which the latency is taken
	mostTimed  = 1 << 13 // by one goroutine
	fillers    = 64
	patience   = time.Minute // for a connection of a pool that many wait for
)

// job is what a process is started for.
type job struct {
	Client string
	Addr   string
	Shape  [2]int // goroutines, connections
	Keys   int    // of a call; 0: one
	Sets   bool
	For    time.Duration
}

// figures are what it measured; processor time, allocations and bytes are of one key, latency is of a call.
type figures struct {
	Requests    int64   `json:"requests"` // keys, with those before the window
	PerSecond   float64 `json:"per_second"`
	CPU         float64 `json:"cpu_us"`
	Allocations float64 `json:"allocations"`
	Bytes       float64 `json:"bytes"`
	P50         float64 `json:"p50_us"`
	P99         float64 `json:"p99_us"`
}

// worker is one goroutine's counts; each is written by it alone, and far enough from the next.
type worker struct {
	done, counted int64
	took          []time.Duration
	err           error
	_             [64]byte
}

// Phases of a measurement.
const (
	warming int32 = iota
	counting
	ended
)

// work measures one client.
func work(text string) (any, error) {
	var j job
	if err := json.Unmarshal([]byte(text), &j); err != nil {
		return nil, err
	}
	ctx := context.Background()
	dial, ok := dialers[j.Client]
	if !ok {
		return nil, fmt.Errorf("there is no client %q", j.Client)
	}
	conn, err := dial(ctx, j.Addr, j.Shape[1])
	if err != nil {
		return nil, err
	}
	defer conn.close()
	workers, keys := make([]worker, j.Shape[0]), newKeys()
	for i := range workers {
		workers[i].took = make([]time.Duration, 0, mostTimed)
	}
	var phase atomic.Int32
	var all sync.WaitGroup
	for i := range workers {
		all.Go(func() { workers[i].run(ctx, conn, keys, uint64(i), j, &phase) })
	}
	time.Sleep(warm)
	before := readCosts()
	phase.Store(counting)
	time.Sleep(j.For)
	phase.Store(ended)
	after := readCosts()
	all.Wait()
	return gather(workers, before, after)
}

func newKeys() []string {
	keys := make([]string, keyCount)
	for i := range keys {
		keys[i] = fmt.Sprintf("key:%012d", i)
	}
	return keys
}

// run makes calls one after the other until the end.
func (w *worker) run(ctx context.Context, c conn, keys []string, seed uint64, j job, phase *atomic.Int32) {
	random := rand.New(rand.NewPCG(seed, 1))
	value, dst := bytes.Repeat([]byte{'x'}, valueBytes), make([]byte, 0, valueBytes)
	some := make([]string, max(j.Keys, 1))
	for calls := uint64(0); phase.Load() != ended; calls++ {
		var since time.Time
		// Not the same ones of all: where many share little, each has a few within the window.
		timed := (calls+seed)%timedOneIn == 0 && len(w.took) < cap(w.took)
		if timed {
			since = time.Now()
		}
		for i := range some {
			some[i] = keys[random.IntN(len(keys))]
		}
		switch {
		case j.Keys > 0 && j.Sets:
			w.err = c.setMany(ctx, some, value)
		case j.Keys > 0:
			w.err = c.getMany(ctx, some)
		case j.Sets:
			w.err = c.set(ctx, some[0], value)
		default:
			w.err = c.get(ctx, dst, some[0])
		}
		if w.err != nil {
			return
		}
		w.done += int64(len(some))
		if phase.Load() == counting {
			w.counted += int64(len(some))
			if timed {
				w.took = append(w.took, time.Since(since))
			}
		}
	}
}

// costs are what a process has used so far.
type costs struct {
	at             time.Time
	processor      time.Duration
	mallocs, bytes uint64
}

func readCosts() costs {
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	c := costs{at: time.Now(), mallocs: m.Mallocs, bytes: m.TotalAlloc}
	var used syscall.Rusage
	if syscall.Getrusage(syscall.RUSAGE_SELF, &used) == nil {
		c.processor = time.Duration(used.Utime.Nano() + used.Stime.Nano())
	}
	return c
}

// gather adds up what the workers did between two readings.
func gather(workers []worker, before, after costs) (*figures, error) {
	f := new(figures)
	var took []time.Duration
	counted := int64(0)
	for i := range workers {
		if err := workers[i].err; err != nil {
			return nil, err
		}
		f.Requests += workers[i].done
		counted += workers[i].counted
		took = append(took, workers[i].took...)
	}
	if counted == 0 || len(took) == 0 {
		return nil, errors.New("nothing was answered within the window")
	}
	slices.Sort(took)
	at := func(q float64) float64 { return took[int(q*float64(len(took)-1))].Seconds() * 1e6 }
	each := func(v float64) float64 { return v / float64(counted) }
	f.PerSecond = float64(counted) / after.at.Sub(before.at).Seconds()
	f.CPU = each((after.processor - before.processor).Seconds() * 1e6)
	f.Allocations, f.Bytes = each(float64(after.mallocs-before.mallocs)), each(float64(after.bytes-before.bytes))
	f.P50, f.P99 = at(0.5), at(0.99)
	return f, nil
}
