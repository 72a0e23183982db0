package main

import (
	"math/rand/v2"
	"testing"
)

// best tries every choice: what to forget on a miss, or not to keep the new key at all.
func best(asks []uint32, entries int, held map[uint32]bool) int {
	if len(asks) == 0 {
		return 0
	}
	key, rest := asks[0], asks[1:]
	if held[key] {
		return 1 + best(rest, entries, held)
	}
	most := best(rest, entries, held)
	with := func(out uint32, has bool) {
		next := map[uint32]bool{key: true}
		for k := range held {
			if !has || k != out {
				next[k] = true
			}
		}
		most = max(most, best(rest, entries, next))
	}
	if len(held) < entries {
		with(0, false)
		return most
	}
	for out := range held {
		with(out, true)
	}
	return most
}

func TestOptimalIsTheBestOfAllChoices(t *testing.T) {
	for seed := range uint64(300) {
		random := rand.New(rand.NewPCG(seed, 1))
		asks := make([]uint32, 10)
		for i := range asks {
			asks[i] = random.Uint32N(5)
		}
		entries := 1 + random.IntN(3)
		if got, want := optimal(asks, entries, 0), best(asks, entries, nil); got != want {
			t.Errorf("seed %d: %v with %d entries: %d hits, not %d", seed, asks, entries, got, want)
		}
	}
}

func TestOptimalCountsFromTheEndOfTheWarmUp(t *testing.T) {
	if got := optimal([]uint32{1, 1, 1, 1}, 1, 2); got != 2 {
		t.Errorf("%d hits, not 2", got)
	}
}
