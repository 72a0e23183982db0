package store

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"testing"
)

// holding is a store in which drafts, pins of values that are no more, and a caller hold as much as they may.
func holding(t *testing.T, o Options) (s *Store, release func()) {
	s = newStore(t, o)
	size := max(int(s.env.draftable/5), PinFrom+1)
	var pins []*Pin
	for {
		p := new(Pin)
		set(t, s, epoch0, "pinned", string(make([]byte, size)), SetOptions{})
		if pinValue(t, s, epoch0, "pinned", p); !p.Begun() {
			break
		}
		pins = append(pins, p)
		set(t, s, epoch0, "pinned", "", SetOptions{})
	}
	var drafts []*Draft
	for i := 0; ; i++ {
		d, key := new(Draft), fmt.Appendf(make([]byte, i%3*20_000, MaxKeyBytes), "draft %d", i)
		if !d.Begin(s, key, s.Hash(key), size) {
			break
		}
		d.Write(make([]byte, size-1))
		d.Settle(epoch0)
		drafts = append(drafts, d)
	}
	s.Charge(o.MaxBytes)
	if len(pins) < 2 || len(drafts) < 2 {
		t.Fatalf("a store of %d bytes has %d pins and %d drafts of %d bytes", o.MaxBytes, len(pins), len(drafts), size)
	}
	return s, func() {
		s.Charge(-o.MaxBytes)
		for _, p := range pins {
			p.Unpin()
		}
		for _, d := range drafts {
			d.Drop()
		}
	}
}

// Whatever drafts, pins and callers hold, and however large what is written: the store stays within its budget, a small value always has
// room, a large one is refused where it has none, and comes as a version alone from a peer. When nothing is held any more it has room.
func TestALargeEntryHasRoomBesideWhatIsHeldOrIsRefused(t *testing.T) {
	oneGoroutine(t)
	for _, o := range []Options{{MaxBytes: 2 << 20, Shards: 1}, {MaxBytes: 4 << 20, Shards: 64}, {MaxBytes: 8 << 20}, {MaxBytes: 16 << 20}, {MaxBytes: 40 << 20}, {MaxBytes: 64 << 20}} {
		o.Node = 1
		s, release := holding(t, o)
		check(t, s)
		large := min(s.limit-100, MaxValueBytes)
		r := rand.New(rand.NewPCG(uint64(o.MaxBytes), 5))
		value, refused := make([]byte, large), 0
		for i := range 60 {
			size := []int{large, r.IntN(large), min(s.sure-100, MaxValueBytes), r.IntN(2000)}[i%4]
			key := fmt.Appendf(nil, "key %d", r.IntN(8))
			hash, now := s.Hash(key), epoch0+uint64(i)
			if i%3 == 2 {
				rec := Record{Key: key, Value: value[:size], Kind: KindString, Content: Content(KindString, false, value[:size]), Stamp: now << stampBits, Node: 2, ExpireStamp: now << stampBits, ExpireNode: 2}
				if got := merge(s, now, rec); got != Applied {
					t.Fatalf("%d bytes in a store of %d: %v", size, o.MaxBytes, got)
				}
				check(t, s)
				continue
			}
			_, res := s.Set(nil, key, value[:size], hash, now, SetOptions{})
			check(t, s)
			if v, ok := get(s, now, string(key)); res.Written && (!ok || len(v) != size) {
				t.Fatalf("%d bytes that were set are %d, %t", size, len(v), ok)
			}
			if !res.Written {
				refused++
				if !errors.Is(res.Err, ErrNoRoom) || size+len(key) <= s.sure {
					t.Fatalf("%d bytes in a store of %d, which has %d: %v", size, o.MaxBytes, s.sure, res.Err)
				}
			}
		}
		if refused == 0 {
			t.Errorf("nothing is too large for a store of %d bytes that holds all it may", o.MaxBytes)
		}
		release()
		set(t, s, epoch0+100, "large", string(value), SetOptions{})
		check(t, s)
	}
	if s := newStore(t, Options{MaxBytes: 100 << 20}); s.sure < MaxKeyBytes+MaxValueBytes {
		t.Errorf("a store of 100 MiB has room for %d bytes beside what is held", s.sure)
	}
}

