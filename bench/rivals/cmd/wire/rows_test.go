package main

import "testing"

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
	if got := verdict(2, 3, true); got != ">= 3.00 **missed**" {
		t.Errorf("2 of at least 3: %q", got)
	}
	if got := verdict(0.9, 0.95, false); got != "<= 0.95" {
		t.Errorf("0.9 of at most 0.95: %q", got)
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
