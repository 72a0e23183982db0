package main

import (
	"slices"
	"testing"
)

func TestOnlyFiguresAreKept(t *testing.T) {
	const printed = "goos: linux\npkg: covey/bench\nBenchmarkA-2   \t     100\t  5.0 ns/op\nPASS\nok  \tcovey/bench\t1.2s\n?   \tcovey/x\t[no test files]\nBenchmarkB\n"
	got, err := figures(printed)
	if want := "goos: linux\npkg: covey/bench\nBenchmarkA-2   \t     100\t  5.0 ns/op\n"; err != nil || got != want {
		t.Errorf("kept %q, %v", got, err)
	}
	if _, err := figures("PASS\n"); err == nil {
		t.Error("nothing was measured, and no error")
	}
}

func TestPackagesWithBenchmarksAreFound(t *testing.T) {
	found, err := withBenchmarks("../../../..")
	if err != nil || !slices.Contains(found, "covey/bench") || !slices.Contains(found, "covey/peer") || slices.Contains(found, "covey/ifaces") {
		t.Errorf("found %q, %v", found, err)
	}
}
