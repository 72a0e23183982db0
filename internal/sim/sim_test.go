package sim

import (
	"flag"
	"math/rand/v2"
	"testing"
	"time"
)

var (
	oneSeed = flag.Uint64("seed", 0, "run this seed alone, with a trace")
	seeds   = flag.Int("seeds", 100, "how many seeds to run")
	from    = flag.Uint64("from", 1, "the first of them")
)

// TestSim runs five nodes through a random history under each seed; at the end all must hold the same, be ready, and
// have one link a pair. A failing seed is run again, with a trace, by: go test ./internal/sim -run TestSim -seed=N -v
func TestSim(t *testing.T) {
	if *oneSeed != 0 {
		if wrong := history(t, *oneSeed, true); len(wrong) > 0 {
			t.Fatalf("seed %d: %q", *oneSeed, wrong)
		}
		return
	}
	written := 0
	for seed := *from; seed < *from+uint64(*seeds); seed++ {
		if wrong := history(t, seed, false); len(wrong) > 0 {
			t.Fatalf("seed %d: %q\nrepeat it with: go test ./internal/sim -run TestSim -seed=%d -v", seed, wrong, seed)
		}
	}
	_ = written
}

// history is one run.
func history(t *testing.T, seed uint64, traced bool) []string {
	r := rand.New(rand.NewPCG(seed, 2))
	w := NewWorld(seed, Faults{
		Delay:     time.Duration(1+r.IntN(20)) * time.Millisecond,
		LateShare: r.Float64() * 0.2, LostShare: r.Float64() * 0.3, TwiceDone: r.Float64() * 0.3,
	})
	if traced {
		w.Trace = t.Logf
	}
	ring := []int{4 << 10, 32 << 10, 1 << 20}[r.IntN(3)]
	for range 5 {
		w.AddHost(int64(r.IntN(1500))-750, ring)
	}
	for _, h := range w.Hosts {
		w.After(time.Duration(r.Int64N(int64(4*time.Second))), h.Start)
	}
	y := &History{
		World: w, Keys: 20 + r.IntN(200), Writes: time.Duration(2+r.IntN(20)) * time.Millisecond,
		Trouble: time.Duration(500+r.IntN(3000)) * time.Millisecond, Large: r.IntN(4) == 0, Crashes: true,
	}
	w.After(time.Duration(r.Int64N(int64(3*time.Second))), y.Start)
	w.Run(time.Duration(10+r.IntN(20)) * time.Second)
	y.Stop()
	w.Run(25 * time.Second)
	return w.Check()
}
