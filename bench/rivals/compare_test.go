package rivals

import (
	"encoding/binary"
	"flag"
	"math/rand/v2"
	"runtime"
	"runtime/debug"
	"sync/atomic"
	"testing"

	"covey/bench/rivals/internal/cache"
	"covey/bench/rivals/internal/trace"
)

const (
	pickCount  = 1 << 22 // a power of two
	valueBytes = 64
	entryBytes = trace.KeyBytes + valueBytes
	// roomBytes is the budget of an entry: enough for all of them to hold every key, their own overhead included.
	roomBytes = 384
	leastRoom = 64 << 20
	zipfS     = 0.99
	// settleEvery is after how many sets the filling waits for a cache that would drop some if it was not given the time.
	settleEvery = 1 << 8
)

var keyCount = flag.Int("keys", 1_000_000, "how many keys")

// picks is which key is used next, as a Zipf sequence has it.
var picks []uint32

func pick(i int) uint32 {
	if picks == nil {
		picks = make([]uint32, pickCount)
		z := trace.NewZipf(rand.New(rand.NewPCG(1, 1)), zipfS, *keyCount)
		for i := range picks {
			picks[i] = z.Next()
		}
	}
	return picks[i&(pickCount-1)]
}

// full makes a cache and sets every key.
func full(b *testing.B, m cache.Maker) cache.Cache {
	b.Helper()
	c, err := m.Make(cache.Room{Bytes: max(leastRoom, int64(*keyCount)*roomBytes), Entries: *keyCount, Entry: entryBytes})
	if err != nil {
		b.Fatal(err)
	}
	key, value := make([]byte, trace.KeyBytes), make([]byte, valueBytes)
	for n := range *keyCount {
		trace.PutKey(key, uint32(n))
		c.Set(key, value)
		if n%settleEvery == 0 && c.Settle != nil {
			c.Settle()
		}
	}
	if c.Settle != nil {
		c.Settle()
	}
	pick(0)
	runtime.GC()
	return c
}

// each runs a benchmark on every cache, full; what is left of it is gone before the next.
func each(b *testing.B, run func(b *testing.B, c cache.Cache)) {
	for _, m := range append(cache.Makers[:len(cache.Makers):len(cache.Makers)], nothing) {
		if m.Name == "lru" {
			continue // one lock for all: it is among the hit ratios only
		}
		b.Run("cache="+m.Name, func(b *testing.B) {
			c := full(b, m)
			run(b, c)
			c.Close()
			debug.FreeOSMemory()
		})
	}
}

// nothing shows what the benchmark itself takes: it makes the key, and holds one value for all.
var nothing = cache.Maker{Name: "nothing", Make: func(cache.Room) (cache.Cache, error) {
	held := make([]byte, valueBytes)
	return cache.Cache{
		Get:   func(dst, _ []byte) ([]byte, bool) { return append(dst, held...), true },
		Set:   func(_, _ []byte) {},
		Close: func() {},
	}, nil
}}

// mixes are how many of ten operations are sets.
var mixes = []struct {
	name string
	sets int
}{{"get", 0}, {"get90-set10", 1}, {"get50-set50", 5}, {"set", 10}}

// BenchmarkStore is what several event loops do at once.
func BenchmarkStore(b *testing.B) {
	each(b, func(b *testing.B, c cache.Cache) {
		for _, mix := range mixes {
			b.Run("mix="+mix.name, func(b *testing.B) { operate(b, c, mix.sets, pick) })
		}
	})
}

// BenchmarkHotKey is the same when everybody wants one key.
func BenchmarkHotKey(b *testing.B) {
	each(b, func(b *testing.B, c cache.Cache) {
		for _, mix := range mixes {
			b.Run("mix="+mix.name, func(b *testing.B) { operate(b, c, mix.sets, func(int) uint32 { return 0 }) })
		}
	})
}

// BenchmarkDuringWalk is reads and writes while another goroutine walks all entries, round and round.
func BenchmarkDuringWalk(b *testing.B) {
	each(b, func(b *testing.B, c cache.Cache) {
		if c.Walk == nil {
			b.Skip("it cannot be walked")
		}
		for _, mix := range mixes[:2] {
			b.Run("mix="+mix.name, func(b *testing.B) {
				end, ended := make(chan struct{}), make(chan int)
				go func() {
					n := 0
					for {
						select {
						case <-end:
							ended <- n
							return
						default:
							n += c.Walk()
						}
					}
				}()
				operate(b, c, mix.sets, pick)
				seconds := b.Elapsed().Seconds()
				close(end)
				b.ReportMetric(float64(<-ended)/seconds, "walked/s")
			})
		}
	})
}

// operate reads and writes keys by every processor at once; sets of ten operations are writes.
func operate(b *testing.B, c cache.Cache, sets int, pick func(i int) uint32) {
	var start, misses, reads atomic.Int64
	b.ReportAllocs()
	b.ResetTimer()
	b.RunParallel(func(pb *testing.PB) {
		key, value, dst := make([]byte, trace.KeyBytes), make([]byte, valueBytes), make([]byte, 0, valueBytes)
		missed, read := int64(0), int64(0)
		for i := int(start.Add(pickCount / 7)); pb.Next(); i++ {
			trace.PutKey(key, pick(i))
			if i%10 < sets {
				binary.LittleEndian.PutUint64(value, uint64(i))
				c.Set(key, value)
				continue
			}
			read++
			var ok bool
			if dst, ok = c.Get(dst[:0], key); !ok {
				missed++
			}
		}
		misses.Add(missed)
		reads.Add(read)
	})
	b.StopTimer()
	if n := reads.Load(); n > 0 {
		b.ReportMetric(100*float64(misses.Load())/float64(n), "%miss")
	}
}
