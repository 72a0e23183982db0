package main

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
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

// shown makes a sentence safe for a terminal: it may quote what a node has said, or an argument, and neither may move the
// cursor or change colors.
func shown(text string) string {
	clean := func(r rune) bool { return r == '\n' || r == '\t' || unicode.IsPrint(r) }
	if !strings.ContainsFunc(text, func(r rune) bool { return !clean(r) }) && utf8.ValidString(text) {
		return text
	}
	var b strings.Builder
	for i := 0; i < len(text); {
		r, n := utf8.DecodeRuneInString(text[i:])
		if clean(r) && (r != utf8.RuneError || n > 1) {
			b.WriteString(text[i : i+n])
		} else {
			quoted := strconv.Quote(text[i : i+n])
			b.WriteString(quoted[1 : len(quoted)-1])
		}
		i += n
	}
	return b.String()
}
