// Package measured is the lines of JSON that comparisons write beside their Markdown: a head, then one line for each measurement,
// and one for each goal. They are what graphs and the page of figures are made of.
package measured

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"
	"slices"
)

// Head is the first line.
type Head struct {
	Date     string   `json:"date"`
	Commit   string   `json:"commit"`
	Machine  string   `json:"machine"`
	Versions []string `json:"versions"`
	Runs     int      `json:"runs"`
	Command  string   `json:"command"`
}

// Row is one measurement of a server, or of a client.
type Row struct {
	Table       string  `json:"table"`
	Case        string  `json:"case"`
	Server      string  `json:"server"`
	Run         int     `json:"run"`
	Requests    int64   `json:"requests"`
	PerSecond   float64 `json:"per_second"`
	P50         float64 `json:"p50_us"`
	P99         float64 `json:"p99_us"`
	P999        float64 `json:"p999_us,omitempty"`
	CPU         float64 `json:"cpu_s_per_million"` // processor seconds of what is measured, for a million requests
	Generator   float64 `json:"generator_s_per_million,omitempty"`
	RSS         int64   `json:"rss,omitempty"`
	Misses      int64   `json:"misses,omitempty"`
	Others      float64 `json:"others_percent"`        // of the processors' time, that went to what is not measured
	Allocations float64 `json:"allocations,omitempty"` // of a client, a request
	Bytes       float64 `json:"bytes,omitempty"`
	Beside      float64 `json:"beside_mb_per_second,omitempty"` // what went over loopback, if there was a load beside that which was measured
	Node        float64 `json:"node_s_per_million,omitempty"`   // processor seconds of the node that a client speaks to
}

// The figures of a row, by which rows are compared.
func PerSecond(r *Row) float64 { return r.PerSecond }
func CPU(r *Row) float64       { return r.CPU }
func P50(r *Row) float64       { return r.P50 }
func P99(r *Row) float64       { return r.P99 }
func P999(r *Row) float64      { return r.P999 }
func Beside(r *Row) float64    { return r.Beside }
func Others(r *Row) float64    { return r.Others }

// BusyPercent is what share of the processors others may have beside measurements, in the median, before they are called busy.
const BusyPercent = 20

// Goal is what a ratio must be. The figures of a case of a server are held against those of another server, or of another case.
type Goal struct {
	Table  string  `json:"table"`
	Case   string  `json:"case"`
	Server string  `json:"server"`
	Beside string  `json:"beside"`   // a case: often the same
	Other  string  `json:"other"`    // a server: often another
	Figure string  `json:"figure"`   // one of Figures
	Limit  float64 `json:"limit"`    // of the median of the ratios
	Least  bool    `json:"at_least"` // else at most
}

// Ratio is what was measured of a goal, and its text; ok is false when nothing was.
func (g *Goal) Ratio(rows Rows) (m float64, text string, ok bool) {
	own, other, of := rows.Of(g.Table, g.Case, g.Server), rows.Of(g.Table, g.Beside, g.Other), Figures[g.Figure]
	if of == nil {
		return 0, "", false
	}
	m, _, _, ok = own.Ratio(other, of)
	return m, own.RatioText(other, of), ok
}

// Met says whether a ratio is on the right side of the limit.
func (g *Goal) Met(m float64) bool { return g.Least && m >= g.Limit || !g.Least && m <= g.Limit }

// String is the limit.
func (g *Goal) String() string {
	if g.Least {
		return fmt.Sprintf(">= %.2f", g.Limit)
	}
	return fmt.Sprintf("<= %.2f", g.Limit)
}

// File is one, read.
type File struct {
	Head  Head
	Rows  Rows
	Goals []Goal
}

// Figures are what goals are about, by name.
var Figures = map[string]func(*Row) float64{"requests/s": PerSecond, "CPU": CPU, "p50": P50, "p99": P99, "p99.9": P999}

