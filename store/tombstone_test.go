package store

import (
	"flag"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
)

var churn = flag.Int("churn", 300_000, "how many entries with a short time to live come and go")

// bury deletes n absent keys, one a millisecond from at on, and returns the versions.
func bury(s *Store, prefix string, at uint64, n int) (all []Version) {
	for i := range n {
		k := fmt.Appendf(nil, "%s %020d", prefix, i)
		r, _, _ := s.Delete(k, s.Hash(k), at+uint64(i), true)
		all = append(all, r.Version())
	}
	return all
}

func TestR13_WhatIsNewerThanTheLastComparisonWithEveryMemberStays(t *testing.T) {
	s := newStore(t, Options{Node: 1, Shards: 1, MaxBytes: 1 << 20})
	const n, compared = 3000, 500
	all := bury(s, "k", epoch0, n)
	now := epoch0 + n + tombstoneMinAge
	s.SetCompared(all[compared-1].Stamp)
	s.Sweep(now, 1<<20)
	if c := s.Counts(); c.Tombstones != n-compared || c.PurgedEarly != 0 || s.Floor() != all[compared-1] {
		t.Fatalf("%+v, floor %v", c, s.Floor())
	}
	// Values make room for them.
	for i := range 5000 {
		set(t, s, now, fmt.Sprint("value ", i), strings.Repeat("v", 200), SetOptions{})
	}
	s.Sweep(now, 1<<20)
	if c := s.Counts(); c.Tombstones != n-compared || c.Evictions == 0 || c.Bytes > c.MaxBytes {
		t.Fatalf("%+v", c)
	}
	// The next comparison lets the oldest go, down to the budget and no further.
	s.SetCompared(all[n-1].Stamp)
	s.Sweep(now, 1<<20)
	if c := s.Counts(); c.TombstoneBytes > 1<<20/tombstoneShare || c.Tombstones < n/8 || s.Floor() != all[n-c.Tombstones-1] {
		t.Fatalf("%+v, floor %v", c, s.Floor())
	}
	check(t, s)
}

// What was compared is V and E: a value that all have may have been ended since, by an expiry that somebody missed.
func TestR13_AnExpiryIsAsNewAsItsOwnVersion(t *testing.T) {
	s := newStore(t, Options{Node: 1, Shards: 1, MaxBytes: 1 << 20})
	const n = 2500
	key := func(i int) []byte { return fmt.Appendf(nil, "key %d", i) }
	compared := uint64(0)
	for i := range n {
		compared = set(t, s, epoch0+uint64(i), string(key(i)), "v", SetOptions{}).Stamp
	}
	now, last := epoch0+n, Version{}
	for i := range n {
		r, ok := s.Expire(key(i), s.Hash(key(i)), now, now, 0)
		if !ok {
			t.Fatal("it is not there")
		}
		last = maxVersion(last, r.Expiry())
	}
	s.SetCompared(compared)
	now += BareAfter
	s.Sweep(now, 1<<20)
	now += tombstoneMinAge
	s.Sweep(now, 1<<20)
	if c := s.Counts(); c.Tombstones != n || c.TombstoneBytes <= 1<<20/tombstoneShare || c.TombstoneBytes > 1<<20/tombstoneMost {
		t.Fatalf("%+v", c)
	}
	s.SetCompared(last.Stamp)
	s.Sweep(now, 1<<20)
	if c := s.Counts(); c.Tombstones == n || c.TombstoneBytes > 1<<20/tombstoneShare || c.PurgedEarly != 0 {
		t.Fatalf("%+v", c)
	}
	check(t, s)
}

// A large value takes the place of other values, wherever they are, before a single young tombstone goes for it.
func TestR13_ValuesOfEveryShardGoBeforeTombstones(t *testing.T) {
	s := newStore(t, Options{Node: 1, Shards: 2, MaxBytes: 1 << 20})
	in := func(shard, n int, do func(key string)) {
		for i := 0; n > 0; i++ {
			if key := fmt.Sprintf("%d %020d", shard, i); s.shardNumber(s.Hash([]byte(key))) == shard {
				do(key)
				n--
			}
		}
	}
	const tombs = 1000
	in(0, tombs, func(key string) { s.Delete([]byte(key), s.Hash([]byte(key)), epoch0, true) })
	in(1, 300, func(key string) {
		set(t, s, epoch0, key, strings.Repeat("v", 2000), SetOptions{})
		for range 3 {
			get(s, epoch0, key)
		}
	})
	set(t, s, epoch0, "large", strings.Repeat("v", 500_000), SetOptions{})
	if c := s.Counts(); c.Tombstones != tombs || c.Evictions < 100 || c.Bytes > c.MaxBytes {
		t.Fatalf("%+v", c)
	}
	check(t, s)
}

