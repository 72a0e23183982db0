package main

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"covey/bench/rivals/internal/measured"
)

// sharing is the benchmark of a node with some event loops, whose lines tell how long its goroutines waited for locks.
var sharing = regexp.MustCompile(`^BenchmarkNodeLoops/loops=(\d+)/mixed(?:-\d+)?\s+\d+\s`)

// shared makes the part on what loops wait for each other, out of the newest run of all benchmarks.
func (d *drawing) shared(results string) error {
	path, err := newest("", results, []string{"*-bench.txt"})
	if err != nil { // the suite was never run
		d.parts["shared"] = notMeasured
		return nil
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	d.parts["shared"] = waits(filepath.Base(path), string(text))
	return nil
}

func waits(name, text string) string {
	byLoops, order, head := map[string][][2]float64{}, []string(nil), ""
	for line := range strings.Lines(text) {
		if strings.HasPrefix(line, "commit: ") || strings.HasPrefix(line, "machine: ") {
			head += "- " + line
		}
		m := sharing.FindStringSubmatch(line)
		if m == nil {
			continue
		}
		if !slices.Contains(order, m[1]) {
			order = append(order, m[1])
		}
		byLoops[m[1]] = append(byLoops[m[1]], [2]float64{unit(line, "ns/op"), unit(line, "lock-ns/op")})
	}
	if len(order) == 0 {
		return notMeasured
	}
	var lines [][]string
	for _, loops := range order {
		runs := byLoops[loops]
		column := func(i int) float64 {
			values := make([]float64, len(runs))
			for n, r := range runs {
				values[n] = r[i]
			}
			return measured.Median(values)
		}
		lines = append(lines, []string{loops, strconv.Itoa(len(runs)), fmt.Sprintf("%.0f", column(0)), fmt.Sprintf("%.1f", column(1))})
	}
	return head + "- all of it is in [bench/results](../bench/results/" + name + ")\n\n" +
		table([]string{"loops", "runs", "ns a request", "of it waiting for locks, all goroutines together"}, lines)
}

// unit is the figure before a unit in a line of go test -bench; 0 without.
func unit(line, name string) float64 {
	fields := strings.Fields(line)
	i := slices.Index(fields, name)
	if i < 1 {
		return 0
	}
	v, err := strconv.ParseFloat(fields[i-1], 64)
	if err != nil {
		return 0
	}
	return v
}
