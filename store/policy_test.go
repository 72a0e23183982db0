package store

import (
	"encoding/binary"
	"math"
	"math/rand/v2"
	"testing"
)

// asks plays a trace to a store of one shard as a cache is used, a key that is not there being set, and returns the share
// that was answered of what came after a warm-up of warm asks.
func asks(t *testing.T, s *Store, trace []int, warm int) float64 {
	t.Helper()
	hits := 0
	key, value := make([]byte, 16), make([]byte, 64)
	var buf []byte
	for i, n := range trace {
		binary.BigEndian.PutUint64(key, uint64(n))
		h, now := s.Hash(key), epoch0+uint64(i)/1000
		var ok bool
		if buf, _, ok = s.Get(buf[:0], key, h, now); !ok {
			s.Set(nil, key, value, h, now, SetOptions{})
		} else if i >= warm {
			hits++
		}
	}
	check(t, s)
	return float64(hits) / float64(len(trace)-warm)
}

// policyStore has room for about roomOf entries of 16 and 64 bytes.
func policyStore(t *testing.T) *Store {
	return newStore(t, Options{Node: 1, Shards: 1, MaxBytes: 256 << 10})
}

// roomOf counts what a policyStore holds of keys that come once.
func roomOf(t *testing.T) int {
	s := policyStore(t)
	asks(t, s, once(10_000), 0)
	return s.Counts().Keys
}

// once has so many keys, each once.
func once(n int) []int {
	trace := make([]int, n)
	for i := range trace {
		trace[i] = i
	}
	return trace
}

// zipfOf draws keys with a chance in proportion to 1/rank^power.
func zipfOf(rng *rand.Rand, power float64, keys int) func() int {
	sums := make([]float64, keys)
	sum := 0.0
	for i := range sums {
		sum += math.Pow(float64(i+1), -power)
		sums[i] = sum
	}
	return func() int {
		x := rng.Float64() * sum
		low, high := 0, keys-1
		for low < high {
			if middle := (low + high) / 2; sums[middle] < x {
				low = middle + 1
			} else {
				high = middle
			}
		}
		return low
	}
}

// TestHitRatios holds the policy to what it reaches on small traces, about a point below what was measured.
func TestHitRatios(t *testing.T) {
	oneGoroutine(t)
	room := roomOf(t)
	if room < 1500 || room > 2500 {
		t.Fatalf("room for %d entries", room)
	}
	rng := rand.New(rand.NewPCG(4, 4))
	usual := zipfOf(rng, 0.99, 10*room)
	fresh := 1 << 30
	for _, c := range []struct {
		name  string
		least float64
		ask   func(i int) int
	}{
		// A loop of twice the room: the best is one half, LRU and SIEVE reach nothing.
		{"loop", 0.47, func(i int) int { return i % (2 * room) }},
		// A loop a little larger than the room: the ghosts know all that is missing, and what each brings back must not throw
		// out what comes next. The best is four fifths, LRU reaches nothing.
		{"narrow loop", 0.50, func(i int) int { return i % (room * 5 / 4) }},
		// Half of the room is asked for all the time, between scans of as many keys as there is room for.
		{"scans", 0.47, func(i int) int {
			if i/(2*room)%2 == 0 {
				return i % (room / 2)
			}
			fresh++
			return fresh
		}},
		{"popular keys", 0.72, func(int) int { return usual() }},
		// The popular keys become others so soon that the old ones fill the store: what is new must get in at once.
		{"popular keys that change", 0.57, func(i int) int { return usual() + i/(3*room)*20*room }},
	} {
		t.Run(c.name, func(t *testing.T) {
			trace := make([]int, 60*room)
			for i := range trace {
				trace[i] = c.ask(i)
			}
			got := asks(t, policyStore(t), trace, 10*room)
			if t.Logf("%.4f", got); got < c.least {
				t.Errorf("%.4f of the asks are hits, not %.2f", got, c.least)
			}
		})
	}
}

// TestOneShardMayTakeWhatOthersLeave fills a single shard: nothing is evicted before the store is full, whatever the shard's
// share is. Then the others are filled, and it gives back.
func TestOneShardMayTakeWhatOthersLeave(t *testing.T) {
	oneGoroutine(t)
	const shards, budget = 16, 4 << 20
	s := newStore(t, Options{Node: 1, Shards: shards, MaxBytes: budget})
	hot := &s.shards[5]
	i := 0
	fill := func(only *shard, n int) {
		key, value := make([]byte, 16), make([]byte, 64)
		for n > 0 {
			binary.BigEndian.PutUint64(key, uint64(i))
			i++
			if h := s.Hash(key); (s.shardOf(h) == hot) == (only == hot) {
				s.Set(nil, key, value, h, epoch0, SetOptions{})
				n--
			}
		}
	}
	for hot.bytes() < s.env.maxBytes*8/10-budget/8 {
		fill(hot, 100)
		if c := s.Counts(); c.Evictions != 0 {
			t.Fatalf("evictions at %d bytes of %d, in one shard with a share of %d", c.Bytes, budget, s.env.share)
		}
	}
	if hot.bytes() < 8*s.env.share {
		t.Fatalf("the shard has %d bytes, its share is %d", hot.bytes(), s.env.share)
	}
	fill(hot, 20_000)
	check(t, s)
	if c := s.Counts(); c.Evictions == 0 || hot.bytes() < 8*s.env.share || hot.logs[logMain].segments < 4*hot.logs[logTrial].segments {
		t.Errorf("%+v, %d bytes, logs %+v", c, hot.bytes(), hot.logs)
	}
	fill(nil, 60_000)
	check(t, s)
	if got := hot.bytes(); got > 2*s.env.share {
		t.Errorf("beside full shards the one has %d bytes, its share is %d", got, s.env.share)
	}
}

// TestAGhostSaysWhichLogGrows looks at the share of the trial log after keys came back.
func TestAGhostSaysWhichLogGrows(t *testing.T) {
	s := policyStore(t)
	sh := &s.shards[0]
	asks(t, s, once(roomOf(t)+1000), 0)
	before := sh.trial.share
	var trial, main entry
	at, _ := sh.nextIn(sh.logs[logGhosts].last, 0)
	if sh.visit(at, &trial); *trial.cell&allHits != 0 {
		t.Fatalf("the ghost of an entry of the trial log is marked: %+v", trial)
	}
	sh.welcome(&trial, true)
	if sh.trial.share <= before || !trial.wanted {
		t.Errorf("share %d after %d: %+v", sh.trial.share, before, trial)
	}
	sh.emptyOldest(logMain, true, epoch0)
	before = sh.trial.share
	last := sh.logs[logGhosts].last
	for at, size := sh.nextIn(last, 0); size != 0; at, size = sh.nextIn(last, int(at-sh.start(last))+size) {
		sh.visit(at, &main)
	}
	if *main.cell&allHits != oneHit {
		t.Fatalf("the ghost of an entry of the main log is not marked: %+v", main)
	}
	sh.welcome(&main, true)
	if sh.trial.share >= before || *main.cell&allHits != 0 {
		t.Errorf("share %d after %d, cell %x", sh.trial.share, before, *main.cell)
	}
}
