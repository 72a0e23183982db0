package main

import (
	"strings"
	"testing"
)

// What a node answers, or an argument was, does not reach the terminal as it is.
func TestNoControlBytesReachTheTerminal(t *testing.T) {
	for text, want := range map[string]string{
		"a key":                  "a key",
		"two\nlines\tand tabs é": "two\nlines\tand tabs é",
		"\x1b[2J\a":              `\x1b[2J\a`,
		"\xff\u202e\r":           `\xff\u202e\r`,
	} {
		if got := shown(text); got != want {
			t.Errorf("%q is shown as %q, want %q", text, got, want)
		}
	}
	got := call(t, "get", "k", "-\x06")
	if got.status != exitUsage || !strings.HasPrefix(got.stderr, `covey: unknown flag -\x06, `) {
		t.Errorf("%d %q", got.status, got.stderr)
	}
}
