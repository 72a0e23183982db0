package trace

import (
	"math"
	"math/rand/v2"
)

// Zipf draws numbers from 0 to n-1, i with a chance in proportion to 1/(i+1)^s, for any s from 0 on; rand.Zipf takes
// only s above 1. It is exact: the alias method, after Vose, "A linear algorithm for generating random numbers with a
// given distribution" (1991), in constant time a draw.
type Zipf struct {
	random *rand.Rand
	keep   []float64 // chance that a column is itself
	alias  []uint32  // what it is otherwise
}

// NewZipf makes the tables for n numbers, 12 bytes each.
func NewZipf(random *rand.Rand, s float64, n int) *Zipf {
	z := &Zipf{random: random, keep: make([]float64, n), alias: make([]uint32, n)}
	sum := 0.0
	for i := range z.keep {
		z.keep[i] = math.Pow(float64(i+1), -s)
		sum += z.keep[i]
	}
	var small, large []uint32
	for i := range z.keep {
		z.keep[i] *= float64(n) / sum
		if z.keep[i] < 1 {
			small = append(small, uint32(i))
		} else {
			large = append(large, uint32(i))
		}
	}
	for len(small) > 0 && len(large) > 0 {
		i, j := small[len(small)-1], large[len(large)-1]
		small = small[:len(small)-1]
		z.alias[i] = j
		z.keep[j] -= 1 - z.keep[i]
		if z.keep[j] < 1 {
			large = large[:len(large)-1]
			small = append(small, j)
		}
	}
	// What is left is 1 but for rounding.
	for _, i := range append(small, large...) {
		z.keep[i] = 1
	}
	return z
}

// Next draws a number.
func (z *Zipf) Next() uint32 {
	i := z.random.Uint32N(uint32(len(z.keep)))
	if z.random.Float64() < z.keep[i] {
		return i
	}
	return z.alias[i]
}
