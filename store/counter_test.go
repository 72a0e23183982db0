package store

import (
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"strconv"
	"strings"
	"testing"
)

// site is a store with what it has written.
type site struct {
	*Store
	t    *testing.T
	now  uint64
	sent []Record // what it wrote, for the others
}

// sites returns stores of nodes and streams of their own.
func sites(t *testing.T, n int, o Options) []*site {
	all := make([]*site, n)
	for i := range all {
		o.Node, o.Stream = uint64(i+1), uint64(100+i)
		all[i] = &site{Store: newStore(t, o), t: t, now: epoch0}
	}
	return all
}

func (s *site) send(r Record) {
	r.Key, r.Value = append([]byte(nil), r.Key...), append([]byte(nil), r.Value...)
	s.sent = append(s.sent, r)
}

// incr adds to a key and checks what it is told.
func (s *site) incr(key string, delta, want int64) {
	s.t.Helper()
	s.now++
	_, n, r, err := s.Increment(nil, []byte(key), s.Hash([]byte(key)), s.now, delta, true)
	if err != nil || n != want {
		s.t.Fatalf("increment %s by %d: %d, %v; want %d", key, delta, n, err, want)
	}
	s.send(r)
	s.reads(key, strconv.FormatInt(want, 10))
}

func (s *site) set(key, value string, o SetOptions) {
	s.t.Helper()
	s.now++
	s.send(set(s.t, s.Store, s.now, key, value, o))
}

func (s *site) del(key string) {
	s.now++
	if r, _, written := s.Delete([]byte(key), s.Hash([]byte(key)), s.now, false); written {
		s.send(r)
	}
}

// evict makes a ghost of a key.
func (s *site) evict(key string) {
	h := s.Hash([]byte(key))
	sh := s.shardOf(h)
	sh.lock(s.now)
	defer sh.mu.Unlock()
	var e entry
	if sh.find(&e, []byte(key), h) && !e.ghost && e.flags&gone == 0 {
		sh.evictEntry(&e, s.now)
	}
}

// reads checks what a key reads as; "": that it is not there.
func (s *site) reads(key, want string) {
	s.t.Helper()
	v, m, ok := s.Get(nil, []byte(key), s.Hash([]byte(key)), s.now)
	_, n, _ := s.Meta([]byte(key), s.Hash([]byte(key)), s.now)
	if string(v) != want || ok != (want != "") || n != len(want) || ok && TypeName(m.Kind) != "string" {
		s.t.Fatalf("node %d reads %s as %q, %d bytes, %v; want %q", s.node.Load(), key, v, n, ok, want)
	}
}

// exchange gives all that was written to all, in an order that seed decides, and some of it twice.
func exchange(seed uint64, all []*site) {
	rng := rand.New(rand.NewPCG(seed, 27))
	var sent []Record
	now := uint64(0)
	for _, s := range all {
		sent = append(sent, s.sent...)
		now = max(now, s.now)
	}
	for _, s := range all {
		s.now = now
		for _, i := range rng.Perm(2 * len(sent)) {
			merge(s.Store, s.now, sent[i%len(sent)])
		}
	}
}

// agree checks that all read a key as want, and hold the same.
func agree(t *testing.T, all []*site, key, want string) {
	t.Helper()
	_, root := all[0].Digest(all[0].now + 5000)
	for _, s := range all {
		s.reads(key, want)
		if got, first := contents(s.Store, s.now), contents(all[0].Store, all[0].now); got != first {
			t.Fatalf("one holds\n%s another\n%s", first, got)
		}
		if _, r := s.Digest(s.now + 5000); r != root {
			t.Fatal("the roots differ")
		}
		check(t, s.Store)
	}
}

