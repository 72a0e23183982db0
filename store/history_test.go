package store

import (
	"flag"
	"fmt"
	"math/rand/v2"
	"testing"
)

// seeds is how many random histories the model tests play, when it is given: `go test ./store -run Model -seeds=20000`.
var seeds = flag.Uint64("seeds", 0, "random histories for each model test, instead of its usual share")

// from is where their seeds begin.
var from = flag.Uint64("from", 0, "first seed of the model tests")

// eachSeed calls f for the seeds of a model test, usual of them unless -seeds says otherwise. What one goroutine does needs
// no race detector: under it a few seeds are enough. The same holds for invariants, which cost a hundredfold.
func eachSeed(t *testing.T, usual uint64, f func(seed uint64)) {
	t.Helper()
	switch {
	case *seeds > 0:
		usual = *seeds
	case testing.Short() || raceEnabled || invariants:
		usual = max(usual/seedShare, 8)
	}
	for seed := *from; seed < *from+usual; seed++ {
		if f(seed); t.Failed() {
			t.Fatalf("seed %d: repeat it with -from=%d -seeds=1", seed, seed)
		}
	}
}

const seedShare = 20

// few returns how many of the usual rounds a test of one goroutine makes: most, but not where each costs tens of times as much.
func few(usual int) int {
	if raceEnabled || invariants {
		return max(usual/seedShare, 1)
	}
	return usual
}

// history computes the fingerprints of R18 from scratch: it looks at the registers of every key after every call, and
// writes down from which epoch on a key counts for what.
type history struct {
	s     *Store
	lives map[string][]*life // of each key: one each time it was there; the last may still be
	flush life
}

// life is what a key counts for while it is there: of changes that ascend the last that is not after an epoch.
type life struct {
	there   bool
	state   entry // the registers
	changes []change
}

type change struct{ epoch, print uint64 }

// from says what counts from an epoch on.
func (l *life) from(epoch, print uint64) {
	n := len(l.changes)
	for n > 0 && l.changes[n-1].epoch >= epoch {
		n--
	}
	l.changes = append(l.changes[:n], change{epoch, print})
}

func (l *life) at(epoch uint64) (print uint64) {
	for _, c := range l.changes {
		if c.epoch <= epoch {
			print = c.print
		}
	}
	return print
}

// end is that of the expiry: from its own epoch on nothing counts, whenever it is applied.
func (l *life) end() {
	if at := l.state.expiry(); at != 0 {
		l.from(max(EpochOf(at), l.state.epoch()), 0)
	}
}

// registersOf returns the registers of a key, ghosts included.
func registersOf(s *Store, key string) (e entry, ok bool) {
	k := []byte(key)
	h := s.Hash(k)
	sh := s.shardOf(h)
	sh.mu.RLock()
	defer sh.mu.RUnlock()
	var found entry
	if !sh.find(&found, k, h) {
		return e, false
	}
	e = entry{
		hash: h, v: found.v, base: found.base, e: found.e, expireAt: found.expireAt, content: found.content,
		flags: found.flags & (Deleted | Keeps),
	}
	if found.lacks() {
		e.flags |= bare
	}
	return e, true
}

// look takes in what became of a key. What went without a trace went at now, or with a flush at its epoch.
func (h *history) look(key string, epoch uint64) {
	lives := h.lives[key]
	var last *life
	if n := len(lives); n > 0 {
		last = lives[n-1]
	}
	e, there := registersOf(h.s, key)
	switch {
	case !there && last != nil && last.there:
		last.there = false
		last.from(max(epoch, last.state.epoch()), 0)
	case there && (last == nil || !last.there):
		last = &life{there: true}
		h.lives[key] = append(lives, last)
	case !there || last.state == e:
		return
	case e.epoch() < last.state.epoch():
		// V went back, with a higher R (R27): what it replaces goes as of its own epoch.
		last.from(last.state.epoch(), 0)
		last = &life{there: true}
		h.lives[key] = append(lives, last)
	}
	if !there {
		return
	}
	print := uint64(0)
	if e.flags&(Deleted|bare) == 0 { // what lacks its value counts for nothing (R3)
		print = e.fingerprint()
	}
	last.state = e
	last.from(e.epoch(), print)
	last.end()
}

