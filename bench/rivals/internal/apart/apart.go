// Package apart lets a program measure something in a process of its own: it starts itself again, with what is to be
// done in an environment variable, and reads the figures that the child prints.
package apart

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
)

const variable = "COVEY_RIVALS_APART"

// Run has Child do a task in another process and reads its figures into what figures points to.
func Run(task string, figures any) error { return RunContext(context.Background(), task, figures) }

// RunContext is Run; the process is ended when ctx is.
func RunContext(ctx context.Context, task string, figures any) error {
	self, err := os.Executable()
	if err != nil {
		return err
	}
	child := exec.CommandContext(ctx, self)
	child.Env = append(os.Environ(), variable+"="+task)
	var complaints bytes.Buffer
	child.Stderr = &complaints
	out, err := child.Output()
	if err != nil {
		return fmt.Errorf("%s: %w: %s", task, err, complaints.String())
	}
	if err := json.Unmarshal(out, figures); err != nil {
		return fmt.Errorf("%s: %w: %q", task, err, out)
	}
	return nil
}

// Child does the task and ends the program, if it is such a child. It is to be called first in main.
func Child(do func(task string) (figures any, err error)) {
	task, ok := os.LookupEnv(variable)
	if !ok {
		return
	}
	figures, err := do(task)
	if err == nil {
		err = json.NewEncoder(os.Stdout).Encode(figures)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	os.Exit(0)
}
