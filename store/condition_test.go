package store

import (
	"bytes"
	"fmt"
	"math"
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
			if _, _, written, err := s.DeleteIf(key, hash, epoch0, Condition{Value: other}); written || err != nil {
				t.Fatalf("%d bytes, key of %d: taken for %d others", len(value), len(key), len(other))
			}
			if _, res := s.Set(nil, key, value, hash, epoch0, SetOptions{If: &Condition{Value: other, Differs: true}}); !res.Written {
				t.Fatalf("%d bytes, key of %d: not taken to differ from %d others", len(value), len(key), len(other))
			}
		}
		if _, _, written, _ := s.DeleteIf(key, hash, epoch0, Condition{Value: value, Differs: true}); written {
			t.Fatalf("%d bytes, key of %d: differs from itself", len(value), len(key))
		}
		if _, _, written, _ := s.DeleteIf(key, hash, epoch0, Condition{Value: value}); !written {
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

// expireIf sets an expiry, takes it off (at 0), or moves it, if the value meets a condition.
func (m *model) expireIf(key string, at uint64, by int64, c Condition) {
	m.t.Helper()
	e, ok := m.live(key)
	ok = ok && (e.value == string(c.Value)) != c.Differs
	write := func() (Record, bool, error) { return m.s.ExpireIf([]byte(key), m.hash(key), m.now, at, 0, c) }
	if by%3 == 0 {
		at, ok = uint64(max(int64(e.at)+by, 1)), ok && e.at != 0
		write = func() (Record, bool, error) { return m.s.ExtendIf([]byte(key), m.hash(key), m.now, by, c) }
	}
	r, done, err := write()
	if done != ok || err != nil {
		m.t.Fatalf("expire %q (%+v) at %d to %d or by %d if %+v: %v %v, want %v", key, e, m.now, at, by, c, done, err, ok)
	}
	if ok {
		m.wrote(key, r, r.ExpireStamp)
		m.keys[key] = modelEntry{e.value, at}
	}
}

// An expiry moves within the times that a client can give, and never to 0, which is none.
func TestAnExpiryIsMovedWithinItsBounds(t *testing.T) {
	for _, c := range []struct {
		at   uint64
		by   int64
		want uint64
	}{
		{1000, 5, 1005}, {1000, -5, 995}, {1000, -999, 1}, {1000, -1000, 1}, {1000, math.MinInt64, 1}, {1000, math.MaxInt64, math.MaxInt64},
		{math.MaxInt64, 1, math.MaxInt64}, {math.MaxUint64, 1, math.MaxInt64}, {math.MaxUint64, math.MinInt64, 1}, {math.MaxUint64, -7, math.MaxInt64 - 7},
	} {
		if got := later(c.at, c.by); got != c.want {
			t.Errorf("%d moved by %d: %d, want %d", c.at, c.by, got, c.want)
		}
	}
}

// What may be with a peer is neither written nor taken for another value (R17).
func TestR17AConditionOnAnEvictedKeyIsUnsure(t *testing.T) {
	s := newStore(t, Options{Node: 1, MaxBytes: 1 << 20, Shards: 1})
	var keys []string
	for i := 0; s.Counts().Evictions == 0; i++ {
		keys = append(keys, fmt.Sprint("n", i))
		set(t, s, epoch0, keys[i], "v", SetOptions{})
	}
	key := []byte(keys[0])
	for _, k := range keys {
		if !s.Certain([]byte(k), s.Hash([]byte(k)), epoch0) {
			key = []byte(k)
			break
		}
	}
	hash, c := s.Hash(key), Condition{Value: []byte("v")}
	if _, ok, err := s.ExpireIf(key, hash, epoch0, epoch0+1000, 0, c); ok || err != ErrUnsure {
		t.Errorf("ExpireIf: %v, %v", ok, err)
	}
	if _, ok, err := s.ExtendIf(key, hash, epoch0, 1000, c); ok || err != ErrUnsure {
		t.Errorf("ExtendIf: %v, %v", ok, err)
	}
	if _, existed, written, err := s.DeleteIf(key, hash, epoch0, c); existed || written || err != ErrUnsure {
		t.Errorf("DeleteIf: %v, %v, %v", existed, written, err)
	}
}
