package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"
)

// outcome is how a call of the program ended.
type outcome struct {
	status         int
	stdout, stderr string
}

// invocation is one call of the program, all of its outside given.
type invocation struct {
	args     []string
	env      map[string]string
	stdin    string
	patience time.Duration
}

// call runs the program's command line args.
func call(t *testing.T, args ...string) outcome {
	t.Helper()
	return invocation{args: args}.run(t)
}

func (c invocation) run(t *testing.T) outcome {
	t.Helper()
	ctx, cancel := contextOf(t)
	defer cancel()
	got := c.runIn(t, ctx)
	if ctx.Err() != nil {
		t.Fatalf("covey %s did not end within a minute", strings.Join(c.args, " "))
	}
	return got
}

func (c invocation) runIn(t *testing.T, ctx context.Context) outcome {
	t.Helper()
	var stdout, stderr bytes.Buffer
	status := run(ctx, c.args, c.process(&stdout, &stderr))
	return outcome{status, stdout.String(), stderr.String()}
}

// contextOf ends with the test, or after a minute.
func contextOf(t *testing.T) (context.Context, context.CancelFunc) {
	return context.WithTimeout(t.Context(), time.Minute)
}

func (c invocation) process(stdout, stderr io.Writer) *process {
	return &process{
		Stdin: strings.NewReader(c.stdin), Stdout: stdout, Stderr: stderr, Patience: c.patience,
		LookupEnv: func(name string) (string, bool) {
			value, ok := c.env[name]
			return value, ok
		},
	}
}

// expect compares; want.stderr is a part that must be in what was printed, and must be empty when nothing may be.
func (o outcome) expect(t *testing.T, want outcome) {
	t.Helper()
	if o.status != want.status {
		t.Errorf("exit status %d, want %d; standard error: %s", o.status, want.status, o.stderr)
	}
	if o.stdout != want.stdout {
		t.Errorf("standard output %q, want %q", o.stdout, want.stdout)
	}
	if want.stderr == "" && o.stderr != "" || !strings.Contains(o.stderr, want.stderr) {
		t.Errorf("standard error %q, want %q in it", o.stderr, want.stderr)
	}
}

// running is a node that the command line runs, in the process of the test.
type running struct {
	addr            string
	printed, logged lines
	end             context.CancelFunc
	ended           chan int // its exit status, once
}

// startRun runs a node with these environment variables besides, and returns when it is ready.
func startRun(t *testing.T, env map[string]string) *running {
	t.Helper()
	ctx, end := context.WithCancel(context.Background())
	r := &running{addr: fmt.Sprintf("127.0.0.1:%d", freePort(t)), end: end, ended: make(chan int, 1)}
	args := []string{"run", "--listen", r.addr, "--discovery-port", fmt.Sprint(freePort(t)), "--http", "off"}
	p := (&invocation{env: env}).process(&r.printed, &r.logged)
	over := make(chan struct{})
	go func() {
		defer close(over)
		r.ended <- run(ctx, args, p)
	}()
	t.Cleanup(func() { end(); <-over })
	eventually(t, "the node says that it is ready", func() bool {
		select {
		case status := <-r.ended:
			t.Fatalf("the node ended with status %d: %s", status, r.logged.String())
		default:
		}
		return strings.Contains(r.printed.String(), "ready")
	})
	return r
}
