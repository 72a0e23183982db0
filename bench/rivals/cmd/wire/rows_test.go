package main

import (
	"os"
	"testing"

	"covey/bench/rivals/internal/measured"
)

func TestWhatRedisBenchmarkPrintsIsRead(t *testing.T) {
	const text = `====== SET ======
  100000 requests completed in 0.23 seconds

Latency by percentile distribution:
0.000% <= 0.367 milliseconds (cumulative count 32)
50.000% <= 1.495 milliseconds (cumulative count 50400)
98.438% <= 4.639 milliseconds (cumulative count 98448)
99.219% <= 5.119 milliseconds (cumulative count 99232)
99.805% <= 5.567 milliseconds (cumulative count 99808)
99.902% <= 5.631 milliseconds (cumulative count 99904)
100.000% <= 5.703 milliseconds (cumulative count 100000)

Cumulative distribution of latencies:
0.000% <= 0.103 milliseconds (cumulative count 0)
99.940% <= 6.103 milliseconds (cumulative count 99940)

Summary:
  throughput summary: 425531.91 requests per second
`
	var r row
	if err := readBenchmark(&r, text); err != nil {
		t.Fatal(err)
	}
	if r.PerSecond != 425531.91 || r.P50 != 1495 || r.P99 != 5119 || r.P999 != 5631 {
		t.Errorf("read %+v", r)
	}
	if err := readBenchmark(&r, "Error from server: ERR"); err == nil {
		t.Error("no throughput, and no error")
	}
}

func TestAVerdictSaysWhatIsMissed(t *testing.T) {
	raw, err := os.Create(t.TempDir() + "/rows.jsonl")
	if err != nil {
		t.Fatal(err)
	}
	defer raw.Close()
	b := &bench{raw: raw, rows: measured.Rows{
		{Table: "t", Case: "c", Server: "covey", PerSecond: 20, CPU: 9}, {Table: "t", Case: "c", Server: "redis", PerSecond: 10, CPU: 10, Others: 21}}}
	for _, c := range []struct {
		goal measured.Goal
		want string
	}{
		{measured.Goal{Other: "redis", Figure: "requests/s", Limit: 3, Least: true}, ">= 3.00 **missed**"},
		{measured.Goal{Other: "redis", Figure: "CPU", Limit: 0.95}, "<= 0.95"},
		{measured.Goal{Other: "redis", Figure: "CPU"}, "-"},
		{measured.Goal{Other: "valkey", Figure: "CPU", Limit: 1}, "<= 1.00, not measured"},
	} {
		c.goal.Table, c.goal.Case, c.goal.Server, c.goal.Beside = "t", "c", "covey", "c"
		if got, err := b.judge(&c.goal); got != c.want || err != nil {
			t.Errorf("%+v: %q, %v, want %q", c.goal, got, err, c.want)
		}
	}
	if busy(b.rows.Of("t", "c", "covey")) != "" || busy(b.rows.Of("t", "c", "covey"), b.rows.Of("t", "c", "redis")) == "" {
		t.Error("who was measured beside others is not told")
	}
}

func TestGoalsAreThoseOfThePipeline(t *testing.T) {
	goals := byPipeline(kinds([]int{64}, []int{1, 16}, []int{100}), map[int]goal{16: {throughput: 1.5}})
	if g := goals("SET 64, pipeline 16", "redis"); g.throughput != 1.5 {
		t.Errorf("goal %+v", g)
	}
	if g := goals("SET 64, pipeline 16", "memcached"); g != (goal{}) {
		t.Errorf("memcached has a goal: %+v", g)
	}
}
