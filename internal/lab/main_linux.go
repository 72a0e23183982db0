package lab

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// built is the binary that Main built for this process.
var built struct {
	path string
	err  error
}

// Main is what TestMain does: reap, post a warden, build, run. It returns the exit status. A build that fails fails the tests that
// want the binary, with the compiler's words.
func Main(m *testing.M) int {
	if dir := os.Getenv(wardenVariable); dir != "" {
		return keepWatch(dir)
	}
	if os.Geteuid() != 0 {
		built.err = errors.New("it is not built without root, for nothing could run it")
		return m.Run()
	}
	if err := Reap(); err != nil {
		fmt.Fprintln(os.Stderr, "lab: what dead tests left could not be removed:", err)
	}
	dir, err := os.MkdirTemp("", "covey-lab-")
	if err != nil {
		fmt.Fprintln(os.Stderr, "lab:", err)
		return 1
	}
	w, err := post(dir)
	if err != nil {
		fmt.Fprintln(os.Stderr, "lab:", err)
		return 1
	}
	defer w.dismiss()
	// Another user runs the binary in a test, so the folder must let it through.
	if err := os.Chmod(dir, 0o755); err != nil {
		fmt.Fprintln(os.Stderr, "lab:", err)
		return 1
	}
	if built.path = os.Getenv(binaryVariable); built.path == "" {
		built.path = filepath.Join(dir, "covey")
		built.err = build(built.path)
	}
	return m.Run()
}

// Binary returns the path of the binary that Main built.
func Binary(t testing.TB) string {
	t.Helper()
	if built.err != nil {
		t.Fatalf("the binary does not build: %v", built.err)
	}
	return built.path
}

// build builds the binary, with more arguments for the compiler. Without those of make build (-trimpath, -pgo): with them nothing that
// the compiler has made for other tests could be used, the standard library included.
func build(out string, more ...string) error {
	root, err := moduleRoot()
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(context.Background(), buildLimit)
	defer cancel()
	args := append([]string{"build", "-o", out}, more...)
	if os.Getenv(raceVariable) != "" {
		args = append(args, "-race")
	}
	cmd := exec.CommandContext(ctx, "go", append(args, "./cmd/covey")...)
	cmd.Dir = root
	if text, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("%w\n%s", err, text)
	}
	return nil
}

// moduleRoot finds the folder of go.mod above the working directory. It also walks the module, so that go test takes
// every source for an input of the tests and never answers from its cache for a binary that has changed.
func moduleRoot() (string, error) {
	dir, err := os.Getwd()
	if err != nil {
		return "", err
	}
	for {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			break
		}
		up := filepath.Dir(dir)
		if up == dir {
			return "", errors.New("there is no go.mod above the working directory")
		}
		dir = up
	}
	return dir, filepath.WalkDir(dir, func(name string, entry fs.DirEntry, err error) error {
		if err == nil && entry.IsDir() && strings.HasPrefix(entry.Name(), ".") && name != dir {
			return fs.SkipDir
		}
		return err
	})
}
