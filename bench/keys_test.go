package bench

import (
	"fmt"
	"math/rand/v2"
)

const (
	keyCount   = 1 << 18
	pickCount  = 1 << 20 // a power of two
	valueBytes = 100
	// zipfS and zipfV make the most popular hundredth of the keys take about two thirds of the requests.
	zipfS = 1.01
	zipfV = 1
)

// keys are the keys of every benchmark, and picks which of them is used next: a Zipf sequence of a fixed seed.
var keys, picks = newKeys()

func newKeys() ([][]byte, []uint32) {
	keys := make([][]byte, keyCount)
	for i := range keys {
		keys[i] = fmt.Appendf(nil, "key:%012d", i)
	}
	random := rand.New(rand.NewPCG(1, 1))
	zipf := rand.NewZipf(random, zipfS, zipfV, keyCount-1)
	// The popular keys lie anywhere, not in a row.
	place := random.Perm(keyCount)
	picks := make([]uint32, pickCount)
	for i := range picks {
		picks[i] = uint32(place[zipf.Uint64()])
	}
	return keys, picks
}

// pick is the i-th key of the sequence.
func pick(i int) []byte { return keys[picks[i&(pickCount-1)]] }
