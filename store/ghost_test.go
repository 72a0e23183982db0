package store

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"unsafe"
)

// evicted fills a small store until something was evicted, and returns a key that lost its value with what it had.
func evicted(t *testing.T, s *Store) (string, Record) {
	t.Helper()
	var all []Record
	for i := 0; s.Counts().Evictions == 0; i++ {
		r := set(t, s, epoch0, fmt.Sprint("key ", i), "some value of some length", SetOptions{})
		r.Key, r.Value = append([]byte(nil), r.Key...), append([]byte(nil), r.Value...)
		all = append(all, r)
	}
	for _, r := range all {
		if _, ok := get(s, epoch0, string(r.Key)); !ok {
			return string(r.Key), r
		}
	}
	t.Fatal("nothing is gone")
	return "", Record{}
}

func TestR16_AnEvictedEntryLeavesAGhostThatStaysInTheDigest(t *testing.T) {
	s, other := newStore(t, Options{Node: 1, Shards: 1, MaxBytes: 1 << 20}), newStore(t, Options{Node: 2})
	key, r := evicted(t, s)
	for i := 0; ; i++ { // the other store, which is large, holds them all
		k := fmt.Sprint("key ", i)
		v, _, ok := s.Get(nil, []byte(k), s.Hash([]byte(k)), epoch0)
		_, isThere := lookup(s, epoch0, k)
		if ok != isThere {
			t.Fatal("a ghost is looked up as a record")
		}
		h := s.Hash([]byte(k))
		sh := s.shardOf(h)
		var e entry
		if !sh.find(&e, []byte(k), h) {
			break
		}
		whole := e.registers()
		whole.Key, whole.Value = []byte(k), v
		merge(other, epoch0, whole)
	}
	now := epoch0 + 5000
	_, a := s.Digest(now)
	if _, b := other.Digest(now); a != b {
		t.Error("the roots of a store that evicted and one that did not differ")
	}
	old := r
	old.Stamp--
	if got := merge(s, epoch0, old); got != Older {
		t.Errorf("what is older than a ghost: %v", got)
	}
	if s.Certain([]byte(key), s.Hash([]byte(key)), epoch0) || !s.Certain([]byte("never"), s.Hash([]byte("never")), epoch0) {
		t.Error("certain of a ghost, or not of a key that never was")
	}
	if got := merge(s, epoch0, r); got != Applied {
		t.Errorf("the value of a ghost: %v", got)
	}
	if v, ok := get(s, epoch0, key); !ok || v != string(r.Value) {
		t.Error("a ghost was not filled", v, ok)
	}
	if _, b := s.Digest(now); a != b {
		t.Error("filling a ghost changes the root")
	}
	check(t, s)
}

func TestR16_AnExpiryOfAGhostTakesItOutOfTheDigest(t *testing.T) {
	s := newStore(t, Options{Node: 1, Shards: 1, MaxBytes: 256 << 10})
	_, empty := s.Digest(epoch0)
	for i := 0; s.Counts().Evictions == 0; i++ {
		set(t, s, epoch0, fmt.Sprint("key ", i), "some value", SetOptions{ExpireAt: epoch0 + 20_000 + uint64(i)})
	}
	if s.Counts().Ghosts == 0 {
		t.Fatal("no ghost")
	}
	check(t, s)
	if _, root := s.Digest(epoch0 + 10_000); root == empty {
		t.Error("nothing in the digest")
	}
	if _, root := s.Digest(epoch0 + 60_000); root != empty {
		t.Error("a ghost outlives its expiry")
	}
	check(t, s)
}

func TestR16_WhereGhostsAreForgottenTheLeafIsPartial(t *testing.T) {
	s := newStore(t, Options{Node: 1, Shards: 4, MaxBytes: 1 << 20})
	fillKeys(t, s, "key ", 60_000)
	c := s.Counts()
	if c.Forgotten == 0 || c.Ghosts == 0 || c.Keys == 0 {
		t.Fatalf("%+v", c)
	}
	partial := 0
	for shard := range MaxShards {
		for leaf := range s.LeafCount() {
			if s.Partial(nil, shard)[leaf/64]>>(leaf%64)&1 != 0 {
				partial++
				s.SetPartial(shard, leaf, false)
			}
		}
		if s.Partial(nil, shard)[0] != 0 {
			t.Fatal("a leaf made complete is partial")
		}
	}
	if partial == 0 {
		t.Error("no leaf is partial")
	}
	s.SetPartial(7, 1, true)
	if s.Partial(nil, 7)[0] != 2 {
		t.Error(s.Partial(nil, 7))
	}
	check(t, s)
}

