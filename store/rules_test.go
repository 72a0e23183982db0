package store

import (
	"bytes"
	"strings"
	"testing"
)

func TestR1_TheHigherVersionWins(t *testing.T) {
	low := Record{Key: []byte("k"), Value: []byte("low"), Kind: KindString, Stamp: epoch0 << 16, Node: 1}
	for _, c := range []struct {
		name string
		high Record
	}{
		{"stamp", Record{Stamp: low.Stamp + 1, Node: 0}},
		{"node at equal stamp", Record{Stamp: low.Stamp, Node: 2}},
		{"content hash at equal stamp and node", Record{Stamp: low.Stamp, Node: 1, Content: 1}},
	} {
		t.Run(c.name, func(t *testing.T) {
			high := c.high
			high.Key, high.Value, high.Kind = []byte("k"), []byte("high"), KindString
			for _, order := range [][2]Record{{low, high}, {high, low}} {
				s := newStore(t, Options{})
				merge(s, epoch0, order[0])
				merge(s, epoch0, order[1])
				if v, _ := get(s, epoch0, "k"); v != "high" {
					t.Errorf("after %q, %q the value is %q", order[0].Value, order[1].Value, v)
				}
				check(t, s)
			}
		})
	}
}

func TestR1_ContentCoversKindDeletionAndValue(t *testing.T) {
	seen := map[uint32]bool{}
	for _, c := range []uint32{
		Content(KindString, false, nil), Content(KindString, true, nil), Content(KindCounter, false, nil),
		Content(KindString, false, []byte("a")), Content(KindString, false, bytes.Repeat([]byte("a"), 1000)),
	} {
		if seen[c] {
			t.Errorf("content hash %x twice", c)
		}
		seen[c] = true
	}
}

func TestR1_MergeTellsWhatBecameOfTheRecord(t *testing.T) {
	a, b := newStore(t, Options{Node: 1}), newStore(t, Options{Node: 2})
	one := set(t, a, epoch0, "k", "1", SetOptions{})
	two := set(t, a, epoch0+1, "k", "2", SetOptions{})
	for _, c := range []struct {
		r    Record
		want Outcome
	}{{two, Applied}, {two, Same}, {one, Older}} {
		if got := merge(b, epoch0+1, c.r); got != c.want {
			t.Errorf("%q: %v, want %v", c.r.Value, got, c.want)
		}
	}
}

func TestR2_SetWritesBothRegisters(t *testing.T) {
	s := newStore(t, Options{Node: 1})
	set(t, s, epoch0, "k", "1", SetOptions{ExpireAt: epoch0 + 100})
	r := set(t, s, epoch0+1, "k", "2", SetOptions{})
	if r.Version() != r.Expiry() || r.ExpireAt != 0 {
		t.Errorf("%+v", r)
	}
	if v, ok := get(s, epoch0+1000, "k"); !ok || v != "2" {
		t.Error("the expiry of the first SET outlived the second")
	}
}

func TestR2_AnExpireThatDidNotSeeANewerSetOrDelBringsNothingBack(t *testing.T) {
	a, b := newStore(t, Options{Node: 1}), newStore(t, Options{Node: 2})
	first := set(t, a, epoch0, "k", "1", SetOptions{})
	merge(b, epoch0, first)
	expire, ok := b.Expire([]byte("k"), b.Hash([]byte("k")), epoch0+1, epoch0+50, 0)
	if !ok {
		t.Fatal("EXPIRE of a live key")
	}
	set(t, a, epoch0+2, "k", "2", SetOptions{})
	if got := merge(a, epoch0+3, expire); got != Older {
		t.Errorf("older EXPIRE: %v", got)
	}
	if v, ok := get(a, epoch0+1000, "k"); !ok || v != "2" {
		t.Error("a newer SET was expired by an EXPIRE from before it")
	}
	// Later than the DEL, but of what the DEL removed.
	late, _ := b.Expire([]byte("k"), b.Hash([]byte("k")), epoch0+20, epoch0+10_000, 0)
	c := newStore(t, Options{Node: 3})
	merge(c, epoch0, first)
	c.Delete([]byte("k"), c.Hash([]byte("k")), epoch0+10, false)
	if got := merge(c, epoch0+20, late); got != Applied {
		t.Errorf("the register of an EXPIRE merges on its own: %v", got)
	}
	if _, ok := get(c, epoch0+21, "k"); ok {
		t.Error("an EXPIRE brought a deleted key back")
	}
	check(t, a)
	check(t, c)
}

