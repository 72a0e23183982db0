package store

import (
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"testing"
)

// fuzzRecord makes a record out of 8 bytes: few keys, times and nodes, so that everything meets; all flags, also those
// that make no sense together.
func fuzzRecord(b []byte) Record {
	stamp := func(b byte) uint64 { return (epoch0+uint64(b&15)*700)<<16 | uint64(b>>4) }
	r := Record{
		Key: []byte{'a' + b[0]&3}, Kind: b[0] >> 6, Flags: b[1] & 15, Stamp: stamp(b[2]), Node: uint64(b[3] & 3),
		BaseStamp: stamp(b[4]), BaseNode: uint64(b[3] >> 2 & 3),
		ExpireStamp: stamp(b[5]), ExpireNode: uint64(b[3] >> 4 & 3),
	}
	if b[6] != 0 {
		r.ExpireAt = epoch0 + uint64(b[6])*64
	}
	if r.Flags&Bare == 0 {
		r.Value = b[7:8]
	}
	r.Content = Content(r.Kind, r.Flags&Deleted != 0, r.Value)
	return r
}

func FuzzMerge(f *testing.F) {
	f.Add([]byte("\x00\x00\x11\x01\x00\x11\x20v\x00\x04\x11\x01\x00\x22\x40\x00\x00\x01\x33\x02\x00\x33\x00\x00"))
	f.Add([]byte("\x00\x05\x11\x01\x00\x11\x01\x00\x00\x00\x10\x01\x00\x3f\xff\x40\x00\x08\x12\x00\x00\x00\x00\x00"))
	f.Fuzz(func(t *testing.T, b []byte) {
		const most = 8 * 60
		s := newStore(t, Options{Node: 1, Shards: 2, MaxBytes: 1 << 20, Seed: 1, Horizon: 20_000})
		now := epoch0
		for b = b[:min(len(b), most)]; len(b) >= 8; b = b[8:] {
			r := fuzzRecord(b)
			o := s.Merge(&r, s.Hash(r.Key), now)
			switch again := s.Merge(&r, s.Hash(r.Key), now); {
			case o == Applied && again != Same && again != Older:
				t.Fatalf("%+v: %v, and again %v", r, o, again)
			case o != Applied && o != NeedRecord && o != Flushed && again != o:
				t.Fatalf("%+v: %v, and again %v", r, o, again)
			}
			if now += uint64(binary.LittleEndian.Uint16(b[6:])) % 300; b[7]&7 == 0 {
				s.Sweep(now, 5)
			}
		}
		check(t, s)
		now += 20_000
		epoch, root := s.Digest(now)
		if want := rootOf(s, epoch, now); root != want {
			t.Fatalf("root %x, from scratch %x\n%s", root, want, contents(s, now))
		}
	})
}

// TestR1_ARunMergesAsItsRecordsDoOneByOne gives two stores the same records, one of them in runs: flushes, records from the
// future, of kinds that are not known, too large or large enough for others to make room.
func TestR1_ARunMergesAsItsRecordsDoOneByOne(t *testing.T) {
	oneGoroutine(t)
	const most = 40
	eachSeed(t, 60, func(seed uint64) {
		rng := rand.New(rand.NewPCG(seed, 7))
		o := Options{Node: 1, Shards: 1 << rng.IntN(4), MaxBytes: 1 << 20, Seed: seed, Horizon: 20_000}
		one, runs := newStore(t, o), newStore(t, o)
		now := epoch0
		for range 30 {
			recs := make([]Record, 1+rng.IntN(most))
			var hashes [most]uint64
			var outcomes [most]Outcome
			for i := range recs {
				var b [8]byte
				binary.LittleEndian.PutUint64(b[:], rng.Uint64())
				r := fuzzRecord(b[:])
				r.Key = fmt.Append(r.Key, rng.IntN(40))
				switch n := rng.IntN(40); {
				case r.Flags&(Flush|Bare) == 0 && n < 30:
					r.Kind, r.Value = KindString, make([]byte, rng.IntN(3000))
				case r.Flags&(Flush|Bare) == 0 && n < 32:
					r.Kind, r.Value = KindString, make([]byte, roomFrom+rng.IntN(300<<10))
				case n == 33:
					r.Stamp += 20_000 << 16
				}
				if r.Flags&Flush != 0 && rng.IntN(20) > 0 {
					r.Flags &^= Flush
				}
				r.Content = Content(r.Kind, r.Flags&Deleted != 0, r.Value)
				recs[i], hashes[i] = r, one.Hash(r.Key)
			}
			runs.MergeRun(recs, hashes[:], outcomes[:], now)
			for i := range recs {
				if want := one.Merge(&recs[i], hashes[i], now); outcomes[i] != want {
					t.Fatalf("seed %d: record %d of %d, flags %d, %d bytes: %v, alone %v", seed, i, len(recs), recs[i].Flags, len(recs[i].Value), outcomes[i], want)
				}
			}
			now += rng.Uint64N(500)
		}
		check(t, runs)
		same(t, []*Store{one, runs}, now)
		if a, b := one.Counts(), runs.Counts(); a != b {
			t.Errorf("seed %d: %+v, in runs %+v", seed, a, b)
		}
	})
}

func TestOutcomesHaveNames(t *testing.T) {
	seen := map[string]bool{}
	for o := range Joined + 2 {
		seen[o.String()] = true
	}
	if len(seen) != int(Joined)+2 || !seen["need record"] || !seen["unknown outcome"] {
		t.Error(seen)
	}
}

// Two starts of one id may give one version to one value, over different SETs. Which of the two bases stays must not depend on the order, for it decides
// what expiry counts (R2).
func TestR1_OfEqualVersionsTheHigherBaseStaysInAnyOrder(t *testing.T) {
	record := func(base uint64) Record {
		return Record{Key: []byte("k"), Value: []byte("v"), Kind: KindString, Flags: Keeps, Content: Content(KindString, false, []byte("v")),
			Stamp: (epoch0 + 9) << stampBits, Node: 1, BaseStamp: (epoch0 + base) << stampBits, BaseNode: 1}
	}
	for _, order := range [][2]uint64{{3, 5}, {5, 3}} {
		s := newStore(t, Options{Node: 2})
		merge(s, epoch0+10, record(order[0]))
		merge(s, epoch0+10, record(order[1]))
		if r, ok := lookup(s, epoch0+10, "k"); !ok || r.BaseStamp != (epoch0+5)<<stampBits {
			t.Errorf("merged as %v: base %d", order, r.BaseStamp>>stampBits-epoch0)
		}
	}
}