func TestR27_WhatTwoSidesOfASplitCountAddsUp(t *testing.T) {
	for _, c := range []struct {
		name   string
		before func(a *site)
		start  int64
		ttl    uint64
	}{
		{"of a key that never was", func(*site) {}, 0, 0},
		{"over a SET", func(a *site) { a.set("n", "41", SetOptions{}) }, 41, 0},
		{"over a SET with a time to live", func(a *site) { a.set("n", "-7", SetOptions{ExpireAt: epoch0 + 9000}) }, -7, epoch0 + 9000},
		{"over a SET KEEPTTL", func(a *site) {
			a.set("n", "1", SetOptions{ExpireAt: epoch0 + 9000})
			a.set("n", "10", SetOptions{KeepTTL: true})
		}, 10, epoch0 + 9000},
		{"over a counter", func(a *site) { a.incr("n", 5, 5) }, 5, 0},
		{"of a key that was deleted", func(a *site) { a.incr("n", 5, 5); a.del("n") }, 0, 0},
		{"of a key that expired", func(a *site) { a.set("n", "9", SetOptions{ExpireAt: epoch0 + 50}); a.now += 200 }, 0, 0},
		{"of a counter that expired", func(a *site) {
			a.set("n", "9", SetOptions{ExpireAt: epoch0 + 50})
			a.incr("n", 1, 10)
			a.now += 200
		}, 0, 0},
		{"of a key that was flushed", func(a *site) { a.incr("n", 3, 3); a.now++; a.send(a.Flush(a.now)) }, 0, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			for seed := range uint64(20) {
				all := sites(t, 3, Options{Shards: 1 << (seed % 3)})
				c.before(all[0])
				exchange(seed, all)
				for i, s := range all { // none hears of the others
					s.incr("n", 10, c.start+10)
					s.incr("n", int64(i), c.start+10+int64(i))
				}
				exchange(seed, all)
				agree(t, all, "n", strconv.FormatInt(c.start+33, 10))
				all[1].incr("n", -3, c.start+30) // and goes on
				exchange(seed, all)
				agree(t, all, "n", strconv.FormatInt(c.start+30, 10))
				if m, _, _ := all[2].Meta([]byte("n"), all[2].Hash([]byte("n")), all[2].now); m.ExpireAt != c.ttl {
					t.Fatalf("the time to live is %d, want %d", m.ExpireAt, c.ttl)
				}
				if r, _ := lookup(all[2].Store, all[2].now, "n"); contributions(r.Value) != 3+max(0, btoi(c.name == "over a counter")-1) {
					t.Fatalf("%d contributions", contributions(r.Value))
				}
			}
		})
	}
}

func btoi(b bool) int {
	if b {
		return 1
	}
	return 0
}

func TestR27_ASetReplacesIncrementsThatItDidNotSee(t *testing.T) {
	for seed := range uint64(20) {
		all := sites(t, 2, Options{})
		a, b := all[0], all[1]
		a.set("n", "1", SetOptions{})
		exchange(seed, all)
		b.incr("n", 1, 2)
		a.now += 5
		a.set("n", "100", SetOptions{})
		a.incr("n", 1, 101)
		b.now += 50
		b.incr("n", 1, 3) // later than all that the other wrote, and still of the SET before
		exchange(seed, all)
		agree(t, all, "n", "101")
		b.now += 5
		b.del("n")
		a.incr("n", 1, 102)
		exchange(seed, all)
		agree(t, all, "n", "")
		// So does one that is no number.
		a.incr("n", 1, 1)
		b.now += 100
		b.set("n", "text", SetOptions{})
		exchange(seed, all)
		agree(t, all, "n", "text")
	}
}

