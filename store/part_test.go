package store

import (
	"fmt"
	"math"
	"math/rand/v2"
	"strings"
	"testing"
)

// Each part of a value, wherever key and value go from the entry into pages, is that of the whole as Redis counts.
func TestAPartIsThatOfTheWholeValue(t *testing.T) {
	oneGoroutine(t)
	s := newStore(t, Options{Node: 1, MaxBytes: 64 << 20, Shards: 4})
	unit := s.env.memory.pages.unit
	r := rand.New(rand.NewPCG(1, 2))
	for i := range 200 {
		key := fmt.Sprint("key ", i%7)
		if i%3 == 0 {
			key += strings.Repeat("k", r.IntN(3*unit))
		}
		value := make([]byte, r.IntN(4*unit)*(i%4))
		for j := range value {
			value[j] = byte(r.Uint32())
		}
		set(t, s, epoch0, key, string(value), SetOptions{})
		for range 50 {
			n := int64(len(value))
			from, to := r.Int64N(2*n+5)-n-2, r.Int64N(2*n+5)-n-2
			want := ""
			if first, last := max(from, 0), min(to, n-1); from >= 0 && to >= 0 && first <= last {
				want = string(value[first : last+1])
			} else if from < 0 && (to >= 0 || from <= to) {
				if first = max(from+n, 0); to < 0 {
					last = max(to+n, 0)
				}
				if last = min(last, n-1); first <= last {
					want = string(value[first : last+1])
				}
			} else if to < 0 && from >= 0 {
				if last = min(max(to+n, 0), n-1); from <= last {
					want = string(value[from : last+1])
				}
			}
			got, ok := s.GetPart([]byte("before"), []byte(key), s.Hash([]byte(key)), epoch0, from, to)
			if !ok || string(got) != "before"+want {
				t.Fatalf("%d: bytes %d to %d of %d: %d bytes, %v, want %d", i, from, to, n, len(got)-len("before"), ok, len(want))
			}
		}
	}
	key := []byte("n")
	for range 12 {
		if _, _, _, err := s.Increment(nil, key, s.Hash(key), epoch0, 1, true); err != nil {
			t.Fatal(err)
		}
	}
	if got, ok := s.GetPart([]byte("n is "), key, s.Hash(key), epoch0, -1, math.MaxInt64); !ok || string(got) != "n is 2" {
		t.Errorf("%q, %v", got, ok)
	}
	if got, ok := s.GetPart(nil, []byte("none"), s.Hash([]byte("none")), epoch0, 0, -1); ok || len(got) > 0 {
		t.Errorf("%q, %v", got, ok)
	}
}
