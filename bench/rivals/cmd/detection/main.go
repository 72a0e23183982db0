// Detection measures how soon all nodes of covey, and of hashicorp/memberlist with its defaults for a LAN, show that one is gone,
// and how often they take one for dead that is not. It is to be started in the folder bench/rivals, as root:
//
//	go run ./cmd/detection -o ../results/2006-01-02-detection.md
//
// The tests TestDetection and TestDetectionTakesNobodyForDead of internal/lab do it, four nodes in namespaces on a switch of
// their own each; this program builds the rival, runs them, and makes a table of the lines that begin with ROW.
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
	"strings"
	"syscall"
	"time"

	"covey/bench/rivals/internal/report"
)

// marker begins what the test logs for the table.
const marker = "ROW | "

func main() {
	out := report.Path()
	runs := flag.Int("runs", 3, "how often a node is lost in each way")
	lasts := flag.Duration("for", 5*time.Minute, "how long the bad network lasts on which nobody is to die")
	flag.Parse()
	if err := run(*out, *runs, *lasts); err != nil {
		report.Fail(err)
	}
}

func run(out string, runs int, lasts time.Duration) error {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	folder, err := os.MkdirTemp("", "covey-detection-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(folder)
	rival := filepath.Join(folder, "gossip")
	if text, err := exec.CommandContext(ctx, "go", "build", "-o", rival, "./cmd/gossip").CombinedOutput(); err != nil {
		return fmt.Errorf("go build: %w: %s", err, text)
	}
	version, err := exec.CommandContext(ctx, "go", "list", "-m", "github.com/hashicorp/memberlist").Output()
	if err != nil {
		return fmt.Errorf("go list: %w", err)
	}
	r := report.Begin(out, "How soon a lost node is seen, and who is taken for lost", nil)
	r.Text("Beside %s with its defaults for a LAN.", bytes.TrimSpace(version))
	r.Text("Four nodes on four hosts. From the fault to the line of the last of the three others that says that the node is dead; seconds.")
	r.Text("The rows called false: 5 %% loss, 2 %% twice, 2 to 8 ms, and one of the nodes in turn is stopped for 200 ms every 5 s.\n")
	var printed bytes.Buffer
	process := exec.CommandContext(ctx, "go", "test", "-count=1", "-v", "-timeout", "60m", "-parallel", "1", "./internal/lab", "-run", "TestDetection",
		"-detect-rival", rival, "-detect-runs", fmt.Sprint(runs), "-detect-time", lasts.String())
	process.Dir = filepath.Join("..", "..")
	process.Stdout, process.Stderr = io.MultiWriter(&printed, os.Stderr), os.Stderr
	failed := process.Run()
	rows := rowsOf(printed.String())
	if len(rows) == 0 {
		return fmt.Errorf("go test printed no row: %v", failed)
	}
	r.Table([]string{"fault", "system", "median", "slowest", "runs"}, rows)
	if failed != nil {
		r.Text("\nA goal was missed: go test: %v", failed)
	}
	return r.End()
}

// rowsOf picks the rows out of what go test printed.
func rowsOf(printed string) (rows [][]string) {
	for line := range strings.Lines(printed) {
		if _, row, ok := strings.Cut(strings.TrimSpace(line), marker); ok {
			rows = append(rows, strings.Split(row, " | "))
		}
	}
	return rows
}