func TestR27_ACounterThatWasEvictedGoesOnWhereOthersHaveIt(t *testing.T) {
	all := sites(t, 2, Options{})
	a, b := all[0], all[1]
	a.set("of a SET", "40", SetOptions{})
	a.incr("n", 7, 7)
	exchange(1, all)
	a.evict("n")
	a.evict("of a SET")
	a.incr("n", 1, 1) // the peers were asked, and had nothing (R17)
	a.incr("of a SET", 2, 2)
	b.incr("n", 1, 8)
	for _, r := range a.sent {
		merge(b.Store, b.now, r)
	}
	b.reads("n", "9")
	b.reads("of a SET", "42")
	for _, key := range []string{"n", "of a SET"} {
		r, _ := lookup(b.Store, b.now, key)
		if o := merge(a.Store, a.now, r); o != Applied {
			t.Fatal(key, o)
		}
	}
	a.reads("n", "9")
	a.reads("of a SET", "42")
	// What it added first and what it added since are two contributions: the first could have been stale when it came back.
	a.incr("n", 1, 10)
	r, _ := lookup(a.Store, a.now, "n")
	if contributions(r.Value) != 3 {
		t.Errorf("%d contributions", contributions(r.Value))
	}
	check(t, a.Store)
}

func TestR27_ANodeGoesOnOnlyWithAContributionOfWhichItHasAll(t *testing.T) {
	all := sites(t, 2, Options{})
	a, b := all[0], all[1]
	a.incr("n", 4, 4)
	merge(b.Store, b.now, a.sent[0])
	a.incr("n", 1, 5) // of which the other has not heard
	b.now += 50
	b.incr("n", 10, 14)
	a.evict("n")
	a.now = b.now
	if o := merge(a.Store, a.now, b.sent[0]); o != Applied {
		t.Fatal(o)
	}
	a.incr("n", 1, 15)
	exchange(1, all)
	agree(t, all, "n", "16")
	// Evicted and back as it was it goes on.
	r, _ := lookup(a.Store, a.now, "n")
	a.evict("n")
	merge(a.Store, a.now, r)
	a.incr("n", 1, 17)
	if r, _ := lookup(a.Store, a.now, "n"); contributions(r.Value) != 3 {
		t.Errorf("%d contributions", contributions(r.Value))
	}
}

func TestR27_TheContributionThatWouldBeTooManyIsASet(t *testing.T) {
	all := sites(t, maxContributions+1, Options{Shards: 1, MaxBytes: 1 << 20})
	last := all[maxContributions]
	all[0].set("n", "1000", SetOptions{ExpireAt: epoch0 + 50_000})
	exchange(1, all)
	for i, s := range all[:maxContributions] {
		s.incr("n", int64(i), 1000+int64(i))
	}
	exchange(2, all)
	want := int64(1000 + maxContributions*(maxContributions-1)/2)
	agree(t, all, "n", strconv.FormatInt(want, 10))
	all[3].incr("n", 1, want+1) // one of those that are in goes on
	if r, _ := lookup(all[3].Store, all[3].now, "n"); r.Kind != KindCounter || contributions(r.Value) != maxContributions {
		t.Fatalf("%+v", r)
	}
	exchange(3, all)
	last.incr("n", 2, want+3)
	r, _ := lookup(last.Store, last.now, "n")
	if r.Kind != KindString || r.Flags != 0 || r.Expiry() != r.Version() || r.ExpireAt != epoch0+50_000 {
		t.Errorf("%+v", r)
	}
	exchange(4, all)
	agree(t, all, "n", strconv.FormatInt(want+3, 10))
	last.incr("n", 1, want+4)
}

