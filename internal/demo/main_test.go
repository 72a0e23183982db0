package main

import (
	"bytes"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

func TestTheDemonstrationShowsAValueOnAllThreeNodesAndLeavesNoneRunning(t *testing.T) {
	binary := filepath.Join(t.TempDir(), "covey")
	build := exec.Command("go", "build", "-o", binary, "covey/cmd/covey")
	if text, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, text)
	}
	var out bytes.Buffer
	if err := run(t.Context(), binary, 21000, &out); err != nil {
		t.Fatalf("%v\n%s", err, out.String())
	}
	text := out.String()
	for what, count := range map[string]int{"$ covey run ": 3, "\nhello from 127.0.0.1:": 2, "has left, exit status 0": 3, "alive": 2} {
		if got := strings.Count(text, what); got < count {
			t.Errorf("%q stands %d times in the output, want at least %d:\n%s", what, got, count, text)
		}
	}
}
