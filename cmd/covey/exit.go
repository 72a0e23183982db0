package main

import (
	"context"
	"errors"
	"fmt"
)

// The exit statuses, a contract with scripts.
const (
	exitDone        = 0
	exitFailed      = 1
	exitUsage       = 2
	exitAbsent      = 3 // get and del: no such key; verify: not converged
	exitUnreachable = 4 // no node answers
)

// failure is an end other than done: its status, and the sentence that tells the user what to do.
type failure struct {
	status   int
	sentence string // empty: the output has said it all
}

func (f *failure) Error() string { return f.sentence }

func failf(status int, format string, args ...any) error {
	return &failure{status: status, sentence: fmt.Sprintf(format, args...)}
}

// exitStatus tells how a verb's error ends the process.
func exitStatus(err error) int {
	var f *failure
	switch {
	case err == nil:
		return exitDone
	case errors.As(err, &f):
		return f.status
	default:
		return exitFailed
	}
}

// sentence is what the user reads about an error; empty when there is nothing left to say.
func sentence(err error) string {
	switch {
	case err == nil:
		return ""
	case errors.Is(err, context.Canceled):
		return "interrupted"
	default:
		return err.Error()
	}
}
