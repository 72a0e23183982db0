package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"covey/cmd/covey/internal/generator"
)

const (
	// fillPipeline and fillBytes bound what one connection has on its way while keys are set before a run.
	fillPipeline = 64
	fillBytes    = 1 << 20
	// progressEvery is how often the progress line is drawn.
	progressEvery = 200 * time.Millisecond
)

type benchVerb struct {
	nodeFlag
	outputFlag
	password    string // to authenticate with; empty without a secret
	Protocol    string `default:"both" enum:"resp,binary,both" placeholder:"NAME" help:"resp, binary or both (default ${default})."`
	Test        string `short:"t" default:"mixed" enum:"get,set,mixed" placeholder:"NAME" help:"get, set, or mixed: nine gets to one set (default ${default})."`
	Requests    int64  `short:"n" default:"100000" placeholder:"N" help:"Requests of all connections together (default ${default})."`
	Connections int    `short:"c" default:"50" placeholder:"N" help:"Connections (default ${default})."`
	Pipeline    int    `short:"P" default:"1" placeholder:"N" help:"Requests sent at once on each connection (default ${default})."`
	Data        size   `short:"d" default:"100" placeholder:"SIZE" help:"Bytes of a value (default ${default})."`
	Keyspace    int64  `short:"r" default:"10000" placeholder:"N" help:"How many different keys, key:000000000000 and up (default ${default})."`
	Fill        bool   `default:"true" negatable:"" help:"Set every key once before a test that gets."`
	Threads     int    `default:"0" placeholder:"N" help:"Threads that send; 0 is half of the processors."`
	Seed        uint64 `default:"1" placeholder:"N" help:"Which keys and values are picked (default ${default})."`
}

// benchReport is one element of what covey bench -o json prints.
type benchReport struct {
	Protocol    string  `json:"protocol"`
	Test        string  `json:"test"`
	Connections int     `json:"connections"`
	Pipeline    int     `json:"pipeline"`
	ValueBytes  int     `json:"value_bytes"`
	Keyspace    int64   `json:"keyspace"`
	Seed        uint64  `json:"seed"`
	Requests    int64   `json:"requests"` // answered
	Seconds     float64 `json:"seconds"`
	PerSecond   float64 `json:"per_second"`
	P50         float64 `json:"p50_us"`
	P99         float64 `json:"p99_us"`
	P999        float64 `json:"p999_us"`
	Max         float64 `json:"max_us"`
	Misses      int64   `json:"misses"`
	Errors      int64   `json:"errors"` // refused or lost
	FirstError  string  `json:"first_error,omitempty"`
	Partial     bool    `json:"partial"` // stopped before its end
}

// Help is the second part of `covey bench --help`.
func (*benchVerb) Help() string {
	return `Each connection sends its requests in one write and waits for all the replies before the next. Latencies run from that write to the reply. Ctrl-C ends the test and prints the figures so far.

Examples:

    covey bench                            both protocols, 50 connections, one request at a time
    covey bench -P 16 -c 64 -n 2000000     pipelined
    covey bench -t set -d 1k -r 1000000    a million keys of 1 KiB
    covey bench --addr 10.0.0.5:9000 -o json`
}

// Run measures with one protocol after the other, and prints.
func (v *benchVerb) Run(ctx context.Context, p *process) error {
	if err := v.check(); err != nil {
		return err
	}
	all, err := v.read(p)
	if err != nil {
		return err
	}
	if len(all) > 0 {
		v.password = all[0].Password()
	}
	protocols := []generator.Protocol{generator.Protocol(v.Protocol)}
	if v.Protocol == "both" {
		protocols = []generator.Protocol{generator.RESP, generator.Binary}
	}
	if err := v.plan(protocols[0]).Check(); err != nil {
		return failf(exitUsage, "%v", err)
	}
	var reports []benchReport
	var failed error
	for _, protocol := range protocols {
		plan := v.plan(protocol)
		f, err := v.measure(ctx, p, plan)
		if failed = err; failed != nil {
			break
		}
		reports = append(reports, report(plan, f))
		if ctx.Err() != nil {
			break
		}
	}
	// What was measured before a failure is still worth its time.
	if len(reports) > 0 {
		if err := v.print(p.Stdout, reports); err != nil {
			return err
		}
	}
	var denied *generator.Denied
	switch {
	case errors.Is(failed, generator.ErrUnreachable):
		return v.unreachable(failed)
	case errors.As(failed, &denied):
		return failf(exitFailed, "the node at %s does not take the secret: %s%s", v.Addr, denied.Said, secretHint)
	case failed != nil:
		return failed
	}
	return v.judge(reports)
}

