package store

import (
	"fmt"
	"testing"
)

// fill writes n keys with a prefix.
func fillKeys(t testing.TB, s *Store, prefix string, n int) {
	for i := range n {
		set(t, s, epoch0, fmt.Sprint(prefix, i), "value", SetOptions{})
	}
}

// TestScanReturnsWhatIsThereThroughout scans while keys come, go, and the tables grow and shrink under it.
func TestScanReturnsWhatIsThereThroughout(t *testing.T) {
	for _, shards := range []int{1, 4, 64} {
		t.Run(fmt.Sprint(shards, " shards"), func(t *testing.T) {
			s := newStore(t, Options{Node: 1, Shards: shards, Horizon: 1000})
			fillKeys(t, s, "passing ", 5000)
			fillKeys(t, s, "stays ", 3000)
			seen := map[string]bool{}
			homes := s.shards[0].index.cur.homes
			for cursor, call := uint64(0), 0; ; call++ {
				var keys [][]byte
				keys, _, cursor = s.Scan(nil, nil, cursor, 50, epoch0)
				for _, k := range keys {
					seen[string(k)] = true
				}
				if cursor == 0 {
					break
				}
				switch call {
				case 10: // most go, with their tombstones: the index shrinks
					for i := range 5000 {
						k := fmt.Appendf(nil, "passing %d", i)
						s.Delete(k, s.Hash(k), epoch0, false)
					}
					s.Sweep(epoch0+2000, 1<<20)
				case 20:
					fillKeys(t, s, "new ", 4000)
				}
				if call > 10_000 {
					t.Fatal("the scan does not end")
				}
			}
			for i := range 3000 {
				if k := fmt.Sprint("stays ", i); !seen[k] {
					t.Fatalf("%q was there all the while and was not returned", k)
				}
			}
			if s.shards[0].index.cur.homes == homes {
				t.Error("no index changed its size: the test shows less than it says")
			}
			check(t, s)
		})
	}
}

// TestRangeSeesWhatIsThereThroughoutOnce ranges in small chunks while keys come and go, values grow and move, and the index
// changes its size between two chunks.
func TestRangeSeesWhatIsThereThroughoutOnce(t *testing.T) {
	for _, shards := range []int{1, 4, 256} {
		s := newStore(t, Options{Node: 1, Shards: shards, MaxBytes: 32 << 20, Horizon: 1000})
		fillKeys(t, s, "passing ", 6000)
		fillKeys(t, s, "stays ", 3000)
		seen, calls := map[string]int{}, 0
		homes := s.shards[0].index.cur.homes
		for shard := range MaxShards {
			for cursor, done := uint64(0), false; !done; calls++ {
				var recs []Record
				recs, _, cursor, done = s.Range(nil, nil, shard, cursor, 300, epoch0)
				for _, r := range recs {
					seen[string(r.Key)]++
				}
				switch calls {
				case 200:
					for i := range 6000 {
						k := fmt.Appendf(nil, "passing %d", i)
						s.Delete(k, s.Hash(k), epoch0, false)
					}
					s.Sweep(epoch0+2000, 1<<20)
				case 400:
					fillKeys(t, s, "new ", 9000)
				}
				k := fmt.Append(nil, "stays ", calls%3000)
				s.Set(nil, k, make([]byte, calls%700), s.Hash(k), epoch0, SetOptions{})
			}
		}
		for i := range 3000 {
			if k := fmt.Sprint("stays ", i); seen[k] != 1 {
				t.Fatalf("%d shards: %q was there all the while and was seen %d times", shards, k, seen[k])
			}
		}
		if calls < 800 || s.shards[0].index.cur.homes == homes {
			t.Errorf("%d shards: %d calls, and no index changed its size", shards, calls)
		}
		check(t, s)
	}
}

func TestRangeReturnsEveryRecordOfItsShardInChunksOfTheLimit(t *testing.T) {
	for _, shards := range []int{1, 8, 256} {
		s := newStore(t, Options{Node: 1, Shards: shards})
		fillKeys(t, s, "key ", 3000)
		k := []byte("key 7")
		s.Delete(k, s.Hash(k), epoch0, false)
		set(t, s, epoch0, "large", string(make([]byte, 5000)), SetOptions{})
		seen := map[string]int{}
		for shard := range MaxShards {
			for cursor, done := uint64(0), false; !done; {
				var recs []Record
				recs, _, cursor, done = s.Range(nil, nil, shard, cursor, 1000, epoch0)
				size := 0
				for _, r := range recs {
					if int(s.Hash(r.Key)>>56) != shard {
						t.Fatalf("%q is not of shard %d", r.Key, shard)
					}
					if string(r.Key) == "key 7" && r.Flags != Deleted {
						t.Error("a tombstone came as", r)
					}
					seen[string(r.Key)]++
					size += len(r.Key) + len(r.Value) + RecordOverhead
				}
				if size > 1000 && len(recs) > 1 {
					t.Fatalf("a chunk of %d records and %d bytes", len(recs), size)
				}
			}
		}
		if len(seen) != 3001 || seen["large"] != 1 || seen["key 7"] != 1 {
			t.Errorf("%d shards: %d records", shards, len(seen))
		}
	}
}

