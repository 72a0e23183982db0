package command

import (
	"math"
	"strings"
	"testing"

	"covey/codec"
	"covey/store"
)

// number is the number of a response; -1 without one.
func number(t *testing.T, m codec.ValueResponse) int64 {
	t.Helper()
	if m.Status != codec.StatusOK || len(m.Value) == 0 {
		return -1
	}
	n, err := codec.DecodeNumber(m.Value)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func TestFramesOfNumbersAndTimes(t *testing.T) {
	f := newFixture(t)
	for i, s := range []struct {
		frame  []byte
		after  uint64
		status codec.Status
		number int64 // -1: none
	}{
		{ttlFrame("n"), 0, codec.StatusNotFound, -1},
		{expireFrame("n", 100), 0, codec.StatusNotFound, -1},
		{expireFrame("n", 0), 0, codec.StatusNotFound, -1},
		{incrementFrame("n", 5, 0), 0, codec.StatusOK, 5},
		{ttlFrame("n"), 0, codec.StatusOK, 0},
		{expireFrame("n", 0), 0, codec.StatusOK, -1},
		{incrementFrame("n", -7, 100), 0, codec.StatusOK, -2},
		{ttlFrame("n"), 30, codec.StatusOK, 70},
		{incrementFrame("n", 3, 100), 0, codec.StatusOK, 1}, // it has an end, and keeps that
		{ttlFrame("n"), 69, codec.StatusOK, 1},
		{ttlFrame("n"), 1, codec.StatusNotFound, -1},
		{incrementFrame("n", 0, 100), 0, codec.StatusOK, 0}, // a new key, and a new end
		{expireFrame("n", 500), 0, codec.StatusOK, -1},
		{ttlFrame("n"), 200, codec.StatusOK, 300},
		{expireFrame("n", 0), 0, codec.StatusOK, -1},
		{ttlFrame("n"), 1000, codec.StatusOK, 0},
		{incrementFrame("n", math.MaxInt64, codec.MaxTTL), 0, codec.StatusOK, math.MaxInt64},
		{ttlFrame("n"), 0, codec.StatusOK, codec.MaxTTL},
	} {
		f.advance(s.after)
		m, _, v := f.send(t, s.frame)
		if got := number(t, m); m.Status != s.status || got != s.number || v != Done {
			t.Errorf("step %d: %s %d, verdict %d, want %s %d", i, m.Status, got, v, s.status, s.number)
		}
	}
	if n := len(f.endTurn(t)); n != 7 {
		t.Errorf("%d updates staged, want 7", n)
	}
	if got := f.do("GET", "n"); got != bulk("9223372036854775807") {
		t.Errorf("%q", got)
	}
}

func TestAnIncrementThatFailsIsASentenceAndChangesNothing(t *testing.T) {
	f := newFixture(t)
	f.do("SET", "word", "abc", "PX", "500")
	f.do("SET", "most", "9223372036854775807")
	f.endTurn(t)
	for key, want := range map[string]error{"word": store.ErrNotInteger, "most": store.ErrOverflow} {
		m, _, v := f.send(t, incrementFrame(key, 1, 1000))
		if m.Status != codec.StatusError || string(m.Value) != want.Error() || v != Done || f.Stage.Count() != 0 {
			t.Errorf("%s: %s %q, verdict %d, %d updates", key, m.Status, m.Value, v, f.Stage.Count())
		}
	}
	if got := f.do("PTTL", "word") + f.do("TTL", "most"); got != ":500\r\n:-1\r\n" {
		t.Errorf("%q", got)
	}
	if m, _, _ := f.send(t, incrementFrame(strings.Repeat("k", codec.MaxKey), 1, 0)); number(t, m) != 1 {
		t.Errorf("the longest key: %s %q", m.Status, m.Value)
	}
}
