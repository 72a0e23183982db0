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
	var out strings.Builder
	rows := table{header: []string{"node", "says"}}
	rows.add("10.0.0.1", "go\x1b[2J\taway\n")
	if err := rows.print(&out); err != nil || out.String() != "node\tsays\n10.0.0.1\tgo\\x1b[2J away \n" {
		t.Errorf("%q, %v", out.String(), err)
	}
	got := call(t, "get", "k", "-\x06")
	if got.status != exitUsage || !strings.HasPrefix(got.stderr, `covey: unknown flag -\x06, `) {
		t.Errorf("%d %q", got.status, got.stderr)
	}
}