func TestR2_IncrementKeepsTheTimeToLive(t *testing.T) {
	s, o := newStore(t, Options{Node: 1}), newStore(t, Options{Node: 2})
	base := set(t, s, epoch0, "n", "41", SetOptions{ExpireAt: epoch0 + 500})
	k, h := []byte("n"), s.Hash([]byte("n"))
	for want := int64(42); want < 45; want++ {
		out, n, r, err := s.Increment(nil, k, h, epoch0+uint64(want), 1, false)
		if err != nil || n != want || string(out) != string(r.Value) {
			t.Fatalf("%d, %v, %q", n, err, out)
		}
		if r.Flags != Keeps || (Version{r.BaseStamp, r.BaseNode}) != base.Version() || r.Expiry() != base.Expiry() || r.ExpireAt != epoch0+500 {
			t.Errorf("increment: %+v", r)
		}
		// A store that never saw the SET learns its expiry from the increment.
		if got := merge(o, epoch0+uint64(want), r); got != Applied {
			t.Error(got)
		}
	}
	for _, s := range []*Store{s, o} {
		if v, ok := get(s, epoch0+499, "n"); !ok || v != "44" {
			t.Error(v, ok)
		}
		if _, ok := get(s, epoch0+500, "n"); ok {
			t.Error("an increment lost the time to live")
		}
	}
	// An increment of a dead key starts anew, where all that find it dead do.
	_, n, r, _ := s.Increment(nil, k, h, epoch0+600, 5, false)
	if n != 5 || (Version{r.BaseStamp, r.BaseNode}) != (Version{(epoch0 + 500) << stampBits, 0}) {
		t.Errorf("an increment of a dead key starts anew: %d, %+v", n, r)
	}
	if m, _, ok := s.Meta(k, h, epoch0+100_000); !ok || m.ExpireAt != 0 {
		t.Error("the time to live of the dead key counts for the one that starts anew", m)
	}
}

func TestR2_AnExpireSeenByTheIncrementedValueStillCounts(t *testing.T) {
	a, b := newStore(t, Options{Node: 1}), newStore(t, Options{Node: 2})
	base := set(t, a, epoch0, "n", "1", SetOptions{})
	merge(b, epoch0, base)
	k, h := []byte("n"), a.Hash([]byte("n"))
	expire, _ := b.Expire(k, h, epoch0+1, epoch0+100, 0)
	_, _, inc, _ := a.Increment(nil, k, h, epoch0+2, 1, false)
	merge(a, epoch0+3, expire) // names an older V than the increment
	merge(b, epoch0+3, inc)
	for _, s := range []*Store{a, b} {
		if v, ok := get(s, epoch0+99, "n"); !ok || v != "2" {
			t.Error(v, ok)
		}
		if _, ok := get(s, epoch0+100, "n"); ok {
			t.Error("E is above base: the expiry counts")
		}
	}
}

func TestR2_SetKeepTTL(t *testing.T) {
	s := newStore(t, Options{Node: 1})
	set(t, s, epoch0, "k", "1", SetOptions{ExpireAt: epoch0 + 100})
	r := set(t, s, epoch0+1, "k", "2", SetOptions{KeepTTL: true})
	if r.Flags != Keeps || r.ExpireAt != epoch0+100 {
		t.Errorf("%+v", r)
	}
	r = set(t, s, epoch0+2, "k", "2", SetOptions{KeepTTL: true}) // over one that kept it: its base is still the SET
	if m, _, ok := s.Meta([]byte("k"), s.Hash([]byte("k")), epoch0+3); !ok || r.BaseStamp != epoch0<<stampBits || m.ExpireAt != epoch0+100 {
		t.Errorf("%+v, expiry %d", r, m.ExpireAt)
	}
	if _, ok := get(s, epoch0+100, "k"); ok {
		t.Error("KEEPTTL lost the expiry")
	}
	if r := set(t, s, epoch0+101, "k", "3", SetOptions{KeepTTL: true}); r.Flags != 0 || r.ExpireAt != 0 {
		t.Errorf("KEEPTTL of a dead key: %+v", r)
	}
}

