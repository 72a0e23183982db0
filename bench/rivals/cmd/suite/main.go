// Suite runs every benchmark of go test -bench that covey has, several times over, and prints benchstat's tables, also beside an
// earlier run. It is to be started in the folder bench/rivals:
//
//		go run ./cmd/suite -o ../results/2006-01-02-bench.md
//		go run ./cmd/suite -bench Codec -against ../results/2006-01-01-bench.txt
//
//	 1. What the benchmarks print goes to a file beside the Markdown, in benchstat's format, with commit and machine: that is what
//	    a later run is held against.
//	 2. The runs of all benchmarks follow each other -count times, so that a machine that gets slower or faster is seen as spread.
package main

import (
	"bytes"
	"context"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"

	"covey/bench/rivals/internal/report"
)

type settings struct {
	count                     int
	bench, benchtime, against string
}

func main() {
	var s settings
	out := report.Path()
	flag.IntVar(&s.count, "count", 6, "how often every benchmark runs; benchstat wants six at least")
	flag.StringVar(&s.bench, "bench", ".", "which benchmarks, a regular expression")
	flag.StringVar(&s.benchtime, "benchtime", "100ms", "time or count of a benchmark, as go test has it")
	flag.StringVar(&s.against, "against", "", "the `file` of an earlier run to compare with")
	flag.Parse()
	if err := run(s, *out); err != nil {
		report.Fail(err)
	}
}

func run(s settings, out string) error {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if s.count < 1 {
		return fmt.Errorf("-count %d: at least 1", s.count)
	}
	folder, err := os.MkdirTemp("", "covey-suite-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(folder)
	raw := filepath.Join(folder, "bench.txt")
	if out != "" {
		raw = strings.TrimSuffix(out, ".md") + ".txt"
	}
	r := report.Begin(out, "Every benchmark of covey", nil)
	r.Text("`go test -p 1 -run '^$' -bench '%s' -benchmem -benchtime %s -count %d` over the packages that have any\n", s.bench, s.benchtime, s.count)
	printed, err := measure(ctx, s)
	if err != nil {
		return err
	}
	if err := os.WriteFile(raw, []byte(fmt.Sprintf("commit: %s\nmachine: %s\n%s", report.Commit(), report.Machine(), printed)), 0o644); err != nil {
		return err
	}
	files := []string{raw}
	if s.against != "" {
		files = []string{s.against, raw}
	}
	tables, err := exec.Command("go", append([]string{"tool", "benchstat", "-ignore", "commit,machine"}, files...)...).CombinedOutput()
	if err != nil {
		return fmt.Errorf("benchstat: %w: %s", err, tables)
	}
	r.Block(strings.ReplaceAll(string(tables), folder+string(filepath.Separator), ""))
	return r.End()
}

// withBenchmarks are the packages of a module that have any: linking the tests of all others takes longer than measuring.
func withBenchmarks(root string) (packages []string, err error) {
	list := exec.Command("go", "list", "-f", `{{.ImportPath}}{{$dir := .Dir}}{{range .TestGoFiles}} {{$dir}}/{{.}}{{end}}{{range .XTestGoFiles}} {{$dir}}/{{.}}{{end}}`, "./...")
	list.Dir = root
	out, err := list.Output()
	if err != nil {
		return nil, fmt.Errorf("go list: %w", err)
	}
	for line := range strings.Lines(string(out)) {
		fields := strings.Fields(line)
		for _, path := range fields[1:] {
			text, err := os.ReadFile(path)
			if err != nil {
				return nil, err
			}
			if bytes.Contains(text, []byte("\nfunc Benchmark")) {
				packages = append(packages, fields[0])
				break
			}
		}
	}
	if len(packages) == 0 {
		return nil, fmt.Errorf("no package in %s has a benchmark", root)
	}
	return packages, nil
}

// measure runs everything count times.
func measure(ctx context.Context, s settings) (string, error) {
	var printed bytes.Buffer
	root := filepath.Join("..", "..")
	packages, err := withBenchmarks(root)
	if err != nil {
		return "", err
	}
	process := exec.CommandContext(ctx, "go", append([]string{"test", "-p", "1", "-run", "^$", "-bench", s.bench, "-benchmem", "-benchtime", s.benchtime,
		"-count", strconv.Itoa(s.count), "-timeout", "60m"}, packages...)...)
	process.Dir = root
	process.Stdout, process.Stderr = io.MultiWriter(&printed, os.Stderr), os.Stderr
	if err := process.Run(); err != nil {
		return "", fmt.Errorf("go test: %w", err)
	}
	return figures(printed.String())
}

const leastFields = 4 // of a line: name, count, a figure and its unit

// figures keeps the lines that benchstat reads.
func figures(printed string) (string, error) {
	var out strings.Builder
	found := false
	for line := range strings.Lines(printed) {
		word, _, _ := strings.Cut(line, " ")
		switch word {
		case "goos:", "goarch:", "pkg:", "cpu:":
			out.WriteString(line)
		default:
			if strings.HasPrefix(line, "Benchmark") && len(strings.Fields(line)) >= leastFields {
				found = true
				out.WriteString(line)
			}
		}
	}
	if !found {
		return "", fmt.Errorf("no benchmark printed a figure: %q", printed)
	}
	return out.String(), nil
}