func (v *benchVerb) plan(protocol generator.Protocol) *generator.Plan {
	return &generator.Plan{
		Password: v.password, Addr: v.Addr, Protocol: protocol, Mix: generator.Mix(v.Test),
		Connections: v.Connections, Pipeline: v.Pipeline, Requests: v.Requests,
		ValueBytes: int(min(v.Data, generator.MaxValueBytes+1)), Keyspace: v.Keyspace, Threads: v.Threads, Seed: v.Seed,
	}
}

// measure fills the keyspace where the test gets, and runs the test.
func (v *benchVerb) measure(ctx context.Context, p *process, plan *generator.Plan) (*generator.Figures, error) {
	if v.Fill && plan.Mix != generator.Set {
		fill := *plan
		fill.Mix, fill.Requests = generator.Fill, plan.Keyspace
		fill.Pipeline = max(1, min(fillPipeline, fillBytes/(1+plan.ValueBytes)))
		f, err := withProgress(ctx, p.Stderr, &fill, "filling")
		if err != nil {
			return nil, err
		}
		if f.Errors > 0 && ctx.Err() == nil {
			return nil, fmt.Errorf("setting the keys before the test failed: %s", v.hinted(f.FirstError))
		}
	}
	return withProgress(ctx, p.Stderr, plan, plan.Mix)
}

// withProgress runs a plan, and draws a line about it where a person sees it.
func withProgress[T ~string](ctx context.Context, w io.Writer, plan *generator.Plan, doing T) (*generator.Figures, error) {
	if !isTerminal(w) {
		return generator.Run(ctx, *plan, nil)
	}
	var answered atomic.Int64
	drawn, end := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(drawn)
		beat := time.NewTicker(progressEvery)
		defer beat.Stop()
		before := int64(0)
		for {
			select {
			case <-end:
				fmt.Fprint(w, "\r\x1b[K")
				return
			case <-beat.C:
				now := answered.Load()
				fmt.Fprintf(w, "\r\x1b[K%s %s: %d %%, %s a second", plan.Protocol, doing, 100*now/plan.Requests,
					grouped((now-before)*int64(time.Second/progressEvery)))
				before = now
			}
		}
	}()
	f, err := generator.Run(ctx, *plan, &answered)
	close(end)
	<-drawn
	return f, err
}

func report(plan *generator.Plan, f *generator.Figures) benchReport {
	us := func(d time.Duration) float64 { return float64(d.Nanoseconds()) / 1e3 }
	return benchReport{
		Protocol: string(plan.Protocol), Test: string(plan.Mix), Connections: plan.Connections, Pipeline: plan.Pipeline,
		ValueBytes: plan.ValueBytes, Keyspace: plan.Keyspace, Seed: plan.Seed,
		Requests: f.Answered, Seconds: f.Elapsed.Seconds(), PerSecond: f.PerSecond(),
		P50: us(f.Quantile(50)), P99: us(f.Quantile(99)), P999: us(f.Quantile(99.9)), Max: us(f.Quantile(100)),
		Misses: f.Misses, Errors: f.Errors + f.Lost, FirstError: f.FirstError, Partial: f.Partial,
	}
}

func (v *benchVerb) print(w io.Writer, reports []benchReport) error {
	if v.json() {
		return printJSON(w, reports)
	}
	t := table{header: []string{"protocol", "test", "requests", "per_second", "p50_us", "p99_us", "p999_us", "max_us", "misses", "errors"}}
	us := func(v float64) string { return strconv.FormatFloat(v, 'f', 0, 64) }
	for _, r := range reports {
		t.add(r.Protocol, r.Test, strconv.FormatInt(r.Requests, 10), us(r.PerSecond), us(r.P50), us(r.P99), us(r.P999), us(r.Max),
			strconv.FormatInt(r.Misses, 10), strconv.FormatInt(r.Errors, 10))
	}
	return t.print(w)
}

// hinted returns a node's error text, with a hint added where the node wants a secret: each protocol words that error differently.
func (v *benchVerb) hinted(said string) string {
	if v.password == "" && (strings.HasPrefix(said, "NOAUTH ") || strings.Contains(said, "has a secret")) {
		return said + secretHint
	}
	return said
}

// judge makes errors and an early end the end of the program.
func (v *benchVerb) judge(reports []benchReport) error {
	for _, r := range reports {
		if r.Errors > 0 {
			return failf(exitFailed, "%s requests of the %s test failed; the first error: %s", grouped(r.Errors), r.Protocol, v.hinted(r.FirstError))
		}
		if r.Partial {
			return failf(exitFailed, "interrupted: the figures are those of the part that was done")
		}
	}
	return nil
}

// grouped writes 1234567 as 1,234,567.
func grouped(n int64) string {
	digits := strconv.FormatInt(n, 10)
	var b strings.Builder
	for i, c := range digits {
		if i > 0 && (len(digits)-i)%3 == 0 {
			b.WriteByte(',')
		}
		b.WriteRune(c)
	}
	return b.String()
}