// flushed takes in a flush that is new: what a shard of older stamps only ever had counts for nothing from then on.
func (h *history) flushed(whole []bool) {
	v := h.s.Flushed()
	h.flush.from(v.epoch(), flushPrint(v))
	for key, lives := range h.lives {
		if whole[h.s.shardNumber(h.s.Hash([]byte(key)))] {
			for _, l := range lives {
				l.from(v.epoch(), 0)
			}
		}
		h.look(key, v.epoch())
	}
}

// below tells which shards have no stamp above one.
func (h *history) below(stamp uint64) (whole []bool) {
	for i := range h.s.shards {
		whole = append(whole, uint64(h.s.shards[i].clock) < stamp)
	}
	return whole
}

// compare looks at every leaf of every epoch that can be asked for.
func (h *history) compare(t *testing.T, now uint64) {
	t.Helper()
	epochs := 0
	for epoch := EpochOf(now) - epochsKept - 1; epoch <= EpochOf(now); epoch++ {
		root, ok := h.s.Root(epoch, now)
		if !ok {
			continue
		}
		epochs++
		want, sum := map[uint64]uint64{}, h.flush.at(epoch)
		for key, lives := range h.lives {
			for _, l := range lives {
				want[h.s.Hash([]byte(key))>>(64-h.s.env.leafBits)] += l.at(epoch)
			}
		}
		for shard := range MaxShards {
			leaves, _ := h.s.Leaves(nil, shard, epoch, now)
			for i, got := range leaves {
				number := uint64(shard*len(leaves) + i)
				if sum += got; got != want[number] {
					t.Errorf("leaf %d as of epoch %d (now %d): %x, from scratch %x", number, epoch, EpochOf(now), got, want[number])
				}
			}
		}
		if root != sum {
			t.Errorf("root as of epoch %d (now %d): %x, its leaves and flush %x", epoch, EpochOf(now), root, sum)
		}
	}
	if epochs < epochsKept-2 {
		t.Errorf("%d epochs can be asked for", epochs)
	}
}

// step does one call of a random kind, at a key of a hundred or, for evictions, of very many.
func (h *history) step(rng *rand.Rand, now uint64) {
	s := h.s
	key := fmt.Sprint("key ", rng.IntN(100))
	if rng.IntN(4) > 0 {
		key = fmt.Sprint("filler ", rng.IntN(1500))
	}
	k := []byte(key)
	hash := s.Hash(k)
	before := s.Counts()
	switch op := rng.IntN(40); {
	case op < 12:
		at := (now + soon(rng)) * uint64(rng.IntN(2))
		s.Set(nil, k, make([]byte, rng.IntN(3000)), hash, now, SetOptions{ExpireAt: at, KeepTTL: at == 0 && rng.IntN(2) == 0})
	case op < 14:
		s.Expire(k, hash, now, now+soon(rng), 0)
	case op < 15:
		s.Persist(k, hash, now)
	case op < 17:
		s.IncrementUntil(nil, k, hash, now, 1, false, Until{At: (now + soon(rng)) * uint64(rng.IntN(2))})
	case op < 19:
		s.Delete(k, hash, now, rng.IntN(2) == 0)
	case op < 32:
		r := anyRecord(rng, k, now)
		if e, ok := registersOf(s, key); ok && rng.IntN(3) > 0 { // about the very version that is here
			r.Stamp, r.Node, r.Content, r.BaseStamp, r.BaseNode = e.v.Stamp, e.v.Node, e.content, e.base.Stamp, e.base.Node
		}
		s.Merge(&r, hash, now)
	case op < 34:
		s.Drop(k, hash, Version{(now - rng.Uint64N(9000)) << 16, 1}, now)
	case op < 36:
		s.Sweep(now, rng.IntN(60))
	case op < 37:
		s.RaiseFloor(Version{(now - rng.Uint64N(30_000)) << 16, 1})
	case op < 38 && rng.IntN(30) == 0:
		r := Record{Flags: Flush, Stamp: (now + 3000 - rng.Uint64N(9000)) << 16, Node: 3}
		if whole := h.below(r.Stamp); s.Merge(&r, 0, now) == Applied {
			h.flushed(whole)
		}
	case op < 39 && rng.IntN(60) == 0:
		whole := h.below(1 << 63)
		s.Flush(now)
		h.flushed(whole)
	}
	after := s.Counts()
	if after.Forgotten != before.Forgotten || after.Purged != before.Purged {
		for other := range h.lives {
			h.look(other, EpochOf(now))
		}
	}
	h.look(key, EpochOf(now))
}

