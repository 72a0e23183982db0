package sim

import (
	"flag"
	"math/rand/v2"
	"reflect"
	"testing"
	"time"

	"covey/peer"
)

var (
	oneSeed = flag.Uint64("seed", 0, "run this seed alone, with a trace")
	seeds   = flag.Int("seeds", 100, "how many seeds to run")
	from    = flag.Uint64("from", 1, "the first of them")
)

// TestSim runs five nodes through a random history under each seed; at the end all must hold the same, be ready, and
// have one link a pair. A failing seed is run again, with a trace, by: go test ./internal/sim -run TestSim -seed=N -v
func TestSim(t *testing.T) {
	first, count := *from, uint64(*seeds)
	if *oneSeed != 0 {
		first, count = *oneSeed, 1
	}
	var seen Seen
	for seed := first; seed < first+count; seed++ {
		s, wrong := history(t, seed, *oneSeed != 0, 0, false)
		if len(wrong) > 0 {
			t.Fatalf("seed %d: %q\nrepeat it with: go test ./internal/sim -run TestSim -seed=%d -v", seed, wrong, seed)
		}
		seen.Add(s)
	}
	t.Logf("%d seeds: %+v", count, seen)
	v := reflect.ValueOf(seen)
	for i := range v.NumField() {
		if count >= 50 && v.Field(i).Uint() < count/4 {
			t.Errorf("the histories see too few %s: %d", v.Type().Field(i).Name, v.Field(i).Uint())
		}
	}
}

// history is one run: what it has seen, and what is wrong at its end.
// weak switches protections off; with sameStream all starts of a host write one stream.
func history(t *testing.T, seed uint64, traced bool, weak peer.Weakness, sameStream bool) (Seen, []string) {
	r := rand.New(rand.NewPCG(seed, 2))
	w := NewWorld(seed, Faults{
		Delay:     time.Duration(1+r.IntN(20)) * time.Millisecond,
		LateShare: r.Float64() * 0.2, LostShare: r.Float64() * 0.3, TwiceShare: r.Float64() * 0.3,
	})
	if traced {
		w.Trace = t.Logf
	}
	ring := []int{4 << 10, 32 << 10, 1 << 20}[r.IntN(3)]
	for range 5 {
		// Clocks are set wrong and drift. Groups that write apart and meet are within what R8 takes as long as the clocks are.
		w.AddHost(int64(r.IntN(9000))-4500, ring).drift = int64(r.IntN(400)) - 200
	}
	for i, h := range w.Hosts {
		h.weak = weak
		if sameStream {
			h.stream = uint64(i + 1)
		}
	}
	if r.IntN(3) == 0 {
		w.form(random(r, len(w.Hosts)))
	}
	for _, h := range w.Hosts {
		w.After(time.Duration(r.Int64N(int64(4*time.Second))), h.Start)
	}
	if r.IntN(4) == 0 {
		w.split(1+r.IntN(4), time.Duration(r.Int64N(int64(12*time.Second))))
	}
	y := &History{
		World: w, Keys: 20 + r.IntN(200), Writes: time.Duration(2+r.IntN(20)) * time.Millisecond,
		Trouble: time.Duration(500+r.IntN(3000)) * time.Millisecond, Large: r.IntN(4) == 0, Crashes: true,
	}
	w.After(time.Duration(r.Int64N(int64(3*time.Second))), y.Start)
	w.Run(time.Duration(10+r.IntN(20)) * time.Second)
	y.Stop()
	w.Run(25 * time.Second)
	for _, h := range w.Hosts {
		y.Seen.count(h)
	}
	return y.Seen, w.Check()
}

// split keeps the first hosts apart from the others for a while: two groups become ready that know nothing of each other.
func (w *World) split(first int, lasts time.Duration) {
	for _, a := range w.Hosts[:first] {
		for _, b := range w.Hosts[first:] {
			w.Cut(a, b, true)
			w.After(lasts, func() { w.Cut(a, b, false) })
		}
	}
}

// random returns a shape in which every host can reach every other over some: a tree, and some links more.
func random(r *rand.Rand, hosts int) func(a, b int) bool {
	near := make(map[[2]int]bool)
	for b := 1; b < hosts; b++ {
		near[[2]int{r.IntN(b), b}] = true
	}
	for range r.IntN(4) {
		a, b := r.IntN(hosts), r.IntN(hosts)
		near[[2]int{min(a, b), max(a, b)}] = true
	}
	return func(a, b int) bool { return near[[2]int{a, b}] }
}
