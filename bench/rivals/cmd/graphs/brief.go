package main

import (
	"fmt"
	"strings"

	"covey/bench/rivals/internal/measured"
)

// briefs are the rows that README.md shows: the usual cases, and of those where covey is slower the plainest.
var briefs = []struct{ table, name, text string }{
	{"lean", "GET 64, pipeline 1", "GET of 64 bytes, one at a time on each of 50 connections"},
	{"unix", "GET 64, pipeline 1", "the same by a Unix socket, of both"},
	{"benchmark", "GET 64, pipeline 1", "the first by redis-benchmark, which is the limit itself"},
	{"lean", "GET 64, pipeline 16", "GET of 64 bytes, pipelines of 16"},
	{"lean", "SET 64, pipeline 16", "SET of 64 bytes, pipelines of 16"},
	{"replicated", "SET 64, pipeline 1", "SET, one at a time, three nodes; of Redis a primary with two replicas"},
	{"large", "SET 1 MiB", "SET of 1 MiB, 4 connections"},
}

// brief is the part of README.md.
func brief(file *measured.File) string {
	rows := file.Rows
	var lines [][]string
	for _, b := range briefs {
		own, other := rows.Of(b.table, b.name, "covey"), rows.Of(b.table, b.name, "redis")
		rate := "-"
		if len(own) > 0 {
			rate = short(own.Median(measured.PerSecond))
		}
		lines = append(lines, []string{b.text, rate, times(own, other, measured.PerSecond), times(own, other, measured.CPU)})
	}
	var out strings.Builder
	out.WriteString(table([]string{"covey beside redis-server", "requests a second", "of Redis'", "processor time, of Redis'"}, lines))
	fmt.Fprintf(&out, "\nMedians of %d runs on %s, at commit %s, over the loopback; clients and servers share the processors.", file.Head.Runs, file.Head.Machine, file.Head.Commit)
	if seen := rows.Of("visible", "idle", "covey"); len(seen) > 0 {
		loaded := rows.Of("visible", "under saturating load", "covey")
		fmt.Fprintf(&out, " Another node shows a write %s after the reply to it in half of all cases, and %s in 99 of 100; under as much load as the machine takes %s and %s.",
			span(seen.Median(measured.P50)), span(seen.Median(measured.P99)), span(loaded.Median(measured.P50)), span(loaded.Median(measured.P99)))
	}
	return out.String()
}

// times is how often a figure of others goes into that of rows.
func times(rows, others measured.Rows, of func(*measured.Row) float64) string {
	m, _, _, ok := rows.Ratio(others, of)
	if !ok {
		return "-"
	}
	return fmt.Sprintf("%.2fx", m)
}
