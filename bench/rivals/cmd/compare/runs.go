package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
)

// measure builds the benchmarks and returns what each run printed.
func measure(s settings) ([]string, error) {
	folder, err := os.MkdirTemp("", "covey-compare-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(folder)
	binary := filepath.Join(folder, "rivals.test")
	if out, err := exec.Command("go", "test", "-c", "-o", binary, "covey/bench/rivals").CombinedOutput(); err != nil {
		return nil, fmt.Errorf("building the benchmarks (this is to be started in bench/rivals): %w: %s", err, out)
	}
	printed := make([]string, s.runs)
	for run := range s.runs {
		for i := range s.caches {
			name := s.caches[(i+run*step(len(s.caches)))%len(s.caches)]
			fmt.Fprintf(os.Stderr, "run %d of %d: %s\n", run+1, s.runs, name)
			out, err := exec.Command(binary, "-test.run", "^$",
				"-test.bench", "^Benchmark("+s.bench+")$/^cache="+name+"$", "-test.benchtime", s.benchtime,
				"-test.cpu", s.cpu, "-test.timeout", "0", "-keys", strconv.Itoa(s.keys)).CombinedOutput()
			if err != nil {
				return nil, fmt.Errorf("%s: %w: %s", name, err, out)
			}
			printed[run] += string(out)
		}
	}
	return printed, nil
}

// step is how many places the order of n caches is turned from run to run: about a third, so that six runs begin in
// all parts of it.
func step(n int) int { return max(1, n/3) | 1 }
