package main

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// build makes a binary of a package.
func build(t *testing.T, what string) string {
	t.Helper()
	binary := filepath.Join(t.TempDir(), filepath.Base(what))
	if text, err := exec.Command("go", "build", "-o", binary, what).CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, text)
	}
	return binary
}

// TestWhoStopsReadingLeavesNoNodeRunning: make demo | head.
func TestWhoStopsReadingLeavesNoNodeRunning(t *testing.T) {
	demo := exec.Command(build(t, "covey/internal/demo"), "-binary", build(t, "covey/cmd/covey"), "-port", "21100")
	out, err := demo.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := demo.Start(); err != nil {
		t.Fatal(err)
	}
	var pids []int
	for lines := bufio.NewScanner(out); len(pids) < nodeCount && lines.Scan(); {
		var pid int
		if _, text, found := strings.Cut(lines.Text(), "(pid "); found {
			if _, err := fmt.Sscan(strings.TrimSuffix(text, ")"), &pid); err != nil {
				t.Fatal(err)
			}
			pids = append(pids, pid)
		}
	}
	if len(pids) != nodeCount {
		t.Errorf("the demonstration names %d nodes", len(pids))
	}
	out.Close()
	if err := demo.Wait(); err == nil {
		t.Error("it did not notice that nobody reads")
	}
	for _, pid := range pids {
		if err := syscall.Kill(pid, 0); !errors.Is(err, syscall.ESRCH) {
			t.Errorf("node %d is left: %v", pid, err)
			_ = syscall.Kill(pid, syscall.SIGKILL)
		}
	}
}

func TestTheDemonstrationShowsAValueOnAllThreeNodesAndLeavesNoneRunning(t *testing.T) {
	var out bytes.Buffer
	if err := run(t.Context(), build(t, "covey/cmd/covey"), 21000, &out); err != nil {
		t.Fatalf("%v\n%s", err, out.String())
	}
	text := out.String()
	for what, count := range map[string]int{"$ covey run ": 3, "\nhello from 127.0.0.1:": 2, "has left, exit status 0": 3, "alive": 2} {
		if got := strings.Count(text, what); got < count {
			t.Errorf("%q stands %d times in the output, want at least %d:\n%s", what, got, count, text)
		}
	}
}
