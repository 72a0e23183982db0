package store

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
)

// A value is compared to its last byte, wherever key and value go from the entry into pages.
func TestAConditionComparesTheWholeValue(t *testing.T) {
	oneGoroutine(t)
	s := newStore(t, Options{Node: 1, MaxBytes: 64 << 20, Shards: 4})
	unit := s.env.memory.pages.unit
	r := rand.New(rand.NewPCG(3, 4))
	for i := range 300 {
		key := []byte(fmt.Sprint("key ", i))
		if i%3 == 0 {
			key = append(key, strings.Repeat("k", r.IntN(3*unit))...)
		}
		value := make([]byte, r.IntN(8*unit)*(i%4))
		for j := range value {
			value[j] = byte(r.Uint32())
		}
		hash := s.Hash(key)
		s.Set(nil, key, value, hash, epoch0, SetOptions{})
		others := [][]byte{append(bytes.Clone(value), 0), append([]byte{0}, value...)}
		if n := len(value); n > 0 {
			others = append(others, value[:n-1], value[1:], nil)
			for _, at := range []int{0, n - 1, r.IntN(n), r.IntN(n)} {
				other := bytes.Clone(value)
				other[at]++
				others = append(others, other)
			}
		}
		for _, other := range others {
			if _, written, err := s.DeleteIf(key, hash, epoch0, Condition{Value: other}); written || err != nil {
				t.Fatalf("%d bytes, key of %d: taken for %d others", len(value), len(key), len(other))
			}
			if _, res := s.Set(nil, key, value, hash, epoch0, SetOptions{If: &Condition{Value: other, Differs: true}}); !res.Written {
				t.Fatalf("%d bytes, key of %d: not taken to differ from %d others", len(value), len(key), len(other))
			}
		}
		if _, written, _ := s.DeleteIf(key, hash, epoch0, Condition{Value: value, Differs: true}); written {
			t.Fatalf("%d bytes, key of %d: differs from itself", len(value), len(key))
		}
		if _, written, _ := s.DeleteIf(key, hash, epoch0, Condition{Value: value}); !written {
			t.Fatalf("%d bytes, key of %d: not itself", len(value), len(key))
		}
	}
}

// Of all who have read a value one changes it: none of the additions that goroutines make in this way is lost.
func TestOfAllWhoCompareOneSets(t *testing.T) {
	s := newStore(t, Options{Node: 1, MaxBytes: 1 << 20, Shards: 1, heap: true})
	key := []byte("n")
	hash := s.Hash(key)
	set(t, s, epoch0, "n", "", SetOptions{})
	var all sync.WaitGroup
	const each = 500
	for g := range 4 {
		all.Go(func() {
			var was, is []byte
			for done := 0; done < each; {
				was, _, _ = s.Get(was[:0], key, hash, epoch0)
				is = append(append(is[:0], was...), byte('a'+g))
				if _, res := s.Set(nil, key, is, hash, epoch0, SetOptions{If: &Condition{Value: was}}); res.Written {
					done++
				}
			}
		})
	}
	all.Wait()
	value, _ := get(s, epoch0, "n")
	for g := range 4 {
		if n := strings.Count(value, string(rune('a'+g))); n != each {
			t.Errorf("%d of %d additions of goroutine %d are there", n, each, g)
		}
	}
}
