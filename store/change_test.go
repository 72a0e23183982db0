package store

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
)

// grow is a change that puts bytes behind a value.
func grow(s *Store, now uint64, key string, tail []byte) (Record, error) {
	return s.Change(nil, []byte(key), s.Hash([]byte(key)), now, false,
		func(length int) (int, error) { return length + len(tail), nil },
		func(value []byte, there bool) ([]byte, error) { return append(value, tail...), nil })
}

// change puts the text of a number behind a value, or refuses to where that is 0.
func (m *model) change(key string, arg byte) {
	m.t.Helper()
	e, existed := m.live(key)
	refusal := errors.New("refused")
	r, err := m.s.Change([]byte("scratch"), []byte(key), m.hash(key), m.now, false,
		func(length int) (int, error) {
			if arg%16 == 1 {
				return 0, refusal
			}
			if existed && length > len(e.value) || !existed && length != 0 {
				m.t.Fatalf("a change of %q (%+v) is told of %d bytes", key, e, length)
			}
			return length, nil
		},
		func(value []byte, there bool) ([]byte, error) {
			if there != existed || string(value) != e.value && existed || arg%16 == 1 || !existed && len(value) != 0 {
				m.t.Fatalf("a change of %q (%+v) is given %q, %v", key, e, value, there)
			}
			if arg%16 == 2 {
				return append(value, "lost"...), refusal
			}
			return append(value, fmt.Sprint(arg)...), nil
		})
	if bad := arg%16 == 1 || arg%16 == 2; bad != (err == refusal) || !bad && err != nil {
		m.t.Fatalf("change %q by %d: %v", key, arg, err)
	} else if bad {
		return
	}
	if !existed {
		e = modelEntry{}
	}
	e.value += fmt.Sprint(arg)
	if string(r.Value) != e.value {
		m.t.Fatalf("change %q by %d: %q, want %q", key, arg, r.Value, e.value)
	}
	m.wrote(key, r, r.Stamp)
	m.keys[key] = e
}

// However a value grows, from its place into pages and over many of them, it is what was put together, here and where it is sent.
func TestAValueGrowsByChanges(t *testing.T) {
	oneGoroutine(t)
	s, other := newStore(t, Options{Node: 1, MaxBytes: 64 << 20, Shards: 4}), newStore(t, Options{Node: 2, MaxBytes: 64 << 20, Shards: 4})
	r := rand.New(rand.NewPCG(5, 6))
	for i := range 20 {
		key := fmt.Sprint("key ", i)
		var want []byte
		for range 40 {
			tail := make([]byte, r.IntN(1<<r.IntN(17)))
			for j := range tail {
				tail[j] = byte(r.Uint32())
			}
			rec, err := grow(s, epoch0, key, tail)
			if want = append(want, tail...); err != nil || !bytes.Equal(rec.Value, want) {
				t.Fatalf("%q of %d bytes: %d, %v", key, len(want), len(rec.Value), err)
			}
			if o := other.Merge(&rec, s.Hash([]byte(key)), epoch0); o != Applied {
				t.Fatal(o)
			}
		}
		for _, s := range []*Store{s, other} {
			if v, _ := get(s, epoch0, key); v != string(want) {
				t.Fatalf("%q: %d bytes, want %d", key, len(v), len(want))
			}
		}
	}
	check(t, s)
}

// None of the changes that goroutines make at one time is lost.
func TestChangesAtOneTimeAreAllThere(t *testing.T) {
	s := newStore(t, Options{Node: 1, MaxBytes: 1 << 20, Shards: 1, heap: true})
	changeAtOnce(t, s, 500)
}

// changeAtOnce has four goroutines put so many bytes each behind one value, looks whether all are there, and returns the value.
func changeAtOnce(t *testing.T, s *Store, each int) string {
	t.Helper()
	var all sync.WaitGroup
	for g := range 4 {
		all.Go(func() {
			for range each {
				if _, err := grow(s, epoch0, "n", []byte{byte('a' + g)}); err != nil {
					t.Error(err)
				}
			}
		})
	}
	all.Wait()
	value, _ := get(s, epoch0, "n")
	for g := range 4 {
		if n := strings.Count(value, string(rune('a'+g))); n != each {
			t.Errorf("%d of %d changes of goroutine %d are there", n, each, g)
		}
	}
	return value
}

// A value that does not fit is not written, and what was there stays; a large one evicts before there is a lock, and the store stays in its
// budget.
func TestAChangeStaysInItsBounds(t *testing.T) {
	s := newStore(t, Options{Node: 1, MaxBytes: 8 << 20, Shards: 4})
	set(t, s, epoch0, "a", "was", SetOptions{})
	if _, err := grow(s, epoch0, "a", make([]byte, 7<<20)); err != ErrTooLarge {
		t.Errorf("larger than the store: %v", err)
	}
	if _, err := grow(s, epoch0, strings.Repeat("k", MaxKeyBytes+1), nil); err != ErrTooLarge {
		t.Errorf("a key that is too long: %v", err)
	}
	if v, _ := get(s, epoch0, "a"); v != "was" {
		t.Errorf("a change that was refused left %q", v)
	}
	for i := range 40 {
		if _, err := grow(s, epoch0, fmt.Sprint("n", i%7), make([]byte, 150<<10)); err != nil {
			t.Fatal(err)
		}
		if c := s.Counts(); c.Bytes > c.MaxBytes {
			t.Fatalf("%d bytes of %d", c.Bytes, c.MaxBytes)
		}
	}
	check(t, s)
}
