package sim

import (
	"reflect"
	"slices"
	"time"

	"covey/peer"
	"covey/store"
)

const (
	quietMost = 150 * time.Second // for all to become equal once all is healed
	quietStep = time.Second
	quietMore = 5 * time.Second // for which all must stay equal then; the epochs that are compared have ended since they are
)

// Seen is what a run has put the nodes through. Counters of nodes that crashed are in it.
type Seen struct {
	Writes, Flushes, Cuts, Sleeps, Breaks, Crashes, Leaves uint64
	Gaps, Pulls, Fetches, Merged, Repeats, Dials, Rekeys   uint64
	Partial                                                uint64 // crashes of hosts whose last writes only some had
	Relayed, Offers                                        uint64
	Repairs, Repaired, RepairBytes, Comparisons            uint64

	Looks, Digests, Joins uint64 // how often the ledger could compare
	Evictions, Purged     uint64
	Dropped               uint64 // by R14: what only one side of a long split held
	Regressed, Forgotten  uint64 // registers that went back where ghosts were forgotten (R16), and ghosts
	TryAgain, Ahead       uint64
	Mixed                 uint64 // keys that are gone after a KEEPTTL, for two expiries crossed
	Unlike                uint64 // joins of which readiness was not judged: the donors did not hold the same
	Pauses, Leaps, Steps  uint64 // of clocks; steps of the cluster's time (R7)
	Crowded               uint64 // tombstones that went because there were too many
	Published, Heard      uint64 // messages
	Counted               uint64 // increments that were acknowledged
	Sealed, Refused       uint64 // links made with a secret, and dials that found another one or none
	Renewed               uint64 // links that ended because their secret counted no longer
	Seconds               uint64 // of virtual time
	Quiet                 uint64 // seconds of it until all were equal
}

// Add adds what another run has seen.
func (s *Seen) Add(o Seen) {
	sum, more := reflect.ValueOf(s).Elem(), reflect.ValueOf(o)
	for i := range sum.NumField() {
		sum.Field(i).SetUint(sum.Field(i).Uint() + more.Field(i).Uint())
	}
}

// count adds what the node of a host has counted.
func (s *Seen) count(h *Host) {
	c, t := h.Node.Counters(), h.Store.Counts()
	s.Add(Seen{Gaps: c.GapsHeard, Pulls: c.Pulls, Fetches: c.Fetched, Merged: c.Merged, Repeats: c.AnnouncesRepeated, Dials: c.Dials,
		Relayed: c.Relayed, Offers: c.Offers, Repairs: c.Repairs, Repaired: c.Repaired, RepairBytes: c.RepairBytes, Comparisons: c.Comparisons, Rekeys: c.Rekeys,
		Steps: c.Steps, Ahead: c.Ahead, Evictions: t.Evictions, Purged: t.Purged, Forgotten: t.Forgotten})
}

// Weak says which protections the nodes of a run miss.
type Weak struct {
	Peer       peer.Weakness
	Store      store.Weakness
	SameStream bool // all starts of a host write one stream
}

// Run plays a plan: what it has seen, and what was wrong. trace may be nil.
func (p *Plan) Run(weak Weak, trace func(format string, args ...any)) (Seen, []Wrong) {
	w := NewWorld(p.Seed, p.Faults)
	w.Trace = trace
	p.populate(w, weak)
	b := newLedger(w, p.Keys)
	b.mapped, b.totals, b.long, b.beyond, b.tight = p.Clocks, p.Clocks && !p.Resets, p.Long, len(p.Apart) > 0, p.Small
	w.book = b
	for i := range p.Strangers {
		w.addStranger(i%2 == 0)
	}
	for i := range p.Steps {
		s := &p.Steps[i]
		w.After(s.At, func() { w.take(s) })
	}
	b.watch()
	w.Run(p.Length)
	w.trace("all is healed")
	w.Heal()
	for _, h := range w.Hosts {
		if p.Secrets {
			h.give(secretNew)
		}
		h.startIfDown()
	}
	wrong := p.rest(w)
	for _, h := range w.running() {
		b.seen.count(h)
	}
	if p.Graves {
		b.seen.Crowded = b.seen.Purged // the horizon is an hour
	}
	b.seen.Counted = uint64(len(b.sums.log))
	b.seen.Seconds = uint64((w.Now - begin) / int64(time.Second))
	return w.seen, append(b.wrong, wrong...)
}