func TestR3_AnEntryIsGoneAtTheMillisecondOfItsExpiry(t *testing.T) {
	s := newStore(t, Options{Node: 1})
	set(t, s, epoch0, "k", "v", SetOptions{ExpireAt: epoch0 + 77})
	if _, ok := get(s, epoch0+76, "k"); !ok {
		t.Error("gone 1 ms early")
	}
	if _, ok := get(s, epoch0+77, "k"); ok {
		t.Error("still there when the expiry is reached")
	}
	if keys, _, _ := s.Scan(nil, nil, 0, 100, epoch0+77); len(keys) != 0 {
		t.Error("a Scan returns what is past")
	}
}

func TestR3_ADeadRecordKeepsItsBytesForFourSecondsAndItsRegistersLonger(t *testing.T) {
	s := newStore(t, Options{Node: 1})
	set(t, s, epoch0, "k", "value", SetOptions{ExpireAt: epoch0 + 1000})
	s.Sweep(epoch0+1100, 100)
	if r, ok := lookup(s, epoch0+1100, "k"); !ok || r.Flags != 0 || string(r.Value) != "value" {
		t.Errorf("just dead: %+v %v", r, ok)
	}
	s.Sweep(epoch0+1100+BareAfter, 100)
	r, ok := lookup(s, epoch0+1100+BareAfter, "k")
	if !ok || r.Flags != Bare || len(r.Value) != 0 || r.Stamp != epoch0<<16 || r.ExpireAt != epoch0+1000 || r.Content != Content(KindString, false, []byte("value")) {
		t.Errorf("dead for long: %+v %v", r, ok)
	}
	if c := s.Counts(); c.Keys != 0 || c.Tombstones != 1 || c.Expired != 1 {
		t.Errorf("%+v", c)
	}
	// It still beats what is older, also where it is merged.
	o := newStore(t, Options{Node: 2})
	old := Record{Key: []byte("k"), Value: []byte("old"), Kind: KindString, Stamp: epoch0<<16 - 1, Node: 9}
	merge(o, epoch0, old)
	if got := merge(o, epoch0+6000, r); got != Applied {
		t.Error(got)
	}
	if _, ok := get(o, epoch0+6000, "k"); ok {
		t.Error("an old value outlived the dead record that is newer")
	}
	check(t, s)
	check(t, o)
}

func TestR3_AHigherExpiryRevivesADeadRecord(t *testing.T) {
	a, b := newStore(t, Options{Node: 1}), newStore(t, Options{Node: 2})
	r := set(t, a, epoch0, "k", "value", SetOptions{ExpireAt: epoch0 + 1000})
	merge(b, epoch0, r)
	later, _ := b.Expire([]byte("k"), b.Hash([]byte("k")), epoch0+999, epoch0+100_000, 0)
	a.Sweep(epoch0+1100, 100)
	if got := merge(a, epoch0+1200, later); got != Applied {
		t.Errorf("with its bytes: %v", got)
	}
	if v, ok := get(a, epoch0+1200, "k"); !ok || v != "value" {
		t.Error(v, ok)
	}
	// Without the bytes the value is asked for.
	c := newStore(t, Options{Node: 3})
	merge(c, epoch0, r)
	c.Sweep(epoch0+1100, 100)
	c.Sweep(epoch0+6000, 100)
	if got := merge(c, epoch0+6000, later); got != NeedRecord {
		t.Errorf("without its bytes: %v", got)
	}
	if _, ok := get(c, epoch0+6000, "k"); ok {
		t.Error("a value whose bytes are gone was read")
	}
	whole, _ := lookup(b, epoch0+6000, "k")
	if got := merge(c, epoch0+6000, whole); got != Applied {
		t.Error(got)
	}
	if v, ok := get(c, epoch0+6000, "k"); !ok || v != "value" {
		t.Error(v, ok)
	}
	check(t, a)
	check(t, c)
}

