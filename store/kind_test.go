package store

import (
	"bytes"
	"fmt"
	"slices"
	"testing"
)

// Kinds that only these tests know: rows of the table are all that they need.
const (
	kindNote    = 0x30             // the last writer wins; reads as a string of its own
	kindLetters = 0x31             // a set of letters: two are put together
	kindField   = Composite | 0x01 // a field of a hash
	kindSetAt   = Composite | 0x02 // a set of letters under a key and a field
)

func init() {
	kinds[kindNote] = kind{
		typ: "note", valid: func(value []byte) bool { return len(value) > 0 },
		text: func(dst, value []byte) []byte { return append(append(dst, "note: "...), value...) },
	}
	letters := kind{
		typ: "letters",
		valid: func(value []byte) bool {
			set := value[originBytes:]
			return slices.IsSorted(set) && len(slices.Compact(bytes.Clone(set))) == len(set)
		},
		text:  func(dst, value []byte) []byte { return append(dst, value[originBytes:]...) },
		join:  func(dst, a, b []byte) []byte { return union(union(dst, a[originBytes:]), b[originBytes:]) },
		begin: func(dst, text []byte) ([]byte, error) { return union(dst, text), nil },
		full:  func(_, value []byte) bool { return len(value) > originBytes+26 },
	}
	kinds[kindLetters], kinds[kindSetAt] = letters, letters
	kinds[kindField] = kind{typ: "hash"}
}

// union adds letters to the set behind the origin at the end of dst.
func union(dst, set []byte) []byte {
	for _, c := range set {
		if i, found := slices.BinarySearch(dst[originBytes:], c); !found {
			dst = slices.Insert(dst, originBytes+i, c)
		}
	}
	return dst
}