func TestR13_TombstonesOfMembersThatStayAwayHaveABound(t *testing.T) {
	s := newStore(t, Options{Node: 1, Shards: 4, MaxBytes: 2 << 20})
	s.SetCompared(0) // somebody is away
	const n = 40_000
	bury(s, "k", epoch0, n)
	now := epoch0 + n + tombstoneMinAge
	s.Sweep(now, 1<<20)
	c := s.Counts()
	if most := int64(2 << 20 / tombstoneMost); c.TombstoneBytes > most || c.TombstoneBytes < most/2 || c.PurgedEarly == 0 || c.Bytes > c.MaxBytes {
		t.Fatalf("%+v, at most %d bytes", c, most)
	}
	s.Sweep(now+DefaultHorizon, 1<<20) // after the horizon they go anyway
	if c := s.Counts(); c.Tombstones != 0 {
		t.Fatalf("%+v", c)
	}
	check(t, s)
}

// TestR13_AChurnOfShortLivesStaysInsideTheBudget lets entries with a short time to live come and go, as sessions do, while a
// member is away and while none is. `-churn=5000000` is the long form.
func TestR13_AChurnOfShortLivesStaysInsideTheBudget(t *testing.T) {
	oneGoroutine(t)
	sessions := *churn
	if invariants {
		sessions /= 10 // each call is checked
	}
	for _, away := range []bool{false, true} {
		s := newStore(t, Options{Node: 1, Shards: 4, MaxBytes: 4 << 20})
		if away {
			s.SetCompared(0)
		}
		rng := rand.New(rand.NewPCG(3, 4))
		now := uint64(epoch0)
		for i := range sessions {
			if i%20 == 0 {
				now += 1 + rng.Uint64N(40)
			}
			k := fmt.Appendf(nil, "session %d", i)
			s.Set(nil, k, k, s.Hash(k), now, SetOptions{ExpireAt: now + 1 + rng.Uint64N(2000)})
			if i%1000 == 0 {
				s.Sweep(now, 20_000)
				if c := s.Counts(); c.Bytes > c.MaxBytes {
					t.Fatalf("after %d: %+v", i, c)
				}
			}
		}
		now += 40_000
		s.Sweep(now, 1<<24)
		c := s.Counts()
		most := int64(4 << 20 / tombstoneShare)
		if away {
			most = 4 << 20 / tombstoneMost
		}
		if c.Keys != 0 || c.TombstoneBytes > most || c.Bytes > c.MaxBytes {
			t.Fatalf("away %v: %+v", away, c)
		}
		check(t, s)
	}
}

// TestR4_WritesDuringAFlushAllAreBeforeItOrAfterIt writes from several goroutines while another flushes: what is left is newer
// than the last flush, what was answered after it is there, and another store that gets the updates in any order has the same.
func TestR4_WritesDuringAFlushAllAreBeforeItOrAfterIt(t *testing.T) {
	s, other := newStore(t, Options{Node: 1}), newStore(t, Options{Node: 2})
	const writers, writes, flushes = 4, 3000, 20
	sent := make([][]Record, writers+1)
	var all sync.WaitGroup
	for g := range writers {
		all.Go(func() {
			for i := range writes {
				k := fmt.Appendf(nil, "key %d", i%200)
				if i%5 == 4 {
					if r, _, ok := s.Delete(k, s.Hash(k), epoch0, true); ok {
						sent[g] = append(sent[g], r)
					}
					continue
				}
				_, res := s.Set(nil, k, fmt.Appendf(nil, "%d of %d", i, g), s.Hash(k), epoch0, SetOptions{})
				sent[g] = append(sent[g], res.Record)
			}
		})
	}
	all.Go(func() {
		for range flushes {
			sent[writers] = append(sent[writers], s.Flush(epoch0))
		}
	})
	all.Wait()
	last, best := sent[writers][flushes-1].Version(), map[string]Record{}
	var shuffled []Record
	for _, of := range sent {
		for _, r := range of {
			shuffled = append(shuffled, r)
			if old, ok := best[string(r.Key)]; r.Flags&Flush == 0 && r.Version().Compare(last) > 0 && (!ok || r.Version().Compare(old.Version()) > 0) {
				best[string(r.Key)] = r
			}
		}
	}
	rand.New(rand.NewPCG(1, 2)).Shuffle(len(shuffled), func(i, j int) { shuffled[i], shuffled[j] = shuffled[j], shuffled[i] })
	for _, r := range shuffled {
		merge(other, epoch0, r)
	}
	live := 0
	for key, r := range best {
		for _, st := range []*Store{s, other} {
			v, ok := get(st, epoch0, key)
			if want := r.Flags&Deleted == 0; ok != want || v != string(r.Value) {
				t.Errorf("%s: %q %v, the newest is %+v", key, v, ok, r)
			}
		}
		if r.Flags&Deleted == 0 {
			live++
		}
	}
	if s.Len() != live || other.Len() != live {
		t.Errorf("%d and %d keys, %d were written after the last flush", s.Len(), other.Len(), live)
	}
	check(t, s)
	check(t, other)
}

