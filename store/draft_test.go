package store

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"testing"
)

// fillDraft puts a value into a draft in pieces of random size, by Write or by Room and Came.
func fillDraft(d *Draft, value []byte, r *rand.Rand) {
	for len(value) > 0 {
		n := 1 + r.IntN(min(len(value), 20_000))
		if r.IntN(2) == 0 {
			n = d.Write(value[:n])
		} else {
			rest := value[:n]
			for _, b := range d.Room(nil, n+r.IntN(9_000)) { // more room than comes
				rest = rest[copy(b, rest):]
			}
			d.Came(n)
		}
		value = value[n:]
	}
}

// A value that comes in pieces becomes what Set would have made of it: under keys and of lengths around all bounds, new and
// over small, large and counted ones, and nothing of it is there before.
func TestADraftBecomesWhatSetMakes(t *testing.T) {
	oneGoroutine(t)
	by, whole := newStore(t, Options{Node: 1, Shards: 4}), newStore(t, Options{Node: 1, Shards: 4})
	unit := by.env.memory.pages.unit
	r := rand.New(rand.NewPCG(1, 1))
	var d Draft
	for i := range 400 {
		now := epoch0 + uint64(i)*50
		key := fmt.Sprint("key ", r.IntN(12))
		if i%7 == 0 {
			key += string(bytes.Repeat([]byte("k"), r.IntN(2*unit)))
		}
		if i%5 == 0 { // what is written over
			value := string(bytes.Repeat([]byte("o"), r.IntN(3*unit)))
			set(t, by, now, key, value, SetOptions{})
			set(t, whole, now, key, value, SetOptions{})
		}
		size := unit + r.IntN(30*unit)
		switch i % 4 {
		case 0:
			size = unit*(1+r.IntN(9)) - len(key)%unit + r.IntN(3) - 1
		case 1:
			size = unit * (1 + r.IntN(9))
		}
		if size <= 0 || len(key)+size < unit {
			continue
		}
		value := make([]byte, size)
		for j := range value {
			value[j] = byte(r.Uint32())
		}
		o := SetOptions{Get: i%3 == 0}
		if i%11 == 0 {
			o.ExpireAt = now + 1_000
		}
		before, _ := get(by, now, key)
		if !d.Begin(by, []byte(key), by.Hash([]byte(key)), size) {
			t.Fatalf("no draft of %d bytes", size)
		}
		fillDraft(&d, value, r)
		check(t, by)
		if got, _ := get(by, now, key); got != before {
			t.Fatalf("%d: a value that is not set yet is seen", i)
		}
		out, res := by.SetDraft(nil, &d, now, o)
		wantOut, want := whole.Set(nil, []byte(key), value, whole.Hash([]byte(key)), now, o)
		check(t, by)
		want.Record.Value = nil
		if fmt.Sprint(res) != fmt.Sprint(want) || !bytes.Equal(out, wantOut) {
			t.Fatalf("%d: %+v, want %+v", i, res, want)
		}
		if d.Begun() || len(by.env.drafts.open) != 0 || by.env.drafts.claimed != 0 {
			t.Fatalf("%d: the draft goes on", i)
		}
		if got, _ := get(by, now, key); got != string(value) {
			t.Fatalf("%d: %d bytes under %d of key came back wrong", i, size, len(key))
		}
	}
	if a, b := contents(by, epoch0+20_000), contents(whole, epoch0+20_000); a != b {
		t.Error("two stores written alike differ")
	}
}

// What a draft has taken is given back when it is dropped, or its condition is not met; and it takes memory for what has
// come, whatever it claims.
func TestADraftTakesWhatHasCome(t *testing.T) {
	const size, come = 1 << 20, 100_000
	s := newStore(t, Options{Node: 1, MaxBytes: 64 << 20, Shards: 4})
	set(t, s, epoch0, "key", "old", SetOptions{})
	empty := s.Counts().Bytes
	var d Draft
	hash := s.Hash([]byte("key"))
	for _, end := range []func(){
		func() { d.Drop() },
		func() {
			d.Write(make([]byte, size))
			if _, res := s.SetDraft(nil, &d, epoch0, SetOptions{NX: true, Sure: true}); res.Written || !res.Existed {
				t.Errorf("%+v", res)
			}
			d.Drop()
		},
	} {
		if !d.Begin(s, []byte("key"), hash, size) {
			t.Fatal("it does not begin")
		}
		d.Write(make([]byte, come))
		check(t, s)
		if took := s.Counts().Bytes - empty; took < come || took > come*11/10+maxPage {
			t.Errorf("%d bytes took %d", come, took)
		}
		if _, res := s.SetDraft(nil, &d, epoch0, SetOptions{}); res.Written || res.Err == nil {
			t.Errorf("a part of a value was set: %+v", res)
		}
		end()
		check(t, s)
		if left := s.Counts().Bytes; left != empty {
			t.Errorf("%d bytes are left", left-empty)
		}
		if got, _ := get(s, epoch0, "key"); got != "old" {
			t.Errorf("%d bytes instead of what was there", len(got))
		}
		d.Drop() // once more makes no difference
	}
}

