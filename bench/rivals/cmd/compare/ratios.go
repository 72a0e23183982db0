package main

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	"covey/bench/rivals/internal/measured"
	"covey/bench/rivals/internal/report"
)

// figures are what the benchmarks printed: of a row (benchmark, mix, processors), a cache and a unit, one figure a run.
type figures struct {
	rows   []string // in the order of their appearance
	values map[cell][]float64
}

type cell struct{ row, cache, unit string }

// parse reads the lines of go test -bench, run by run.
func parse(printed []string) (figures, error) {
	f := figures{values: map[cell][]float64{}}
	for run, text := range printed {
		for line := range strings.Lines(text) {
			fields := strings.Fields(line)
			if len(fields) < 4 || !strings.HasPrefix(fields[0], "Benchmark") {
				continue
			}
			row, name := split(fields[0])
			if !slices.Contains(f.rows, row) {
				f.rows = append(f.rows, row)
			}
			for i := 2; i+1 < len(fields); i += 2 {
				value, err := strconv.ParseFloat(fields[i], 64)
				if err != nil {
					return f, fmt.Errorf("run %d: %q is no figure: %q", run+1, fields[i], line)
				}
				at := cell{row, name, fields[i+1]}
				f.values[at] = append(f.values[at], value)
			}
		}
	}
	if len(f.rows) == 0 {
		return f, fmt.Errorf("no benchmark printed a figure: %q", printed)
	}
	slices.SortStableFunc(f.rows, func(a, b string) int { return strings.Compare(group(a), group(b)) })
	return f, nil
}

// group puts the rows of a benchmark and of a number of processors together.
func group(row string) string {
	fields := strings.Fields(row)
	place := slices.Index([]string{"Store", "HotKey", "DuringWalk"}, fields[0])
	return fmt.Sprintf("%d %s", place, fields[len(fields)-1])
}

// split takes BenchmarkStore/cache=covey/mix=get-2 apart: the row "Store get ×2" and the cache.
func split(name string) (row, cacheName string) {
	name = strings.TrimPrefix(name, "Benchmark")
	processors := "1"
	if i := strings.LastIndexByte(name, '-'); i >= 0 {
		if _, err := strconv.Atoi(name[i+1:]); err == nil {
			name, processors = name[:i], name[i+1:]
		}
	}
	parts := strings.Split(name, "/")
	row = parts[0]
	for _, part := range parts[1:] {
		key, value, _ := strings.Cut(part, "=")
		if key == "cache" {
			cacheName = value
		} else {
			row += " " + value
		}
	}
	return row + " ×" + processors, cacheName
}

// ratios prints the first cache's time to each other's.
func (f figures) ratios(r *report.Report, caches []string) {
	head := []string{"benchmark ×processors"}
	for _, other := range caches[1:] {
		head = append(head, caches[0]+" : "+other)
	}
	var rows [][]string
	for _, row := range f.rows {
		line := []string{row}
		for _, other := range caches[1:] {
			line = append(line, measured.RatioText(f.values[cell{row, caches[0], "ns/op"}], f.values[cell{row, other, "ns/op"}]))
		}
		rows = append(rows, line)
	}
	r.Table(head, rows)
}

// medians prints what was measured of each cache: time, misses and allocations of an operation, entries walked.
func (f figures) medians(r *report.Report, caches []string) {
	var rows [][]string
	for _, row := range f.rows {
		for _, unit := range []string{"ns/op", "%miss", "B/op", "allocs/op", "walked/s"} {
			line, show := []string{row, unit}, false
			for _, name := range caches {
				values := f.values[cell{row, name, unit}]
				if len(values) == 0 {
					line = append(line, "-")
					continue
				}
				m := measured.Median(values)
				show = show || m != 0
				line = append(line, strconv.FormatFloat(math.Round(m*100)/100, 'f', -1, 64))
			}
			if show {
				rows = append(rows, line)
			}
		}
	}
	r.Table(append([]string{"benchmark ×processors", "unit"}, caches...), rows)
}
