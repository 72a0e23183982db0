package store

import (
	"fmt"
	"math/bits"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
)

func TestR18_TheRootIsThatOfTheEndOfTheEpochHoweverWritesWentOn(t *testing.T) {
	eachSeed(t, 40, func(seed uint64) {
		rng := rand.New(rand.NewPCG(seed, 18))
		s := newStore(t, Options{Node: 1, Shards: 4, Seed: seed})
		want := map[uint64]uint64{}
		for now := epoch0; now < epoch0+60*1024; {
			next := now + 1 + rng.Uint64N(120)
			// Every end of an epoch on the way is the moment to note what was live then.
			if e := EpochOf(now); EpochOf(next) > e {
				want[e] = rootOf(s, e, (e+1)<<epochBits-1)
			}
			now = next
			randomWrite(rng, s, now, 20)
			if rng.IntN(4) == 0 {
				s.Sweep(now, 1+rng.IntN(50))
			}
			epoch, root := s.Digest(now)
			if end := (epoch + 1) << epochBits; end+settleTime > now || end+1024+settleTime <= now {
				t.Fatalf("seed %d: at %d the newest epoch that ended 2 s ago is not %d", seed, now, epoch)
			}
			if w, noted := want[epoch]; noted && w != root {
				t.Fatalf("seed %d: epoch %d at its end had root %x, at %d it is %x", seed, epoch, w, now, root)
			}
		}
		if len(want) < 50 {
			t.Fatal("too few epochs noted:", len(want))
		}
		check(t, s)
	})
}

// randomWrite does one write of a random kind to one of so many keys.
func randomWrite(rng *rand.Rand, s *Store, now uint64, keys int) (Record, bool) {
	k := []byte(fmt.Sprint("key ", rng.IntN(keys)))
	h := s.Hash(k)
	switch rng.IntN(12) {
	case 0, 1, 2:
		_, r := s.Set(nil, k, []byte(fmt.Sprint(rng.IntN(100))), h, now, SetOptions{})
		return r.Record, r.Written
	case 3, 4:
		_, r := s.Set(nil, k, []byte(fmt.Sprint(rng.IntN(100))), h, now, SetOptions{ExpireAt: now + rng.Uint64N(5000)})
		return r.Record, r.Written
	case 5:
		_, r := s.Set(nil, k, []byte("7"), h, now, SetOptions{KeepTTL: true, XX: rng.IntN(2) == 0})
		return r.Record, r.Written
	case 6:
		r, _, written := s.Delete(k, h, now, rng.IntN(2) == 0)
		return r, written
	case 7, 8:
		return s.Expire(k, h, now, now+rng.Uint64N(5000), 0)
	case 9:
		return s.Persist(k, h, now)
	case 10:
		if rng.IntN(2) == 0 {
			_, c, err := s.IncrementUntil(nil, k, h, now, rng.Int64N(9)-4, false, Until{At: now + rng.Uint64N(5000), Cond: ExpireCond(rng.IntN(2))})
			return c.Record, err == nil
		}
		_, _, r, err := s.Increment(nil, k, h, now, rng.Int64N(9)-4, false)
		return r, err == nil
	}
	if rng.IntN(30) > 0 {
		return Record{}, false
	}
	return s.Flush(now), true
}

func TestR18_TheIncrementalRootIsTheOneComputedFromScratch(t *testing.T) {
	eachSeed(t, 300, func(seed uint64) {
		rng := rand.New(rand.NewPCG(seed, 1))
		s := newStore(t, Options{Node: 1, Shards: 1 << rng.IntN(4), Seed: seed})
		now := epoch0
		for range rng.IntN(300) {
			now += rng.Uint64N(60)
			if randomWrite(rng, s, now, 30); rng.IntN(5) == 0 {
				s.Sweep(now, rng.IntN(100))
			}
		}
		now += 3*1024 + 1 + rng.Uint64N(20_000)
		epoch, root := s.Digest(now)
		if want := rootOf(s, epoch, now); root != want {
			t.Fatalf("seed %d: root %x, from scratch %x\n%s", seed, root, want, contents(s, now))
		}
		check(t, s)
	})
}

