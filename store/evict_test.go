package store

import (
	"fmt"
	"math/rand/v2"
	"testing"
)

// TestBytesStayWithinTheBudget churns stores of a few sizes with values of all sizes, and looks after every call.
func TestBytesStayWithinTheBudget(t *testing.T) {
	oneGoroutine(t)
	for _, c := range []struct {
		shards int
		bytes  int64
		most   int // of a value
	}{{1, 256 << 10, 150_000}, {4, 256 << 10, 150_000}, {256, 8 << 20, 3 << 20}} {
		t.Run(fmt.Sprint(c.shards, " shards"), func(t *testing.T) {
			rng := rand.New(rand.NewPCG(uint64(c.shards), 6))
			s := newStore(t, Options{Node: 1, Shards: c.shards, MaxBytes: c.bytes, Horizon: 10_000})
			large := make([]byte, c.most)
			now := epoch0
			for i := range max(few(20_000), 4000) {
				now += rng.Uint64N(3)
				k := fmt.Append(nil, "key ", rng.IntN(20_000))
				h := s.Hash(k)
				value := large[:rng.IntN(200)]
				switch rng.IntN(200) {
				case 0:
					value = large[:rng.IntN(c.most)]
				case 1, 2, 3:
					s.Delete(k, h, now, true)
				case 4:
					s.Sweep(now, 200)
				case 5:
					s.Merge(&Record{Key: k, Value: value, Kind: KindString, Stamp: now << 16, ExpireAt: now + 9, ExpireStamp: now << 16}, h, now)
				}
				_, r := s.Set(nil, k, value, h, now, SetOptions{ExpireAt: (now + 5000) * uint64(i%2)})
				if !r.Written {
					t.Fatalf("a value of %d bytes: %v", len(value), r.Err)
				}
				if v, _, ok := s.Get(nil, k, h, now); !ok || len(v) != len(value) {
					t.Fatal("what was just written is not there")
				}
				if used := s.env.memory.used.Load(); used > c.bytes {
					t.Fatalf("after call %d: %d bytes in a budget of %d", i, used, c.bytes)
				}
				if i%500 == 0 {
					check(t, s)
				}
			}
			check(t, s)
			got := s.Counts()
			if got.Evictions == 0 || got.Bytes < c.bytes/2 || got.MaxBytes != c.bytes {
				t.Errorf("the budget was not used: %+v", got)
			}
		})
	}
}

func TestALargeValueFitsAfterManySmallOnes(t *testing.T) {
	oneGoroutine(t)
	s := newStore(t, Options{Node: 1, Shards: 16, MaxBytes: 4 << 20})
	fillKeys(t, s, "k", 50_000)
	for range 3 {
		set(t, s, epoch0, "large", string(make([]byte, 2<<20)), SetOptions{})
		check(t, s)
	}
	if c := s.Counts(); c.Bytes > 4<<20 {
		t.Errorf("%+v", c)
	}
}

func TestWhatCanNeverFitIsRefused(t *testing.T) {
	s := newStore(t, Options{Node: 1, Shards: 16, MaxBytes: 4 << 20})
	for _, c := range []struct{ key, value int }{{MaxKeyBytes + 1, 1}, {1, MaxValueBytes + 1}, {1, 4 << 20}} {
		k, v := make([]byte, c.key), make([]byte, c.value)
		if _, r := s.Set(nil, k, v, s.Hash(k), epoch0, SetOptions{}); r.Err != ErrTooLarge || r.Written {
			t.Errorf("set of %d and %d bytes: %v", c.key, c.value, r.Err)
		}
		want := Refused
		if c.key <= MaxKeyBytes && c.value <= MaxValueBytes { // others have room for it
			want = Applied
		}
		if o := merge(s, epoch0, Record{Key: k, Value: v, Kind: KindString, Stamp: epoch0 << 16}); o != want {
			t.Errorf("merge of %d and %d bytes: %v", c.key, c.value, o)
		}
	}
	k := make([]byte, MaxKeyBytes+1)
	if _, _, written := s.Delete(k, s.Hash(k), epoch0, true); written {
		t.Error("a tombstone of a key over the limit")
	}
	if _, _, _, err := s.Increment(nil, k, s.Hash(k), epoch0, 1, false); err != ErrTooLarge {
		t.Error(err)
	}
	if c := s.Counts(); c.Refused != 2 || c.Ghosts != 1 || c.Keys != 0 {
		t.Errorf("%+v", c)
	}
	// The largest that can be made to fit does, beside nothing.
	k = []byte("k")
	fillKeys(t, s, "k", 10_000)
	if _, r := s.Set(nil, k, make([]byte, s.limit-1), s.Hash(k), epoch0, SetOptions{}); !r.Written {
		t.Error(r.Err)
	}
	check(t, s)
}

