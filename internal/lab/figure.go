package lab

import (
	"flag"
	"os"
	"slices"
	"testing"
	"time"
)

// Poll looks at a condition until it holds, and returns how long that took. After limit the test fails with what was
// waited for: what says it as the end of "waited for".
func Poll(t testing.TB, limit time.Duration, what string, cond func() bool) time.Duration {
	t.Helper()
	took, ok := Watch(limit, cond)
	if !ok {
		t.Fatalf("waited %v for %s", took.Round(time.Millisecond), what)
	}
	return took
}

// Watch is Poll for a caller that goes on either way.
func Watch(limit time.Duration, cond func() bool) (took time.Duration, ok bool) {
	begin := time.Now()
	for {
		if cond() {
			return time.Since(begin), true
		}
		if time.Since(begin) > limit {
			return time.Since(begin), false
		}
		time.Sleep(pollPause)
	}
}

// raceVariable is the environment variable that, when it is set, has the binary built with the race detector: no limit of a
// figure holds then, but a node that races fails its test.
const raceVariable = "LAB_RACE"

// strict is for a machine that does nothing else: without it a test beside others, on processors that others use too, fails only
// for what no load explains.
var strict = flag.Bool("strict", false, "figures are held to their limits; without it to a few times them")

// A Figure gathers the times of several runs of one thing that the design gives a limit.
type Figure struct {
	Name  string
	Limit time.Duration
	runs  []time.Duration
}

// Add notes one run.
func (f *Figure) Add(took time.Duration) { f.runs = append(f.runs, took) }

// Median is the middle run, the lower of the two middle ones when their number is even; 0 without a run.
func (f *Figure) Median() time.Duration {
	if len(f.runs) == 0 {
		return 0
	}
	sorted := slices.Sorted(slices.Values(f.runs))
	return sorted[(len(sorted)-1)/2]
}

// Check logs the figure and fails the test when nothing was measured or the median is over what bound says.
func (f *Figure) Check(t testing.TB) {
	t.Helper()
	if len(f.runs) == 0 {
		t.Errorf("%s: nothing was measured", f.Name)
		return
	}
	round := func(d time.Duration) time.Duration { return d.Round(100 * time.Microsecond) }
	t.Logf("FIGURE %s: median %v of %d runs (%v to %v), limit %v",
		f.Name, round(f.Median()), len(f.runs), round(slices.Min(f.runs)), round(slices.Max(f.runs)), f.Limit)
	if bound := f.bound(); f.Median() > bound && os.Getenv(raceVariable) == "" {
		t.Errorf("%s: the median %v is over %v", f.Name, round(f.Median()), bound)
	}
}

// bound is what the median may be: the limit where -strict is given, loadFactor times it elsewhere.
func (f *Figure) bound() time.Duration {
	if *strict {
		return f.Limit
	}
	return loadFactor * f.Limit
}
