// Package trace makes the keys that caches are compared with, and the order in which they are asked for. A trace of a
// seed is the same every time.
package trace

import (
	"encoding/binary"
	"math/rand/v2"
)

// KeyBytes is the length of every key.
const KeyBytes = 16

// PutKey writes the key of a number to dst: 16 bytes that look random, made from the number alone, so that no memory is
// read for them that would be counted as the cache's.
func PutKey(dst []byte, n uint32) {
	binary.LittleEndian.PutUint64(dst[:8], mix(uint64(n)))
	binary.LittleEndian.PutUint64(dst[8:KeyBytes], mix(uint64(n)|1<<40))
}

// mix is the finaliser of splitmix64 (Steele, Lea and Flood, 2014); no two numbers have the same result.
func mix(x uint64) uint64 {
	x += 0x9e3779b97f4a7c15
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}

// Trace is an order in which keys are asked for.
type Trace struct {
	Name   string
	About  string
	Keys   int       // that sizes of caches are parts of
	Asks   []uint32  // numbers of keys
	Warm   int       // of the asks: what comes before is played, but not counted
	Shares []float64 // sizes of the caches that it is played to, as parts of Keys
}

// shares are those of the traces that are made.
var shares = []float64{0.01, 0.10}

const (
	scanKeys    = 10 // a scan is 1/10 of the keys, each once, and never again
	scanEvery   = 4  // scans are 1 in 4 asks
	shifts      = 20 // times that the hot set changes in a trace
	smallLoop   = 50 // 1/50 of the keys: within the larger cache
	largeLoop   = 7  // 1/7 of the keys: within none
	mildZipf    = 0.7
	usualZipf   = 0.99
	steepZipf   = 1.2
	warmPart    = 5 // the first 1/5 of a trace fills the caches
	firstStream = 1 // of the random numbers; each trace has a stream of its own
)

// Makers make the traces; each is of asks asks for one of so many keys.
var Makers = []func(seed uint64, keys, asks int) Trace{
	func(seed uint64, keys, asks int) Trace { return zipf("zipf 0.7", mildZipf, seed, keys, asks) },
	func(seed uint64, keys, asks int) Trace { return zipf("zipf 0.99", usualZipf, seed, keys, asks) },
	func(seed uint64, keys, asks int) Trace { return zipf("zipf 1.2", steepZipf, seed, keys, asks) },
	scans, shifting, loops,
}

// empty is a trace whose asks are yet to be written.
func empty(name, about string, keys, asks int) Trace {
	return Trace{Name: name, About: about, Keys: keys, Asks: make([]uint32, asks), Warm: asks / warmPart, Shares: shares}
}

func zipf(name string, s float64, seed uint64, keys, asks int) Trace {
	z := NewZipf(rand.New(rand.NewPCG(seed, firstStream)), s, keys)
	t := empty(name, "each key as popular as Zipf's law says", keys, asks)
	for i := range t.Asks {
		t.Asks[i] = z.Next()
	}
	return t
}

// scans is a Zipf sequence that is broken off again and again by a run through keys that nobody asks for a second time.
func scans(seed uint64, keys, asks int) Trace {
	z := NewZipf(rand.New(rand.NewPCG(seed, firstStream+1)), usualZipf, keys)
	t := empty("zipf 0.99 and scans",
		"after every 3/10 as many asks as there are keys, a scan of 1/10 as many keys, each asked for this once", keys, asks)
	scan := max(1, keys/scanKeys)
	fresh := uint32(keys)
	for i := range t.Asks {
		if i%(scan*scanEvery) >= scan*(scanEvery-1) {
			t.Asks[i] = fresh
			fresh++
		} else {
			t.Asks[i] = z.Next()
		}
	}
	return t
}

// shifting is a Zipf sequence whose popular keys become others, all at once, at even distances.
func shifting(seed uint64, keys, asks int) Trace {
	z := NewZipf(rand.New(rand.NewPCG(seed, firstStream+2)), usualZipf, keys)
	t := empty("shifting hot set", "zipf 0.99; 20 times in a trace the popular keys change places with others", keys, asks)
	for i := range t.Asks {
		shift := i * shifts / asks * (keys / shifts)
		t.Asks[i] = uint32((int(z.Next()) + shift) % keys)
	}
	return t
}

// loops asks for the keys of two circles in turn, one within the larger cache, one larger than any.
func loops(_ uint64, keys, asks int) Trace {
	t := empty("loops", "two circles, of 1/50 and of 1/7 of the keys, an ask of each in turn", keys, asks)
	small, large := max(1, keys/smallLoop), max(1, keys/largeLoop)
	for i := range t.Asks {
		if i%2 == 0 {
			t.Asks[i] = uint32(i / 2 % small)
		} else {
			t.Asks[i] = uint32(small + i/2%large)
		}
	}
	return t
}
