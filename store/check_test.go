package store

import (
	"bytes"
	"cmp"
	"fmt"
	"slices"
	"strings"
	"testing"
)

// epoch0 is where the virtual time of the tests begins: in cluster ms, the start of an epoch.
const epoch0 = uint64(1_790_000_000_000) &^ (1<<epochBits - 1)

func newStore(t testing.TB, o Options) *Store {
	t.Helper()
	if o.MaxBytes == 0 {
		o.MaxBytes = 8 << 20
	}
	s, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// set writes and fails the test if that did not happen.
func set(t testing.TB, s *Store, now uint64, key, value string, o SetOptions) Record {
	t.Helper()
	_, r := s.Set(nil, []byte(key), []byte(value), s.Hash([]byte(key)), now, o)
	if !r.Written || r.Err != nil {
		t.Fatalf("set %q: %+v", key, r)
	}
	return r.Record
}

func get(s *Store, now uint64, key string) (string, bool) {
	v, _, ok := s.Get(nil, []byte(key), s.Hash([]byte(key)), now)
	return string(v), ok
}

func merge(s *Store, now uint64, r Record) Outcome { return s.Merge(&r, s.Hash(r.Key), now) }

func lookup(s *Store, now uint64, key string) (Record, bool) {
	r, _, ok := s.Lookup(nil, []byte(key), s.Hash([]byte(key)), now)
	return r, ok
}

// records returns all records of a store, sorted by key, through Range.
func records(s *Store, now uint64) []Record {
	var all []Record
	for shard := range MaxShards {
		for cursor, done := uint64(0), false; !done; {
			all, _, cursor, done = s.Range(all, nil, shard, cursor, 4096, now)
		}
	}
	slices.SortFunc(all, func(a, b Record) int { return cmp.Or(bytes.Compare(a.Key, b.Key), cmp.Compare(a.Kind, b.Kind)) })
	return all
}

// contents is all that a store holds, as text: registers of all records, values of the live ones.
func contents(s *Store, now uint64) string {
	var b strings.Builder
	fmt.Fprintf(&b, "flush %v\n", s.Flushed())
	for _, r := range records(s, now) {
		value := "-"
		get := s.Get
		if r.Kind&Composite != 0 {
			get = s.GetField
		}
		if v, m, ok := get(nil, r.Key, s.Hash(r.Key), now); ok {
			value = fmt.Sprintf("%q kind %d content %x", v, m.Kind, r.Content)
		}
		fmt.Fprintf(&b, "%q V=%x.%d base=%x.%d E=%x.%d at=%d %s\n", r.Key, r.Stamp, r.Node, r.BaseStamp, r.BaseNode,
			r.ExpireStamp, r.ExpireNode, r.ExpireAt, value)
	}
	return b.String()
}

// rootOf computes the root of an epoch from the records alone, in the plainest way.
func rootOf(s *Store, epoch, now uint64) uint64 {
	sum := flushPrint(s.Flushed())
	end := (epoch + 1) << epochBits
	for _, r := range records(s, now) {
		e := entryOf(s, r)
		if f, ok := registersOf(s, string(r.Key)); ok && f.v == e.v && f.flags&bare != 0 {
			continue
		}
		if at := e.expiry(); e.flags&Deleted == 0 && (at == 0 || at >= end) {
			sum += e.fingerprint()
		}
	}
	for _, e := range ghosts(s) {
		if at := e.expiry(); at == 0 || at >= end {
			sum += e.fingerprint()
		}
	}
	return sum
}

// ghosts returns what is kept of evicted entries.
func ghosts(s *Store) (all []entry) {
	for i := range s.shards {
		sh := &s.shards[i]
		sh.mu.RLock()
		sh.walk(uint64(i)<<s.shift, 1<<30, func(e entry, _ bool) bool {
			if e.ghost {
				all = append(all, e)
			}
			return true
		})
		sh.mu.RUnlock()
	}
	return all
}

func entryOf(s *Store, r Record) entry {
	e := entry{
		hash: s.Hash(r.Key), v: r.Version(), e: r.Expiry(), expireAt: r.ExpireAt, content: r.Content, flags: r.Flags & Keeps,
		base: Version{r.BaseStamp, r.BaseNode},
	}
	if r.Flags&Bare == Deleted {
		e.flags |= Deleted
	}
	return e
}

// check verifies what must hold of the inside of a store between any two calls.
func check(t testing.TB, s *Store) {
	t.Helper()
	if err := s.verify(); err != nil {
		t.Fatal(err)
	}
}

// oneGoroutine leaves a long test that has only one to the runs without the race detector, which would find nothing.
func oneGoroutine(t *testing.T) {
	t.Helper()
	if raceEnabled {
		t.Skip("it has one goroutine: the race detector finds nothing")
	}
}
