package sim

import (
	"encoding/binary"
	"fmt"
	"strconv"
	"testing"
	"time"

	"covey/codec"
	"covey/store"
)

const counterKey = "hits"

// tally is what R27 says of one key, from what was acknowledged alone: each increment counts on top of the version that its
// record names, and of these the highest is what is left.
type tally struct {
	reset  store.Version
	number int64 // that it set
	there  bool
	sums   map[store.Version]int64
	counts map[store.Version]int
}

func newTally() *tally {
	return &tally{sums: map[store.Version]int64{}, counts: map[store.Version]int{}}
}

func (y *tally) wrote(v store.Version, number int64, there bool) {
	if y.reset.Compare(v) < 0 {
		y.reset, y.number, y.there = v, number, there
	}
}

func (y *tally) want() string {
	if !y.there && y.counts[y.reset] == 0 {
		return ""
	}
	return strconv.FormatInt(y.number+y.sums[y.reset], 10)
}

// add has a client of h increment the key.
func (y *tally) add(t *testing.T, h *Host, delta int64) {
	key := []byte(counterKey)
	h.write(func(now uint64, stage func(store.Record)) {
		_, n, r, err := h.Store.Increment(nil, key, h.Store.Hash(key), now, delta, true) // as if nobody had answered (R17)
		if err != nil {
			t.Fatal(err)
		}
		stage(r)
		base := store.Version{Stamp: r.BaseStamp, Node: r.BaseNode}
		if r.Kind == store.KindString { // it was full
			y.wrote(r.Version(), n, true)
			return
		}
		y.sums[base] += delta
		y.counts[base]++
	})
}

// put has a client of h set the key, or delete it.
func (y *tally) put(h *Host, number int64, there bool) {
	key := []byte(counterKey)
	h.write(func(now uint64, stage func(store.Record)) {
		if !there {
			if r, _, written := h.Store.Delete(key, h.Store.Hash(key), now, false); written {
				stage(r)
				y.wrote(r.Version(), 0, false)
			}
			return
		}
		_, res := h.Store.Set(nil, key, strconv.AppendInt(nil, number, 10), h.Store.Hash(key), now, store.SetOptions{})
		stage(res.Record)
		y.wrote(res.Record.Version(), number, true)
	})
}

// state is what a host has of the key, read from its record as docs/PROTOCOL.md lays it out.
type state struct {
	reset  store.Version
	orders map[[2]uint64]uint64 // by stream and first
}

func (h *Host) state() state {
	key := []byte(counterKey)
	s := state{orders: map[[2]uint64]uint64{}}
	r, _, ok := h.Store.Lookup(nil, key, h.Store.Hash(key), h.now())
	if !ok {
		return s
	}
	if s.reset = r.Version(); r.Kind != store.KindCounter || r.Flags&store.Deleted != 0 {
		return s
	}
	s.reset = store.Version{Stamp: r.BaseStamp, Node: r.BaseNode}
	le := binary.LittleEndian
	for c := r.Value[32:]; len(c) > 0; c = c[32:] {
		s.orders[[2]uint64{le.Uint64(c), le.Uint64(c[8:])}] = le.Uint64(c[16:])
	}
	return s
}

// covers reports whether all that s has is in o.
func (o state) covers(s state) bool {
	if c := o.reset.Compare(s.reset); c != 0 {
		return c > 0
	}
	for name, order := range s.orders {
		if o.orders[name] < order {
			return false
		}
	}
	return true
}

// spare reports whether a host may crash and nothing that was acknowledged is lost.
func (w *World) spare(h *Host) bool {
	if h.Node == nil || h.asleep {
		return false
	}
	for _, o := range w.running() {
		if o != h && o.Node.State() == codec.StateReady && o.state().covers(h.state()) {
			return true
		}
	}
	return false
}

// counted is what a scene of counters has seen.
type counted struct{ increments, resets, crashes, evictions int }

// step does one thing to the counter of a host, or to the host.
func (n *counted) step(t *testing.T, w *World, h *Host, y *tally) {
	switch p := w.Rand.IntN(100); {
	case p < 80:
		n.increments++
		y.add(t, h, int64(w.Rand.IntN(12))-2)
	case p < 82:
		n.resets++
		y.put(h, int64(w.Rand.IntN(100_000)), w.chance(0.7))
	case p < 88:
		o, lasts := w.Hosts[w.Rand.IntN(3)], time.Duration(w.Rand.Int64N(int64(6*time.Second)))
		w.Cut(h, o, true)
		w.After(lasts, func() { w.Cut(h, o, false) })
	case p < 92:
		if w.spare(h) {
			n.crashes++
			h.Crash()
			w.After(time.Duration(w.Rand.Int64N(int64(2*time.Second))), h.Start)
		}
	case p < 96:
		h.Sleep(time.Duration(w.Rand.Int64N(int64(time.Second))))
	default:
		small := w.Hosts[2]
		if small.Node == nil || small.asleep || small.Node.State() != codec.StateReady {
			return
		}
		for i := range 1500 {
			small.set(fmt.Sprint("filler", w.Rand.IntN(1000), i), "some value that takes room, so that what is not wanted must go")
		}
		n.evictions += int(small.Store.Counts().Evictions)
	}
}

// TestR27_ACounterSumsUpThroughSplitsRestartsEvictionsAndSets has clients of three nodes, one with little memory, count
// under one key while links are cut and nodes crash and come back empty. What no surviving node had heard of is not lost: a node
// only crashes when another has all that it has. In the end all that have the key read what the tally says.
func TestR27_ACounterSumsUpThroughSplitsRestartsEvictionsAndSets(t *testing.T) {
	var n counted
	opened := 0
	for seed := range uint64(10) {
		w := mesh(t, seed, 0)
		for i := range 3 {
			w.AddHost(int64(w.Rand.IntN(1500))-750, 1<<20).memory = []int64{64 << 20, 64 << 20, 1 << 20}[i]
		}
		for _, h := range w.Hosts {
			h.Start()
		}
		within(t, w, 3*time.Second, "ready", w.ready)
		y := newTally()
		for range 500 {
			w.Run(time.Duration(w.Rand.Int64N(int64(60 * time.Millisecond))))
			if h := w.Hosts[w.Rand.IntN(3)]; h.Node != nil && !h.asleep && h.Node.State() == codec.StateReady {
				n.step(t, w, h, y)
			}
		}
		w.Run(3 * time.Second)
		w.Heal()
		w.Run(25 * time.Second)
		want := y.want()
		for i, h := range w.Hosts {
			v, _, ok := h.Store.Get(nil, []byte(counterKey), h.Store.Hash([]byte(counterKey)), h.now())
			if string(v) != want && (ok || i < 2) {
				t.Fatalf("seed %d: %s reads %q, the tally says %q: %+v", seed, h.name, v, want, y)
			}
		}
		opened += len(w.Hosts[0].state().orders)
	}
	t.Logf("%d increments, %d SETs and DELs, %d crashes, %d evictions; %d contributions at the end", n.increments, n.resets, n.crashes, n.evictions, opened)
	if n.crashes < 20 || n.evictions == 0 || n.resets < 20 || opened < 15 {
		t.Error("the scenes see too little")
	}
}
