package store

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"testing"
)

// pinValue reads a value by GetOrPin, up to what it pins.
func pinValue(t testing.TB, s *Store, now uint64, key string, p *Pin) []byte {
	t.Helper()
	head, ok := s.GetOrPin(nil, []byte(key), s.Hash([]byte(key)), now, p)
	if !ok {
		t.Fatalf("%.20q is not there", key)
	}
	return head
}

// rest reads what a pin has left, in pieces.
func (p *Pin) rest(r *rand.Rand) (all []byte) {
	for p.Left() > 0 {
		for _, b := range p.Next(nil, 1+r.IntN(40_000)) {
			all = append(all, b...)
		}
	}
	return all
}

// A pinned value is what Get returns, whatever the lengths of key and value, and stays so while the entry is written anew,
// deleted, evicted and flushed; then its pages come back.
func TestAPinnedValueStays(t *testing.T) {
	oneGoroutine(t)
	s := newStore(t, Options{Node: 1, MaxBytes: 64 << 20, Shards: 4})
	unit := s.env.memory.pages.unit
	r := rand.New(rand.NewPCG(1, 1))
	for i := range 300 {
		now := epoch0 + uint64(i)
		key := fmt.Sprint("key ", i%5)
		if i%3 == 0 {
			key += string(bytes.Repeat([]byte("k"), r.IntN(3*unit)))
		}
		size := PinFrom + 1 + r.IntN(20*unit)
		if i%4 == 0 {
			size = unit*20 - len(key)%unit + r.IntN(3) - 1
		}
		value := make([]byte, size)
		for j := range value {
			value[j] = byte(r.Uint32())
		}
		set(t, s, now, key, string(value), SetOptions{})
		var p, q Pin
		head := pinValue(t, s, now, key, &p)
		again := pinValue(t, s, now, key, &q)
		if !p.Begun() || p.Size() != size || len(head)+p.Left() != size || s.env.pins.count.Load() != 1 {
			t.Fatalf("%d: %d bytes and a pin of %d, of %d", i, len(head), p.Left(), size)
		}
		check(t, s)
		switch i % 5 {
		case 0:
			set(t, s, now, key, "another", SetOptions{})
		case 1:
			set(t, s, now, key, string(make([]byte, size)), SetOptions{})
		case 2:
			s.Delete([]byte(key), s.Hash([]byte(key)), now, false)
		case 3:
			s.Flush(now)
			for range 100 {
				s.Sweep(now, 1_000)
			}
		}
		check(t, s)
		if i%2 == 0 {
			q.Unpin()
		}
		set(t, s, now, "other", string(make([]byte, size)), SetOptions{}) // takes what pages there are
		if got := append(head, p.rest(r)...); !bytes.Equal(got, value) {
			t.Fatalf("%d: a value of %d under a key of %d changed while it was pinned", i, size, len(key))
		}
		p.Unpin()
		check(t, s)
		if i%2 == 1 {
			if got := append(again, q.rest(r)...); !bytes.Equal(got, value) {
				t.Fatalf("%d: it changed after another reader was done", i)
			}
			q.Unpin()
		}
		check(t, s)
		if len(s.env.pins.chains) != 0 || s.env.pins.pages != 0 || s.env.pins.count.Load() != 0 {
			t.Fatalf("%d: something is still pinned", i)
		}
		p.Unpin() // once more makes no difference
	}
}

// What is evicted while it is pinned counts until it is unpinned, and no more is pinned than a part of the budget: then, and
// of small values and numbers always, GetOrPin is Get.
func TestPinsTakeAPartOfTheBudget(t *testing.T) {
	oneGoroutine(t)
	const budget, size = 96 << 20, 1 << 20
	s := newStore(t, Options{Node: 1, MaxBytes: budget, Shards: 4})
	var pins []*Pin
	value := string(make([]byte, size))
	for i := range 60 {
		key := fmt.Sprint("key ", i)
		set(t, s, epoch0, key, value, SetOptions{})
		p := new(Pin)
		if head := pinValue(t, s, epoch0, key, p); p.Begun() {
			pins = append(pins, p)
		} else if string(head) != value {
			t.Fatal("what is not pinned is not there whole")
		}
	}
	if want := int(s.env.draftable) / size; len(pins) > want || len(pins) < want-1 {
		t.Errorf("%d values are pinned, want %d", len(pins), want)
	}
	fill(t, s, epoch0, 256<<10)
	for range 300 {
		set(t, s, epoch0, "more", value, SetOptions{})
		s.Flush(epoch0)
	}
	for range 100 {
		s.Sweep(epoch0, 1_000)
	}
	check(t, s)
	held := s.Counts().Bytes
	if least := int64(len(pins)) * size; held < least {
		t.Errorf("the store counts %d bytes, %d are pinned", held, least)
	}
	for _, p := range pins {
		p.Unpin()
		check(t, s)
	}
	if freed := held - s.Counts().Bytes; freed < int64(len(pins))*size {
		t.Errorf("%d bytes came back", freed)
	}
	var p Pin
	set(t, s, epoch0, "small", value[:PinFrom], SetOptions{})
	if got := pinValue(t, s, epoch0, "small", &p); len(got) != PinFrom || p.Begun() {
		t.Errorf("%d bytes of a small value, pinned: %t", len(got), p.Begun())
	}
	if _, _, _, err := s.Increment(nil, []byte("n"), s.Hash([]byte("n")), epoch0, 7, false); err != nil {
		t.Fatal(err)
	}
	if got := pinValue(t, s, epoch0, "n", &p); string(got) != "7" || p.Begun() {
		t.Errorf("%q", got)
	}
	if _, ok := s.GetOrPin(nil, []byte("none"), s.Hash([]byte("none")), epoch0, &p); ok || p.Begun() {
		t.Error("what is not there is pinned")
	}
}

// A value that may never be pinned, whoever reads meanwhile, is refused to nobody's account.
func TestAValueThatIsTooLongToPinIsNotRefusedForOthers(t *testing.T) {
	oneGoroutine(t)
	s := newStore(t, Options{Node: 1, MaxBytes: 32 << 20, Shards: 4})
	size := int(s.env.draftable)
	set(t, s, epoch0, "long", string(make([]byte, size+s.env.memory.pages.unit)), SetOptions{})
	set(t, s, epoch0, "mine", string(make([]byte, size/2)), SetOptions{})
	var mine, other Pin
	if pinValue(t, s, epoch0, "mine", &mine); !mine.Begun() {
		t.Fatal("not pinned")
	}
	if pinValue(t, s, epoch0, "long", &other); other.Begun() || s.PinsRefused() != 0 {
		t.Errorf("pinned %v, %d refused", other.Begun(), s.PinsRefused())
	}
	set(t, s, epoch0, "theirs", string(make([]byte, size*3/4)), SetOptions{})
	if pinValue(t, s, epoch0, "theirs", &other); other.Begun() || s.PinsRefused() != 1 {
		t.Errorf("pinned %v, %d refused", other.Begun(), s.PinsRefused())
	}
	mine.Unpin()
	check(t, s)
}
