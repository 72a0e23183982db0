package command

import (
	"math/rand/v2"
	"strings"
	"testing"

	"covey/codec"
	"covey/store"
)

// Whatever gives a large value, or a large part of one, has it read where it lies; where nothing is to be pinned it comes in one copy.
// The scratch of the loop has none of it.
func TestALargeValueIsPinnedByWhateverGivesIt(t *testing.T) {
	b := make([]byte, 3<<20)
	for r, i := rand.New(rand.NewPCG(1, 1)), 0; i < len(b); i++ {
		b[i] = 'a' + byte(r.Uint32()%26)
	}
	large := string(b)
	for _, c := range []struct {
		command, want string
		pinned        bool
	}{
		{"GET a", large, true}, {"GETEX a", large, true}, {"GETEX a EX 100", large, true}, {"GETEX a PERSIST", large, true}, {"GETEX a PERSIST", large, true},
		{"GETRANGE a 0 -1", large, true}, {"GETRANGE a 1 -2", large[1 : len(large)-1], true}, {"GETRANGE a 1000000 2000000", large[1_000_000:2_000_001], true},
		{"SUBSTR a -100000 -1", large[len(large)-100_000:], true}, {"GETRANGE a 1000000 1001000", large[1_000_000:1_001_001], false}, {"GETRANGE a 5 4", "", false},
		{"SET a x GET", large, false}, {"GETDEL a", large, false}, {"GETEX a PXAT 1", large, false},
	} {
		for _, pin := range []*store.Pin{new(store.Pin), nil} {
			f := newFixture(t)
			f.Pin = pin
			f.do("SET", "a", large)
			got := f.do(strings.Fields(c.command)...)
			if pin.Begun() != (c.pinned && pin != nil) {
				t.Errorf("%s: pinned is %v", c.command, pin.Begun())
			}
			if pin.Begun() {
				for pin.Left() > 0 {
					for _, p := range pin.Next(nil, 1<<20) {
						got += string(p)
					}
				}
				pin.Unpin()
				got += "\r\n"
			}
			if got != bulk(c.want) {
				t.Errorf("%s: %d bytes, want %d; %.20q", c.command, len(got), len(bulk(c.want)), got)
			}
			if cap(f.buf) > 64<<10 {
				t.Errorf("%s: %d bytes of scratch", c.command, cap(f.buf))
			}
		}
	}
}

// A value that fits, but not beside one that is being read, is to be sent again; one that never fits is not.
func TestALargeValueWithoutRoomJustNowIsToBeSentAgain(t *testing.T) {
	f := newFixture(t)
	s, err := store.New(store.Options{Shards: 16, Node: 1, MaxBytes: 8 << 20})
	if err != nil {
		t.Fatal(err)
	}
	f.Store, f.Pin = s, new(store.Pin)
	f.do("SET", "a", strings.Repeat("a", 3<<19))
	large, never := strings.Repeat("b", 5<<20), strings.Repeat("c", 8<<20)
	if !s.Fits([]byte("b"), []byte(large)) {
		t.Fatal("it never fits")
	}
	f.do("GET", "a")
	if !f.Pin.Begun() {
		t.Fatal("nothing is pinned")
	}
	again := "-TRYAGAIN " + store.ErrNoRoom.Error() + "\r\n"
	for _, words := range [][]string{{"SET", "b", large}, {"SETNX", "b", large}, {"MSET", "b", large}, {"GETSET", "b", large}} {
		if got := f.do(words...); got != again {
			t.Errorf("%s: %q, want %q", words[0], got, again)
		}
	}
	if got := f.do("SET", "b", never); got != "-ERR "+store.ErrTooLarge.Error()+"\r\n" {
		t.Errorf("%q", got)
	}
	if m, _, _ := f.send(t, setFrame("b", large, 0, 0)); m.Status != codec.StatusTryAgain || string(m.Value) != store.ErrNoRoom.Error() {
		t.Errorf("status %d, %q", m.Status, m.Value)
	}
	if m, _, _ := f.send(t, setFrame("b", never, 0, 0)); m.Status != codec.StatusError {
		t.Errorf("status %d, %q", m.Status, m.Value)
	}
	f.Pin.Unpin()
	if got := f.do("SET", "b", large); got != ok {
		t.Errorf("%q", got)
	}
}

// A counter is to be sent again, too, if its key has no room beside what is being read and written.
func TestACounterWithoutRoomJustNowIsToBeSentAgain(t *testing.T) {
	f := newFixture(t)
	s, err := store.New(store.Options{Shards: 1, Node: 1, MaxBytes: 264 << 10})
	if err != nil {
		t.Fatal(err)
	}
	f.Store, f.Pin = s, new(store.Pin)
	value, key := strings.Repeat("a", 66_000), strings.Repeat("k", codec.MaxKey)
	f.do("SET", "a", value)
	f.do("GET", "a")
	var d store.Draft
	if !f.Pin.Begun() || !d.Begin(s, []byte("draft"), s.Hash([]byte("draft")), len(value)) {
		t.Fatal("nothing is held")
	}
	again := "-TRYAGAIN " + store.ErrNoRoom.Error() + "\r\n"
	for _, words := range [][]string{{"INCR", key}, {"EVAL", textOfRateLimitRedis6, "1", key, "1000"}} {
		if got := f.do(words...); got != again {
			t.Errorf("%.10s: %q, want %q", words[0], got, again)
		}
	}
	if m, _, _ := f.send(t, incrementFrame(key, 1, 0)); m.Status != codec.StatusTryAgain || string(m.Value) != store.ErrNoRoom.Error() {
		t.Errorf("status %d, %q", m.Status, m.Value)
	}
	d.Drop()
	f.Pin.Unpin()
	if got := f.do("INCR", key); got != ":1\r\n" {
		t.Errorf("%q", got)
	}
}