// What came back to life without its bytes is read nowhere, so it is in no root and listed as gone, as a deletion is.
func TestR3_WhatCameBackWithoutItsBytesIsListedAsGone(t *testing.T) {
	a, b := newStore(t, Options{Node: 1}), newStore(t, Options{Node: 2})
	merge(b, epoch0, set(t, a, epoch0, "k", "1", SetOptions{ExpireAt: epoch0 + 1000}))
	deleted, _, _ := b.Delete([]byte("k"), b.Hash([]byte("k")), epoch0+500, false)
	set(t, a, epoch0+600, "k", "2", SetOptions{KeepTTL: true})
	a.Sweep(epoch0+1100, 100)
	a.Sweep(epoch0+6000, 100)
	merge(a, epoch0+6000, deleted) // its expiry register, none, is newer than that which ended the value
	now := uint64(epoch0 + 10_000)
	if _, ok := get(a, now, "k"); ok {
		t.Fatal("a value whose bytes are gone was read")
	}
	sum := func(s *Store) (sum uint64) {
		hash := s.Hash([]byte("k"))
		prints, _ := s.List(nil, hash, 8, 10, now)
		for i := range prints {
			if !prints[i].Gone {
				sum += prints[i].Sum()
			}
		}
		return sum
	}
	for _, s := range []*Store{a, b} {
		if _, root := s.Digest(now); root != sum(s) {
			t.Errorf("root %x, listed %x", root, sum(s))
		}
	}
	for _, r := range records(a, now) {
		merge(b, now, r)
	}
	if _, root := b.Digest(now); root != 0 || sum(a) != 0 {
		t.Errorf("root %x, where the other lists %x", root, sum(a))
	}
	check(t, a)
	check(t, b)
}

func TestR3_AnExpiryUpdateOfAVersionThatIsNotHereAsksForTheRecord(t *testing.T) {
	a, b := newStore(t, Options{Node: 1}), newStore(t, Options{Node: 2})
	set(t, a, epoch0, "k", "1", SetOptions{})
	expire, _ := a.Expire([]byte("k"), a.Hash([]byte("k")), epoch0+1, epoch0+100, 0)
	if got := merge(b, epoch0+1, expire); got != NeedRecord {
		t.Errorf("absent: %v", got)
	}
	merge(b, epoch0+1, Record{Key: []byte("k"), Value: []byte("0"), Kind: KindString, Stamp: epoch0<<16 - 5})
	before := contents(b, epoch0+1)
	if got := merge(b, epoch0+1, expire); got != NeedRecord {
		t.Errorf("older: %v", got)
	}
	if after := contents(b, epoch0+1); after != before {
		t.Errorf("an expiry update that asks changed\n%sto\n%s", before, after)
	}
}

func TestR3_DelOfAnAbsentKeyWritesNothingUnlessBlind(t *testing.T) {
	s := newStore(t, Options{Node: 1})
	k, h := []byte("k"), s.Hash([]byte("k"))
	if _, existed, written := s.Delete(k, h, epoch0, false); existed || written {
		t.Error(existed, written)
	}
	if _, ok := lookup(s, epoch0, "k"); ok {
		t.Error("a tombstone of nothing")
	}
	if r, existed, written := s.Delete(k, h, epoch0, true); existed || !written || r.Flags != Deleted || r.Version() != r.Expiry() {
		t.Error(r, existed, written)
	}
	if r, ok := lookup(s, epoch0, "k"); !ok || r.Flags != Deleted {
		t.Error(r, ok)
	}
	set(t, s, epoch0, "k", "v", SetOptions{})
	if _, existed, written := s.Delete(k, h, epoch0, false); !existed || !written {
		t.Error(existed, written)
	}
	if _, existed, written := s.Delete(k, h, epoch0, false); existed || written {
		t.Error("deleted twice")
	}
	check(t, s)
}