func TestR27_ACounterIsBoundedWhateverComes(t *testing.T) {
	s := newStore(t, Options{Node: 1, Stream: 1})
	v := Version{(epoch0 - 1) << stampBits, 9}
	made := func(from, n int) Record {
		value := binary.LittleEndian.AppendUint64(origin{v, 0, originNone}.append(nil), 0)
		r := Record{Key: []byte("n"), Kind: KindCounter, Flags: Keeps, BaseStamp: v.Stamp, BaseNode: v.Node}
		for i := range n {
			r.Stamp = epoch0<<stampBits + uint64(from+i)
			for _, x := range []uint64{uint64(from + i), r.Stamp, r.Stamp, 1} {
				value = binary.LittleEndian.AppendUint64(value, x)
			}
		}
		r.Value, r.Content = value, Content(KindCounter, false, value)
		return r
	}
	for i := range 10 {
		if o := merge(s, epoch0, made(i*50, 50)); o != Applied && o != Joined {
			t.Fatal(i, o)
		}
	}
	merge(s, epoch0, made(900, 1)) // one more than fit
	r, _ := lookup(s, epoch0, "n")
	if got, _ := get(s, epoch0, "n"); got != fmt.Sprint(mostContributions) || contributions(r.Value) != mostContributions {
		t.Errorf("%s of %d contributions", got, contributions(r.Value))
	}
	if o := merge(s, epoch0, made(1000, mostContributions+1)); o != Refused {
		t.Error("one with too many contributions:", o)
	}
	for name, change := range map[string]func(r *Record){
		"no contribution":    func(r *Record) { r.Value = r.Value[:counterHead] },
		"half of one":        func(r *Record) { r.Value = r.Value[:len(r.Value)-16] },
		"out of order":       func(r *Record) { contribAt(r.Value, 0)[8] += 2 },
		"a number of no SET": func(r *Record) { r.Value[originBytes] = 1 },
		"two of one key":     func(r *Record) { copy(contribAt(r.Value, 0), contribAt(r.Value, 1)) },
	} {
		r := made(2000, 2)
		change(&r)
		if o := merge(s, epoch0, r); o != Refused {
			t.Errorf("%s: %v", name, o)
		}
	}
	check(t, s)
}

func TestR27_SumsBeyond64Bits(t *testing.T) {
	all := sites(t, 2, Options{})
	a, b := all[0], all[1]
	a.incr("n", math.MaxInt64-1, math.MaxInt64-1)
	b.incr("n", 10, 10)
	exchange(1, all)
	agree(t, all, "n", "9223372036854775807") // the sum is 9 more
	if _, err := incremented(a.Store, a.now, "n", 1); err != ErrOverflow {
		t.Error(err)
	}
	a.incr("n", -3, math.MaxInt64)
	a.incr("n", -7, math.MaxInt64-1)
	a.incr("n", math.MinInt64, -2)
	exchange(1, all)
	agree(t, all, "n", "-2")
	// A node whose own contribution would overflow, though the sum does not, opens another.
	b.set("m", "-9223372036854775807", SetOptions{})
	b.incr("m", math.MaxInt64, 0)
	b.incr("m", math.MaxInt64, math.MaxInt64)
	if r, _ := lookup(b.Store, b.now, "m"); contributions(r.Value) != 2 {
		t.Error(contributions(r.Value), "contributions")
	}
	if _, err := incremented(b.Store, b.now, "m", 1); err != ErrOverflow {
		t.Error(err)
	}
}

// TestR27_ACounterIsAsTheProtocolSays reads the example of docs/PROTOCOL.md.
func TestR27_ACounterIsAsTheProtocolSays(t *testing.T) {
	doc, err := os.ReadFile("../docs/PROTOCOL.md")
	if err != nil {
		t.Fatal(err)
	}
	_, example, _ := strings.Cut(string(doc), "```hex Counter\n")
	example, _, _ = strings.Cut(example, "```")
	var value []byte
	for line := range strings.Lines(example) {
		digits, _, _ := strings.Cut(line, "#")
		b, err := hex.DecodeString(strings.Join(strings.Fields(digits), ""))
		if err != nil {
			t.Fatal(err)
		}
		value = append(value, b...)
	}
	o, _ := readOrigin(value)
	r := Record{
		Key: []byte("n"), Value: value, Kind: KindCounter, Flags: Keeps, Content: Content(KindCounter, false, value),
		Stamp: epoch0 << stampBits, Node: 1, BaseStamp: o.reset.Stamp, BaseNode: o.reset.Node,
	}
	s := newStore(t, Options{Node: 1, Stream: 1})
	if o := merge(s, epoch0, r); o != Applied {
		t.Fatal(o)
	}
	if v, _ := get(s, epoch0, "n"); v != "5" || o != (origin{o.reset, 0xDEADC0DE, originSet}) {
		t.Errorf("%q, %+v", v, o)
	}
	c := contribAt(value, 0)
	if c.stream() != 0x21 || c.first() != 0x31 || c.order() != 0x41 || c.sum() != -2 {
		t.Errorf("% x", c)
	}
	for sentence, limit := range map[string]bool{
		"A counter has 1 to 128 contributions": mostContributions == 128,
		"| 0 | 16 | version | reset |":         originBytes == 24 && counterHead == 32 && contribBytes == 32,
	} {
		if !strings.Contains(string(doc), sentence) || !limit {
			t.Error("docs/PROTOCOL.md or the code says otherwise than:", sentence)
		}
	}
}