// TestR16_WhatComesAndFitsInNoWayIsEvictedAtOnce: whatever was there before, and whatever becomes of it, it is never read with the bytes of
// anything else, and counts in the digest as it does where there is room.
func TestR16_WhatComesAndFitsInNoWayIsEvictedAtOnce(t *testing.T) {
	small, large := newStore(t, Options{Node: 1, Shards: 16, MaxBytes: 1 << 20}), newStore(t, Options{Node: 2, Shards: 16, MaxBytes: 16 << 20})
	value := make([]byte, 2<<20)
	at := func(key string, stamp uint64) Record {
		return Record{Key: []byte(key), Value: value, Kind: KindString, Content: Content(KindString, false, value), Stamp: stamp << 16, Node: 9, ExpireStamp: stamp << 16, ExpireNode: 9}
	}
	expires, late := at("expires", epoch0+2), at("late", epoch0+2)
	expires.ExpireAt, late.ExpireAt = epoch0+5000, epoch0+1
	revived := Record{Key: []byte("late"), Kind: KindString, Flags: ExpiryOnly, Content: late.Content, Stamp: late.Stamp, Node: 9, ExpireStamp: (epoch0 + 3) << 16, ExpireNode: 9}
	text := at("text", epoch0+2)
	before := Record{Key: []byte("text"), Value: []byte("v"), Kind: KindString, Content: Content(KindString, false, []byte("v")), Stamp: epoch0 << 16, Node: 9, ExpireStamp: epoch0 << 16, ExpireNode: 9}
	for _, s := range []*Store{small, large} {
		if _, err := incremented(s, epoch0, "counted", 5); err != nil {
			t.Fatal(err)
		}
		for _, r := range []Record{before, text, at("counted", epoch0+2), at("new", epoch0+2), at("new", epoch0+2), at("new", epoch0+1), expires, late, revived} {
			merge(s, epoch0+3, r)
			if s == small && r.Flags == 0 && len(r.Value) > 1 {
				if _, ok := get(s, epoch0+3, string(r.Key)); ok || s.Certain(r.Key, s.Hash(r.Key), epoch0+3) {
					t.Errorf("%s can be read: %v", r.Key, ok)
				}
			}
		}
	}
	check(t, small)
	if c := small.Counts(); c.Ghosts != 5 || c.Keys != 0 || c.Refused != 0 || c.Evictions != 5 { // "new" came three times
		t.Errorf("%+v", c)
	}
	for now := uint64(epoch0 + 3); now < epoch0+20_000; now += 1000 {
		small.Sweep(now, 1000)
		large.Sweep(now, 1000)
		e, a := small.Digest(now)
		if f, b := large.Digest(now); e != f || a != b {
			t.Fatalf("after %d ms: epoch %d, %x where there is no room, %d, %x where there is", now-epoch0, e, a, f, b)
		}
	}
	if o := merge(small, epoch0+20_000, before); o != Older {
		t.Errorf("what was overwritten: %v", o)
	}
}

func TestEvictionSparesWhatIsRead(t *testing.T) {
	s := newStore(t, Options{Node: 1, Shards: 1, MaxBytes: 256 << 10})
	const hot = 200
	for i := range 20_000 {
		set(t, s, epoch0, fmt.Sprint("cold ", i), "some value", SetOptions{})
		if i < hot {
			set(t, s, epoch0, fmt.Sprint("hot ", i), "some value", SetOptions{})
		}
		get(s, epoch0, fmt.Sprint("hot ", i%hot))
	}
	kept := 0
	for i := range hot {
		if _, ok := get(s, epoch0, fmt.Sprint("hot ", i)); ok {
			kept++
		}
	}
	if c := s.Counts(); kept < hot*95/100 || c.Evictions < 10_000 {
		t.Errorf("of %d keys read all the while %d are left, %d evictions", hot, kept, c.Evictions)
	}
	check(t, s)
}

