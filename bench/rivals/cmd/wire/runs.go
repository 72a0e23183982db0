package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"runtime"
	"slices"
	"time"

	"covey/bench/rivals/internal/load"
	"covey/bench/rivals/internal/report"
	"covey/bench/rivals/internal/server"
)

// kind is what is asked of a server.
type kind struct {
	sets     int // of 100
	value    int // bytes
	pipeline int
	zipf     float64
}

func (c kind) verb() string {
	switch c.sets {
	case 0:
		return "GET"
	case 100:
		return "SET"
	}
	return fmt.Sprintf("%d/%d", 100-c.sets, c.sets)
}

func (c kind) String() string {
	return fmt.Sprintf("%s %d, pipeline %d", c.verb(), c.value, c.pipeline)
}

// kinds are all of the values, pipelines and mixes, so that those of one length of values follow each other.
func kinds(values, pipelines, sets []int) []kind {
	var out []kind
	for _, v := range values {
		for _, p := range pipelines {
			for _, s := range sets {
				out = append(out, kind{sets: s, value: v, pipeline: p})
			}
		}
	}
	return out
}

// target is what is measured in turn with others: a server, and how it is spoken to.
type target struct {
	name string
	wire string
	*server.Server
}

// targets starts servers, those of the names that were asked for.
func (b *bench) targets(names ...string) ([]target, error) {
	var out []target
	for _, name := range b.servers {
		if !slices.Contains(names, name) {
			continue
		}
		s, err := b.fleet.Start(b.ctx, name)
		if err != nil {
			return nil, err
		}
		out = append(out, target{name, s.Wire, s})
	}
	return out, nil
}

var everyone = []string{"covey", "before", "redis", "valkey", "memcached"}
var speakRESP = everyone[:4]

func namesOf(targets []target) []string {
	var out []string
	for _, t := range targets {
		out = append(out, t.name)
	}
	return out
}

// inTurn measures the targets in a case, as often as there are runs, beginning with another each time.
func (b *bench) inTurn(tableName, caseName string, targets []target, measure func(target) (row, error)) error {
	if !b.cases.MatchString(caseName) {
		return nil
	}
	fmt.Fprintf(os.Stderr, "%s: %s\n", tableName, caseName)
	for run := range b.runs {
		for i := range targets {
			t := targets[(i+run)%len(targets)]
			r, err := b.quietest(t, measure)
			if err != nil {
				return fmt.Errorf("%s, %s, run %d: %w", caseName, t.name, run+1, err)
			}
			r.Table, r.Case, r.Server, r.Run = tableName, caseName, t.name, run+1
			if err := b.add(r); err != nil {
				return err
			}
		}
	}
	return nil
}

const (
	besideWarm  = 300 * time.Millisecond // for another process to be at work
	besideSpare = time.Minute            // after which it ends by itself

	mostTries = 3 // of one measurement; the one with the fewest others counts
)

// quietest measures until others had little of the processors meanwhile, and returns the measurement beside which they had least.
func (b *bench) quietest(t target, measure func(target) (row, error)) (best row, err error) {
	for try := range mostTries {
		percent := report.Others()
		began := time.Now()
		before, err := b.fleet.Processor()
		if err != nil {
			return row{}, err
		}
		r, err := measure(t)
		if err = errors.Join(err, b.ctx.Err()); err != nil {
			return row{}, err
		}
		after, err := b.fleet.Processor()
		if err != nil {
			return row{}, err
		}
		// What this program and its children used is not in it; the servers' time is, as they have not ended.
		r.Others = max(0, percent()-100*(after-before).Seconds()/(time.Since(began).Seconds()*float64(runtime.NumCPU())))
		if try == 0 || r.Others < best.Others {
			best = r
		}
		if best.Others <= b.others || b.again <= 0 {
			break
		}
		b.again--
	}
	return best, nil
}

// fill sets all keys of a server to values of a length, if they are not.
func (b *bench) fill(t target, value int) error {
	if b.filled[t.Server] == value {
		return nil
	}
	b.filled[t.Server] = value
	return b.set(t, value, 0, keys)
}

// set sets keys from a number on.
func (b *bench) set(t target, value, first, count int) error {
	_, err := load.Run(b.ctx, load.Plan{Groups: []load.Group{{Name: "fill", Addr: t.Addr, Wire: t.wire, Connections: min(count, 8),
		Pipeline: max(1, min(64, 1<<20/value)), ValueBytes: value, First: first, Keys: count, Sets: 100, Fill: true}}})
	return err
}

// group is the plan of closed connections.
func (c kind) group(t target, connections int) load.Group {
	return load.Group{Name: t.name, Addr: t.Addr, Wire: t.wire, Connections: connections, Pipeline: c.pipeline, Sets: c.sets,
		ValueBytes: c.value, Keys: keys, Zipf: c.zipf}
}

// measure runs groups beside each other; the figures are those of the first.
func (b *bench) measure(t target, groups ...load.Group) (row, error) {
	res, err := load.Run(b.ctx, load.Plan{Groups: groups, Warm: b.warm, Window: b.window, Pids: []int{t.Pid()}, Seed: b.seed})
	if err != nil {
		return row{}, err
	}
	return newRow(res), nil
}

// beside calls measure while a group of a process of its own goes on: what one client waits for must not be the work that the
// generator has with another. Requests of both are not told apart in the servers' processor time, so there is none of it, but it tells how
// much the group moved meanwhile: nearly all that went over loopback.
func (b *bench) beside(g load.Group, measure func() (row, error)) (row, error) {
	ctx, stop := context.WithCancel(b.ctx)
	defer stop()
	ended := make(chan error, 1)
	go func() {
		_, err := load.Run(ctx, load.Plan{Groups: []load.Group{g}, Window: b.warm + b.window + besideSpare, Seed: b.seed})
		ended <- err
	}()
	select {
	case err := <-ended:
		return row{}, fmt.Errorf("the load ended before anything was measured: %w", err)
	case <-time.After(besideWarm):
	}
	r, err := moved(measure)
	r.CPU, r.Generator = 0, 0
	select {
	case early := <-ended:
		return row{}, fmt.Errorf("the load ended while it was measured beside: %w", errors.Join(early, err))
	default:
	}
	stop()
	<-ended // with the error of a process that was killed
	return r, err
}

// moved calls measure and notes what went over loopback meanwhile.
func moved(measure func() (row, error)) (row, error) {
	began := time.Now()
	before, err := report.Loopback()
	if err != nil {
		return row{}, err
	}
	r, err := measure()
	if err != nil {
		return row{}, err
	}
	after, err := report.Loopback()
	r.Beside = float64(after-before) / 1e6 / time.Since(began).Seconds()
	return r, err
}

// newRow makes a row of the figures of the first group; processor time is of all requests of all groups.
func newRow(res *load.Result) row {
	all := int64(0)
	for _, g := range res.Groups {
		all += g.Requests
	}
	g := res.Groups[0]
	r := row{Requests: g.Requests, PerSecond: g.PerSecond, P50: g.P50, P99: g.P99, P999: g.P999, Misses: g.Misses,
		CPU: perMillion(res.CPU(), all), Generator: perMillion(res.Generator, all)}
	for _, bytes := range res.RSS {
		r.RSS += bytes
	}
	return r
}