func TestR4_FlushRemovesAllThatIsNotNewer(t *testing.T) {
	a, b := newStore(t, Options{Node: 1}), newStore(t, Options{Node: 2, Shards: 4})
	for _, k := range []string{"a", "b", "c", "d", "e"} {
		r := set(t, a, epoch0, k, "old", SetOptions{ExpireAt: epoch0 + 500})
		merge(b, epoch0, r)
	}
	newer := set(t, b, epoch0+10, "e", "new", SetOptions{})
	f := a.Flush(epoch0 + 5)
	if a.Len() != 0 || a.Flushed() != f.Version() || len(records(a, epoch0+5)) != 0 {
		t.Error("left after a flush:", contents(a, epoch0+5))
	}
	if got := merge(b, epoch0+10, f); got != Applied {
		t.Error(got)
	}
	if got := merge(b, epoch0+10, f); got != Same {
		t.Error(got)
	}
	if b.Len() != 1 {
		t.Error("left after a merged flush:", contents(b, epoch0+10))
	}
	if v, _ := get(b, epoch0+10, "e"); v != "new" {
		t.Error("a write newer than the flush is gone")
	}
	old := Record{Key: []byte("a"), Value: []byte("old"), Kind: KindString, Stamp: epoch0 << 16, Node: 9}
	if got := merge(b, epoch0+10, old); got != Flushed {
		t.Error(got)
	}
	merge(a, epoch0+10, newer)
	if ca, cb := contents(a, epoch0+11), contents(b, epoch0+11); ca != cb {
		t.Errorf("%s\n%s", ca, cb)
	}
	if r := set(t, b, epoch0, "z", "v", SetOptions{}); r.Stamp <= f.Stamp {
		t.Error("a write after a merged flush is stamped below it")
	}
	check(t, a)
	check(t, b)
}

func TestR4_AnExpireNewerThanTheFlushSurvivesForAValueNewerThanIt(t *testing.T) {
	one := Record{Key: []byte("k"), Value: []byte("1"), Kind: KindString, Stamp: (epoch0 + 1) << 16, Node: 1, ExpireStamp: (epoch0 + 1) << 16, ExpireNode: 1}
	flush := Record{Flags: Flush, Stamp: (epoch0 + 3) << 16, Node: 3}
	two := Record{Key: []byte("k"), Value: []byte("2"), Kind: KindString, Stamp: (epoch0 + 5) << 16, Node: 2, ExpireStamp: (epoch0 + 5) << 16, ExpireNode: 2}
	expire := Record{Key: []byte("k"), Kind: KindString, Flags: ExpiryOnly, Stamp: one.Stamp, Node: 1, ExpireAt: epoch0 + 900, ExpireStamp: (epoch0 + 10) << 16, ExpireNode: 1}
	want := ""
	for _, order := range [][]Record{{one, expire, flush, two}, {one, expire, two, flush}, {flush, one, expire, two}, {one, flush, two, expire}, {two, one, expire, flush}} {
		s := newStore(t, Options{Shards: 1})
		for _, r := range order {
			merge(s, epoch0+20, r)
			check(t, s)
		}
		if want == "" {
			want = contents(s, epoch0+20)
		}
		if got := contents(s, epoch0+20); got != want {
			t.Errorf("got\n%s want\n%s", got, want)
		}
		if _, ok := get(s, epoch0+900, "k"); ok {
			t.Error("the expiry does not count")
		}
	}
}

func TestR5_StampsRiseByOneUntilTimeCatchesUp(t *testing.T) {
	s := newStore(t, Options{Shards: 1, Node: 3})
	if s.Stamped() {
		t.Error("stamped before the first write")
	}
	last := uint64(0)
	for i := range 70_000 { // more than a counter's worth: it carries
		r := set(t, s, epoch0, "k", "v", SetOptions{})
		if i == 0 && r.Stamp != epoch0<<16 || i > 0 && r.Stamp != last+1 {
			t.Fatalf("write %d: stamp %x after %x", i, r.Stamp, last)
		}
		last = r.Stamp
	}
	if r := set(t, s, epoch0+5, "k", "v", SetOptions{}); r.Stamp != (epoch0+5)<<16 {
		t.Errorf("%x", r.Stamp)
	}
	if !s.Stamped() {
		t.Error("not stamped after writes")
	}
}

func TestR5_AWriteAfterAMergeIsAboveWhatItOverwrites(t *testing.T) {
	s := newStore(t, Options{Node: 1})
	ahead := Record{Key: []byte("k"), Value: []byte("ahead"), Kind: KindString, Stamp: (epoch0 + 9000) << 16, Node: 9, ExpireStamp: (epoch0+9000)<<16 + 5, ExpireNode: 9}
	merge(s, epoch0, ahead)
	if r := set(t, s, epoch0, "k", "mine", SetOptions{}); r.Stamp <= ahead.ExpireStamp {
		t.Errorf("%x", r.Stamp)
	}
	if v, _ := get(s, epoch0, "k"); v != "mine" {
		t.Error(v)
	}
	s.RaiseClock((epoch0 + 20_000) << 16)
	if r := set(t, s, epoch0, "other", "v", SetOptions{}); r.Stamp != (epoch0+20_000)<<16+1 {
		t.Errorf("%x", r.Stamp)
	}
}

