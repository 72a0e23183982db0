package main

import (
	"testing"

	"covey/bench/rivals/internal/measured"
)

func TestRatiosAreTakenWithinARun(t *testing.T) {
	f, err := parse([]string{
		"BenchmarkStore/cache=covey/mix=get-2 \t 100 \t 120 ns/op \t 0.5 %miss\nBenchmarkStore/cache=otter/mix=get-2 \t 100 \t 240 ns/op\n",
		"BenchmarkStore/cache=otter/mix=get-2 \t 100 \t 300 ns/op\nBenchmarkStore/cache=covey/mix=get-2 \t 100 \t 330 ns/op\nPASS\n",
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(f.rows) != 1 || f.rows[0] != "Store get ×2" {
		t.Fatalf("rows are %q", f.rows)
	}
	a, b := f.values[cell{"Store get ×2", "covey", "ns/op"}], f.values[cell{"Store get ×2", "otter", "ns/op"}]
	if got, want := measured.RatioText(a, b), "0.80 (0.50 to 1.10)"; got != want {
		t.Errorf("the ratio is %s, not %s", got, want)
	}
	if got := measured.RatioText(a, nil); got != "-" {
		t.Errorf("the ratio to nothing is %s", got)
	}
}

func TestARowOfOneProcessorHasNoSuffix(t *testing.T) {
	if row, name := split("BenchmarkHotKey/cache=xsync/mix=get50-set50"); row != "HotKey get50-set50 ×1" || name != "xsync" {
		t.Errorf("%q, %q", row, name)
	}
}

func TestNothingMeasuredIsAnError(t *testing.T) {
	if _, err := parse([]string{"PASS\n"}); err == nil {
		t.Error("no figure, no error")
	}
}