func TestCursorsOfAnyKindAreHarmless(t *testing.T) {
	s := newStore(t, Options{Node: 1, Shards: 4})
	fillKeys(t, s, "key ", 100)
	for _, c := range []uint64{1, 99, 1 << 31, 1<<32 - 1, 3 << 32, 4 << 32, 255 << 32, 1 << 40, 1 << 63, 1<<64 - 1} {
		s.Scan(nil, nil, c, 1<<30, epoch0)
		s.Scan(nil, nil, c, -5, epoch0)
		for _, shard := range []int{-1, 0, 255, 256} {
			s.Range(nil, nil, shard, c, 0, epoch0)
		}
	}
}

func TestMergingARangeCopiesAStore(t *testing.T) {
	a, b := newStore(t, Options{Node: 1, Seed: 3}), newStore(t, Options{Node: 2, Seed: 3, Shards: 16})
	for i := range 500 {
		set(t, a, epoch0, fmt.Sprint(i), "v", SetOptions{ExpireAt: (epoch0 + 1000 + uint64(i)*50) * uint64(i%2)})
	}
	for i := range 50 {
		k := fmt.Append(nil, i*7)
		a.Delete(k, a.Hash(k), epoch0+1, false)
	}
	now := epoch0 + 9000
	a.Sweep(now, 1<<20)
	for _, r := range records(a, now) {
		if o := merge(b, now, r); o != Applied {
			t.Fatal(o, r)
		}
	}
	if ca, cb := contents(a, now), contents(b, now); ca != cb {
		t.Errorf("%s\n%s", ca, cb)
	}
	_, ra := a.Digest(now + 4000)
	if _, rb := b.Digest(now + 4000); ra != rb {
		t.Error("equal contents, different roots")
	}
}

// TestACrowdOfEqualTagsStopsNoWalk gives thousands of keys the same tag, as only a hostile choice of keys could: the cells of one
// tag push those of the next far behind their home, farther than a walk looks under one lock.
func TestACrowdOfEqualTagsStopsNoWalk(t *testing.T) {
	oneGoroutine(t)
	o := Options{Node: 1, Shards: 1, MaxBytes: 8 << 20, blind: ^uint64(3 << 37)} // three or four tags, and hashes all equal
	s := newStore(t, o)
	const n = 3000
	fillKeys(t, s, "key ", n)
	check(t, s)
	seen := map[string]int{}
	calls := 0
	for cursor := uint64(0); ; {
		var keys [][]byte
		keys, _, cursor = s.Scan(nil, nil, cursor, 10, epoch0)
		for _, k := range keys {
			seen[string(k)]++
		}
		if calls++; cursor == 0 || calls > 100 {
			break
		}
	}
	if len(seen) != n || calls > 100 {
		t.Errorf("a scan of %d calls returned %d of %d keys", calls, len(seen), n)
	}
	ranged := 0
	for cursor, done, calls := uint64(0), false, 0; !done; calls++ {
		var recs []Record
		recs, _, cursor, done = s.Range(nil, nil, 0, cursor, 1000, epoch0)
		if ranged += len(recs); calls > 100 {
			t.Fatal("a range does not end")
		}
	}
	if ranged != n {
		t.Error("a range returned", ranged)
	}
	if prints, ok := s.List(nil, 0, 8, 2*n, epoch0); !ok || len(prints) != n {
		t.Error("a listing returned", len(prints))
	}
}

// A SCAN of any COUNT lets writers in after every walkCells cells, and goes on where it was: all keys come, each once.
func TestScanHoldsALockForAChunkAtATime(t *testing.T) {
	const keys = 5000
	s := newStore(t, Options{Node: 1, Shards: 2})
	fillKeys(t, s, "key ", keys)
	for i := range s.shards {
		c := scan{want: MaxScanCount, cells: 2 * MaxScanCount, full: scanBytes, now: epoch0}
		next, more := c.hold(&s.shards[i], uint64(i)<<s.shift)
		if !more || s.shardNumber(next) != i || len(c.keys) == 0 || len(c.keys) > walkCells {
			t.Errorf("shard %d: one hold has %d keys and goes on at %x, %t", i, len(c.keys), next, more)
		}
	}
	all, _, next := s.Scan(nil, nil, 0, MaxScanCount, epoch0)
	seen := map[string]bool{}
	for _, key := range all {
		seen[string(key)] = true
	}
	if next != 0 || len(all) != keys || len(seen) != keys {
		t.Errorf("%d keys, %d of them different, and a cursor of %d", len(all), len(seen), next)
	}
}
