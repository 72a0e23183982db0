package store

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"testing"
)

// pair is two stores that get the same calls: one with room for all, one that evicts.
type pair struct {
	t            *testing.T
	large, small *Store
	keys         map[string]bool
	purged       [MaxShards]bool // digest shards in which a tombstone that the small one had to forget was missed
	hits, ghosts int
	leaves       int // compared
}

// step makes one call that writes whatever is there, so that both give it the same version.
func (p *pair) step(rng *rand.Rand, now uint64) {
	key := fmt.Sprint("key ", rng.IntN(600))
	k := []byte(key)
	h := p.large.Hash(k)
	p.keys[key] = true
	switch op := rng.IntN(20); {
	case op < 9:
		v, o := sealed(k, now, randomSize(rng)%4000), SetOptions{ExpireAt: (now + soon(rng)) * uint64(rng.IntN(2))}
		_, a := p.large.Set(nil, k, v, h, now, o)
		if _, b := p.small.Set(nil, k, v, h, now, o); a.Record.Version() != b.Record.Version() || !b.Written {
			p.t.Errorf("set %q: %+v and %+v", key, a, b)
		}
	case op < 11:
		a, _, _ := p.large.Delete(k, h, now, true)
		if b, _, written := p.small.Delete(k, h, now, true); a.Version() != b.Version() || !written {
			p.t.Errorf("delete %q: %+v and %+v", key, a, b)
		}
	case op < 14:
		r := anyRecord(rng, k, now)
		if p.merge(&r, h, now); p.bare(key) { // its value is nowhere: somebody writes another
			p.large.Set(nil, k, nil, h, now, SetOptions{})
			p.small.Set(nil, k, nil, h, now, SetOptions{})
		}
	case op < 16: // an EXPIRE made elsewhere; or, of a ghost, its value
		r, _, ok := p.large.Lookup(nil, k, h, now)
		if !ok || r.Flags&Bare != 0 {
			return
		}
		if op == 15 {
			r.Flags, r.Value = ExpiryOnly, nil
			r.BaseStamp, r.BaseNode = 0, 0
			r.ExpireAt, r.ExpireStamp, r.ExpireNode = now+soon(rng), (now-rng.Uint64N(1000))<<16, 4
		}
		if p.merge(&r, h, now) == NeedRecord {
			whole, _, _ := p.large.Lookup(nil, k, h, now)
			p.merge(&whole, h, now)
		}
	case op < 17:
		n := rng.IntN(80)
		p.large.Sweep(now, n)
		p.small.Sweep(now, n)
	case op < 18 && rng.IntN(100) == 0:
		if a, b := p.large.Flush(now), p.small.Flush(now); a.Version() != b.Version() {
			p.t.Errorf("flush: %+v and %+v", a, b)
		}
	default:
		v, m, ok := p.small.Get(nil, k, h, now)
		if !ok {
			return
		}
		if sh := p.small.shardOf(h); sh.leaves.isPartial(h<<sh.bits) || p.purged[h>>56] {
			return
		}
		p.hits++
		if w, n, ok := p.large.Get(nil, k, h, now); !ok || m != n || !bytes.Equal(v, w) {
			p.t.Errorf("%q is %d bytes with %+v where there is little room, %d bytes with %+v %v where there is enough", key, len(v), m, len(w), n, ok)
		}
	}
}

// merge gives both a record. The small one may refuse it, or ask for more, for want of a tombstone that it had no room for.
func (p *pair) merge(r *Record, h, now uint64) Outcome {
	a, b := p.large.Merge(r, h, now), p.small.Merge(r, h, now)
	if b == Refused || b == NeedRecord && a != NeedRecord {
		p.purged[h>>56] = true
	}
	return b
}

// bare reports whether a key would be there if its value were not gone: not a state that lasts.
func (p *pair) bare(key string) bool {
	r, ok := lookup(p.large, 0, key)
	e := entryOf(p.large, r)
	return ok && r.Flags&Bare == Bare && e.expiry() == 0
}

// compare checks that the small store lacks nothing but what it may: values of ghosts, old tombstones, what came back below
// the floor; and that the leaves that are not partial are equal in every epoch.
func (p *pair) compare(now uint64) {
	for key := range p.keys {
		a, there := registersOf(p.large, key)
		b, kept := registersOf(p.small, key)
		h := p.small.Hash([]byte(key))
		sh := p.small.shardOf(h)
		switch {
		case sh.leaves.isPartial(h << sh.bits), p.purged[h>>56]:
			// A ghost or a tombstone may have been forgotten: what is older may have come back (R16).
		case kept && (!there || a != b):
			p.t.Errorf("%q: registers %+v where there is little room, %+v where there is enough", key, b, a)
		case !kept && there && a.flags&Deleted == 0 && a.readable(now) && a.v.Compare(p.small.Floor()) > 0:
			p.t.Errorf("%q left no ghost, nor is its leaf partial", key)
		}
	}
	for epoch := EpochOf(now) - epochsKept; p.large.closed(epoch, now); epoch++ {
		for shard := range MaxShards {
			if p.purged[shard] {
				continue
			}
			fine, _ := p.large.Leaves(nil, shard, epoch, now)
			b, _ := p.small.Leaves(nil, shard, epoch, now)
			a := make([]uint64, len(b)) // the finer ones added up, neighbours first
			for i, print := range fine {
				a[i*len(b)/len(fine)] += print
			}
			partial := p.small.Partial(nil, shard)
			for i := range a {
				if partial[i/64]>>(i%64)&1 == 0 && a[i] != b[i] {
					p.t.Errorf("leaf %d of shard %d as of epoch %d is %x where there is little room, %x where there is enough", i, shard, epoch, b[i], a[i])
				}
			}
		}
	}
	p.ghosts += p.small.Counts().Ghosts
	for _, purged := range p.purged {
		if !purged {
			p.leaves++
		}
	}
	check(p.t, p.large)
	check(p.t, p.small)
}

// TestModelEvictionOnAndOffAgree plays the same calls on a store that evicts and on one that does not.
func TestModelEvictionOnAndOffAgree(t *testing.T) {
	oneGoroutine(t)
	hits, ghosts, leaves := 0, 0, 0
	eachSeed(t, 60, func(seed uint64) {
		rng := rand.New(rand.NewPCG(seed, 12))
		shards := shardCounts[seed%5] // more do not fit into little room
		p := &pair{t: t, keys: map[string]bool{}}
		p.large = newStore(t, Options{Node: 1, Shards: shards, MaxBytes: 16 << 20, Seed: seed, Horizon: MaxHorizon})
		p.small = newStore(t, Options{Node: 1, Shards: shards, MaxBytes: 256 << 10, Seed: seed, Horizon: MaxHorizon})
		now := epoch0
		for i := range 2000 {
			if now += rng.Uint64N(15); rng.IntN(300) == 0 {
				now += rng.Uint64N(20_000)
			}
			if p.step(rng, now); i%500 == 499 {
				p.compare(now)
			}
			if t.Failed() {
				return
			}
		}
		hits, ghosts, leaves = hits+p.hits, ghosts+p.ghosts, leaves+p.leaves
	})
	if hits == 0 || ghosts == 0 || leaves < 1000 {
		t.Errorf("the histories show less than they say: %d hits, %d ghosts, %d leaves", hits, ghosts, leaves)
	}
}
