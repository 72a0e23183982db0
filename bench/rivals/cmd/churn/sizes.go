package main

import (
	"math/bits"
	"math/rand/v2"
	"strings"
	"time"
)

const (
	maxValue   = 16 << 20 // bytes
	smallValue = 1 << 10
	largeValue = 1 << 20
	leastClass = 6 // a class is a doubling; the smallest begins at 64 bytes
	mostClass  = 23
	rounds     = 3   // times that a run goes through all phases
	emptyIn    = 100 // one value in so many is empty, in every phase
)

// phases are how sizes are drawn; each is the worst for what the one before left behind.
var phases = []struct {
	name string
	draw func(random *rand.Rand) int
}{
	{"small values (to 1 KiB)", func(random *rand.Rand) int { return random.IntN(smallValue) }},
	{"all sizes, each doubling has the same bytes", equalBytes},
	{"large values (1 to 16 MiB)", func(random *rand.Rand) int { return largeValue + random.IntN(maxValue-largeValue+1) }},
	{"all sizes, each doubling as often", equalCount},
}

func phaseNames() string {
	var names []string
	for _, p := range phases {
		names = append(names, p.name)
	}
	return strings.Join(names, "; ")
}

// equalBytes draws a class with a chance of one in its size.
func equalBytes(random *rand.Rand) int {
	class := min(leastClass+bits.TrailingZeros32(random.Uint32()|1<<(mostClass-leastClass)), mostClass)
	return within(random, class)
}

func equalCount(random *rand.Rand) int { return within(random, random.IntN(mostClass+1)) }

// within draws a size from 2^class to twice that, 16 MiB included.
func within(random *rand.Rand, class int) int { return 1<<class + random.IntN(1<<class+1) }

// phaseClock tells which phase a run is in.
type phaseClock struct {
	start time.Time
	whole time.Duration
}

func (c *phaseClock) phase() (at int, over bool) {
	gone := time.Since(c.start)
	each := max(1, c.whole/time.Duration(rounds*len(phases)))
	return int(gone/each) % len(phases), gone >= c.whole
}
