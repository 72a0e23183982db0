package main

import (
	"encoding/json"
	"fmt"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"covey/bench/rivals/internal/measured"
	"covey/bench/rivals/internal/report"
)

// row is one measurement.
type row = measured.Row

// rawPath is where the lines go: beside the Markdown.
func rawPath(out, folder string) string {
	if out == "" {
		return filepath.Join(folder, "rows.jsonl")
	}
	return strings.TrimSuffix(out, ".md") + ".jsonl"
}

func (b *bench) writeHead(versions []string) error {
	return json.NewEncoder(b.raw).Encode(measured.Head{Date: time.Now().Format(time.RFC3339), Commit: report.Commit(), Machine: report.Machine(),
		Versions: versions, Runs: b.runs, Command: report.Command()})
}

func (b *bench) add(r row) error {
	b.rows = append(b.rows, r)
	return json.NewEncoder(b.raw).Encode(r)
}

// perMillion is seconds for n requests, for a million.
func perMillion(seconds float64, n int64) float64 { return seconds * 1e6 / float64(max(n, 1)) }

// goal is what a case must reach against redis; 0 is no goal.
type goal struct {
	throughput float64 // at least
	cpu        float64 // at most
	p50        float64 // at most
	p99, p999  float64 // at most
}

// figure is one column of rows.
type figure struct {
	name  string
	of    func(*row) float64
	limit func(goal) (limit float64, least bool)
}

var (
	byThroughput = figure{"requests/s", measured.PerSecond, func(g goal) (float64, bool) { return g.throughput, true }}
	byCPU        = figure{"CPU", measured.CPU, func(g goal) (float64, bool) { return g.cpu, false }}
	byP50        = figure{"p50", measured.P50, func(g goal) (float64, bool) { return g.p50, false }}
	byP99        = figure{"p99", measured.P99, func(g goal) (float64, bool) { return g.p99, false }}
	byP999       = figure{"p99.9", measured.P999, func(g goal) (float64, bool) { return g.p999, false }}
)

// print writes the tables of a question: ratios of the first server to the others, and medians.
func (b *bench) print(tableName string, servers []string, figures []figure, goals func(caseName, other string) goal) {
	cases := b.rows.Table(tableName).Cases()
	first := servers[0]
	titles := []string{first + " ->"}
	for _, f := range figures {
		titles = append(titles, f.name, "goal")
	}
	var ratios, medians [][]string
	for _, c := range cases {
		for _, other := range servers[1:] {
			line := []string{c + ", " + other}
			for _, f := range figures {
				mine, theirs := b.rows.Of(tableName, c, first), b.rows.Of(tableName, c, other)
				m, _, _, _ := mine.Ratio(theirs, f.of)
				limit, least := f.limit(goals(c, other))
				line = append(line, mine.RatioText(theirs, f.of), verdict(m, limit, least))
			}
			ratios = append(ratios, line)
		}
		for _, s := range servers {
			medians = append(medians, medianLine(c, s, b.rows.Of(tableName, c, s)))
		}
	}
	if len(servers) > 1 {
		b.r.Table(titles, ratios)
	}
	b.r.Table([]string{"medians", "requests/s", "p50 us", "p99 us", "p99.9 us", "CPU s/M", "generator s/M", "RSS MiB", "misses"}, medians)
	var others []float64
	for _, r := range b.rows.Table(tableName) {
		others = append(others, r.Others)
	}
	if len(others) > 0 {
		b.r.Text("Beside these measurements others had %.1f %% of the processors (median; %.1f %% at most).\n", measured.Median(others), slices.Max(others))
	}
}

// verdict is the goal, and whether it is met.
func verdict(m, limit float64, least bool) string {
	switch {
	case limit == 0:
		return "-"
	case least && m >= limit:
		return fmt.Sprintf(">= %.2f", limit)
	case least:
		return fmt.Sprintf(">= %.2f **missed**", limit)
	case m <= limit:
		return fmt.Sprintf("<= %.2f", limit)
	}
	return fmt.Sprintf("<= %.2f **missed**", limit)
}

func medianLine(caseName, server string, rows measured.Rows) []string {
	of := rows.Median
	whole := func(v float64) string { return strconv.FormatFloat(v, 'f', 0, 64) }
	some := func(v float64, format string) string {
		if v == 0 {
			return "-" // was not measured
		}
		return fmt.Sprintf(format, v)
	}
	return []string{caseName + ", " + server, grouped(int64(of(byThroughput.of))), whole(of(byP50.of)), whole(of(byP99.of)), whole(of(byP999.of)),
		some(of(byCPU.of), "%.3f"), some(of(func(r *row) float64 { return r.Generator }), "%.3f"),
		some(of(func(r *row) float64 { return float64(r.RSS) / (1 << 20) }), "%.0f"), whole(of(func(r *row) float64 { return float64(r.Misses) }))}
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
