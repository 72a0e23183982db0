package main

import (
	"encoding/json"
	"strings"
	"testing"

	"covey/codec"
)

func TestBenchPrintsARowOfFiguresForEachProtocol(t *testing.T) {
	f := startFake(t)
	args := []string{"bench", "-a", f.addr, "--protocol", "binary", "-n", "500", "-c", "4", "-P", "8", "-r", "20", "-t", "get"}
	got := call(t, args...)
	got.expect(t, outcome{stdout: got.stdout})
	lines := strings.Split(strings.TrimSpace(got.stdout), "\n")
	if len(lines) != 2 || lines[0] != "protocol\ttest\trequests\tper_second\tp50_us\tp99_us\tp999_us\tmax_us\tmisses\terrors" {
		t.Fatalf("covey bench prints %q", got.stdout)
	}
	row := strings.Split(lines[1], "\t")
	if len(row) != 10 || strings.Join(row[:3], " ") != "binary get 500" || row[8] != "0" || row[9] != "0" {
		t.Errorf("the row is %q", row)
	}
	f.with(func() {
		if len(f.values) != 20 {
			t.Errorf("%d keys were set before the test, want 20", len(f.values))
		}
	})

	var reports []benchReport
	if err := json.Unmarshal([]byte(call(t, append(args, "-o", "json")...).stdout), &reports); err != nil {
		t.Fatal(err)
	}
	if len(reports) != 1 || reports[0].Requests != 500 || reports[0].Connections != 4 || reports[0].Pipeline != 8 || reports[0].PerSecond <= 0 || reports[0].Partial {
		t.Errorf("the report is %+v", reports)
	}
}

func TestBenchWithoutFillingCountsMisses(t *testing.T) {
	f := startFake(t)
	var reports []benchReport
	got := call(t, "bench", "-a", f.addr, "--protocol", "binary", "-n", "100", "-t", "get", "--no-fill", "-o", "json")
	if err := json.Unmarshal([]byte(got.stdout), &reports); err != nil || len(reports) != 1 || reports[0].Misses != 100 {
		t.Errorf("the report is %s, error %v", got.stdout, err)
	}
}

func TestBenchFailsWhenRequestsFail(t *testing.T) {
	f := startFake(t)
	f.with(func() { f.refusal = "no room" })
	got := call(t, "bench", "-a", f.addr, "--protocol", "binary", "-n", "100", "-t", "set")
	got.expect(t, outcome{status: exitFailed, stdout: got.stdout, stderr: "100 requests of the binary test failed; the first error: no room"})
	call(t, "bench", "-a", f.addr, "--protocol", "binary", "-n", "100").
		expect(t, outcome{status: exitFailed, stderr: "setting the keys before the test failed: no room"})
}

func TestAnInterruptedBenchPrintsItsFiguresAndFails(t *testing.T) {
	f := startFake(t)
	ctx, cancel := contextOf(t)
	f.with(func() {
		f.answers[codec.KindSetValue] = func([]byte) (codec.Status, []byte) { cancel(); return codec.StatusOK, nil }
	})
	got := invocation{args: []string{"bench", "-a", f.addr, "--protocol", "binary", "-t", "set", "-n", "1000000000", "-o", "json"}}.runIn(t, ctx)
	var reports []benchReport
	if err := json.Unmarshal([]byte(got.stdout), &reports); err != nil || len(reports) != 1 || !reports[0].Partial {
		t.Errorf("the report is %s, error %v", got.stdout, err)
	}
	got.expect(t, outcome{status: exitFailed, stdout: got.stdout, stderr: "interrupted: the figures are those of the part that was done"})
}

func TestNumbersAreGroupedByThousands(t *testing.T) {
	for n, want := range map[int64]string{0: "0", 999: "999", 1000: "1,000", 1234567: "1,234,567"} {
		if got := grouped(n); got != want {
			t.Errorf("%d is shown as %q, want %q", n, got, want)
		}
	}
}