// put adds letters to a set as a local write.
func put(t *testing.T, s *Store, now uint64, kind uint8, key []byte, set string) Record {
	t.Helper()
	_, r, err := s.contribute(nil, key, kind, s.Hash(key), now, true, func(dst, value []byte, _ Version, _ bool) ([]byte, error) {
		return union(append(dst, value...), []byte(set)), nil
	}, nil)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// repair has two stores tell each other what differs, as a repair does: listings, records by hash, and back what the other
// lacks.
func repair(t *testing.T, a, b *Store, now uint64) {
	t.Helper()
	for _, pair := range [][2]*Store{{a, b}, {b, a}} {
		for shard := range uint64(MaxShards) {
			prints, ok := pair[0].List(nil, shard<<56, 8, 1000, now)
			if !ok {
				t.Fatal("too many entries in a listing")
			}
			for _, p := range prints {
				recs, _ := pair[0].ByHash(nil, nil, p.Hash, now)
				for _, r := range recs {
					if o := merge(pair[1], now, r); o == Joined || o == Older {
						back, _ := pair[1].ByHash(nil, nil, p.Hash, now)
						for _, r := range back {
							merge(pair[0], now, r)
						}
					}
				}
			}
		}
	}
	if ca, cb := contents(a, now), contents(b, now); ca != cb {
		t.Fatalf("after a repair one has\n%s and the other\n%s", ca, cb)
	}
	if _, ra := a.Digest(now + 5000); true {
		if _, rb := b.Digest(now + 5000); ra != rb {
			t.Fatal("after a repair the roots differ")
		}
	}
	check(t, a)
	check(t, b)
}

func TestAKindIsOneRowOfATable(t *testing.T) {
	a, b := newStore(t, Options{Node: 1}), newStore(t, Options{Node: 2})
	note := []byte("a note")
	_, res := a.Set(nil, note, []byte("text"), a.Hash(note), epoch0, SetOptions{Kind: kindNote, ExpireAt: epoch0 + 60_000})
	if !res.Written || res.Record.Kind != kindNote {
		t.Fatalf("%+v", res)
	}
	set(t, a, epoch0, "a string", "text", SetOptions{})
	put(t, a, epoch0, kindLetters, []byte("a set"), "xya")
	put(t, b, epoch0, kindLetters, []byte("a set"), "bbx")
	repair(t, a, b, epoch0+10)
	for _, c := range []struct {
		key, want, typ string
		kind           uint8
	}{{"a note", "note: text", "note", kindNote}, {"a string", "text", "string", KindString}, {"a set", "abxy", "letters", kindLetters}} {
		for _, s := range []*Store{a, b} {
			h := s.Hash([]byte(c.key))
			v, m, ok := s.Get([]byte("> "), []byte(c.key), h, epoch0+20)
			_, n, _ := s.Meta([]byte(c.key), h, epoch0+20)
			if string(v) != "> "+c.want || !ok || m.Kind != c.kind || TypeName(m.Kind) != c.typ || n != len(c.want) {
				t.Errorf("%s: %q, %d bytes, kind %d, %v", c.key, v, n, m.Kind, ok)
			}
		}
	}
	// It is told apart from a string of the same bytes, and is gone when its time comes.
	same := res.Record
	same.Kind, same.Content = KindString, Content(KindString, false, same.Value)
	if o := merge(a, epoch0+30, same); o == Same || res.Record.Content == same.Content {
		t.Error("kinds are not told apart:", o)
	}
	if _, ok := get(b, epoch0+60_000, "a note"); ok {
		t.Error("a note outlives its expiry")
	}
}

func TestAKindThatJoinsGoesThroughTheLifeOfAnEntry(t *testing.T) {
	a, b := newStore(t, Options{Node: 1}), newStore(t, Options{Node: 2})
	key := []byte("set")
	now := epoch0
	both := func(want string) {
		t.Helper()
		now += 10
		repair(t, a, b, now)
		for _, s := range []*Store{a, b} {
			if v, _ := get(s, now, "set"); v != want {
				t.Fatalf("%q, want %q", v, want)
			}
		}
		now += 10
	}
	set(t, a, now, "set", "mn", SetOptions{ExpireAt: now + 30_000})
	both("mn")
	put(t, a, now, kindLetters, key, "a")
	put(t, b, now, kindLetters, key, "z")
	both("amnz") // both go on from the SET
	if m, _, _ := b.Meta(key, b.Hash(key), now); m.ExpireAt != epoch0+30_000 {
		t.Error("the time to live is lost:", m)
	}
	a.Delete(key, a.Hash(key), now, false)
	put(t, b, now, kindLetters, key, "b")
	both("") // the DEL replaces what it did not see
	put(t, a, now, kindLetters, key, "c")
	put(t, b, now, kindLetters, key, "d")
	both("cd")
	set(t, a, now, "set", "q", SetOptions{})
	put(t, b, now, kindLetters, key, "e")
	both("q")
	a.Flush(now)
	merge(b, now, Record{Flags: Flush, Stamp: a.Flushed().Stamp, Node: 1})
	put(t, a, now, kindLetters, key, "f")
	put(t, b, now, kindLetters, key, "g")
	both("fg")
	r := put(t, a, now, kindLetters, key, "abcdehijklmnopqrstuvwxyz~")
	if r.Kind != KindString || len(r.Value) != 27 {
		t.Errorf("one that is full is not written as a SET: %+v", r)
	}
	both("abcdefghijklmnopqrstuvwxyz~")
	set(t, a, now, "set", "", SetOptions{})
	_, _, err := a.contribute(nil, key, kindLetters, a.Hash(key), now, true, func(dst, value []byte, _ Version, _ bool) ([]byte, error) {
		return dst, ErrOverflow
	}, nil)
	if err != ErrOverflow {
		t.Error(err)
	}
	both("")
	_, err = incremented(a, now, "set", 1)
	if err != ErrNotInteger {
		t.Error("an empty string is no number:", err)
	}
	put(t, a, now, kindLetters, key, "k")
	if _, err = incremented(a, now, "set", 1); err != ErrKind {
		t.Error("a set is no counter:", err)
	}
}

func incremented(s *Store, now uint64, key string, delta int64) (int64, error) {
	_, n, _, err := s.Increment(nil, []byte(key), s.Hash([]byte(key)), now, delta, false)
	return n, err
}

func TestFieldsLieUnderKeyAndFieldAndNeverMeetPlainKeys(t *testing.T) {
	a, b := newStore(t, Options{Node: 1}), newStore(t, Options{Node: 2})
	now := epoch0
	want := map[string]string{}
	for i := range 50 {
		composed := ComposeKey(nil, []byte("hash"), fmt.Append(nil, "field ", i))
		key, field, ok := SplitKey(composed)
		if !ok || string(key) != "hash" || string(field) != fmt.Sprint("field ", i) {
			t.Fatal(key, field, ok)
		}
		s := []*Store{a, b}[i%2]
		_, res := s.Set(nil, composed, fmt.Append(nil, i), s.Hash(composed), now, SetOptions{Kind: kindField})
		if !res.Written || res.Existed {
			t.Fatalf("%+v", res)
		}
		want[string(composed)] = fmt.Sprint(i)
	}
	// The same bytes as a plain key, a set under a field on both sides, and a plain key with the name of the hash.
	plain := ComposeKey(nil, []byte("hash"), []byte("field 7"))
	set(t, a, now, string(plain), "plain", SetOptions{})
	set(t, a, now, "hash", "plain too", SetOptions{})
	at := ComposeKey(nil, []byte("hash"), []byte("a set"))
	put(t, a, now, kindSetAt, at, "ab")
	put(t, b, now, kindSetAt, at, "bc")
	want[string(at)] = "abc"
	repair(t, a, b, now+10)
	for _, s := range []*Store{a, b} {
		fields := 0
		for _, r := range records(s, now) {
			if r.Kind&Composite == 0 {
				continue
			}
			fields++
			v, m, ok := s.GetField(nil, r.Key, s.Hash(r.Key), now)
			if !ok || string(v) != want[string(r.Key)] || TypeName(m.Kind) == "string" {
				t.Errorf("%q: %q %+v", r.Key, v, m)
			}
		}
		keys, _, _ := s.Scan(nil, nil, 0, 1000, now)
		if v, _ := get(s, now, string(plain)); v != "plain" || fields != 51 || len(keys) != 2 || s.Len() != 2 {
			t.Errorf("%d fields; plain %q; %d keys scanned, %d counted", fields, v, len(keys), s.Len())
		}
		if _, ok := get(s, now, string(at)); ok {
			t.Error("a field is found as a plain key")
		}
		if r, ok := lookup(s, now, string(at)); !ok || r.Kind != kindSetAt {
			t.Error("a field that has no plain key beside it is not looked up:", r)
		}
	}
	// A tombstone of a field is one of that field alone, and a flush takes all.
	gone := Record{Key: plain, Kind: kindField, Flags: Deleted, Content: 1, Stamp: (now + 20) << stampBits, Node: 3}
	if o := merge(a, now+20, gone); o != Applied {
		t.Fatal(o)
	}
	_, _, field := a.GetField(nil, plain, a.Hash(plain), now+20)
	if _, ok := get(a, now+20, string(plain)); !ok || field {
		t.Error("the tombstone of a field took the plain key, or not the field")
	}
	a.Flush(now + 30)
	if _, _, ok := a.GetField(nil, at, a.Hash(at), now+30); ok || a.Len() != 0 {
		t.Error("a field survives a flush")
	}
	check(t, a)
}

func TestWhatIsNotOfItsKindIsRefused(t *testing.T) {
	s := newStore(t, Options{Node: 1})
	v := Version{epoch0 << stampBits, 1}
	set := origin{reset: v, form: originNone}.append(nil)
	good := Record{Key: []byte("k"), Value: append(set, "ab"...), Kind: kindLetters, Flags: Keeps, Stamp: v.Stamp, Node: 1, BaseStamp: v.Stamp, BaseNode: 1}
	if o := merge(s, epoch0, good); o != Applied {
		t.Fatal(o)
	}
	for name, change := range map[string]func(r *Record){
		"a kind that nobody knows":            func(r *Record) { r.Kind = 0x3f },
		"no kind":                             func(r *Record) { r.Kind = 0 },
		"a mark in the kind":                  func(r *Record) { r.Kind |= marked },
		"a value that its kind does not know": func(r *Record) { r.Value = append(bytes.Clone(set), "ba"...) },
		"no base":                             func(r *Record) { r.Flags = 0 },
		"another base than the origin":        func(r *Record) { r.BaseStamp-- },
		"an origin cut short":                 func(r *Record) { r.Value = r.Value[:originBytes-1] },
		"an origin of no known form":          func(r *Record) { r.Value = origin{reset: v, form: 3}.append(nil) },
		"a deletion with content":             func(r *Record) { r.Value = origin{v, 1, originNone}.append(nil) },
		"a composite key that is none":        func(r *Record) { r.Kind = kindSetAt },
		"an empty note":                       func(r *Record) { r.Kind, r.Value = kindNote, nil },
	} {
		r := good
		r.Stamp++
		change(&r)
		if o := merge(s, epoch0, r); o != Refused {
			t.Errorf("%s: %v", name, o)
		}
	}
	if c := s.Counts(); c.Refused == 0 {
		t.Error("nothing was counted")
	}
	for _, composed := range [][]byte{nil, {1, 0, 0}, {1, 0, 0, 0}, {255, 255, 255, 255, 1}} {
		if _, _, ok := SplitKey(composed); ok {
			t.Errorf("% x is taken for a composite key", composed)
		}
	}
	check(t, s)
}
