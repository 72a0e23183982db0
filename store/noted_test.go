package store

import (
	"fmt"
	"slices"
	"strings"
	"testing"
)

// taken returns all that is noted, sorted.
func (s *Store) taken() (keys []string, all bool) {
	for {
		noted, any := s.TakeNoted(nil)
		all = all || any
		if len(noted) == 0 && !any {
			slices.Sort(keys)
			return slices.Compact(keys), all
		}
		for len(noted) > 0 {
			var key []byte
			key, noted = NextNoted(noted)
			keys = append(keys, string(key))
		}
	}
}

// wantNoted checks what has been noted since the last call.
func wantNoted(t *testing.T, s *Store, what string, wantAll bool, want ...string) {
	t.Helper()
	if !s.Noted() && (wantAll || want != nil) {
		t.Errorf("%s: nothing is noted", what)
	}
	if keys, all := s.taken(); all != wantAll || !slices.Equal(keys, want) {
		t.Errorf("%s: noted %.300q, all %v; want %.300q, %v", what, keys, all, want, wantAll)
	}
	if s.Noted() {
		t.Errorf("%s: more may be noted", what)
	}
}

// What came from others, expired or was dropped is noted, and own writes are not: their caller knows of them.
func TestWhatChangesOtherwiseThanByAWriteHereIsNoted(t *testing.T) {
	s := newStore(t, Options{Node: 1, MaxBytes: 1 << 22, Shards: 16})
	from := newStore(t, Options{Node: 2, MaxBytes: 1 << 22, Shards: 16})
	now := epoch0
	set := func(s *Store, key, value string, at uint64) Record {
		_, res := s.Set(nil, []byte(key), []byte(value), s.Hash([]byte(key)), now, SetOptions{ExpireAt: at})
		return res.Record
	}
	merge := func(r Record) Outcome { return s.Merge(&r, s.Hash(r.Key), now) }
	merge(set(from, "unasked", "1", 0))
	wantNoted(t, s, "before anybody asked", false)
	s.Note(1)
	set(s, "own", "1", 0)
	s.Delete([]byte("own"), s.Hash([]byte("own")), now, false)
	wantNoted(t, s, "an own write", false)

	r := set(from, "k", "1", 0)
	merge(r)
	wantNoted(t, s, "a merge", false, "k")
	if o := merge(r); o != Same {
		t.Fatal(o)
	}
	wantNoted(t, s, "the same again", false)
	r, _ = from.Expire([]byte("k"), from.Hash([]byte("k")), now, now+5_000, 0)
	merge(r)
	wantNoted(t, s, "an expiry", false, "k")
	r, _, _ = from.Delete([]byte("k"), from.Hash([]byte("k")), now, false)
	merge(r)
	wantNoted(t, s, "a deletion", false, "k")
	_, _, r, err := from.Increment(nil, []byte("n"), from.Hash([]byte("n")), now, 2, false)
	if err != nil {
		t.Fatal(err)
	}
	merge(r)
	wantNoted(t, s, "a counter", false, "n")

	var recs []Record
	var hashes []uint64
	var want []string
	for i := range 40 {
		want = append(want, fmt.Sprintf("run%02d", i))
		recs = append(recs, set(from, want[i], "1", 0))
		hashes = append(hashes, s.Hash(recs[i].Key))
	}
	s.MergeRun(recs, hashes, make([]Outcome, len(recs)), now)
	wantNoted(t, s, "a run", false, want...)

	set(s, "short", "1", now+100)
	now += 200
	wantNoted(t, s, "before the sweep", false)
	s.Sweep(now, 1_000)
	wantNoted(t, s, "an entry that expired", false, "short")
	set(s, "short", "1", now+100)
	now += 200
	set(s, "short", "2", 0)
	wantNoted(t, s, "an entry whose expiry a write found", false, "short")

	r = set(s, "dropped", "1", 0)
	if !s.Drop(r.Key, s.Hash(r.Key), r.Version(), now) {
		t.Fatal("it is not dropped")
	}
	wantNoted(t, s, "a drop", false, "dropped")
	s.Flush(now)
	wantNoted(t, s, "an own flush", false)
	now++
	merge(from.Flush(now))
	wantNoted(t, s, "a flush", true)
	s.Step(Step{New: now + 10_000, Old: now})
	wantNoted(t, s, "a step", true)
	s.Note(-1)
	merge(set(from, "k", "3", 0))
	wantNoted(t, s, "when nobody asks any more", false)
}

func TestEvictionsAreNoted(t *testing.T) {
	s := newStore(t, Options{Node: 1, MaxBytes: 1 << 20, Shards: 4})
	s.Note(1)
	value := make([]byte, 2_000)
	there := map[string]bool{}
	for i := range 2_000 {
		key := fmt.Sprint("key", i)
		s.Set(nil, []byte(key), value, s.Hash([]byte(key)), epoch0, SetOptions{})
		there[key] = true
		keys, all := s.taken()
		if all {
			t.Fatal("so few have room")
		}
		for _, key := range keys {
			delete(there, key)
		}
	}
	if len(there) == 2_000 {
		t.Fatal("nothing was evicted")
	}
	for i := range 2_000 {
		key := []byte(fmt.Sprint("key", i))
		if _, _, ok := s.Get(nil, key, s.Hash(key), epoch0); ok != there[string(key)] {
			t.Errorf("%s is there: %v; not noted: %v", key, ok, there[string(key)])
		}
	}
}

// Past its bound what a shard has noted is forgotten, and any key may have changed. It counts against the budget.
func TestWhatAShardNotesIsBounded(t *testing.T) {
	s := newStore(t, Options{Node: 1, MaxBytes: 1 << 20, Shards: 1})
	s.Note(1)
	before := s.Counts().Bytes
	merge := func(key string, stamp uint64) {
		r := Record{Key: []byte(key), Kind: KindString, Flags: Deleted, Content: tombstoneContent, Stamp: stamp << stampBits, Node: 2}
		s.Merge(&r, s.Hash(r.Key), epoch0)
	}
	key := strings.Repeat("k", 1_000)
	for i := range 12 {
		merge(fmt.Sprint(i, key), epoch0)
	}
	if got := s.Counts().Bytes - before; got < 12_000 {
		t.Errorf("%d bytes are counted", got)
	}
	if keys, all := s.taken(); len(keys) != 12 || all {
		t.Errorf("%d keys, all %v", len(keys), all)
	}
	most := s.env.notes.most
	for i := range 2 * most / 1_000 {
		merge(fmt.Sprint(i, key), epoch0+1)
		if n := len(s.shards[0].noted.keys); n > most {
			t.Fatalf("%d bytes", n)
		}
	}
	wantNoted(t, s, "too many", true)
	merge("k", epoch0)
	merge("k", epoch0+1)
	if n := len(s.shards[0].noted.keys); n != noteHead+1 {
		t.Errorf("one key again takes %d bytes", n)
	}
	wantNoted(t, s, "one key again", false, "k")
}
