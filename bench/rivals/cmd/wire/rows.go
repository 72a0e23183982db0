package main

import (
	"encoding/json"
	"fmt"
	"path/filepath"
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
	name  string // as measured.Figures has it
	limit func(goal) (limit float64, least bool)
}

func (f figure) of() func(*row) float64 { return measured.Figures[f.name] }

var (
	byThroughput = figure{"requests/s", func(g goal) (float64, bool) { return g.throughput, true }}
	byCPU        = figure{"CPU", func(g goal) (float64, bool) { return g.cpu, false }}
	byP50        = figure{"p50", func(g goal) (float64, bool) { return g.p50, false }}
	byP99        = figure{"p99", func(g goal) (float64, bool) { return g.p99, false }}
	byP999       = figure{"p99.9", func(g goal) (float64, bool) { return g.p999, false }}
)

// print writes the tables of a question: ratios of the first server to the others, and medians.
func (b *bench) print(tableName string, servers []string, figures []figure, goals func(caseName, other string) goal) error {
	cases := b.rows.Table(tableName).Cases()
	first := servers[0]
	titles := []string{first + " ->"}
	for _, f := range figures {
		titles = append(titles, f.name, "goal")
	}
	var ratios, medians [][]string
	for _, c := range cases {
		for _, other := range servers[1:] {
			mine, theirs := b.rows.Of(tableName, c, first), b.rows.Of(tableName, c, other)
			line := []string{c + ", " + other + busy(mine, theirs)}
			for _, f := range figures {
				g := measured.Goal{Table: tableName, Case: c, Server: first, Beside: c, Other: other, Figure: f.name}
				g.Limit, g.Least = f.limit(goals(c, other))
				text, err := b.judge(&g)
				if err != nil {
					return err
				}
				line = append(line, mine.RatioText(theirs, f.of()), text)
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
	b.r.Table([]string{"medians", "requests/s", "p50 us", "p99 us", "p99.9 us", "CPU s/M", "generator s/M", "RSS MiB", "misses", "others"}, medians)
	most := 0.0
	all := b.rows.Table(tableName)
	for i := range all {
		most = max(most, all[i].Others)
	}
	if len(all) > 0 {
		b.r.Text("Beside these measurements others had %.1f %% of the processors (median; %.1f %% at most).\n", all.Median(measured.Others), most)
	}
	return nil
}

// busy is a mark for figures of which most runs were taken while others worked.
func busy(all ...measured.Rows) string {
	for _, rows := range all {
		if rows.Median(measured.Others) > measured.BusyPercent {
			return " **busy**"
		}
	}
	return ""
}

// judge keeps a goal for the page, and tells whether it is met. A limit of 0 is no goal.
func (b *bench) judge(g *measured.Goal) (string, error) {
	if g.Limit == 0 {
		return "-", nil
	}
	m, _, ok := g.Ratio(b.rows)
	switch err := json.NewEncoder(b.raw).Encode(map[string]*measured.Goal{"goal": g}); {
	case err != nil || ok && g.Met(m):
		return g.String(), err
	case !ok:
		return g.String() + ", not measured", nil
	}
	return g.String() + " **missed**", nil
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
	return []string{caseName + ", " + server + busy(rows), whole(of(measured.PerSecond)), whole(of(measured.P50)), whole(of(measured.P99)), whole(of(measured.P999)),
		some(of(measured.CPU), "%.3f"), some(of(func(r *row) float64 { return r.Generator }), "%.3f"),
		some(of(func(r *row) float64 { return float64(r.RSS) / (1 << 20) }), "%.0f"), whole(of(func(r *row) float64 { return float64(r.Misses) })),
		fmt.Sprintf("%.1f", of(measured.Others))}
}