func TestR5_FlushIsStampedAboveAllShards(t *testing.T) {
	s := newStore(t, Options{Node: 1})
	high := uint64(0)
	for i := range 1000 {
		r := set(t, s, epoch0, string(rune('a'+i%26))+string(rune('a'+i/26)), "v", SetOptions{})
		high = max(high, r.Stamp)
	}
	if f := s.Flush(epoch0); f.Stamp <= high {
		t.Errorf("flush %x, highest write %x", f.Stamp, high)
	}
}

func TestR8_ARecordTooFarAheadIsDroppedAndCounted(t *testing.T) {
	s := newStore(t, Options{Node: 1})
	for _, c := range []struct {
		name  string
		stamp uint64
		want  Outcome
	}{{"at the bound", (epoch0 + MaxAhead) << 16, Applied}, {"past it", (epoch0 + MaxAhead + 1) << 16, Ahead}} {
		k := []byte(c.name)
		if got := merge(s, epoch0, Record{Key: k, Value: k, Kind: KindString, Stamp: c.stamp}); got != c.want {
			t.Errorf("V %s: %v", c.name, got)
		}
		if got := merge(s, epoch0, Record{Key: k, Value: k, Kind: KindString, Stamp: 1, ExpireStamp: c.stamp}); (got == Ahead) != (c.want == Ahead) {
			t.Errorf("E %s: %v", c.name, got)
		}
		if got := merge(s, epoch0, Record{Key: k, Value: k, Kind: KindString, Flags: Keeps, Stamp: 2, BaseStamp: c.stamp}); (got == Ahead) != (c.want == Ahead) {
			t.Errorf("base %s: %v", c.name, got)
		}
		if got := merge(s, epoch0, Record{Flags: Flush, Stamp: c.stamp}); got != c.want {
			t.Errorf("flush %s: %v", c.name, got)
		}
	}
	if c := s.Counts(); c.Ahead != 4 {
		t.Errorf("%+v", c)
	}
}

func TestR13_TombstonesAreKeptForTheHorizon(t *testing.T) {
	s := newStore(t, Options{Node: 1, Horizon: 60_000})
	set(t, s, epoch0, "k", "v", SetOptions{})
	r, _, _ := s.Delete([]byte("k"), s.Hash([]byte("k")), epoch0+1000, false)
	s.Sweep(epoch0+60_999, 1000)
	if _, ok := lookup(s, epoch0, "k"); !ok || s.Floor() != (Version{}) {
		t.Error("gone before the horizon")
	}
	s.Sweep(epoch0+61_000, 1000)
	if _, ok := lookup(s, epoch0, "k"); ok {
		t.Error("kept past the horizon")
	}
	if s.Floor() != r.Version() {
		t.Errorf("floor %v, want %v", s.Floor(), r.Version())
	}
	check(t, s)
}

func TestR13_AFullTombstoneBudgetForgetsTheOldestButNoneThatIsYoung(t *testing.T) {
	s := newStore(t, Options{Node: 1, Shards: 1, MaxBytes: 1 << 20})
	var versions []Version
	const n = 2000
	for i := range n {
		k := []byte(strings.Repeat("k", 20) + string(rune('A'+i)))
		r, _, _ := s.Delete(k, s.Hash(k), epoch0+uint64(i), true)
		versions = append(versions, r.Version())
	}
	s.Sweep(epoch0+n, 1<<20)
	if c := s.Counts(); c.Tombstones != n {
		t.Fatalf("young tombstones were forgotten: %+v", c)
	}
	s.Sweep(epoch0+n+tombstoneMinAge, 1<<20)
	c := s.Counts()
	if c.TombstoneBytes > 1<<20/tombstoneShare || c.Tombstones == 0 {
		t.Errorf("%+v", c)
	}
	if want := versions[n-c.Tombstones-1]; s.Floor() != want {
		t.Errorf("floor %v, want that of the newest of the oldest, %v", s.Floor(), want)
	}
	check(t, s)
}

