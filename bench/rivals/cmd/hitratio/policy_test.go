package main

import (
	"math/rand/v2"
	"testing"

	"covey/bench/rivals/internal/trace"
)

func TestSieveAsInItsPaper(t *testing.T) {
	// Entries A to G are 1 to 7, and what is hit is marked. The hand passes the hit 1 and 2, and takes 3.
	asks := []uint32{1, 2, 3, 1, 2, 4, 1, 2, 3}
	if got := sieve(asks, 3, 0); got != 4 {
		t.Errorf("%d hits, not 4", got)
	}
}

func TestNoPolicyBeatsTheOptimum(t *testing.T) {
	for seed := range uint64(200) {
		random := rand.New(rand.NewPCG(seed, 3))
		z := trace.NewZipf(random, 0.9, 60)
		asks := make([]uint32, 2000)
		for i := range asks {
			asks[i] = z.Next()
		}
		entries := 1 + random.IntN(59)
		most := optimal(asks, entries, 0)
		for name, play := range map[string]func([]uint32, int, int) int{"sieve": sieve, "s3-fifo": playS3FIFO} {
			if got := play(asks, entries, 0); got > most || got < 0 {
				t.Errorf("seed %d, %d entries: %s has %d hits, the optimum %d", seed, entries, name, got, most)
			}
			if got := play(asks, 60, 0); got != optimal(asks, 60, 0) {
				t.Errorf("seed %d: %s with room for all has %d hits", seed, name, got)
			}
		}
	}
}

func TestS3FIFOKeepsScansOut(t *testing.T) {
	var asks []uint32
	fresh := uint32(1000)
	for round := range 200 {
		for key := range uint32(50) {
			asks = append(asks, key)
		}
		for range 30 * (round % 2) {
			asks = append(asks, fresh)
			fresh++
		}
	}
	most := optimal(asks, 60, 1000)
	if got := playS3FIFO(asks, 60, 1000); got < most*95/100 {
		t.Errorf("%d hits of %d", got, most)
	}
}
