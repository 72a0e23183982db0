package store

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"

	"github.com/zeebo/xxh3"
)

// sealed returns a value of n bytes or a few more that tells its key, its sequence number and its own checksum.
func sealed(key []byte, sequence uint64, n int) []byte {
	v := binary.LittleEndian.AppendUint64(nil, sequence)
	v = append(append(v, byte(len(key))), key...)
	for len(v) < n {
		v = append(v, byte(sequence)+byte(len(v)))
	}
	return binary.LittleEndian.AppendUint64(v, xxh3.Hash(v))
}

// unseal checks a value read under key and returns its sequence number.
func unseal(t testing.TB, key, v []byte) uint64 {
	t.Helper()
	body := len(v) - 8
	if body < 9 || binary.LittleEndian.Uint64(v[body:]) != xxh3.Hash(v[:body]) || !bytes.Equal(v[9:9+int(v[8])], key) {
		t.Errorf("under %q lies %d bytes that nobody wrote there", key, len(v))
		return 0
	}
	return binary.LittleEndian.Uint64(v)
}

func randomSize(rng *rand.Rand) int {
	switch rng.IntN(100) {
	case 0:
		return rng.IntN(200_000)
	case 1, 2, 3, 4, 5:
		return rng.IntN(9000)
	}
	return rng.IntN(300)
}

// TestEvictionChangesNothingButPresence plays random operations with sealed values on a store far too small for them, and
// on a map that forgets nothing: what the store has is what the map has, and what the map has not the store has neither.
func TestEvictionChangesNothingButPresence(t *testing.T) {
	oneGoroutine(t)
	eachSeed(t, 12, func(seed uint64) {
		rng := rand.New(rand.NewPCG(seed, 10))
		s := newStore(t, Options{Node: 1, Shards: shardCounts[seed%5], MaxBytes: 1 << 20, Seed: seed, Horizon: 40_000})
		type state struct{ sequence, at uint64 }
		model := map[string]state{}
		now, hits := epoch0, 0
		for i := range uint64(15_000) {
			now += rng.Uint64N(8)
			k := fmt.Append(nil, "key ", rng.IntN(8000))
			h := s.Hash(k)
			want, there := model[string(k)]
			there = there && (want.at == 0 || want.at > now)
			switch rng.IntN(12) {
			case 0:
				s.Delete(k, h, now, true)
				delete(model, string(k))
			case 1:
				at := now + 1 + rng.Uint64N(5000)
				if _, ok := s.Expire(k, h, now, at, 0); ok {
					model[string(k)] = state{want.sequence, at}
				}
			case 2, 3, 4, 5:
				at := (now + 1 + rng.Uint64N(20_000)) * uint64(rng.IntN(2))
				s.Set(nil, k, sealed(k, i, randomSize(rng)), h, now, SetOptions{ExpireAt: at})
				model[string(k)] = state{i, at}
			case 6:
				s.Sweep(now, rng.IntN(100))
			case 7:
				if rng.IntN(400) == 0 {
					s.Flush(now)
					clear(model)
				}
			default:
				v, m, ok := s.Get(nil, k, h, now)
				if !ok {
					continue
				}
				hits++
				if !there || unseal(t, k, v) != want.sequence || m.ExpireAt != want.at {
					t.Fatalf("seed %d: %q is %d bytes with %+v; the map: %+v %v", seed, k, len(v), m, want, there)
				}
			}
			if i%1000 == 0 {
				check(t, s)
			}
		}
		check(t, s)
		epoch, root := s.Digest(now + 3000)
		if want := rootOf(s, epoch, now+3000); root != want {
			t.Fatalf("seed %d: root %x, from scratch %x", seed, root, want)
		}
		if c := s.Counts(); c.Evictions == 0 || hits == 0 {
			t.Errorf("the store was never full, or never hit: %+v", c)
		}
	})
}

// TestSoakOfSealedValues lets goroutines write, read, delete, walk and sweep at once, under eviction, with values of all
// sizes; what is read is what somebody wrote under that key, and no older than what its writer last saw there.
func TestSoakOfSealedValues(t *testing.T) {
	s := newStore(t, Options{Node: 1, Shards: 8, MaxBytes: 8 << 20})
	rounds := 12_000
	if testing.Short() || raceEnabled {
		rounds = 2000
	}
	const writers, keys = 3, 3000
	var wg sync.WaitGroup
	for w := range writers {
		wg.Go(func() { // each has its own keys
			rng := rand.New(rand.NewPCG(uint64(w), 11))
			var last [keys]uint64
			for i := range uint64(rounds) {
				n := rng.IntN(keys)
				k := fmt.Appendf(nil, "writer %d key %d", w, n)
				h, now := s.Hash(k), epoch0+i
				switch rng.IntN(8) {
				case 0:
					s.Delete(k, h, now, false)
				case 1, 2, 3:
					s.Set(nil, k, sealed(k, i, randomSize(rng)), h, now, SetOptions{})
					last[n] = i
				default:
					if v, _, ok := s.Get(nil, k, h, now); ok && unseal(t, k, v) != last[n] {
						t.Errorf("%q goes back to an older value", k)
					}
				}
			}
		})
	}
	wg.Go(func() {
		for i := range rounds / 10 {
			var recs []Record
			recs, _, _, _ = s.Range(nil, nil, i%MaxShards, 0, 1<<20, epoch0+uint64(i))
			for _, r := range recs {
				if r.Flags == 0 {
					unseal(t, r.Key, r.Value)
				}
			}
			s.Sweep(epoch0+uint64(i), 200)
		}
	})
	wg.Wait()
	check(t, s)
}