func TestR18_AStampOfAnEpochToComeWaitsForIt(t *testing.T) {
	s := newStore(t, Options{Shards: 1})
	_, empty := s.Digest(epoch0)
	stamp := epoch0 + 9*1024 // 9 epochs on, within what R8 lets in
	merge(s, epoch0, Record{Key: []byte("k"), Value: []byte("v"), Kind: KindString, Stamp: stamp << 16})
	for now := epoch0; now < stamp+1024+settleTime; now += 64 {
		if _, root := s.Digest(now); root != empty {
			t.Fatalf("in the root %d ms before the end of its epoch is compared", stamp+1024+settleTime-now)
		}
	}
	if _, root := s.Digest(stamp + 1024 + settleTime); root == empty {
		t.Error("not in the root of its own epoch")
	}
}

func TestR18_AnExpiryTakesTheRecordOutFromItsOwnEpochOnWithoutASweep(t *testing.T) {
	s := newStore(t, Options{})
	_, empty := s.Digest(epoch0)
	at := epoch0 + 5*1024
	set(t, s, epoch0, "k", "v", SetOptions{ExpireAt: at})
	if epoch, root := s.Digest(at + settleTime); root == empty || epoch != EpochOf(at)-1 {
		t.Error("gone before the epoch of its expiry", epoch)
	}
	if _, root := s.Digest(at + 1024 + settleTime); root != empty {
		t.Error("still in the root of the epoch it expired in")
	}
	check(t, s)
}

func TestR18_TheRootDoesNotDependOnTheNumberOfLockShards(t *testing.T) {
	roots := map[uint64]bool{}
	for _, shards := range []int{1, 2, 16, 256} {
		s := newStore(t, Options{Node: 1, Shards: shards, Seed: 5})
		for i := range uint64(500) { // a new ms each: the clocks give the same stamps
			set(t, s, epoch0+i, fmt.Sprint(i%100), "v", SetOptions{ExpireAt: (epoch0 + 4000 + i) * (i % 2)})
		}
		_, root := s.Digest(epoch0 + 7000)
		roots[root] = true
	}
	if len(roots) != 1 {
		t.Errorf("%d roots of equal contents", len(roots))
	}
}

func TestR4_TheFlushIsPartOfTheRoot(t *testing.T) {
	a, b := newStore(t, Options{Node: 1}), newStore(t, Options{Node: 2})
	f := a.Flush(epoch0)
	now := epoch0 + 5000
	_, ra := a.Digest(now)
	if _, rb := b.Digest(now); ra == rb {
		t.Error("a flush does not show in the root")
	}
	merge(b, now, f)
	if _, rb := b.Digest(now); ra != rb {
		t.Error("equal flushes, different roots")
	}
}

func TestDigestOfTheFirstEpochsIsNone(t *testing.T) {
	s := newStore(t, Options{})
	for _, now := range []uint64{0, 1, settleTime, settleTime + 1023} {
		if e, r := s.Digest(now); e != 0 || r != 0 {
			t.Error(now, e, r)
		}
	}
	if e, _ := s.Digest(settleTime + 2048); e != 1 {
		t.Error(e)
	}
}

func TestSumsOutsideTheWindowAreNotLost(t *testing.T) {
	var d sums
	d.slide(1000)
	d.add(3, 1)       // long past
	d.add(990, 2)     // just past
	d.add(1000, 4)    // now
	d.add(1010, 8)    // 10 s ahead
	d.add(900000, 16) // nonsense
	for _, c := range []struct{ epoch, want uint64 }{{993, 3}, {999, 3}, {1000, 7}, {1009, 7}, {1010, 15}, {2000, 31}} {
		if got := d.at(c.epoch); got != c.want {
			t.Errorf("as of epoch %d: %d, want %d", c.epoch, got, c.want)
		}
	}
	d.slide(1015)
	if got := d.at(1009); got != 7 {
		t.Errorf("after sliding: %d", got)
	}
	d.slide(5_000_000)
	d.slide(4) // never back
	if got := d.at(5_000_000); got != 31 || d.oldest != 5_000_000-epochsKept+1 {
		t.Errorf("after a long time: %d, window at %d", got, d.oldest)
	}
}

// TestR18_AnIdleShardCountsAnExpiryInItsEpoch lets a shard be alone for longer than its window: no write, no sweep. Whatever
// applies the expiry then must not put it where the window ended before.
func TestR18_AnIdleShardCountsAnExpiryInItsEpoch(t *testing.T) {
	for name, find := range map[string]func(s *Store, now uint64){
		"a digest": func(s *Store, now uint64) { s.Digest(now) },
		"a write":  func(s *Store, now uint64) { set(t, s, now, "k", "v", SetOptions{}) },
		"a sweep":  func(s *Store, now uint64) { s.Sweep(now, 10) },
	} {
		s := newStore(t, Options{Node: 1, Shards: 1})
		at := epoch0 + 200*1024
		set(t, s, epoch0, "k", "v", SetOptions{ExpireAt: at})
		_, full := s.Digest(epoch0 + 4*1024)
		now := at + 6*1024
		find(s, now)
		if root, ok := s.Root(EpochOf(at)-1, now); root != full || !ok {
			t.Errorf("%s takes the entry out of the epoch before its expiry: %x, want %x %v", name, root, full, ok)
		}
		if root, _ := s.Root(EpochOf(at), now); root != 0 {
			t.Errorf("%s leaves it in that of its expiry", name)
		}
	}
}

