package store

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"testing"
)

// epoch0 is where the virtual time of the tests begins: in cluster ms, the start of an epoch.
const epoch0 = uint64(1_790_000_000_000) &^ (1<<epochBits - 1)

func newStore(t testing.TB, o Options) *Store {
	t.Helper()
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
	slices.SortFunc(all, func(a, b Record) int { return bytes.Compare(a.Key, b.Key) })
	return all
}

// contents is all that a store holds, as text: registers of all records, values of the live ones.
func contents(s *Store, now uint64) string {
	var b strings.Builder
	fmt.Fprintf(&b, "flush %v\n", s.Flushed())
	for _, r := range records(s, now) {
		value := "-"
		if v, ok := get(s, now, string(r.Key)); ok {
			value = fmt.Sprintf("%q", v)
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
		if at := e.expiry(); e.flags&Deleted == 0 && (at == 0 || at >= end) {
			sum += e.fingerprint()
		}
	}
	return sum
}

func entryOf(s *Store, r Record) entry {
	e := entry{
		hash: s.Hash(r.Key), v: r.Version(), e: r.Expiry(), at: r.ExpireAt, content: r.Content, flags: r.Flags & Keeps,
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
	used := int64(0)
	for n := range s.shards {
		sh := &s.shards[n]
		sh.mu.Lock()
		if err := sh.check(n == 0); err != nil {
			t.Errorf("shard %d: %v", n, err)
		}
		used += sh.bytes
		sh.mu.Unlock()
	}
	if got := s.env.used.Load(); got != used {
		t.Errorf("the store counts %d bytes, its shards %d", got, used)
	}
	if used > s.env.maxBytes {
		t.Errorf("%d bytes in a budget of %d", used, s.env.maxBytes)
	}
	if t.Failed() {
		t.FailNow()
	}
}

func (sh *shard) check(first bool) error {
	var live, keys, tombs int
	var tombBytes, sum uint64
	bytes := shardBytes + int64(len(sh.chunks))*chunkBytes + sh.index.bytes()
	onLists := 0
	for i := range sh.high {
		e := sh.at(i)
		if e.flags&used == 0 {
			continue
		}
		live++
		bytes += int64(cap(e.kv))
		if j, ok := sh.find(e.key(), e.hash); !ok || j != i {
			return fmt.Errorf("slot %d is found as %d, %v", i, j, ok)
		}
		if e.flags&gone != 0 {
			tombs++
			tombBytes += uint64(entryBytes) + uint64(cap(e.kv))
		} else {
			keys++
		}
		sum += e.counted()
		if e.flags&counted != 0 && e.flags&(Deleted|dead) != 0 {
			return fmt.Errorf("slot %d is gone and in the digest", i)
		}
		if (e.list == listNone) != (e.flags&gone == 0 && e.expiry() == 0) {
			return fmt.Errorf("slot %d, flags %x, expiry %d, is on list %d", i, e.flags, e.expiry(), e.list)
		}
		if e.list != listNone {
			onLists++
		}
		if e.flags&(Deleted|dead) == 0 && timed(e.list) != (e.expiry() != 0) {
			return fmt.Errorf("slot %d waits on list %d for %d", i, e.list, e.expiry())
		}
	}
	if first {
		sum += flushPrint(sh.flush)
	}
	total := sh.sums.at(sh.sums.oldest + epochsWindow - 1)
	if live != sh.live || live != sh.index.used || keys != sh.keys || tombs != sh.tombstones ||
		int64(tombBytes) != sh.tombstoneBytes || bytes != sh.bytes || sum != total {
		return fmt.Errorf("counted: live %d keys %d tombstones %d (%d bytes) bytes %d sum %x; kept: live %d cells %d keys %d tombstones %d (%d bytes) bytes %d sum %x",
			live, keys, tombs, tombBytes, bytes, sum, sh.live, sh.index.used, sh.keys, sh.tombstones, sh.tombstoneBytes, sh.bytes, total)
	}
	return sh.checkLists(onLists)
}

func (sh *shard) checkLists(want int) error {
	n, waiting := 0, 0
	for l := range sh.lists {
		prev := none
		for i := sh.lists[l].first; i != none; prev, i = i, sh.at(i).next {
			if e := sh.at(i); int(e.list) != l || e.prev != prev || e.flags&used == 0 {
				return fmt.Errorf("slot %d on list %d: list %d prev %d flags %x", i, l, e.list, e.prev, e.flags)
			}
			if timed(uint16(l)) {
				waiting++
			}
			if n++; n > want {
				return fmt.Errorf("the lists hold more than the %d entries that say they are on one", want)
			}
		}
		if sh.lists[l].last != prev {
			return fmt.Errorf("list %d ends with %d, not %d", l, sh.lists[l].last, prev)
		}
	}
	if n != want || waiting != sh.wheel.count {
		return fmt.Errorf("%d entries on lists, want %d; %d wait, want %d", n, want, waiting, sh.wheel.count)
	}
	return nil
}