func TestR14_TheFloorRefusesAnAbsentKeyAndNothingElse(t *testing.T) {
	s := newStore(t, Options{Node: 1})
	floor := Version{(epoch0 + 10) << 16, 5}
	here := Record{Key: []byte("here"), Value: []byte("1"), Kind: KindString, Stamp: epoch0 << 16, Node: 1}
	merge(s, epoch0, here)
	s.RaiseFloor(floor)
	s.RaiseFloor(Version{1, 1}) // it only grows
	if s.Floor() != floor {
		t.Error(s.Floor())
	}
	at := func(key string, stamp, node uint64) Record {
		return Record{Key: []byte(key), Value: []byte("2"), Kind: KindString, Stamp: stamp, Node: node}
	}
	for _, c := range []struct {
		name string
		r    Record
		want Outcome
	}{
		{"absent, at the floor", at("absent", floor.Stamp, floor.Node), Refused},
		{"absent, above it", at("absent2", floor.Stamp, floor.Node+1), Applied},
		{"present, newer but below the floor", at("here", epoch0<<16+1, 1), Applied},
	} {
		if got := merge(s, epoch0+20, c.r); got != c.want {
			t.Errorf("%s: %v", c.name, got)
		}
	}
	if c := s.Counts(); c.DroppedByFloor != 1 {
		t.Errorf("%+v", c)
	}
	if r := set(t, s, epoch0, "new", "v", SetOptions{}); r.Version().Compare(floor) <= 0 {
		t.Error("a write stamped below the floor")
	}
}

func TestR14_APurgedExpiryCountsForTheFloor(t *testing.T) {
	s := newStore(t, Options{Node: 1, Horizon: 60_000})
	set(t, s, epoch0, "k", "v", SetOptions{})
	r, _ := s.Expire([]byte("k"), s.Hash([]byte("k")), epoch0+50, epoch0+100, 0)
	s.Sweep(epoch0+200, 100)
	s.Sweep(epoch0+200+BareAfter, 100)
	s.Sweep(epoch0+70_000, 100)
	if len(records(s, epoch0+70_000)) != 0 || s.Floor() != r.Expiry() {
		t.Errorf("floor %v, want E %v", s.Floor(), r.Expiry())
	}
}

func TestR15_LookupReturnsWhatIsNewerTombstonesIncluded(t *testing.T) {
	s := newStore(t, Options{Node: 1})
	set(t, s, epoch0, "k", "v", SetOptions{})
	want, _, _ := s.Delete([]byte("k"), s.Hash([]byte("k")), epoch0+1, false)
	if r, ok := lookup(s, epoch0+1, "k"); !ok || r.Flags != Deleted || r.Version() != want.Version() || string(r.Key) != "k" {
		t.Errorf("%+v %v", r, ok)
	}
	if _, ok := lookup(s, epoch0+1, "never"); ok {
		t.Error("a record of a key that never was")
	}
}

func TestR26_AfterAReKeyOnlyNewWritesCarryTheNewId(t *testing.T) {
	s := newStore(t, Options{Node: 1})
	set(t, s, epoch0, "a", "v", SetOptions{})
	s.SetNode(2)
	set(t, s, epoch0, "b", "v", SetOptions{})
	a, _ := lookup(s, epoch0, "a")
	b, _ := lookup(s, epoch0, "b")
	if a.Node != 1 || b.Node != 2 {
		t.Error(a.Node, b.Node)
	}
}

// TestR4_OfOneStampTheNodeDecidesWhetherAFlushCoversIt, for a single entry as for a whole shard.
func TestR4_OfOneStampTheNodeDecidesWhetherAFlushCoversIt(t *testing.T) {
	s := newStore(t, Options{Node: 1, Shards: 1})
	stamp := epoch0 << stampBits
	for i, node := range []uint64{2, 3, 4} {
		key := []byte{'a' + byte(i)}
		merge(s, epoch0, Record{Key: key, Value: key, Kind: KindString, Content: Content(KindString, false, key), Stamp: stamp, Node: node, ExpireStamp: stamp, ExpireNode: node})
	}
	if got := merge(s, epoch0, Record{Flags: Flush, Stamp: stamp, Node: 3}); got != Applied {
		t.Fatal(got)
	}
	for key, want := range map[string]bool{"a": false, "b": false, "c": true} {
		if _, ok := get(s, epoch0, key); ok != want {
			t.Errorf("%s is there: %t, want %t", key, ok, want)
		}
	}
	check(t, s)
}