// TestR18_AnExpiryThatComesAfterTheOneBeforeItWasAppliedCountsOnce: the same epochs, whatever comes first.
func TestR18_AnExpiryThatComesAfterTheOneBeforeItWasAppliedCountsOnce(t *testing.T) {
	set := Record{Key: []byte("k"), Value: []byte("v"), Kind: KindString, Stamp: epoch0 << 16, Node: 1, ExpireAt: epoch0 + 7*1024, ExpireStamp: epoch0 << 16, ExpireNode: 1}
	longer := Record{Key: []byte("k"), Kind: KindString, Flags: ExpiryOnly, Stamp: set.Stamp, Node: 1, ExpireAt: epoch0 + 100_000, ExpireStamp: (epoch0 + 5*1024) << 16, ExpireNode: 2}
	in, late := newStore(t, Options{}), newStore(t, Options{})
	for _, s := range []*Store{in, late} {
		merge(s, epoch0, set)
	}
	merge(in, epoch0+5*1024, longer)
	now := epoch0 + 10*1024
	for _, s := range []*Store{in, late} {
		s.Sweep(now, 10)
	}
	merge(late, now, longer)
	for epoch := EpochOf(now) - epochsKept; in.closed(epoch, now); epoch++ {
		a, _ := in.Root(epoch, now)
		if b, _ := late.Root(epoch, now); a != b {
			t.Errorf("as of %d epochs later the roots are %x and %x", epoch-EpochOf(epoch0), a, b)
		}
	}
}

// TestAFingerprintDependsOnEveryBit flips each bit of what a fingerprint is made of: about half of its bits change, and no two
// flips give the same, so that differences do not cancel in a sum.
func TestAFingerprintDependsOnEveryBit(t *testing.T) {
	rng := rand.New(rand.NewPCG(18, 1))
	changed, flips := 0, 0
	for range 200 {
		base := entry{
			hash: rng.Uint64(), v: Version{rng.Uint64(), rng.Uint64()}, expireAt: rng.Uint64N(2) * rng.Uint64(), content: rng.Uint32(),
		}
		base.e = base.v
		before := base.fingerprint()
		seen := map[uint64]bool{before: true}
		for field := range 7 {
			for bit := range 64 {
				e := base
				if field == 6 {
					e.content ^= 1 << (bit % 32)
				} else {
					*[]*uint64{&e.hash, &e.v.Stamp, &e.v.Node, &e.e.Stamp, &e.e.Node, &e.expireAt}[field] ^= 1 << bit
				}
				print := e.fingerprint()
				if seen[print] && (field != 6 || bit < 32) {
					t.Fatalf("bit %d of field %d makes no difference of its own", bit, field)
				}
				seen[print] = true
				n := bits.OnesCount64(print ^ before)
				if n < 8 || n > 56 {
					t.Errorf("bit %d of field %d changes %d bits of the fingerprint", bit, field, n)
				}
				changed, flips = changed+n, flips+1
			}
		}
	}
	if mean := float64(changed) / float64(flips); mean < 31.9 || mean > 32.1 {
		t.Errorf("a flipped bit changes %.2f bits of 64 on average", mean)
	}
}

