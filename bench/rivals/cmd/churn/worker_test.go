package main

import (
	"bytes"
	"strings"
	"testing"
	"time"
)

// liar is a connection that holds what it is given, until it is told to lie.
type liar struct {
	held map[string][]byte
	lie  func(value []byte) []byte
}

func (l *liar) set(key, value []byte, _ time.Duration) error {
	l.held[string(key)] = bytes.Clone(value)
	return nil
}

func (l *liar) get(dst, key []byte) ([]byte, bool, error) {
	value, ok := l.held[string(key)]
	if ok && l.lie != nil {
		value = l.lie(value)
	}
	return append(dst, value...), ok, nil
}

func (l *liar) delete(key []byte) error {
	delete(l.held, string(key))
	return nil
}

func TestAWorkerSeesWhatIsWrong(t *testing.T) {
	workers, err := newWorkers(settings{workers: 1, seed: 1})
	if err != nil {
		t.Fatal(err)
	}
	w := workers[0]
	for _, size := range []int{0, 1, stampBytes - 1, stampBytes, stampBytes + 1, 1000, maxValue} {
		l := &liar{held: map[string][]byte{}}
		if err := w.set(l, 7, size, false); err != nil {
			t.Fatal(err)
		}
		if err := w.get(l, 7); err != nil {
			t.Errorf("%d bytes as they were set: %v", size, err)
		}
		if size == 0 {
			continue
		}
		l.lie = func(value []byte) []byte {
			wrong := bytes.Clone(value)
			wrong[len(wrong)-1] ^= 1
			return wrong
		}
		if err := w.get(l, 7); err == nil || !strings.Contains(err.Error(), "not those that were set last") {
			t.Errorf("%d bytes with a wrong last one: %v", size, err)
		}
	}
	l := &liar{held: map[string][]byte{}}
	if err := w.set(l, 8, 100, false); err != nil {
		t.Fatal(err)
	}
	w.last[8] = gone
	if err := w.get(l, 8); err == nil || !strings.Contains(err.Error(), "deleted") {
		t.Errorf("a deleted key that is there: %v", err)
	}
}

func TestSizesOfEveryPhaseAreWithinTheLimit(t *testing.T) {
	workers, err := newWorkers(settings{workers: 1, seed: 2})
	if err != nil {
		t.Fatal(err)
	}
	for at, p := range phases {
		most, empty := 0, false
		for range 2_000_000 {
			size := workers[0].size(at)
			if size < 0 || size > maxValue {
				t.Fatalf("%s: a value of %d bytes", p.name, size)
			}
			most, empty = max(most, size), empty || size == 0
		}
		if !empty || at > 0 && most < 8<<20 {
			t.Errorf("%s: the largest of two million values has %d bytes, one is empty: %v", p.name, most, empty)
		}
	}
}