// All drafts together claim no more than their part of the budget; what they take is evicted for while they fill, and the
// store never holds more than its budget.
func TestDraftsStayWithinTheBudget(t *testing.T) {
	oneGoroutine(t)
	const budget, size = 96 << 20, 4 << 20
	s := newStore(t, Options{Node: 1, MaxBytes: budget, Shards: 4})
	fill(t, s, epoch0, 256<<10)
	var all []*Draft
	for i := range 100 {
		d := new(Draft)
		key := fmt.Appendf(nil, "draft %d", i)
		if !d.Begin(s, key, s.Hash(key), size) {
			break
		}
		all = append(all, d)
	}
	if want := int(s.env.draftable) / size; len(all) != want {
		t.Fatalf("%d drafts have begun, want %d", len(all), want)
	}
	half := make([]byte, size/2)
	for _, d := range all {
		for piece := half; len(piece) > 0; piece = piece[64<<10:] {
			d.Write(piece[:64<<10])
			d.Settle(epoch0)
			if used := s.Counts().Bytes; used > s.env.maxBytes {
				t.Fatalf("%d bytes in a budget of %d", used, s.env.maxBytes)
			}
		}
		check(t, s)
	}
	for i, d := range all {
		if i%2 == 0 {
			d.Drop()
			continue
		}
		d.Write(half)
		d.Settle(epoch0)
		if _, res := s.SetDraft(nil, d, epoch0, SetOptions{}); !res.Written {
			t.Fatalf("%+v", res)
		}
		check(t, s)
	}
	for i := 1; i < len(all); i += 2 {
		if got, ok := get(s, epoch0, fmt.Sprint("draft ", i)); !ok || len(got) != size {
			t.Errorf("draft %d: %d bytes, %t", i, len(got), ok)
		}
	}
}

func TestSettingADraftAllocatesNothing(t *testing.T) {
	s := newStore(t, Options{Node: 1, MaxBytes: 64 << 20})
	key, value := []byte("key"), make([]byte, 300_000)
	hash := s.Hash(key)
	var d Draft
	var room [][]byte
	once := func() {
		if !d.Begin(s, key, hash, len(value)) {
			t.Fatal("it does not begin")
		}
		room = d.Room(room[:0], 100_000)
		d.Came(100_000)
		d.Write(value[100_000:])
		if _, res := s.SetDraft(nil, &d, epoch0, SetOptions{}); !res.Written {
			t.Fatal(res)
		}
	}
	once()
	if n := testing.AllocsPerRun(50, once); n > 0 && !raceEnabled && !invariants {
		t.Errorf("%v allocations", n)
	}
}

func BenchmarkDraft(b *testing.B) {
	s, err := New(Options{Node: 1, MaxBytes: 1 << 30})
	if err != nil {
		b.Fatal(err)
	}
	key, value := []byte("key"), make([]byte, 1<<20)
	hash := s.Hash(key)
	b.Run("draft", func(b *testing.B) {
		b.SetBytes(int64(len(value)))
		var d Draft
		for b.Loop() {
			d.Begin(s, key, hash, len(value))
			for rest := value; len(rest) > 0; rest = rest[64<<10:] {
				d.Write(rest[:64<<10])
			}
			s.SetDraft(nil, &d, epoch0, SetOptions{})
		}
	})
	b.Run("set", func(b *testing.B) {
		b.SetBytes(int64(len(value)))
		for b.Loop() {
			s.Set(nil, key, value, hash, epoch0, SetOptions{})
		}
	})
	b.Run("content", func(b *testing.B) {
		b.SetBytes(int64(len(value)))
		for b.Loop() {
			Content(KindString, false, value)
		}
	})
}

// Pages that are given back are taken in the order in which they lay: a value that is written over and over is one piece, and is told
// as one, however large the store is and whether its pages kept their memory.
func TestPagesInARowStayInARow(t *testing.T) {
	for _, budget := range []int64{1 << 30, 64 << 20} {
		s := newStore(t, Options{Node: 1, MaxBytes: budget, Shards: 4})
		key, value := []byte("key"), make([]byte, 4<<20)
		hash := s.Hash(key)
		for i := range 10 {
			var d Draft
			if !d.Begin(s, key, hash, len(value)) {
				t.Fatal("no draft")
			}
			if n := len(d.Room(nil, len(value))); n > 3 { // one of the entry, and two where the write before the last one had its pages
				t.Fatalf("budget %d, write %d: %d pieces", budget, i, n)
			}
			d.Came(len(value))
			if _, res := s.SetDraft(nil, &d, epoch0, SetOptions{}); !res.Written {
				t.Fatal(res)
			}
			var p Pin
			if head := pinValue(t, s, epoch0, "key", &p); len(head)+p.Left() != len(value) {
				t.Fatalf("%d and %d bytes", len(head), p.Left())
			}
			if n := len(p.Next(nil, len(value))); n > 2 {
				t.Fatalf("budget %d, write %d: a value in %d pieces", budget, i, n)
			}
			p.Unpin()
		}
		check(t, s)
	}
}
