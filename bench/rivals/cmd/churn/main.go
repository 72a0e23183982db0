// Churn writes, reads and deletes values of 0 bytes to 16 MiB for some minutes, and prints how much memory the process
// took at most, beside its budget: first of the store as a library, then of a node, which it starts from the binary on
// free ports of the loopback and ends. It is to be started in the folder bench/rivals; the node needs `make build` first:
//
//		go run ./cmd/churn -o ../results/2006-01-02-churn.md
//
//	 1. Workers, each with keys of its own, draw a size by the phase of the run (sizes.go) and set, get or delete
//	    (worker.go). Every value tells its key and its sequence number and is checked whole when it is read.
//	 2. A target is the store (target.go) or a node (node.go).
//	 3. Memory is what the kernel says: the most resident pages of the process, and samples on the way. Of the library what
//	    this program took before the store was made is taken off; of the node nothing is.
package main

import (
	"errors"
	"flag"
	"fmt"
	"runtime"
	"slices"
	"strconv"
	"sync"
	"time"

	"covey/bench/rivals/internal/report"
)

const (
	allowedShare = 1.1
	allowedMore  = 32 << 20 // bytes
	sampleEvery  = 100 * time.Millisecond
	mebibyte     = 1 << 20
)

type settings struct {
	budget   int64
	duration time.Duration
	workers  int
	seed     uint64
	binary   string
}

func main() {
	runtime.LockOSThread() // what is started ends with the thread that started it
	var s settings
	out := report.Path()
	budget := flag.Int64("budget", 256, "memory budget, MiB")
	flag.DurationVar(&s.duration, "for", 10*time.Minute, "how long each of them runs")
	flag.IntVar(&s.workers, "workers", 2, "goroutines, and connections to the node")
	flag.Uint64Var(&s.seed, "seed", 1, "of what is written")
	flag.StringVar(&s.binary, "binary", "../../bin/covey", "program of the node")
	what := flag.String("what", "store,node", "what is measured: store, node or both")
	flag.Parse()
	s.budget = *budget * mebibyte
	if s.workers < 1 || s.workers > maxWorkers || *budget < 64 {
		report.Fail(fmt.Errorf("give 1 to %d -workers and a -budget of at least 64", maxWorkers))
	}
	if err := run(s, *out, *what); err != nil {
		report.Fail(err)
	}
}

func run(s settings, out, what string) error {
	r := report.BeginAnyLoad(out, "Memory under churn of values of all sizes", nil)
	r.Text("Budget %d MiB; the goal is at most %.1f times that and %d MiB: %s MiB. %d workers, seed %d, %s each.", s.budget/mebibyte,
		allowedShare, allowedMore/mebibyte, mib(s.allowed()), s.workers, s.seed, s.duration)
	r.Text("Keys of 16 bytes, %d a worker. Phases, round and round: %s.", keysPerWorker, phaseNames())
	r.Text("Of 20 operations 12 are sets (one of them to live some seconds), 6 gets and 2 deletes of keys set lately.\n")
	makers := map[string]func(settings) (target, error){"store": newStore, "node": newNode}
	names := []string{"store", "node"}
	var rows, phases [][]string
	for _, name := range names {
		if what != name && what != "store,node" {
			continue
		}
		row, byPhase, err := churn(s, name, makers[name])
		if err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		rows, phases = append(rows, row), append(phases, byPhase...)
	}
	if len(rows) == 0 {
		return fmt.Errorf("-what %q: it is store, node or store,node", what)
	}
	r.Table([]string{"what", "most RSS, MiB", "to the budget", "goal", "RSS p50", "RSS p99", "before, MiB", "operations", "GiB written", "read and right"}, rows)
	r.Text("Most resident memory in each phase, MiB (samples every %s).\n", sampleEvery)
	r.Table([]string{"what, phase", "most RSS, MiB", "operations"}, phases)
	return r.End()
}

func (s settings) allowed() int64 { return int64(float64(s.budget)*allowedShare) + allowedMore }

// churn runs the workers on one target and returns the rows of the tables.
func churn(s settings, name string, make func(settings) (target, error)) (row []string, phases [][]string, err error) {
	workers, err := newWorkers(s)
	if err != nil {
		return nil, nil, err
	}
	t, err := make(s)
	if err != nil {
		return nil, nil, err
	}
	defer func() { err = errors.Join(err, t.close()) }()
	clock := &phaseClock{start: time.Now(), whole: s.duration}
	var running sync.WaitGroup
	errs := slices.Repeat([]error{nil}, len(workers))
	for i, w := range workers {
		d, err := t.dial()
		if err != nil {
			return nil, nil, err
		}
		running.Go(func() { errs[i] = w.run(d, clock) })
	}
	ended := newEnd(&running)
	samples, err := watch(t, clock, ended)
	if err := errors.Join(append(errs, err)...); err != nil {
		return nil, nil, err
	}
	_, most, err := t.rss()
	if err != nil {
		return nil, nil, err
	}
	return rowOf(s, name, most, samples, workers, t.before()), samples.rows(name, workers, t.before()), nil
}

// newEnd returns a channel that is closed when all are done.
func newEnd(running *sync.WaitGroup) <-chan struct{} {
	ended := make(chan struct{})
	go func() { running.Wait(); close(ended) }()
	return ended
}

// samples are resident bytes, by phase.
type samples [][]int64

// watch samples the memory of a target until its workers are done.
func watch(t target, clock *phaseClock, ended <-chan struct{}) (samples, error) {
	out := make(samples, len(phases))
	ticker := time.NewTicker(sampleEvery)
	defer ticker.Stop()
	var err error
	for {
		select {
		case <-ended:
			return out, err
		case <-ticker.C:
			now, _, e := t.rss()
			if e != nil {
				err = e // the target is gone: its workers will see that too
				continue
			}
			at, _ := clock.phase()
			out[at] = append(out[at], now)
		}
	}
}

func rowOf(s settings, name string, most int64, all samples, workers []*worker, before int64) []string {
	var operations, bytes, read int64
	for _, w := range workers {
		operations += w.operations()
		bytes += w.written
		read += w.read
	}
	verdict := "kept"
	if most-before > s.allowed() {
		verdict = "missed by " + mib(most-before-s.allowed()) + " MiB"
	}
	sorted := slices.Sorted(slices.Values(slices.Concat(all...)))
	at := func(part float64) string {
		if len(sorted) == 0 {
			return "-"
		}
		return mib(sorted[int(part*float64(len(sorted)-1))] - before)
	}
	return []string{name, mib(most - before), strconv.FormatFloat(float64(most-before)/float64(s.budget), 'f', 3, 64), verdict,
		at(0.5), at(0.99), mib(before), strconv.FormatInt(operations, 10),
		strconv.FormatFloat(float64(bytes)/(1<<30), 'f', 1, 64), strconv.FormatInt(read, 10)}
}

func (all samples) rows(name string, workers []*worker, before int64) (rows [][]string) {
	for i, p := range phases {
		operations, most := int64(0), "-"
		for _, w := range workers {
			operations += w.byPhase[i]
		}
		if len(all[i]) > 0 {
			most = mib(slices.Max(all[i]) - before)
		}
		rows = append(rows, []string{name + ", " + p.name, most, strconv.FormatInt(operations, 10)})
	}
	return rows
}

func mib(bytes int64) string { return strconv.FormatFloat(float64(bytes)/mebibyte, 'f', 1, 64) }
