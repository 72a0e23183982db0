package store

import (
	"fmt"
	"math"
	"testing"
)

// TestR3_NoCallReturnsWhatIsPastNotOneMillisecondLate asks every call that reads about a key at the last ms of its life and at
// the one after, whether or not a sweep came by, for an entry of any shape.
func TestR3_NoCallReturnsWhatIsPastNotOneMillisecondLate(t *testing.T) {
	at := epoch0 + 64*7 + 33 // in the middle of a tick of the wheel
	k := []byte("k")
	number := "41"
	key := func(s *Store) (uint64, []byte) { return s.Hash(k), k }
	reads := map[string]func(s *Store, now uint64) bool{
		"Get":  func(s *Store, now uint64) bool { _, ok := get(s, now, "k"); return ok },
		"Meta": func(s *Store, now uint64) bool { h, k := key(s); _, _, ok := s.Meta(k, h, now); return ok },
		"Scan": func(s *Store, now uint64) bool { keys, _, _ := s.Scan(nil, nil, 0, 10, now); return len(keys) == 1 },
		"List": func(s *Store, now uint64) bool {
			prints, _ := s.List(nil, s.Hash(k), 64, 10, now)
			return len(prints) == 1 && !prints[0].Gone
		},
		"Take": func(s *Store, now uint64) bool {
			h, k := key(s)
			out, _, existed, written, _ := s.Take(nil, k, h, now, false)
			return existed && written && string(out) == number
		},
		"Delete": func(s *Store, now uint64) bool { h, k := key(s); _, ok, _ := s.Delete(k, h, now, true); return ok },
		"Set NX": func(s *Store, now uint64) bool {
			h, k := key(s)
			_, r := s.Set(nil, k, k, h, now, SetOptions{NX: true})
			return r.Existed && !r.Written
		},
		"Set XX": func(s *Store, now uint64) bool {
			h, k := key(s)
			_, r := s.Set(nil, k, k, h, now, SetOptions{XX: true})
			return r.Existed && r.Written
		},
		"Set GET": func(s *Store, now uint64) bool {
			h, k := key(s)
			out, r := s.Set(nil, k, k, h, now, SetOptions{Get: true})
			return r.Existed && string(out) == number
		},
		"Set KEEPTTL": func(s *Store, now uint64) bool {
			h, k := key(s)
			_, r := s.Set(nil, k, k, h, now, SetOptions{KeepTTL: true})
			return r.Existed && r.Record.Flags == Keeps && r.Record.ExpireAt == at
		},
		"Expire":  func(s *Store, now uint64) bool { h, k := key(s); _, ok := s.Expire(k, h, now, now+9, 0); return ok },
		"Persist": func(s *Store, now uint64) bool { h, k := key(s); _, ok := s.Persist(k, h, now); return ok },
		"Increment": func(s *Store, now uint64) bool {
			h, k := key(s)
			_, n, r, _ := s.Increment(nil, k, h, now, 1, false)
			return n == 42 && r.Flags == Keeps
		},
	}
	shapes := map[string]func(s *Store){
		"a SET": func(s *Store) { set(t, s, epoch0, "k", number, SetOptions{ExpireAt: at}) },
		"an EXPIRE": func(s *Store) {
			set(t, s, epoch0, "k", number, SetOptions{})
			s.Expire(k, s.Hash(k), epoch0+1, at, 0)
		},
		"a SET KEEPTTL": func(s *Store) {
			set(t, s, epoch0, "k", "some other value", SetOptions{ExpireAt: at})
			set(t, s, epoch0+1, "k", number, SetOptions{KeepTTL: true})
		},
		"a merge": func(s *Store) {
			merge(s, epoch0, Record{Key: k, Value: []byte(number), Kind: KindString, Stamp: epoch0 << 16, Node: 1 << 60, ExpireAt: at, ExpireStamp: epoch0 << 16, ExpireNode: 1 << 61})
		},
	}
	for shape, make := range shapes {
		for name, read := range reads {
			for _, sweep := range []bool{false, true} {
				for now, want := range map[uint64]bool{at - 1: true, at: false} {
					s := newStore(t, Options{Node: 1, Shards: 1, MaxBytes: 1 << 20})
					if make(s); sweep {
						s.Sweep(now, 100)
					}
					if got := read(s, now); got != want {
						t.Errorf("%s of what %s wrote, %d ms from its expiry, swept %v: there is %v", name, shape, int64(now-at), sweep, got)
					}
					check(t, s)
				}
			}
		}
	}
}

