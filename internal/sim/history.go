package sim

import (
	"fmt"
	"reflect"
	"slices"
	"time"

	"covey/codec"
	"covey/store"
)

// History is what happens to a world: clients write, links are cut, hosts sleep, crash and come back empty.
type History struct {
	World   *World
	Keys    int           // that clients write
	Writes  time.Duration // mean time between two writes in the whole world
	Trouble time.Duration // mean time between two faults
	Large   bool          // now and then a value over codec.RefValue
	Crashes bool

	Seen Seen // so far
	over bool
}

// Seen is what a history has put the nodes through. Counters of nodes that crashed are in it.
type Seen struct {
	Writes, Cuts, Sleeps, Breaks, Crashes        uint64
	Gaps, Pulls, Fetches, Merged, Repeats, Dials uint64
	Partial                                      uint64 // crashes of hosts whose last writes only some had
	Relayed, Offers                              uint64
	Repairs, Repaired, RepairBytes, Comparisons  uint64
}

// Add adds what another history has seen.
func (s *Seen) Add(o Seen) {
	sum, more := reflect.ValueOf(s).Elem(), reflect.ValueOf(o)
	for i := range sum.NumField() {
		sum.Field(i).SetUint(sum.Field(i).Uint() + more.Field(i).Uint())
	}
}

// count adds what the node of a host has counted.
func (s *Seen) count(h *Host) {
	c := h.Node.Counters()
	s.Add(Seen{Gaps: c.GapsHeard, Pulls: c.Pulls, Fetches: c.Fetched, Merged: c.Merged, Repeats: c.AnnouncesRepeated, Dials: c.Dials,
		Relayed: c.Relayed, Offers: c.Offers, Repairs: c.Repairs, Repaired: c.Repaired, RepairBytes: c.RepairBytes, Comparisons: c.Comparisons})
}

// Start begins to write and to make trouble.
func (y *History) Start() {
	y.again(y.Writes, y.command)
	if y.Trouble > 0 {
		y.again(y.Trouble, y.fault)
	}
}

// Stop ends it and heals the network. Hosts that are down start again.
func (y *History) Stop() {
	y.over = true
	y.World.Heal()
	for _, h := range y.World.Hosts {
		if h.Node == nil {
			h.Start()
		}
	}
}

// again runs f now and then, every mean on average, until the history is over.
func (y *History) again(mean time.Duration, f func()) {
	w := y.World
	w.After(time.Duration(w.Rand.ExpFloat64()*float64(mean)), func() {
		if !y.over {
			f()
			y.again(mean, f)
		}
	})
}

// command is one command of a client at a random host, as package command would carry it out.
func (y *History) command() {
	w := y.World
	h := w.Hosts[w.Rand.IntN(len(w.Hosts))]
	if h.Node == nil || h.asleep || !h.Node.Settled() {
		return
	}
	ready := h.Node.State() == codec.StateReady
	for range 1 + w.Rand.IntN(3) {
		h.write(func(now uint64, stage func(store.Record)) { y.turn(h, ready, now, stage) })
	}
}

// turn is one write. What reads in order to write needs a ready node (R17).
func (y *History) turn(h *Host, ready bool, now uint64, stage func(store.Record)) {
	w, s := y.World, h.Store
	key := fmt.Appendf(nil, "key:%d", w.Rand.IntN(y.Keys))
	hash := s.Hash(key)
	y.Seen.Writes++
	switch p := w.Rand.IntN(1000); {
	case p < 3:
		stage(s.Flush(now))
	case p < 200:
		if r, _, ok := s.Delete(key, hash, now, !ready); ok {
			stage(r)
		}
	case p < 320 && ready:
		if r, ok := s.Expire(key, hash, now, now+1+w.Rand.Uint64N(8000), 0); ok {
			stage(r)
		}
	case p < 360 && ready:
		if r, ok := s.Persist(key, hash, now); ok {
			stage(r)
		}
	case p < 500 && ready:
		if _, _, r, err := s.Increment(nil, key, hash, now, int64(w.Rand.IntN(10)), false); err == nil {
			stage(r)
		}
	default:
		y.set(h, key, now, stage)
	}
}

func (y *History) set(h *Host, key []byte, now uint64, stage func(store.Record)) {
	w, s := y.World, h.Store
	value := fmt.Appendf(nil, "%d", w.Rand.IntN(1000))
	if w.chance(0.3) {
		value = fmt.Appendf(nil, "value %d of %s", y.Seen.Writes, h.name)
	}
	if y.Large && w.chance(0.01) {
		value = make([]byte, codec.RefValue+1+w.Rand.IntN(codec.RefValue))
	}
	var o store.SetOptions
	if w.chance(0.2) {
		o.ExpireAt = now + 1 + w.Rand.Uint64N(8000)
	}
	if h.Node.State() == codec.StateReady {
		o.NX, o.KeepTTL = w.chance(0.1), o.ExpireAt == 0 && w.chance(0.1)
	}
	if _, res := s.Set(nil, key, value, s.Hash(key), now, o); res.Written {
		stage(res.Record)
	}
}

// fault is one piece of bad luck.
func (y *History) fault() {
	w := y.World
	a, b := w.Hosts[w.Rand.IntN(len(w.Hosts))], w.Hosts[w.Rand.IntN(len(w.Hosts))]
	lasts := time.Duration(w.Rand.ExpFloat64() * float64(3*time.Second))
	switch w.Rand.IntN(8) {
	case 0, 1:
		y.Seen.Cuts++
		w.trace("cut between %s and %s for %s", a.name, b.name, lasts)
		w.Cut(a, b, true)
		w.After(lasts, func() { w.Cut(a, b, false) })
	case 2:
		y.Seen.Cuts++
		w.trace("cut from %s to %s for %s", a.name, b.name, lasts)
		w.CutOneWay(a, b, true)
		w.After(lasts, func() { w.CutOneWay(a, b, false) })
	case 3:
		y.Seen.Cuts++
		w.trace("%s is cut off for %s", a.name, lasts)
		for _, o := range w.Hosts {
			w.Cut(a, o, true)
			w.After(lasts, func() { w.Cut(a, o, false) })
		}
	case 4:
		if a.Node != nil {
			y.Seen.Sleeps++
			a.Sleep(lasts / 2)
		}
	case 5:
		// A connection breaks under both ends.
		if len(a.ends) > 0 {
			y.Seen.Breaks++
			w.trace("a connection of %s breaks", a.name)
			a.ends[w.Rand.IntN(len(a.ends))].close()
		}
	default:
		if y.Crashes && y.safe(a) {
			y.Seen.Crashes++
			if y.partial(a) {
				y.Seen.Partial++
			}
			y.Seen.count(a)
			a.Crash()
			w.After(lasts, func() {
				if a.Node == nil {
					a.Start()
				}
			})
		}
	}
}

// safe reports whether a host may crash and not all is lost: another one is ready.
func (y *History) safe(h *Host) bool {
	if h.Node == nil || h.asleep {
		return false
	}
	for _, o := range y.World.Hosts {
		if o != h && o.Node != nil && o.Node.State() == codec.StateReady {
			return true
		}
	}
	return false
}

// partial reports whether somebody lacks what this host has written last.
func (y *History) partial(h *Host) bool {
	return slices.ContainsFunc(y.World.running(), func(o *Host) bool {
		return o != h && o.Node.Applied(h.Ring.Stream()) < h.Ring.Head()
	})
}
