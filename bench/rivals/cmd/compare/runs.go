package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"syscall"

	"covey/bench/rivals/internal/report"
)

const mostTries = 4 // of one process; the one with the fewest others counts

// measure builds the benchmarks and returns what each run printed, and what others had beside each process.
func measure(s settings) (printed []string, others []float64, err error) {
	folder, err := os.MkdirTemp("", "covey-compare-")
	if err != nil {
		return nil, nil, err
	}
	defer os.RemoveAll(folder)
	binary := filepath.Join(folder, "rivals.test")
	if out, err := exec.Command("go", "test", "-c", "-o", binary, "covey/bench/rivals").CombinedOutput(); err != nil {
		return nil, nil, fmt.Errorf("building the benchmarks (this is to be started in bench/rivals): %w: %s", err, out)
	}
	printed = make([]string, s.runs)
	for run := range s.runs {
		for i := range s.caches {
			name := s.caches[(i+run*step(len(s.caches)))%len(s.caches)]
			fmt.Fprintf(os.Stderr, "run %d of %d: %s\n", run+1, s.runs, name)
			out, least, err := quietest(s, func() ([]byte, error) {
				return exec.Command(binary, "-test.run", "^$",
					"-test.bench", "^Benchmark("+s.bench+")$/^cache="+name+"$", "-test.benchtime", s.benchtime,
					"-test.cpu", s.cpu, "-test.timeout", "0", "-keys", strconv.Itoa(s.keys)).CombinedOutput()
			})
			if err != nil {
				return nil, nil, fmt.Errorf("%s: %w: %s", name, err, out)
			}
			printed[run] += string(out)
			others = append(others, least)
		}
	}
	return printed, others, nil
}

// quietest runs a process until others had little beside it, and returns what the one printed beside which they had least.
func quietest(s settings, run func() ([]byte, error)) (printed []byte, least float64, err error) {
	for try := range mostTries {
		unlock, err := locked(s.locks)
		if err != nil {
			return nil, 0, err
		}
		percent := report.Others()
		out, err := run()
		others := percent()
		unlock()
		if err != nil {
			return out, 0, err
		}
		if try == 0 || others < least {
			printed, least = out, others
		}
		if least <= s.others {
			break
		}
	}
	return printed, least, nil
}

// locked takes the locks on files, one after the other.
func locked(paths []string) (unlock func(), err error) {
	var files []*os.File
	unlock = func() {
		for _, file := range files {
			file.Close()
		}
	}
	for _, path := range paths {
		file, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o644)
		if err != nil {
			unlock()
			return nil, err
		}
		files = append(files, file)
		if err := syscall.Flock(int(file.Fd()), syscall.LOCK_EX); err != nil {
			unlock()
			return nil, fmt.Errorf("locking %s: %w", path, err)
		}
	}
	return unlock, nil
}

// step is how many places the order of n caches is turned from run to run: about a third, so that six runs begin in
// all parts of it.
func step(n int) int { return max(1, n/3) | 1 }
