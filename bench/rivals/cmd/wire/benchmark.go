package main

import (
	"fmt"
	"os/exec"
	"regexp"
	"strconv"
	"strings"

	"covey/bench/rivals/internal/report"
	"covey/bench/rivals/internal/server"
)

var (
	throughput = regexp.MustCompile(`throughput summary: ([0-9.]+) requests per second`)
	percentile = regexp.MustCompile(`(?m)^([0-9.]+)% <= ([0-9.]+) milliseconds \(cumulative count [0-9]+\)$`)
)

// benchmarkRun drives a server by redis-benchmark with n requests and returns its figures and its own processor time.
func (b *bench) benchmarkRun(s *server.Server, c kind, n int) (row, error) {
	_, port, _ := strings.Cut(s.Addr, ":")
	args := []string{"-h", "127.0.0.1", "-p", port, "-t", strings.ToLower(c.verb()), "-n", strconv.Itoa(n), "-c", strconv.Itoa(clients),
		"-P", strconv.Itoa(c.pipeline), "-d", strconv.Itoa(c.value), "-r", strconv.Itoa(keys), "--precision", "3"}
	before, err := report.Processor(s.Pid())
	if err != nil {
		return row{}, err
	}
	process := exec.CommandContext(b.ctx, "redis-benchmark", args...)
	printed, err := process.CombinedOutput()
	if err != nil || strings.Contains(string(printed), "Error") {
		return row{}, fmt.Errorf("redis-benchmark %s: %w: %s", strings.Join(args, " "), err, printed)
	}
	after, err := report.Processor(s.Pid())
	if err != nil {
		return row{}, err
	}
	r := row{Server: s.Name, Requests: int64(n), CPU: perMillion((after - before).Seconds(), int64(n)),
		Generator: perMillion((process.ProcessState.UserTime() + process.ProcessState.SystemTime()).Seconds(), int64(n))}
	if r.RSS, _, err = report.RSS(s.Pid()); err != nil {
		return row{}, err
	}
	err = readBenchmark(&r, string(printed))
	return r, err
}

// readBenchmark reads what redis-benchmark printed.
func readBenchmark(r *row, text string) (err error) {
	_, text, _ = strings.Cut(text, "Latency by percentile distribution:")
	distribution, rest, _ := strings.Cut(text, "Cumulative distribution of latencies:")
	m := throughput.FindStringSubmatch(rest)
	if m == nil {
		return fmt.Errorf("redis-benchmark printed no throughput: %q", rest)
	}
	if r.PerSecond, err = strconv.ParseFloat(m[1], 64); err != nil {
		return err
	}
	// The first line that has at least so many percent.
	for _, want := range []struct {
		percent float64
		to      *float64
	}{{50, &r.P50}, {99, &r.P99}, {99.9, &r.P999}} {
		for _, line := range percentile.FindAllStringSubmatch(distribution, -1) {
			percent, err := strconv.ParseFloat(line[1], 64)
			if err != nil {
				return err
			}
			ms, err := strconv.ParseFloat(line[2], 64)
			if err != nil {
				return err
			}
			*want.to = ms * 1e3
			if percent >= want.percent {
				break
			}
		}
	}
	return nil
}
