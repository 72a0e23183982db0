package main

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
)

// built is the folder of the binaries of this run's tests: the node's and the demonstration's.
var built string

func TestMain(m *testing.M) {
	code := m.Run()
	os.RemoveAll(built) // "" is nothing
	os.Exit(code)
}

// build makes both, once for all tests. It walks the module first, so that go test takes every source for an input and never answers
// from its cache for a binary that has changed.
var build = sync.OnceValue(func() (err error) {
	if err = filepath.WalkDir(filepath.Join("..", ".."), func(name string, entry fs.DirEntry, err error) error {
		if err == nil && entry.IsDir() && strings.HasPrefix(entry.Name(), ".") && entry.Name() != ".." {
			return fs.SkipDir
		}
		return err
	}); err != nil {
		return err
	}
	if built, err = os.MkdirTemp("", "covey-demo-"); err != nil {
		return err
	}
	if text, err := exec.Command("go", "build", "-o", built, "covey/cmd/covey", "covey/internal/demo").CombinedOutput(); err != nil {
		return fmt.Errorf("%w\n%s", err, text)
	}
	return nil
})

// binary is the path of one of them.
func binary(t *testing.T, name string) string {
	t.Helper()
	if err := build(); err != nil {
		t.Fatal(err)
	}
	return filepath.Join(built, name)
}

// TestWhoStopsReadingLeavesNoNodeRunning: make demo | head.
func TestWhoStopsReadingLeavesNoNodeRunning(t *testing.T) {
	demo := exec.Command(binary(t, "demo"), "-binary", binary(t, "covey"), "-port", "21100")
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
	if err := run(t.Context(), binary(t, "covey"), 21000, &out); err != nil {
		t.Fatalf("%v\n%s", err, out.String())
	}
	text := out.String()
	for what, count := range map[string]int{"$ covey run ": 3, "\nhello from 127.0.0.1:": 2, "has left, exit status 0": 3, "alive": 2} {
		if got := strings.Count(text, what); got < count {
			t.Errorf("%q stands %d times in the output, want at least %d:\n%s", what, got, count, text)
		}
	}
}