// TestR19_PartsCountWhatCountedAtTheEndOfAnEpoch: they add up to the leaf as of that epoch, unless something was written over
// since; and every entry is in the part of its hash.
func TestR19_PartsCountWhatCountedAtTheEndOfAnEpoch(t *testing.T) {
	s := newStore(t, Options{Node: 1, MaxBytes: 64 << 20})
	now := uint64(epoch0)
	for i := range 3000 {
		o := SetOptions{}
		if i%3 == 0 {
			o.ExpireAt = now + uint64(i)*4 // up to 12 s: some in every epoch
		}
		set(t, s, now, fmt.Sprint("k", i), "v", o)
	}
	for i := range 100 {
		s.Delete([]byte(fmt.Sprint("k", i)), s.Hash([]byte(fmt.Sprint("k", i))), now+500, false)
	}
	now += 9000
	for i := range 50 { // of an epoch that is not closed
		set(t, s, now, fmt.Sprint("young", i), "v", SetOptions{})
	}
	for _, at := range []uint64{now, now + 700} {
		epoch := ClosedEpoch(at)
		total := 0
		for shard := range 256 {
			leaves, ok := s.Leaves(nil, shard, epoch, at)
			if !ok {
				t.Fatal("the epoch is not known")
			}
			var parts [PartsWidth]uint64
			total += s.Parts(&parts, uint64(shard)<<56, 8, epoch, at)
			for i, want := range parts {
				for _, leaf := range leaves[i*len(leaves)/PartsWidth : (i+1)*len(leaves)/PartsWidth] {
					want -= leaf
				}
				if want != 0 {
					t.Fatalf("shard %d, part %d: %x too much", shard, i, want)
				}
			}
		}
		if total != 3050 {
			t.Errorf("%d entries", total)
		}
	}
}

// TestR21_EverythingIsWhatIsHeldNow: two stores that hold the same compare equal at once, whatever came before it and however
// young it is, by their leaves and by the parts of them.
func TestR21_EverythingIsWhatIsHeldNow(t *testing.T) {
	const keys = 300
	a, b := newStore(t, Options{Node: 1, Shards: 4}), newStore(t, Options{Node: 2, Shards: 16})
	now := epoch0
	write := func(i int, value string, o SetOptions) {
		set(t, a, now, fmt.Sprint("key ", i), value, o)
	}
	for i := range keys {
		write(i, "before", SetOptions{})
	}
	now += 5000
	for i := range keys / 2 {
		write(i, "after", SetOptions{ExpireAt: (now + 1000*uint64(i)) * uint64(i%2)})
	}
	for _, r := range records(a, now) {
		merge(b, now, r)
	}
	if _, ok := a.Root(Everything, now); ok {
		t.Error("there is a root of what is written to")
	}
	for range 3 {
		for shard := range MaxShards {
			ours, _ := a.Leaves(nil, shard, Everything, now)
			theirs, ok := b.Leaves(nil, shard, Everything, now)
			if !ok || !slices.Equal(ours, theirs) {
				t.Fatalf("shard %d at %d: %x and %x, %v", shard, now, ours, theirs, ok)
			}
			sum := uint64(0)
			for _, s := range ours {
				sum += s
			}
			var parts [PartsWidth]uint64
			a.Parts(&parts, uint64(shard)<<56, 8, Everything, now)
			for _, s := range parts {
				sum -= s
			}
			if sum != 0 {
				t.Errorf("shard %d at %d: the parts do not add up to the leaves", shard, now)
			}
		}
		now += 20_000 // some have expired, swept or not
		b.Sweep(now, 10)
	}
}

// TestR21_WithheldEpochsHaveNoRoot until one that ended later is closed.
func TestR21_WithheldEpochsHaveNoRoot(t *testing.T) {
	s := newStore(t, Options{Node: 1})
	set(t, s, epoch0, "key", "value", SetOptions{})
	now := epoch0 + 20_000
	closed := ClosedEpoch(now)
	s.Withhold(closed)
	s.Withhold(closed - 5) // less than is withheld already
	if epoch, root := s.Digest(now); epoch != 0 || root != 0 || s.Withheld() != closed {
		t.Errorf("epoch %d has root %x, withheld up to %d", epoch, root, s.Withheld())
	}
	if _, ok := s.Leaves(nil, 0, closed, now); ok {
		t.Error("the leaves of a withheld epoch are told")
	}
	now += 1 << epochBits
	if epoch, root := s.Digest(now); epoch != closed+1 || root == 0 {
		t.Errorf("epoch %d has root %x, want %d", epoch, root, closed+1)
	}
}

// TestR21_OfTwoThatWithholdTheHigherCounts, whichever of them comes last, and looks first.
func TestR21_OfTwoThatWithholdTheHigherCounts(t *testing.T) {
	const callers = 2
	s := newStore(t, Options{Node: 1})
	for round := range uint64(100_000) {
		var wg sync.WaitGroup
		for i := range uint64(callers) {
			wg.Go(func() { s.Withhold(1 + callers*round + i) })
		}
		wg.Wait()
		if got, want := s.Withheld(), callers*(round+1); got != want {
			t.Fatalf("withheld up to %d, want %d", got, want)
		}
	}
}