// TestR13_AMachineThatWasSuspendedForWeeksForgetsAllTheSame: the moment of a deletion is kept in 32 bits of ms, 49 days. What was deleted or died
// before is over when the machine wakes up, however long that took, and holds up nothing that dies after it.
func TestR13_AMachineThatWasSuspendedForWeeksForgetsAllTheSame(t *testing.T) {
	const day = 24 * 3_600_000
	for _, days := range []uint64{1, 24, 26, 40, 49, 51, 80} {
		s := newStore(t, Options{Node: 1, Shards: 1, MaxBytes: 1 << 20})
		set(t, s, epoch0, "deleted", "v", SetOptions{})
		s.Delete([]byte("deleted"), s.Hash([]byte("deleted")), epoch0, false)
		set(t, s, epoch0, "dies", "v", SetOptions{ExpireAt: epoch0 + 1})
		s.Sweep(epoch0+100, 1000)
		now := epoch0 + days*day
		s.Sweep(now, 1000)
		set(t, s, now, "dies later", "v", SetOptions{ExpireAt: now + 1})
		for range 3700 { // the horizon, and a moment
			now += 1000
			s.Sweep(now, 1000)
		}
		if c := s.Counts(); c.Tombstones > 0 {
			t.Errorf("after %d days and the horizon there are %d tombstones of three", days, c.Tombstones)
		}
		if r, ok := lookup(s, now, "dies later"); ok && r.Flags&Bare != Bare {
			t.Errorf("after %d days what has died keeps its value", days)
		}
		check(t, s)
	}
}

// TestR13_AHorizonOfWeeksEnds: it is as long as the longest that may be asked for.
func TestR13_AHorizonOfWeeksEnds(t *testing.T) {
	const day = 24 * 3_600_000
	s := newStore(t, Options{Node: 1, Shards: 1, MaxBytes: 1 << 20, Horizon: 30 * day})
	set(t, s, epoch0, "deleted", "v", SetOptions{})
	s.Delete([]byte("deleted"), s.Hash([]byte("deleted")), epoch0, false)
	for hour := range uint64(31 * 24) {
		s.Sweep(epoch0+hour*3_600_000, 1000)
		if c := s.Counts(); (c.Tombstones == 1) != (hour < 30*24) {
			t.Fatalf("after %d days and %d hours there are %d tombstones", hour/24, hour%24, c.Tombstones)
		}
	}
}

// What a peer says is absent there is dropped by its V. An EXPIRE above the floor keeps nothing: the peer would refuse the record all the same.
func TestR14_AnEntryIsDroppedAndRefusedByItsVAlone(t *testing.T) {
	s := newStore(t, Options{Node: 1})
	old := set(t, s, epoch0, "old", "v", SetOptions{})
	young := set(t, s, epoch0+10, "young", "v", SetOptions{})
	floor := Version{(epoch0 + 5) << 16, 9}
	if _, ok := s.Expire([]byte("old"), s.Hash([]byte("old")), epoch0+20, epoch0+90_000, 0); !ok {
		t.Fatal("no expiry was set")
	}
	sent, _ := lookup(s, epoch0+30, "old")
	for _, r := range []Record{old, young} {
		below := r.Version().Compare(floor) <= 0
		if got := s.Drop(r.Key, s.Hash(r.Key), floor, epoch0+30); got != below {
			t.Errorf("%s was dropped: %v", r.Key, got)
		}
	}
	// What is left beats the value, wherever that is still held.
	left, _ := lookup(s, epoch0+30, "old")
	other := newStore(t, Options{Node: 3})
	merge(other, epoch0+30, sent)
	if got, back := merge(other, epoch0+30, left), merge(s, epoch0+30, sent); got != Applied || back != Older {
		t.Errorf("what is left to the value: %v; the value to what is left: %v", got, back)
	}
	peer := newStore(t, Options{Node: 2})
	peer.RaiseFloor(floor)
	if got := merge(peer, epoch0+30, sent); sent.Expiry().Compare(floor) <= 0 || got != Refused {
		t.Errorf("a peer that knows nothing of it: %v", got)
	}
	check(t, s)
}

// TestR14_OfARecordThatAFlushCoversTheExpiryIsComparedWithTheFloor: V counts as never written, E has come after both.
func TestR14_OfARecordThatAFlushCoversTheExpiryIsComparedWithTheFloor(t *testing.T) {
	s := newStore(t, Options{Node: 1})
	at := func(ms uint64) uint64 { return (epoch0 + ms) << stampBits }
	merge(s, epoch0, Record{Flags: Flush, Stamp: at(10), Node: 2})
	s.RaiseFloor(Version{at(20), 2})
	r := Record{Key: []byte("key"), Value: []byte("v"), Kind: KindString, Content: Content(KindString, false, []byte("v")), Stamp: at(5), Node: 2, ExpireAt: epoch0 + 9000, ExpireStamp: at(20), ExpireNode: 2}
	if got := merge(s, epoch0, r); got != Refused {
		t.Errorf("E at the floor: %v", got)
	}
	r.ExpireStamp = at(30)
	if got := merge(s, epoch0, r); got != Flushed {
		t.Errorf("E above the floor: %v", got)
	}
	if got, ok := lookup(s, epoch0, "key"); !ok || got.Flags&Deleted == 0 || got.Expiry() != r.Expiry() || got.Version() != (Version{}) {
		t.Errorf("%+v, %t", got, ok)
	}
	check(t, s)
}
