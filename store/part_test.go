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
	pins := 0
	for i := range 200 {
		key := fmt.Sprint("key ", i%7)
		if i%3 == 0 {
			key += strings.Repeat("k", r.IntN(3*unit))
		}
		value := make([]byte, r.IntN(12*unit)*(i%4))
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
			got, ok := s.GetPartOrPin([]byte("before"), []byte(key), s.Hash([]byte(key)), epoch0, from, to, nil)
			var p Pin
			head, _ := s.GetPartOrPin(nil, []byte(key), s.Hash([]byte(key)), epoch0, from, to, &p)
			if pinned := p.Begun(); pinned {
				if p.Size() != len(want) || len(want) <= PinFrom {
					t.Fatalf("%d: bytes %d to %d of %d: %d are pinned, want %d", i, from, to, n, p.Size(), len(want))
				}
				head = append(head, p.rest(r)...)
				p.Unpin()
				pins++
			}
			if string(head) != want {
				t.Fatalf("%d: bytes %d to %d of %d, or pinned: %d bytes, want %d", i, from, to, n, len(head), len(want))
			}
			if !ok || string(got) != "before"+want {
				t.Fatalf("%d: bytes %d to %d of %d: %d bytes, %v, want %d", i, from, to, n, len(got)-len("before"), ok, len(want))
			}
		}
	}
	if pins < 100 {
		t.Errorf("%d parts were pinned", pins)
	}
	key := []byte("n")
	for range 12 {
		if _, _, _, err := s.Increment(nil, key, s.Hash(key), epoch0, 1, true); err != nil {
			t.Fatal(err)
		}
	}
	if got, ok := s.GetPartOrPin([]byte("n is "), key, s.Hash(key), epoch0, -1, math.MaxInt64, nil); !ok || string(got) != "n is 2" {
		t.Errorf("%q, %v", got, ok)
	}
	if got, ok := s.GetPartOrPin(nil, []byte("none"), s.Hash([]byte("none")), epoch0, 0, -1, nil); ok || len(got) > 0 {
		t.Errorf("%q, %v", got, ok)
	}
}