// populate makes the machines of a plan and has each start in its time.
func (p *Plan) populate(w *World, weak Weak) {
	w.keyed = p.Clocks && (len(p.Apart) > 0 || p.Seed%4 == 0) // without a secret nobody is believed about hosts that are out of reach
	if p.Secrets {
		w.vault = newVault(p.Seed)
	}
	for i, m := range p.Machines {
		h := w.AddHost(m.Skew, m.Ring)
		h.drift, h.memory, h.weak, h.horizon = m.Drift, m.Memory, weak.Peer, p.Horizon
		h.frail = weak.Store
		h.id = w.Hosts[m.Clone].id
		if weak.SameStream {
			h.stream = uint64(i + 1)
		}
		if p.Secrets {
			h.give(secretOld)
		}
		w.After(m.Joins, h.startIfDown)
	}
	for _, pair := range p.Apart {
		w.Apart(w.Hosts[pair[0]], w.Hosts[pair[1]])
	}
}

// rest waits until all is as it should be, and stays so for a while; it returns what is not.
func (p *Plan) rest(w *World) (wrong []Wrong) {
	for end := w.Now + int64(p.Quiet); ; {
		w.Run(quietStep)
		w.seen.Quiet++
		if wrong = w.quiet(); len(wrong) == 0 {
			w.Run(quietMore)
			if wrong = w.quiet(); len(wrong) == 0 && !p.Small {
				wrong = w.checkRoots()
			}
			wrong = append(wrong, w.checkMessages()...)
		}
		if len(wrong) == 0 || w.Now >= end || len(w.book.wrong) > 0 {
			return wrong
		}
	}
}

func (h *Host) startIfDown() {
	if h.Node == nil {
		h.Start()
	}
}

// take lets a step happen.
func (w *World) take(s *Step) {
	h, seen := w.Hosts[s.Host], &w.seen
	if s.Do == doCommand {
		w.trace("%s", s)
		h.Do(s.Args...)
		return
	}
	if s.Do == doGive {
		w.trace("%s", s)
		h.give(s.secrets()...)
		return
	}
	if s.Do != doCut && s.Do != doCutOneWay && (h.Node == nil || h.asleep) {
		return
	}
	w.trace("%s", s)
	switch s.Do {
	case doCut, doCutOneWay:
		seen.Cuts++
		for _, o := range w.Hosts {
			if s.Other>>o.index&1 == 0 {
				continue
			}
			w.hold(h, o, s.Lasts)
			if s.Do == doCut {
				w.hold(o, h, s.Lasts)
			}
		}
	case doSleep:
		seen.Sleeps++
		h.Sleep(s.Lasts)
	case doPause:
		seen.Pauses++
		h.Pause(s.Lasts)
	case doLeap:
		seen.Leaps++
		h.booted -= int64(s.Lasts)
	case doReset:
		h.skew += s.Lasts.Milliseconds()
	case doBreak:
		if len(h.ends) > 0 {
			seen.Breaks++
			h.ends[w.Rand.IntN(len(h.ends))].close()
		}
	case doCrash, doLeave:
		seen.count(h)
		if s.Do == doLeave {
			seen.Leaves++
			h.Leave()
		} else {
			seen.Crashes++
			if w.partlyHeard(h) {
				seen.Partial++
			}
			h.Crash()
		}
		w.After(max(s.Lasts, leaveTime), h.startIfDown)
	}
}

// partlyHeard reports whether somebody lacks what a host has written last.
func (w *World) partlyHeard(h *Host) bool {
	return slices.ContainsFunc(w.running(), func(o *Host) bool { return o != h && o.Node.Applied(h.Ring.Stream()) < h.Ring.Head() })
}