func TestR3_DelInAPartialLeafAlwaysWrites(t *testing.T) {
	s := newStore(t, Options{Node: 1})
	k := []byte("k")
	h := s.Hash(k)
	s.SetPartial(int(h>>56), int(h>>(64-s.env.leafBits))&(s.LeafCount()-1), true)
	if s.Certain(k, h, epoch0) {
		t.Error("certain in a partial leaf")
	}
	s.RaiseFloor(Version{epoch0 << 16, 1})
	if _, existed, written := s.Delete(k, h, epoch0, false); existed || !written {
		t.Error(existed, written)
	}
}

// TestR18_LeavesAddUpToTheRoot compares the leaves of every kept epoch with the root and with the entries, after random
// writes, merges and evictions.
func TestR18_LeavesAddUpToTheRoot(t *testing.T) {
	eachSeed(t, 60, func(seed uint64) {
		rng := rand.New(rand.NewPCG(seed, 9))
		s := newStore(t, Options{Node: 1, Shards: 1 << rng.IntN(5), MaxBytes: 1 << 20, Seed: seed})
		now := epoch0
		for range 400 {
			now += rng.Uint64N(40)
			randomWrite(rng, s, now, 60)
			if rng.IntN(10) == 0 {
				k := fmt.Append(nil, "large ", rng.IntN(30))
				s.Set(nil, k, make([]byte, rng.IntN(100_000)), s.Hash(k), now, SetOptions{})
			}
		}
		known := 0
		for epoch := EpochOf(now) - epochsKept - 1; epoch <= EpochOf(now); epoch++ {
			root, ok := s.Root(epoch, now)
			sum := flushPrint(s.Flushed())
			for shard := range MaxShards {
				leaves, also := s.Leaves(nil, shard, epoch, now)
				if also != ok {
					t.Fatal("Leaves and Root know different epochs")
				}
				for _, v := range leaves {
					sum += v
				}
			}
			if !ok {
				continue
			}
			if known++; root != sum && s.Flushed().epoch() <= epoch {
				t.Fatalf("seed %d: root %x, leaves %x", seed, root, sum)
			}
		}
		if known != epochsKept-1 && known != epochsKept-2 {
			t.Fatalf("%d epochs known", known)
		}
		check(t, s) // leaf by leaf against the entries
	})
}

// TestR18_AnEntryThatIsEvictedAfterItsExpiryCountedUntilThat evicts an entry whose expiry is past but not applied: the only
// one with an expiry, so that the wheel begins anew with it.
func TestR18_AnEntryThatIsEvictedAfterItsExpiryCountedUntilThat(t *testing.T) {
	s := newStore(t, Options{Node: 1, Shards: 1, MaxBytes: 256 << 10})
	_, empty := s.Digest(epoch0)
	at := epoch0 + 5*1024
	set(t, s, epoch0, "k", "v", SetOptions{ExpireAt: at})
	r := Record{Key: []byte("filler"), Kind: KindString, Stamp: (at + MaxAhead - 100) << 16, Node: 2}
	for i := 0; s.Counts().Ghosts == 0; i++ { // of an epoch that is not compared yet
		r.Key, r.Value = fmt.Append(nil, "filler ", i), make([]byte, 5000)
		merge(s, at+1500, r)
	}
	if root, ok := s.Root(EpochOf(at), at+1024+settleTime); root != empty || !ok {
		t.Errorf("an entry that expired, then was evicted, is in the root of the epoch of its expiry: %x %v", root, ok)
	}
	check(t, s)
}

