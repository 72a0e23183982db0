package loop

import (
	"bytes"
	"fmt"
	"os"
	"runtime/debug"
	"testing"

	"covey/internal/harness"
	"covey/store"
)

// resident returns the bytes of memory that this process has, garbage given back.
func resident(t *testing.T) int64 {
	t.Helper()
	debug.FreeOSMemory()
	text, err := os.ReadFile("/proc/self/statm")
	if err != nil {
		t.Skip(err)
	}
	var size, pages int64
	if _, err := fmt.Sscan(string(text), &size, &pages); err != nil {
		t.Fatal(err)
	}
	return pages * int64(os.Getpagesize())
}

// A store is filled and emptied in each way that there is: the system has its memory back, but for what is kept to be taken
// again, and fixed tables.
func TestMemoryGoesBackToTheSystem(t *testing.T) {
	if harness.Race {
		t.Skip("under the race detector entries lie on the Go heap")
	}
	const (
		budget  = 96 << 20
		entries = 40_000
		value   = 1_000
		large   = 1 << 20
		start   = uint64(1_790_000_000_000)
	)
	// 1/64 of the budget may wait to be used again; the rest is fixed tables.
	const most = budget/64 + 2<<20
	s, err := store.New(store.Options{Node: 1, MaxBytes: budget, Horizon: 10_000})
	if err != nil {
		t.Fatal(err)
	}
	bytesOf := bytes.Repeat([]byte("v"), large)
	now, empty := start, resident(t)
	for _, c := range []struct {
		name  string
		life  uint64
		empty func(keys [][]byte)
	}{
		{"flush", 0, func([][]byte) { s.Flush(now) }},
		{"deletions", 0, func(keys [][]byte) {
			for _, k := range keys {
				s.Delete(k, s.Hash(k), now, false)
			}
		}},
		{"expiry", 5_000, func([][]byte) {}},
	} {
		var keys [][]byte
		for i := range entries {
			n := value
			if i%4_000 == 0 {
				n = large
			}
			key := fmt.Appendf(nil, "%s %d", c.name, i)
			keys = append(keys, key)
			o := store.SetOptions{}
			if c.life > 0 {
				o.ExpireAt = now + c.life
			}
			if _, r := s.Set(nil, key, bytesOf[:n], s.Hash(key), now, o); !r.Written {
				t.Fatal(r)
			}
		}
		full, counted := resident(t), s.Counts().Bytes
		if full-empty < entries*value || s.Len() != entries {
			t.Errorf("%s: with %d entries only %d KiB more are resident", c.name, s.Len(), (full-empty)>>10)
		}
		c.empty(keys)
		for range 60 { // values of the dead are kept for 4 s, tombstones for the horizon, sums of epochs for 33 s
			now += 1_000
			for s.Sweep(now, 100_000) >= 100_000 {
			}
		}
		for range 200 { // tables shrink in steps
			s.Sweep(now, 1_000)
		}
		if n := s.Counts(); s.Len() != 0 || n.Tombstones != 0 || n.Bytes > most {
			t.Errorf("%s: %d entries, %d tombstones and %d of %d bytes are left", c.name, s.Len(), n.Tombstones, n.Bytes, counted)
		}
		if left := resident(t) - empty; left > most+2<<20 {
			t.Errorf("%s: of %d KiB %d are still resident, want at most %d", c.name, (full-empty)>>10, left>>10, (most+2<<20)>>10)
		} else {
			t.Logf("%s: %d KiB full, %d after", c.name, (full-empty)>>10, left>>10)
		}
	}
}
