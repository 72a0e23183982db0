package trace

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"
)

func TestZipfDrawsEachNumberAsOftenAsItShould(t *testing.T) {
	const n, draws = 1000, 2_000_000
	for _, s := range []float64{0, 0.7, 0.99, 1.2} {
		z := NewZipf(rand.New(rand.NewPCG(1, 2)), s, n)
		counts := make([]float64, n)
		for range draws {
			counts[z.Next()]++
		}
		sum := 0.0
		for i := range n {
			sum += math.Pow(float64(i+1), -s)
		}
		for _, i := range []int{0, 1, 9, 99, 999} {
			want := draws * math.Pow(float64(i+1), -s) / sum
			if off := math.Abs(counts[i] - want); off > 5*math.Sqrt(want)+1 {
				t.Errorf("s=%v: number %d drawn %.0f times, not about %.0f", s, i, counts[i], want)
			}
		}
	}
}

func TestATraceIsTheSameEveryTime(t *testing.T) {
	for _, make := range Makers {
		a, b := make(7, 1000, 5000), make(7, 1000, 5000)
		if !slices.Equal(a.Asks, b.Asks) || len(a.Asks) != 5000 {
			t.Errorf("%s: two makings differ", a.Name)
		}
	}
}

func TestKeysDiffer(t *testing.T) {
	seen := map[[KeyBytes]byte]bool{}
	for n := range uint32(100_000) {
		var key [KeyBytes]byte
		PutKey(key[:], n)
		seen[key] = true
	}
	if len(seen) != 100_000 {
		t.Errorf("%d different keys of 100000", len(seen))
	}
}

func TestScansAskForTheirKeysOnce(t *testing.T) {
	trace, times := scans(1, 1000, 20_000), map[uint32]int{}
	for _, n := range trace.Asks {
		if int(n) >= trace.Keys {
			times[n]++
		}
	}
	if len(times) != 20_000/scanEvery {
		t.Errorf("%d keys of scans, not %d", len(times), 20_000/scanEvery)
	}
	for n, count := range times {
		if count != 1 {
			t.Errorf("key %d is asked for %d times", n, count)
		}
	}
}

func TestGlimpseIsThere(t *testing.T) {
	trace, err := Glimpse()
	if err != nil {
		t.Fatal(err)
	}
	if len(trace.Asks) < 5000 || trace.Keys < 2000 {
		t.Errorf("%d asks for %d keys", len(trace.Asks), trace.Keys)
	}
}