// Rows are those of a file, or of one table, case or server of it, in the order of measurement.
type Rows []Row

// Read reads a file.
func Read(path string) (*File, error) {
	in, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer in.Close()
	f := new(File)
	lines := bufio.NewScanner(in)
	if !lines.Scan() || json.Unmarshal(lines.Bytes(), &f.Head) != nil || f.Head.Machine == "" {
		return nil, fmt.Errorf("%s does not begin with a head", path)
	}
	for lines.Scan() {
		var line struct {
			Row
			Goal *Goal `json:"goal"`
		}
		if err := json.Unmarshal(lines.Bytes(), &line); err != nil {
			return nil, fmt.Errorf("%s: %w: %q", path, err, lines.Text())
		}
		if line.Goal != nil {
			f.Goals = append(f.Goals, *line.Goal)
			continue
		}
		f.Rows = append(f.Rows, line.Row)
	}
	return f, lines.Err()
}

// Of is the rows of a case of a server.
func (rows Rows) Of(tableName, caseName, server string) Rows {
	return rows.where(func(r *Row) bool { return r.Table == tableName && r.Case == caseName && r.Server == server })
}

// Table is the rows of a table.
func (rows Rows) Table(name string) Rows {
	return rows.where(func(r *Row) bool { return r.Table == name })
}

func (rows Rows) where(is func(*Row) bool) (out Rows) {
	for i := range rows {
		if is(&rows[i]) {
			out = append(out, rows[i])
		}
	}
	return out
}

// Tables are the names of the tables, in the order of their appearance.
func (rows Rows) Tables() []string { return rows.names(func(r *Row) string { return r.Table }) }

// Cases are the names of the cases, in the order of their appearance.
func (rows Rows) Cases() []string { return rows.names(func(r *Row) string { return r.Case }) }

// Servers are the names of the servers, in the order of their appearance.
func (rows Rows) Servers() []string { return rows.names(func(r *Row) string { return r.Server }) }

func (rows Rows) names(of func(*Row) string) (out []string) {
	for i := range rows {
		if name := of(&rows[i]); !slices.Contains(out, name) {
			out = append(out, name)
		}
	}
	return out
}

// Median is that of a figure; 0 of nothing.
func (rows Rows) Median(of func(*Row) float64) float64 { return Median(rows.values(of)) }

func (rows Rows) values(of func(*Row) float64) []float64 {
	values := make([]float64, len(rows))
	for i := range rows {
		values[i] = of(&rows[i])
	}
	return values
}

// Ratio is how a figure of rows stands to that of others.
func (rows Rows) Ratio(others Rows, of func(*Row) float64) (m, least, most float64, ok bool) {
	return Ratio(rows.values(of), others.values(of))
}

// RatioText is Ratio as it stands in tables.
func (rows Rows) RatioText(others Rows, of func(*Row) float64) string {
	return RatioText(rows.values(of), others.values(of))
}

// Ratio is how figures stand to others, run by run: the median of the ratios, the least and the most. ok is false when there is none.
func Ratio(values, others []float64) (m, least, most float64, ok bool) {
	out := make([]float64, min(len(values), len(others)))
	for i := range out {
		if others[i] == 0 {
			return 0, 0, 0, false
		}
		out[i] = values[i] / others[i]
	}
	if len(out) == 0 {
		return 0, 0, 0, false
	}
	return Median(out), slices.Min(out), slices.Max(out), true
}

// RatioText is Ratio as it stands in tables.
func RatioText(values, others []float64) string {
	m, least, most, ok := Ratio(values, others)
	if !ok {
		return "-"
	}
	return fmt.Sprintf("%.2f (%.2f to %.2f)", m, least, most)
}

// Median is the middle of values, or between the two in the middle.
func Median(values []float64) float64 {
	n := len(values)
	if n == 0 {
		return 0
	}
	sorted := slices.Sorted(slices.Values(values))
	return (sorted[(n-1)/2] + sorted[n/2]) / 2
}