// TestR13_TombstonesGoWhenNothingElseIsLeftToGive, young ones too. What is older than these, and on its way here, is not refused for that: no floor is
// above them, and where they were nothing is absent for certain.
func TestR13_TombstonesGoWhenNothingElseIsLeftToGive(t *testing.T) {
	oneGoroutine(t)
	s := newStore(t, Options{Node: 1, Shards: 1, MaxBytes: 256 << 10})
	for i := range 12_000 { // more than fit, all young
		k := fmt.Append(nil, i)
		s.Delete(k, s.Hash(k), epoch0, true)
	}
	check(t, s)
	deleted := s.Counts()
	late := Record{Key: []byte("late"), Value: []byte("v"), Kind: KindString, Stamp: (epoch0 - 1) << 16, Node: 9, ExpireStamp: (epoch0 - 1) << 16, ExpireNode: 9}
	if deleted.Purged == 0 || deleted.Forgotten != deleted.Purged || deleted.Tombstones == 0 || s.Floor() != (Version{}) || s.Certain(late.Key, s.Hash(late.Key), epoch0) {
		t.Errorf("%+v", deleted)
	}
	if o := merge(s, epoch0, late); o != Applied {
		t.Error(o)
	}
	s.Delete(late.Key, s.Hash(late.Key), epoch0, true)
	for i := range 12_000 { // dead as they are written, all with their bytes
		set(t, s, epoch0+1, fmt.Sprint(i), "a value of some length", SetOptions{ExpireAt: 1})
	}
	check(t, s)
	if c := s.Counts(); c.Purged < deleted.Purged+8000 || c.Keys != 0 {
		t.Errorf("%+v", c)
	}
}

// TestR13_TheOldestTombstoneIsTheFirstToGo deletes, writes and deletes again, so that many tombstones are renewed and the
// segments they lie in are emptied: what is first in their log must still be the oldest.
func TestR13_TheOldestTombstoneIsTheFirstToGo(t *testing.T) {
	oneGoroutine(t)
	s := newStore(t, Options{Node: 1, Shards: 1, MaxBytes: 4 << 20})
	rng := rand.New(rand.NewPCG(1, 13))
	sh := &s.shards[0]
	over := 0
	for i := range 100_000 {
		k, now := fmt.Append(nil, "k", rng.IntN(30_000)), epoch0+uint64(i)
		switch h := s.Hash(k); rng.IntN(5) {
		case 0, 1:
			s.Delete(k, h, now, true)
		case 2:
			merge(s, now, Record{Key: k, Kind: KindString, Flags: ExpiryOnly, ExpireAt: now + 9000, ExpireStamp: now << 16, ExpireNode: 2})
		default:
			s.Set(nil, k, k, h, now, SetOptions{})
		}
		if i%500 != 0 {
			continue
		}
		s.Sweep(now, 10_000)
		if sh.tombstoneBytes > s.env.tombstones {
			over++
		}
		var e, first entry
		if !sh.oldest(logTombs, &first) {
			continue
		}
		if over > 0 && sh.tombstoneBytes > s.env.tombstones && sh.age(&first, now) >= tombstoneMinAge {
			t.Fatal("over the budget, and an old tombstone is kept")
		}
		for g := sh.logs[logTombs].first; g != 0; g = sh.about(g).next {
			for at, size := sh.nextIn(g, 0); size != 0; at, size = sh.nextIn(g, int(at-sh.start(g))+size) {
				if sh.load(at, &e); sh.age(&e, now) > sh.age(&first, now)+2*BareAfter { // what died waits that long for its place here
					t.Fatalf("after %d calls a tombstone of %d ms lies before one of %d ms", i, sh.age(&first, now), sh.age(&e, now))
				}
				first = e
			}
		}
	}
	if over == 0 || s.Counts().Purged == 0 {
		t.Errorf("the budget of tombstones was not reached: %+v", s.Counts())
	}
	check(t, s)
}
