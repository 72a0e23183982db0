package store

import (
	"fmt"
	"math/rand/v2"
	"strconv"
	"testing"
)

// ledger is what R27 says of a key, from what was acknowledged alone: of every write the version that it went on from.
type ledger struct {
	reset  Version           // the highest
	number int64             // that it set
	gone   bool              // it set nothing
	sums   map[Version]int64 // of increments, by the version that they went on from
	counts map[Version]bool
}

func (l *ledger) wrote(v Version, number int64, gone bool) {
	if l.reset.Compare(v) < 0 {
		l.reset, l.number, l.gone = v, number, gone
	}
}

func (l *ledger) added(r *Record, delta int64) {
	base := Version{r.BaseStamp, r.BaseNode}
	if l.reset.Compare(base) < 0 { // an expiry
		l.reset, l.number, l.gone = base, 0, true
	}
	l.sums[base] += delta
	l.counts[base] = true
}

// reads is what the key reads as once all is everywhere.
func (l *ledger) reads() string {
	if l.gone && !l.counts[l.reset] {
		return ""
	}
	return strconv.FormatInt(l.number+l.sums[l.reset], 10)
}

// TestR27_AnyHistoryAddsUp plays histories of a few keys on sites that hear of each other late, and checks, after all that
// was written came to all of them and to one that was not there, in any order and twice, that they hold the same, and that it
// is what the ledger says. On the way what a site counts is evicted.
func TestR27_AnyHistoryAddsUp(t *testing.T) {
	eachSeed(t, 1200, func(seed uint64) {
		rng := rand.New(rand.NewPCG(seed, 27))
		all := sites(t, 4, Options{Shards: 1 << rng.IntN(3), Seed: seed})
		late := all[3]
		books := map[string]*ledger{}
		for range 20 + rng.IntN(100) {
			s := all[rng.IntN(3)]
			s.now += 1 + rng.Uint64N(40)
			key := fmt.Sprint("n", rng.IntN(2))
			if books[key] == nil {
				books[key] = &ledger{gone: true, sums: map[Version]int64{}, counts: map[Version]bool{}}
			}
			s.act(rng, key, books)
			if o := all[rng.IntN(3)]; o != s && len(s.sent) > 0 && rng.IntN(2) == 0 {
				merge(o.Store, max(o.now, s.now), s.sent[rng.IntN(len(s.sent))])
			}
		}
		for _, s := range all {
			s.now = max(s.now, all[0].now, all[1].now, all[2].now)
		}
		exchange(seed, all)
		gossip(all)
		gossip(all)
		end := late.now + 60_000 // what had a time to live is over, and the epochs that some saw another way
		for _, s := range all {
			s.now = end
			for s.Sweep(s.now, 100) == 100 {
				// until all is done
			}
		}
		for key, book := range books {
			if m, _, ok := late.Meta([]byte(key), late.Hash([]byte(key)), end); ok && m.ExpireAt != 0 {
				t.Fatalf("seed %d: a time to live is left", seed)
			}
			want := book.reads()
			for i, s := range all {
				if got, ok := get(s.Store, end, key); got != want && ok {
					t.Fatalf("seed %d: %s reads %q at %d, the ledger says %q: %+v", seed, key, got, i, want, book)
				}
			}
		}
		same(t, []*Store{all[0].Store, all[1].Store, all[2].Store, late.Store}, end)
	})
}

// gossip has every site tell every other all that it holds: for what a record alone cannot tell (R3) and what was evicted.
func gossip(all []*site) {
	for _, a := range all {
		for _, b := range all {
			for _, r := range records(a.Store, a.now) {
				merge(b.Store, b.now, r)
			}
		}
	}
}

// act is one thing that happens to a key at a site.
func (s *site) act(rng *rand.Rand, key string, books map[string]*ledger) {
	k, h, book := []byte(key), s.Hash([]byte(key)), books[key]
	switch p := rng.IntN(100); {
	case p < 60:
		delta := rng.Int64N(20) - 5
		var u Until
		if rng.IntN(5) == 0 {
			u = Until{At: s.now + 1 + rng.Uint64N(300), Cond: ExpireCond(rng.IntN(2))}
		}
		if _, c, err := s.IncrementUntil(nil, k, h, s.now, delta, true, u); err == nil {
			s.send(c.Record)
			book.added(&c.Record, delta)
		}
	case p < 70:
		n := rng.Int64N(1000)
		o := SetOptions{KeepTTL: rng.IntN(2) == 0, Sure: true}
		if rng.IntN(3) == 0 && !o.KeepTTL {
			o.ExpireAt = s.now + 1 + rng.Uint64N(300)
		}
		r := set(s.t, s.Store, s.now, key, strconv.FormatInt(n, 10), o)
		s.send(r)
		book.wrote(r.Version(), n, false)
	case p < 76:
		if r, _, written := s.Delete(k, h, s.now, rng.IntN(2) == 0); written {
			s.send(r)
			book.wrote(r.Version(), 0, true)
		}
	case p < 84:
		if r, ok := s.Expire(k, h, s.now, s.now+rng.Uint64N(300), 0); ok {
			s.send(r)
		}
	case p < 87:
		if r, ok := s.Persist(k, h, s.now); ok {
			s.send(r)
		}
	case p < 88:
		r := s.Flush(s.now)
		s.send(r)
		for _, b := range books {
			b.wrote(r.Version(), 0, true)
		}
	case p < 94:
		s.evict(key)
	default:
		s.Sweep(s.now, 20)
	}
}
