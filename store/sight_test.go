package store

import (
	"fmt"
	"testing"
)

// Between two looks at a key whatever was written is seen, also where nothing is left of it; what only went without being written is
// not, where that can be told.
func TestWhatWasWrittenBetweenTwoLooksIsSeen(t *testing.T) {
	const horizon, late, early = 60_000, epoch0 + 130_000, epoch0 - 20_000 // the keys that are there before the first look come early
	hash := func(s *Store) uint64 { return s.Hash([]byte("key")) }
	put := func(s *Store, now uint64) { set(t, s, now, "key", "value", SetOptions{}) }
	del := func(s *Store, now uint64) { s.Delete([]byte("key"), hash(s), now, true) }
	purge := func(s *Store, now uint64) {
		for s.Sweep(now, 1000) == 1000 {
		}
		if _, ok := lookup(s, now, "key"); ok {
			t.Error("its tombstone is still there: this tests nothing")
		}
	}
	type does []func(s *Store, now uint64)
	comes := func(r Record) func(s *Store, now uint64) { // from another node
		r.Key, r.Kind, r.Node, r.ExpireNode = []byte("key"), KindString, 2, 2
		r.ExpireStamp, r.Content = max(r.ExpireStamp, r.Stamp), Content(KindString, r.Flags&Deleted != 0, nil)
		return func(s *Store, now uint64) { merge(s, now, r) }
	}
	old := func(ms uint64) uint64 { return (epoch0 - 18_000 + ms) << stampBits } // a stamp of before the first look
	gone := func(s *Store, now uint64) {                                         // evicted
		sh := s.shardOf(hash(s))
		sh.mu.Lock()
		defer sh.mu.Unlock()
		var e entry
		if sh.find(&e, []byte("key"), hash(s)); e.at == 0 || e.ghost {
			t.Error("there is nothing to evict")
		}
		sh.evictEntry(&e, now)
	}
	forgotten := func(s *Store, now uint64) {
		sh := s.shardOf(hash(s))
		sh.mu.Lock()
		defer sh.mu.Unlock()
		for sh.dropGhosts(now) {
		}
		if sh.forgotten == 0 {
			t.Error("no ghost was forgotten")
		}
	}
	flushedThere := func(stamp uint64) func(s *Store, now uint64) {
		return func(s *Store, now uint64) { merge(s, now, Record{Flags: Flush, Stamp: stamp, Node: 2}) }
	}
	kept := comes(Record{Stamp: old(0), ExpireAt: late * 2, ExpireStamp: (epoch0 + 2000) << stampBits})
	for name, c := range map[string]struct {
		before, between does
		after           uint64 // the last of between comes then, and the second look; 0: with the first
		want            bool
	}{
		"nothing, absent":                        {nil, nil, 0, false},
		"nothing, there":                         {does{put}, nil, 0, false},
		"nothing, deleted":                       {does{put, del}, nil, 0, false},
		"nothing, evicted":                       {does{put, gone}, nil, 0, false},
		"written":                                {nil, does{put}, 0, true},
		"written anew":                           {does{put}, does{put}, 0, true},
		"written and deleted":                    {nil, does{put, del}, 0, true},
		"deleted, written and deleted":           {does{put, del}, does{put, del}, 0, true},
		"there, and flushed":                     {does{put}, does{flushed}, 0, true},
		"written and flushed":                    {nil, does{put, flushed}, 0, true},
		"flushed long before":                    {does{put, flushed}, nil, late, false},
		"its tombstone was purged":               {does{put, del}, does{purge}, late, false},
		"others' were, and its shard is at rest": {nil, does{busy}, late, false},
		"written, deleted, and that purged":      {nil, does{put, del, purge}, late, true},
		"written and evicted":                    {nil, does{put, gone}, 0, true},
		"evicted, written and evicted again":     {does{put, gone}, does{put, gone}, 0, true},
		"written, evicted, and that forgotten":   {nil, does{put, gone, forgotten}, 0, true},
		"written and flushed elsewhere":          {nil, does{comes(Record{Stamp: old(0)}), flushedThere(old(1))}, 0, true},
		"flushed elsewhere but for its expiry":   {nil, does{kept, flushedThere((epoch0 + 1000) << stampBits)}, 0, true},
		"so flushed before":                      {does{kept, flushedThere(old(1))}, nil, 0, false},
		"and again":                              {does{kept, flushedThere(old(1))}, does{kept, flushedThere(old(2))}, 0, true},
		"written, deleted elsewhere, and purged": {nil, does{comes(Record{Stamp: old(0)}), comes(Record{Stamp: old(1), Flags: Deleted}), purge}, late, true},
		"written and flushed in a time before":   {nil, does{back, put, flushed}, 0, true},
	} {
		s := newStore(t, Options{Node: 1, Shards: 2, MaxBytes: 256 << 10, Horizon: horizon})
		for _, f := range c.before {
			f(s, early)
		}
		now := epoch0
		then := s.Seen([]byte("key"), hash(s), now)
		for i, f := range c.between {
			if i == len(c.between)-1 && c.after > 0 {
				now = c.after
			}
			f(s, now)
		}
		now = max(now, c.after)
		seen := s.Seen([]byte("key"), hash(s), now)
		if got := seen.Since(&then); got != c.want {
			t.Errorf("%s: %v\nthen %+v\nnow  %+v", name, got, then, seen)
		}
	}
}

// A step back of the time takes along what is known of tombstones that were purged: a key that is absent is as it was all the same.
func TestWhatWasPurgedBeforeAStepBackIsNoChange(t *testing.T) {
	s := newStore(t, Options{Node: 1, Shards: 1, Horizon: 60_000})
	key, now := []byte("key"), epoch0+70_000
	s.Delete(key, s.Hash(key), epoch0, true)
	if s.Sweep(now, 1000); s.Counts().Purged != 1 {
		t.Fatal("nothing was purged")
	}
	s.Step(Step{Old: now, New: now - 3_600_000})
	now -= 3_600_000
	then := s.Seen(key, s.Hash(key), now)
	if seen := s.Seen(key, s.Hash(key), now+1); seen.Since(&then) {
		t.Errorf("then %+v\nnow  %+v", then, seen)
	}
}

func flushed(s *Store, now uint64) { s.Flush(now) }

// back has the time step back by an hour.
func back(s *Store, now uint64) {
	s.Step(Step{Old: now, New: now - 3_600_000})
	s.Flush(now - 3_600_000) // what the clocks have had since is below what they had before
}

// busy has a key of the other shard deleted and the floor raised by it.
func busy(s *Store, now uint64) {
	own := s.shardOf(s.Hash([]byte("key")))
	for i := 0; ; i++ {
		k := fmt.Appendf(nil, "other %d", i)
		if h := s.Hash(k); s.shardOf(h) != own {
			s.Delete(k, h, now-150_000, true) // before the first look
			break
		}
	}
	for s.Sweep(now, 1000) == 1000 {
	}
	if s.Floor() == (Version{}) {
		panic("nothing was purged")
	}
}