// TestR27_AStepOfTheTimeBackKeepsCountersTogether has one site count, copy to another, and both step back, one with the counter in
// its pages, one on its way; then both count on.
func TestR27_AStepOfTheTimeBackKeepsCountersTogether(t *testing.T) {
	for _, key := range []string{"n", strings.Repeat("a long key ", 500)} {
		all := sites(t, 3, Options{Shards: 2})
		a, b, late := all[0], all[1], all[2]
		a.now += 50_000
		b.now = a.now
		a.set(key, "40", SetOptions{ExpireAt: a.now + 90_000})
		a.incr(key, 1, 41)
		merge(b.Store, b.now, a.sent[1])
		b.incr(key, 2, 43)
		st := Step{Old: a.now + 5, New: a.now - 30_000}
		for _, s := range all {
			s.Step(st)
			s.now = st.New + 1500
		}
		for _, r := range append(a.sent, b.sent...) {
			st.Record(&r)
			merge(a.Store, a.now, r)
			merge(late.Store, late.now, r)
		}
		agree(t, []*site{a, late}, key, "43")
		agree(t, all, key, "43")
		a.sent, b.sent = nil, nil
		a.incr(key, 1, 44)
		b.incr(key, 1, 44)
		exchange(1, all)
		agree(t, all, key, "45")
		if r, _ := lookup(a.Store, a.now, key); contributions(r.Value) != 2 || r.Content != Content(KindCounter, false, r.Value) {
			t.Errorf("%d contributions", contributions(r.Value))
		}
	}
}

// TestCountersAllocateNothingInTheSteadyState: two sites that count under one key and hear each other, with few contributions and
// with so many that the value has pages.
func TestCountersAllocateNothingInTheSteadyState(t *testing.T) {
	if raceEnabled || invariants {
		t.Skip("the race detector allocates")
	}
	for _, contributors := range []int{2, maxContributions} {
		all := sites(t, contributors, Options{Shards: 4, MaxBytes: 1 << 20})
		for _, s := range all {
			s.incr("n", 1, 1)
		}
		exchange(1, all)
		a, b, key := all[0], all[1], []byte("n")
		hash, dst, toA, toB := a.Hash(key), make([]byte, 0, 8<<10), make([]byte, 0, 8<<10), make([]byte, 0, 8<<10)
		now := a.now
		joined := 0
		step := func() {
			now++
			_, _, ra, _ := a.Increment(toB, key, hash, now, 1, false)
			_, _, rb, _ := b.Increment(toA, key, hash, now, -1, false)
			if b.Merge(&ra, hash, now) == Joined {
				joined++
			}
			a.Merge(&rb, hash, now)
			a.Merge(&ra, hash, now)
			a.Get(dst, key, hash, now)
			b.Meta(key, hash, now)
		}
		if n := testing.AllocsPerRun(1000, step); n != 0 {
			t.Errorf("%d contributors: %v allocations", contributors, n)
		}
		if joined == 0 {
			t.Error("nothing was joined")
		}
	}
}
