package store

import (
	"encoding/binary"
	"fmt"
	"testing"
)

// TestExpectedEntriesMoveNoCell copies a store in the order of hashes, as a join does: where it is told of the first part how
// dense it is, the index is made once, and at the load that it would have had.
func TestExpectedEntriesMoveNoCell(t *testing.T) {
	oneGoroutine(t)
	const keys = 60_000
	donor := newStore(t, Options{Node: 1, Shards: 4, MaxBytes: 64 << 20})
	for i := range keys {
		set(t, donor, epoch0, fmt.Sprint("key ", i), "value", SetOptions{})
	}
	s := newStore(t, Options{Node: 2, Shards: 4, MaxBytes: 64 << 20})
	tables := map[*uint64]bool{}
	for shard := range MaxShards {
		var recs []Record
		for cursor, done := uint64(0), false; !done; {
			var next uint64
			recs, _, next, done = donor.Range(recs[:0], nil, shard, cursor, 12_000, epoch0)
			if len(recs) > 0 && !done {
				s.Expect(s.Hash(recs[0].Key), next<<cursorShift, len(recs), 12_000)
			}
			cursor = next
			for _, r := range recs {
				merge(s, epoch0, r)
				x := &s.shardOf(s.Hash(r.Key)).index
				tables[&x.cur.cells[0]] = true
				if x.moving() {
					t.Fatalf("cells move after %d entries", s.Len())
				}
			}
		}
	}
	if len(tables) != 4 {
		t.Errorf("%d tables for the indexes of 4 shards", len(tables))
	}
	for i := range s.shards {
		if x := &s.shards[i].index; x.cur.homes > homesFor(x.used)*5/4 || x.cur.full(x.used) {
			t.Errorf("shard %d: %d homes for %d entries", i, x.cur.homes, x.used)
		}
	}
	check(t, s)
	same(t, []*Store{donor, s}, epoch0+10_000)
}

// TestAnExpectationTakesNoMoreThanAShareOfTheBudget: what is told may be a lie.
func TestAnExpectationTakesNoMoreThanAShareOfTheBudget(t *testing.T) {
	oneGoroutine(t)
	s := newStore(t, Options{Node: 1, Shards: 4, MaxBytes: 4 << 20})
	for i := range 1000 {
		set(t, s, epoch0, fmt.Sprint("key ", i), "value", SetOptions{})
	}
	before := s.Counts().Bytes
	for i := range uint64(400) {
		from := i << 56
		s.Expect(from, from+1, 1<<30, 1<<30)
		s.Expect(from, from+1, expectFrom, 0)
		s.Expect(from, from, 1<<30, 1)
		s.Expect(from, from-1, 1<<30, 1)
		s.Expect(from, from+1<<55, -1, -1)
	}
	if grown := s.Counts().Bytes - before; grown > 4<<20*4/10 {
		t.Errorf("lies took %d bytes of 4 MiB", grown)
	}
	var key [8]byte
	for i := range uint64(80_000) { // the shards go on working, and the tables make room for entries
		binary.LittleEndian.PutUint64(key[:], i)
		set(t, s, epoch0+i/100, string(key[:]), "a value of some length, as most of them are", SetOptions{})
		if i%1000 == 0 && s.Counts().Bytes > 4<<20 {
			t.Fatalf("%d bytes of 4 MiB are in use", s.Counts().Bytes)
		}
	}
	check(t, s)
}
