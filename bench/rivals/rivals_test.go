package rivals

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"sync/atomic"
	"testing"
)

const (
	keyCount   = 1 << 18
	pickCount  = 1 << 20 // a power of two
	valueBytes = 100
	entryBytes = 16 + valueBytes
	// roomy holds every key in every cache, their own overhead included.
	roomy = 256 << 20
	zipfS = 1.01
	// waitEvery is after how many sets the filling waits for a cache that would drop some if it was not given the time.
	waitEvery = 1 << 10
)

var keys, picks = newKeys()

// newKeys are the keys, and which of them is used next.
func newKeys() ([][]byte, []uint32) {
	keys := make([][]byte, keyCount)
	for i := range keys {
		keys[i] = fmt.Appendf(nil, "key:%012d", i)
	}
	random := rand.New(rand.NewPCG(1, 1))
	zipf := rand.NewZipf(random, zipfS, 1, keyCount-1)
	place := random.Perm(keyCount)
	picks := make([]uint32, pickCount)
	for i := range picks {
		picks[i] = uint32(place[zipf.Uint64()])
	}
	return keys, picks
}

// full makes a cache and sets every key.
func full(tb testing.TB, make func(int, int) (cache, error)) cache {
	tb.Helper()
	c, err := make(roomy, entryBytes)
	if err != nil {
		tb.Fatal(err)
	}
	value := bytes.Repeat([]byte{'v'}, valueBytes)
	for i, key := range keys {
		c.set(key, value)
		if i%waitEvery == 0 && c.wait != nil {
			c.wait()
		}
	}
	return c
}

func TestEveryCacheGivesBackWhatItWasGiven(t *testing.T) {
	for _, m := range makers {
		t.Run(m.name, func(t *testing.T) {
			c, err := m.make(roomy, entryBytes)
			if err != nil {
				t.Fatal(err)
			}
			defer c.close()
			c.set([]byte("key"), []byte("value"))
			if c.wait != nil {
				c.wait()
			}
			if got, ok := c.get([]byte("so: "), []byte("key")); !ok || string(got) != "so: value" {
				t.Errorf("the key is there: %v, as %q", ok, got)
			}
			if got, ok := c.get(nil, []byte("none")); ok {
				t.Errorf("a key that was never set is %q", got)
			}
		})
	}
}

func BenchmarkGet(b *testing.B)   { each(b, 0) }
func BenchmarkSet(b *testing.B)   { each(b, 1) }
func BenchmarkMixed(b *testing.B) { each(b, 10) }

// each runs every cache by all processors, with one write in setIn operations; 0 is none.
func each(b *testing.B, setIn int) {
	for _, m := range makers {
		b.Run(m.name, func(b *testing.B) {
			c := full(b, m.make)
			var start, misses atomic.Int64
			b.ReportAllocs()
			b.ResetTimer()
			b.RunParallel(func(pb *testing.PB) {
				value, dst := make([]byte, valueBytes), make([]byte, 0, valueBytes)
				missed := int64(0)
				for i := int(start.Add(pickCount / 7)); pb.Next(); i++ {
					key := keys[picks[i&(pickCount-1)]]
					if setIn > 0 && i%setIn == 0 {
						c.set(key, value)
						continue
					}
					var ok bool
					if dst, ok = c.get(dst[:0], key); !ok {
						missed++
					}
				}
				misses.Add(missed)
			})
			b.StopTimer()
			c.close()
			if setIn != 1 {
				b.ReportMetric(100*float64(misses.Load())/float64(b.N), "%miss")
			}
		})
	}
}