// soon is a time to live: of seconds, or of more than the window of epochs.
func soon(rng *rand.Rand) uint64 {
	if rng.IntN(3) == 0 {
		return rng.Uint64N(100_000)
	}
	return rng.Uint64N(6000)
}

// anyRecord makes a record of any kind, stamped up to MaxAhead ahead and some seconds ago.
func anyRecord(rng *rand.Rand, key []byte, now uint64) Record {
	stamp := func() uint64 { return (now + MaxAhead - rng.Uint64N(2*MaxAhead)) << 16 }
	if rng.IntN(3) > 0 {
		stamp = func() uint64 { return (now - rng.Uint64N(4000)) << 16 }
	}
	r := Record{Key: key, Kind: KindString, Stamp: stamp(), Node: 2 + rng.Uint64N(3)}
	switch rng.IntN(8) {
	case 0:
		r.Flags = Deleted
	case 1:
		r.Flags = Bare
	case 2, 3:
		r.Flags = ExpiryOnly
	case 4:
		r.Flags = Keeps
		r.BaseStamp, r.BaseNode = stamp(), 2
	}
	if r.Flags&Bare == 0 {
		r.Value = make([]byte, rng.IntN(2000))
	}
	r.Content = Content(r.Kind, r.Flags&Bare == Deleted, r.Value)
	r.ExpireStamp, r.ExpireNode = r.Stamp, r.Node
	if rng.IntN(2) == 0 {
		r.ExpireStamp, r.ExpireNode = stamp(), 2+rng.Uint64N(3)
	}
	if rng.IntN(3) > 0 {
		r.ExpireAt = now + 8000 - rng.Uint64N(12_000)
	}
	return r
}

// TestModelR18_EveryLeafOfEveryEpochIsTheOneComputedFromScratch plays everything that can become of an entry: writes, merges in
// any order, from clocks ahead and of long ago, expiries that are applied late or not at all, evictions, ghosts that come
// back or are forgotten, flushes, drops, idle times longer than the window.
func TestModelR18_EveryLeafOfEveryEpochIsTheOneComputedFromScratch(t *testing.T) {
	var total Counts
	eachSeed(t, 120, func(seed uint64) {
		rng := rand.New(rand.NewPCG(seed, 18))
		s := newStore(t, Options{Node: 1, Shards: 1 << rng.IntN(4), MaxBytes: 256 << 10, Seed: seed, Horizon: 40_000})
		h := &history{s: s, lives: map[string][]*life{}}
		now := epoch0 + rng.Uint64N(5000)
		for range 1200 {
			now += rng.Uint64N(12)
			look := rng.IntN(100) == 0
			switch rng.IntN(150) {
			case 0:
				now += rng.Uint64N(3000)
			case 1:
				now += rng.Uint64N(80_000)
				look = true
			}
			if h.step(rng, now); look {
				h.compare(t, now)
			}
			if t.Failed() {
				return
			}
		}
		h.compare(t, now)
		check(t, s)
		c := s.Counts()
		total.Evictions += c.Evictions
		total.Forgotten += c.Forgotten
		total.Expired += c.Expired
		total.Purged += c.Purged
		total.Flushed += c.Flushed
	})
	if total.Evictions == 0 || total.Forgotten == 0 || total.Expired == 0 || total.Purged == 0 || total.Flushed == 0 {
		t.Errorf("the histories show less than they say: %+v", total)
	}
	if testing.Verbose() {
		t.Logf("%+v", total)
	}
}