// TestR3_ARecordShowsItsExpiryAndLosesItsValueToTheMillisecond: what goes to other nodes is the whole record, dead or not, and
// its value for BareAfter longer.
func TestR3_ARecordShowsItsExpiryAndLosesItsValueToTheMillisecond(t *testing.T) {
	at := epoch0 + 1000
	s := newStore(t, Options{Node: 1, Shards: 1})
	set(t, s, epoch0, "k", "v", SetOptions{ExpireAt: at})
	h := s.Hash([]byte("k"))
	for now, bare := range map[uint64]bool{at - 1: false, at: false, at + BareAfter - 1: false, at + BareAfter: true} {
		one, _ := lookup(s, now, "k")
		two, _ := s.ByHash(nil, nil, h, now)
		for call, r := range map[string]Record{"Lookup": one, "Range": records(s, now)[0], "ByHash": two[0]} {
			if r.ExpireAt != at || (r.Flags&Bare == Bare) != bare || (string(r.Value) == "v") == bare || string(r.Key) != "k" {
				t.Errorf("%s %d ms from the expiry: %+v", call, int64(now-at), r)
			}
		}
	}
}

// TestR3_AnExpiryAtTheEndOfTimeIsNone takes the largest times there are.
func TestR3_AnExpiryAtTheEndOfTimeIsNone(t *testing.T) {
	for _, at := range []uint64{math.MaxUint64, math.MaxUint64 - BareAfter + 1, math.MaxInt64, 1 << 48} {
		s := newStore(t, Options{Node: 1, Shards: 1})
		set(t, s, epoch0, "k", "v", SetOptions{ExpireAt: at})
		for now := epoch0; now < epoch0+10_000; now += 500 {
			s.Sweep(now, 100)
			s.Digest(now)
		}
		if v, ok := get(s, epoch0+10_000, "k"); !ok || v != "v" {
			t.Errorf("expiry at %d: %q %v", at, v, ok)
		}
		if r, _ := lookup(s, epoch0+10_000, "k"); r.Flags != 0 || string(r.Value) != "v" || r.ExpireAt != at {
			t.Errorf("expiry at %d: the record is %+v", at, r)
		}
		check(t, s)
	}
}

// TestR18_AnEpochThatLeftTheWindowIsSaidToBeUnknown asks with a time a little behind that of the last write, as the
// goroutines of a node do at the turn of an epoch.
func TestR18_AnEpochThatLeftTheWindowIsSaidToBeUnknown(t *testing.T) {
	s := newStore(t, Options{Node: 1, Shards: 1})
	roots := map[uint64]uint64{}
	for now := epoch0; now < epoch0+20*1024; now += 256 {
		set(t, s, now, fmt.Sprint(now%5000), "v", SetOptions{})
		for epoch := EpochOf(now) - epochsKept - 1; epoch < EpochOf(now); epoch++ {
			// Somebody's time is 300 ms behind.
			for _, asked := range []uint64{now, now - 300} {
				root, ok := s.Root(epoch, asked)
				leaves, also := s.Leaves(nil, 0, epoch, asked)
				if ok != also || !also && len(leaves) > 0 {
					t.Fatal("Root and Leaves know different epochs")
				}
				if first, seen := roots[epoch]; ok && seen && root != first {
					t.Fatalf("the root of an epoch %d ago changed", EpochOf(now)-epoch)
				} else if ok {
					roots[epoch] = root
				}
			}
		}
	}
}
