package main

import (
	"bytes"
	"context"
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
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	var stdout, stderr bytes.Buffer
	status := run(ctx, c.args, c.process(&stdout, &stderr))
	if ctx.Err() != nil {
		t.Fatalf("covey %s did not end within a minute", strings.Join(c.args, " "))
	}
	return outcome{status, stdout.String(), stderr.String()}
}

func (c invocation) process(stdout, stderr *bytes.Buffer) *process {
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