// TestR17_ADelOfAnEvictedKeyCountsIt: its ghost tells that others have it, and until when.
func TestR17_ADelOfAnEvictedKeyCountsIt(t *testing.T) {
	s := newStore(t, Options{Node: 1, Shards: 4, MaxBytes: 1 << 20})
	const keys = 2200
	now := epoch0
	value := string(make([]byte, 500))
	for i := range keys {
		set(t, s, now, fmt.Sprint("k", i), value, SetOptions{ExpireAt: now + uint64(1+i%2)*60_000})
	}
	gone, expired := 0, 0
	for i := range keys {
		k := fmt.Append(nil, "k", i)
		h := s.Hash(k)
		if _, _, ok := s.Get(nil, k, h, now); ok || !s.ghostOf(k, h) {
			continue
		}
		if i%20 < 2 { // these are for later, when those with an even number are past
			continue
		}
		if gone++; gone > 50 {
			break
		}
		if _, existed, written := s.Delete(k, h, now, false); !existed || !written {
			t.Fatalf("%s was evicted: existed %v, written %v", k, existed, written)
		}
		if _, existed, written := s.Delete(k, h, now, false); existed || written {
			t.Fatalf("%s is deleted: existed %v, written %v", k, existed, written)
		}
	}
	for i := range keys {
		k := fmt.Append(nil, "k", i)
		h := s.Hash(k)
		if i%20 >= 2 || !s.ghostOf(k, h) {
			continue
		}
		expired++
		if _, existed, _ := s.Delete(k, h, now+90_000, false); existed != (i%2 == 1) {
			t.Fatalf("%s, which expires after %d minutes, existed after one and a half: %v", k, 1+i%2, existed)
		}
	}
	if gone < 20 || expired < 20 {
		t.Fatalf("%d and %d ghosts", gone, expired)
	}
}

// ghostOf reports whether a key's ghost is here.
func (s *Store) ghostOf(key []byte, hash uint64) bool {
	sh := s.shardOf(hash)
	var e entry
	return sh.find(&e, key, hash) && e.ghost
}

// TestR4_AGhostWhoseExpiryIsNewerThanTheFlushMakesItsLeafPartial: its value is gone for certain, and its expiry may count for a value that is
// newer too; but a ghost has no key under which it could be kept.
func TestR4_AGhostWhoseExpiryIsNewerThanTheFlushMakesItsLeafPartial(t *testing.T) {
	for _, newer := range []bool{true, false} {
		s := newStore(t, Options{Node: 1, Shards: 1, MaxBytes: 1 << 20})
		key, r := evicted(t, s)
		flush := Record{Flags: Flush, Stamp: r.Stamp + 1<<stampBits, Node: 9}
		expire := Record{Key: r.Key, Kind: KindString, Flags: ExpiryOnly, Stamp: r.Stamp, Node: r.Node, ExpireAt: epoch0 + 9000, ExpireNode: 2}
		if expire.ExpireStamp = flush.Stamp - 1; newer {
			expire.ExpireStamp = flush.Stamp + 1
		}
		if got := merge(s, epoch0, expire); got != Applied {
			t.Fatalf("an expiry of a ghost: %v", got)
		}
		if got := merge(s, epoch0+2, flush); got != Applied {
			t.Fatalf("a flush: %v", got)
		}
		if certain := s.Certain([]byte(key), s.Hash([]byte(key)), epoch0+2); certain == newer {
			t.Errorf("certain that nothing is known of the key: %v, its expiry newer than the flush: %v", certain, newer)
		}
		check(t, s)
	}
}

// What a shard has besides entries counts against the budget, its bits for partial leaves and its place among the aims included.
func TestR16_WhatTellsOfPartialLeavesCountsAgainstTheBudget(t *testing.T) {
	for _, o := range []Options{{MaxBytes: minBytes, Shards: 1}, {MaxBytes: 1 << 20, Shards: 16}, {MaxBytes: DefaultBytes}} {
		s := newStore(t, o)
		for shard := range MaxShards {
			for leaf := range s.LeafCount() {
				s.SetPartial(shard, leaf, true)
			}
		}
		for i := range s.shards {
			sh := &s.shards[i]
			n := int64(unsafe.Sizeof(*sh)+unsafe.Sizeof(s.aims[i])) + sh.index.bytes() + 8*int64(len(sh.leaves.base)+len(sh.leaves.partial))
			for _, table := range sh.leaves.tables {
				n += 8 * int64(len(table))
			}
			if got := sh.own(); got != n || len(sh.leaves.partial) == 0 {
				t.Fatalf("%d bytes in %d shards: one counts %d and has %d", o.MaxBytes, len(s.shards), got, n)
			}
		}
		check(t, s)
	}
}
