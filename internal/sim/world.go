package sim

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"slices"
	"time"

	"covey/codec"
	"covey/peer"
	"covey/store"
)

// Faults is how bad the network is.
type Faults struct {
	Delay      time.Duration // longest time on the way
	LateShare  float64       // of announces, that are late by up to a second
	LostShare  float64       // of announces and dials
	TwiceShare float64       // share of announces that come twice
}

// World is a network of hosts under virtual time.
type World struct {
	Rand   *rand.Rand
	Now    int64 // ns
	Faults Faults
	Hosts  []*Host
	// Strangers are on the same network, and none of the mesh: they do not know its secret.
	Strangers []*Host

	vault   *vault // nil: nobody has a secret
	agenda  agenda
	book    *ledger // nil: nobody keeps one
	seen    Seen
	changed func(h *Host, c peer.Change) // nil: nobody asks
	cut     map[[2]int]bool
	held    map[[2]int]int                   // how many faults hold up what goes from one host to another
	apart   map[[2]int]bool                  // of hosts that never reach each other: the mesh is not full
	keyed   bool                             // the nodes share a secret, so that each believes the others about the time (R7)
	Trace   func(format string, args ...any) // nil: silent
}

// NewWorld returns an empty world. The same seed and the same calls give the same run.
func NewWorld(seed uint64, f Faults) *World {
	return &World{Rand: rand.New(rand.NewPCG(seed, 1)), Now: begin, Faults: f, cut: make(map[[2]int]bool), held: make(map[[2]int]int), apart: make(map[[2]int]bool)}
}

// After runs f when d has passed.
func (w *World) After(d time.Duration, f func()) { w.agenda.add(w.Now+int64(max(d, 0)), f) }

// Run lets d pass.
func (w *World) Run(d time.Duration) {
	end := w.Now + int64(d)
	for len(w.agenda.due) > 0 && w.agenda.due[0].at <= end {
		e := w.agenda.next()
		w.Now = e.at
		e.run()
	}
	w.Now = end
}

// RunUntil lets time pass until done, at most for limit; it reports whether done came true.
func (w *World) RunUntil(limit time.Duration, done func() bool) bool {
	const step = 10 * time.Millisecond
	for range int(limit / step) {
		if done() {
			return true
		}
		w.Run(step)
	}
	return done()
}

// Cut separates two hosts, or joins them again.
func (w *World) Cut(a, b *Host, cut bool) {
	w.CutOneWay(a, b, cut)
	w.CutOneWay(b, a, cut)
}

// CutOneWay loses all that goes from one host to another.
func (w *World) CutOneWay(from, to *Host, cut bool) {
	if from != to {
		w.cut[[2]int{from.index, to.index}] = cut
	}
}

// hold cuts one host off from another, one way, until as many holds have ended as began.
func (w *World) hold(from, to *Host, lasts time.Duration) {
	pair := [2]int{from.index, to.index}
	if from == to {
		return
	}
	w.held[pair]++
	w.After(lasts, func() { w.held[pair] = max(0, w.held[pair]-1) })
}

// Apart has two hosts on networks that do not reach each other, for ever.
func (w *World) Apart(a, b *Host) {
	w.apart[[2]int{a.index, b.index}], w.apart[[2]int{b.index, a.index}] = true, true
}

// near reports whether two hosts may ever be linked.
func (w *World) near(a, b *Host) bool { return a != b && !w.apart[[2]int{a.index, b.index}] }

// neighbours returns how many hosts of these a host may be linked with.
func (w *World) neighbours(h *Host, of []*Host) int {
	count := 0
	for _, o := range of {
		if w.near(h, o) {
			count++
		}
	}
	return count
}

// Heal joins all hosts that may ever be.
func (w *World) Heal() {
	clear(w.cut)
	clear(w.held)
}

func (w *World) isCut(from, to *Host) bool {
	pair := [2]int{from.index, to.index}
	return w.cut[pair] || w.held[pair] > 0 || w.apart[pair]
}

func (w *World) chance(share float64) bool { return w.Rand.Float64() < share }

// delay is one message's time on the way.
func (w *World) delay() time.Duration {
	return 20*time.Microsecond + time.Duration(w.Rand.Int64N(int64(w.Faults.Delay)))
}

// broadcast carries an announce to all hosts, the sender included.
func (w *World) broadcast(from *Host, a codec.Announce) {
	b := codec.AppendAnnounce(nil, a)
	if from.guard.all != nil {
		from.guard.announcer.Sign(b)
	}
	for _, to := range w.everyone() {
		copies := 1
		if w.chance(w.Faults.TwiceShare) {
			copies = 2
		}
		for range copies {
			d := w.delay()
			if w.chance(w.Faults.LateShare) {
				d += time.Duration(w.Rand.Int64N(int64(time.Second)))
			}
			if w.chance(w.Faults.LostShare) && to != from || w.isCut(from, to) {
				continue
			}
			w.After(d, func() { to.announced(b, from.addr.Addr()) })
		}
	}
}

// everyone returns all that are on the network.
func (w *World) everyone() []*Host {
	if len(w.Strangers) == 0 {
		return w.Hosts
	}
	return slices.Concat(w.Hosts, w.Strangers)
}

// running returns the hosts that are up.
func (w *World) running() []*Host {
	return slices.DeleteFunc(slices.Clone(w.Hosts), func(h *Host) bool { return h.Node == nil })
}

// at returns the running host with this address, or nil.
func (w *World) at(addr netip.AddrPort) *Host {
	for _, h := range w.everyone() {
		if h.addr == addr && h.Node != nil {
			return h
		}
	}
	return nil
}

func (w *World) trace(format string, args ...any) {
	if w.Trace != nil {
		w.Trace("%12s  %s", time.Duration(w.Now-begin), fmt.Sprintf(format, args...))
	}
}

// hash returns the key hash of all stores of the world.
func (w *World) hash() func(key []byte) uint64 {
	s, err := store.New(store.Options{Shards: 1, MaxBytes: 1 << 20, Seed: peer.HashSeed("sim")})
	if err != nil {
		panic(err)
	}
	return s.Hash
}