// A counter that has no room beside what is held is refused for the moment, as any other value is, and not as one that is too large.
func TestACounterThatHasNoRoomBesideWhatIsHeldIsRefusedForTheMoment(t *testing.T) {
	s := newStore(t, Options{Node: 1, MaxBytes: 264 << 10, Shards: 1})
	size := int(s.env.draftable) - 1100
	var d Draft
	var p Pin
	set(t, s, epoch0, "pinned", string(make([]byte, size)), SetOptions{})
	if pinValue(t, s, epoch0, "pinned", &p); !p.Begun() || !d.Begin(s, []byte("draft"), s.Hash([]byte("draft")), size) {
		t.Fatal("nothing is held")
	}
	set(t, s, epoch0, "pinned", "", SetOptions{})
	for size := MaxKeyBytes; size > 0; size -= 64 {
		key := make([]byte, size)
		_, _, _, err := s.Increment(nil, key, s.Hash(key), epoch0, 1, true)
		if err != nil && err != ErrNoRoom || err == nil && size == MaxKeyBytes {
			t.Fatalf("a key of %d bytes: %v", size, err)
		}
	}
	d.Drop()
	p.Unpin()
	key := make([]byte, MaxKeyBytes)
	if _, _, _, err := s.Increment(nil, key, s.Hash(key), epoch0, 1, true); err != nil {
		t.Error(err)
	}
	check(t, s)
}

// A draft may be of the key that has the largest value there is room for. Then that one goes, and not all else and the budget with it.
func TestADraftOfTheKeyOfALargeValueStaysWithinTheBudget(t *testing.T) {
	s := newStore(t, Options{Node: 1, MaxBytes: 2 << 20, Shards: 1})
	key := []byte("key")
	set(t, s, epoch0, "key", string(make([]byte, s.limit-100)), SetOptions{})
	var d Draft
	if !d.Begin(s, key, s.Hash(key), int(s.env.draftable)-100) {
		t.Fatal("it does not begin")
	}
	piece := make([]byte, 64<<10)
	for d.Left() > 0 {
		d.Write(piece)
		d.Settle(epoch0)
		check(t, s)
	}
	if _, res := s.SetDraft(nil, &d, epoch0, SetOptions{}); !res.Written {
		t.Fatal(res)
	}
	check(t, s)
}

// A large record that comes a second time, as they do from several peers, finds its value here: that stays, whether or not another of its
// size would have room now.
func TestALargeValueThatComesAgainStaysWhateverIsHeld(t *testing.T) {
	s := newStore(t, Options{Node: 1, MaxBytes: 2 << 20, Shards: 1})
	value := make([]byte, s.limit-100)
	r := Record{Key: []byte("key"), Value: value, Kind: KindString, Content: Content(KindString, false, value), Stamp: epoch0 << stampBits, Node: 2, ExpireStamp: epoch0 << stampBits, ExpireNode: 2}
	if got := merge(s, epoch0, r); got != Applied {
		t.Fatal(got)
	}
	var d Draft
	if !d.Begin(s, []byte("draft"), s.Hash([]byte("draft")), int(s.env.draftable)-100) || s.Fits(r.Key, value) {
		t.Fatal("there is room for both")
	}
	if got := merge(s, epoch0, r); got != Same {
		t.Errorf("the record again: %v", got)
	}
	if got, ok := get(s, epoch0, "key"); !ok || got != string(value) || s.Counts().Evictions != 0 {
		t.Errorf("its value has %d bytes now, %t; %d were evicted", len(got), ok, s.Counts().Evictions)
	}
	r.ExpireAt, r.ExpireStamp = epoch0+1000, r.ExpireStamp+1
	if got := merge(s, epoch0, r); got != Applied {
		t.Errorf("the record with an expiry: %v", got)
	}
	if got, ok := get(s, epoch0, "key"); !ok || got != string(value) {
		t.Errorf("with an expiry its value has %d bytes, %t", len(got), ok)
	}
	check(t, s)
}
