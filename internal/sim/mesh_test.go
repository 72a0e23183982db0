package sim

import (
	"fmt"
	"hash/fnv"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"covey/codec"
	"covey/peer"
)

// mesh is a world with n hosts that have just started, all at once.
func mesh(t *testing.T, seed uint64, n int) *World {
	w := NewWorld(seed, Faults{Delay: 2 * time.Millisecond, TwiceShare: 0.1})
	if testing.Verbose() {
		w.Trace = func(format string, args ...any) { t.Logf(format, args...) }
	}
	for range n {
		w.AddHost(int64(w.Rand.IntN(1500))-750, 1<<20)
	}
	for _, h := range w.Hosts {
		w.After(time.Duration(w.Rand.Int64N(int64(20*time.Millisecond))), h.Start)
	}
	w.Run(20 * time.Millisecond)
	return w
}

// unequal is a mesh of hosts with so much memory each, linked and ready. A horizon of 0 is the usual one.
func unequal(t *testing.T, seed uint64, horizon time.Duration, memory ...int64) *World {
	t.Helper()
	w := mesh(t, seed, 0)
	for _, bytes := range memory {
		h := w.AddHost(0, 1<<20)
		h.memory, h.horizon = bytes, horizon
	}
	for _, h := range w.Hosts {
		h.Start()
	}
	within(t, w, 3*time.Second, "ready", func() bool { return w.linked() && w.ready() })
	return w
}

// linked reports whether all hosts that are up have exactly one link with each other and see each other alive.
func (w *World) linked() bool {
	up := w.running()
	for _, h := range up {
		near := w.neighbours(h, up)
		if len(h.Node.Links()) != near || h.Node.Linked() != near || len(h.ends) != near {
			return false
		}
		for _, o := range up {
			if w.near(h, o) && h.sees(o) != peer.Alive {
				return false
			}
		}
	}
	return true
}

func (w *World) ready() bool {
	return !slices.ContainsFunc(w.running(), func(h *Host) bool { return h.Node.State() != codec.StateReady })
}

// sees returns what a host thinks of another.
func (h *Host) sees(o *Host) peer.MemberState {
	for _, m := range h.Node.Members(nil) {
		if m.ID == o.id {
			return m.State
		}
	}
	return peer.Unknown
}

func (h *Host) set(key, value string) { h.Do("SET", key, value) }

// busy has clients of random nodes write to these keys, every mean on average, for as long as lasts.
func (w *World) busy(keys int, mean, lasts time.Duration) {
	d := &draft{Plan: &Plan{Keys: keys, Small: true}, r: rand.New(rand.NewPCG(uint64(w.Now), 3))}
	end := w.Now + int64(lasts)
	var again func()
	again = func() {
		if h := w.Hosts[d.r.IntN(len(w.Hosts))]; h.Node != nil {
			h.Do(d.command()...)
		}
		if w.Now < end {
			w.After(d.pause(mean), again)
		}
	}
	w.After(d.pause(mean), again)
}

// trouble has faults happen, every mean on average, for as long as lasts.
func (w *World) trouble(mean, lasts time.Duration, crashes bool) {
	d := &draft{Plan: &Plan{Machines: make([]Machine, len(w.Hosts))}, r: rand.New(rand.NewPCG(uint64(w.Now), 4))}
	for at := d.pause(mean); at < lasts; at += d.pause(mean) {
		d.fault(at)
	}
	for i := range d.Steps {
		if s := &d.Steps[i]; crashes || s.Do != doCrash && s.Do != doLeave {
			w.After(s.At, func() { w.take(s) })
		}
	}
}

func (h *Host) has(key, value string) bool {
	v, _, ok := h.Store.Get(nil, []byte(key), h.Store.Hash([]byte(key)), h.now())
	return ok && string(v) == value
}

// within fails the test unless done comes true in time; it returns how long that took.
func within(t *testing.T, w *World, limit time.Duration, what string, done func() bool) time.Duration {
	t.Helper()
	begun := w.Now
	if !w.RunUntil(limit, done) {
		t.Fatalf("%s: not within %s", what, limit)
	}
	return time.Duration(w.Now - begun)
}

func TestEightNodesThatStartAtOnceLinkAndBecomeReady(t *testing.T) {
	var links, ready []time.Duration
	for seed := range uint64(20) {
		w := mesh(t, seed, 8)
		links = append(links, within(t, w, time.Second, fmt.Sprint("full mesh, seed ", seed), w.linked))
		ready = append(ready, within(t, w, 3*time.Second, fmt.Sprint("all ready, seed ", seed), w.ready)+links[len(links)-1])
		w.Run(2 * time.Second)
		if !w.linked() {
			t.Fatalf("seed %d: the mesh did not hold", seed)
		}
	}
	t.Logf("full mesh after %v at most, ready after %v at most", slices.Max(links), slices.Max(ready))
}

func TestALateNodeHasEverythingBeforeItIsReady(t *testing.T) {
	for seed := range uint64(10) {
		w := mesh(t, seed, 3)
		late := w.AddHost(300, 1<<20)
		within(t, w, 3*time.Second, "ready", w.ready)
		const keys = 3000
		for i := range keys {
			w.Hosts[i%3].set(fmt.Sprint("key", i), "value")
			if i%100 == 0 {
				w.Run(time.Millisecond)
			}
		}
		late.Start()
		took := within(t, w, 5*time.Second, "late node ready", func() bool { return late.Node.State() == codec.StateReady })
		for i := range keys {
			if !late.has(fmt.Sprint("key", i), "value") {
				t.Fatalf("seed %d: key%d is missing on a node that says it is ready after %v", seed, i, took)
			}
		}
	}
}

func TestWhatALoneNodeHeldIsCopied(t *testing.T) {
	w := NewWorld(3, Faults{Delay: time.Millisecond})
	a := w.AddHost(0, 1<<20)
	a.Start()
	within(t, w, 2*time.Second, "lone node ready", w.ready)
	a.set("k", "alone")
	b := w.AddHost(700, 1<<20)
	b.Start()
	within(t, w, 5*time.Second, "second ready", w.ready)
	if !b.has("k", "alone") {
		t.Fatal("ready without what was there")
	}
	// Both write: the cluster time is one, whatever the wall clocks say (R6).
	if d := int64(a.now()) - int64(b.now()); d < -20 || d > 20 {
		t.Fatalf("their times are %d ms apart", d)
	}
}

func TestTwoReadyNodesThatMeetForTheFirstTimeExchangeAllTheyHold(t *testing.T) {
	w := NewWorld(4, Faults{Delay: time.Millisecond})
	a, b, third := w.AddHost(0, 1<<20), w.AddHost(100, 1<<20), w.AddHost(50, 1<<20)
	w.Cut(a, b, true)
	w.Cut(third, b, true)
	for _, h := range w.Hosts {
		h.Start()
	}
	within(t, w, 5*time.Second, "ready apart", w.ready)
	third.set("third", "3")
	b.set("b", "2")
	w.Run(time.Second)
	third.Crash() // what it wrote is with a alone
	w.Heal()
	within(t, w, 8*time.Second, "exchanged", func() bool { return b.has("third", "3") && a.has("b", "2") })
}

func TestACrashIsSeenWithinASecondByAll(t *testing.T) {
	var worst time.Duration
	for seed := range uint64(20) {
		w := mesh(t, seed, 5)
		within(t, w, 3*time.Second, "ready", func() bool { return w.linked() && w.ready() })
		gone := w.Hosts[w.Rand.IntN(5)]
		w.Run(time.Duration(w.Rand.Int64N(int64(2 * time.Second))))
		gone.Crash()
		worst = max(worst, within(t, w, time.Second, "dead", func() bool {
			return !slices.ContainsFunc(w.running(), func(h *Host) bool { return h.sees(gone) != peer.Dead })
		}))
		gone.Start()
		within(t, w, 3*time.Second, "back", func() bool { return w.linked() && w.ready() })
	}
	t.Logf("dead after %v at most", worst)
}

func TestACutCableIsDeadWithinFourSecondsAndBackWithinThree(t *testing.T) {
	for seed := range uint64(20) {
		w := mesh(t, seed, 4)
		within(t, w, 3*time.Second, "ready", func() bool { return w.linked() && w.ready() })
		gone := w.Hosts[0]
		for _, o := range w.Hosts {
			w.Cut(gone, o, true)
		}
		within(t, w, 4*time.Second, "dead on both sides", func() bool {
			return !slices.ContainsFunc(w.Hosts[1:], func(h *Host) bool { return h.sees(gone) != peer.Dead || gone.sees(h) != peer.Dead })
		})
		gone.set("there", "1")
		w.Hosts[1].set("here", "2")
		w.Run(time.Duration(w.Rand.Int64N(int64(20 * time.Second))))
		w.Heal()
		gone.Node.AnnounceSoon(gone.mono())
		within(t, w, 3*time.Second, "back", w.linked)
		within(t, w, time.Second, "equal", func() bool {
			return !slices.ContainsFunc(w.Hosts, func(h *Host) bool { return !h.has("there", "1") || !h.has("here", "2") })
		})
	}
}

func TestASleeperDoesNotTakeTheOthersForDead(t *testing.T) {
	for seed := range uint64(20) {
		w := mesh(t, seed, 4)
		within(t, w, 3*time.Second, "ready", func() bool { return w.linked() && w.ready() })
		h := w.Hosts[1]
		h.Sleep(2500 * time.Millisecond)
		bad := false
		w.RunUntil(4*time.Second, func() bool {
			for _, o := range w.Hosts {
				bad = bad || o != h && (h.sees(o) != peer.Alive || o.sees(h) == peer.Dead)
			}
			return bad
		})
		if bad {
			t.Fatalf("seed %d: after 2.5 s of sleep somebody is not alive", seed)
		}
	}
}

func TestAOneWayCutOfOneLinkMakesNobodyDead(t *testing.T) {
	w := mesh(t, 5, 4)
	within(t, w, 3*time.Second, "ready", func() bool { return w.linked() && w.ready() })
	a, b := w.Hosts[0], w.Hosts[1]
	w.CutOneWay(a, b, true)
	if w.RunUntil(20*time.Second, func() bool { return a.sees(b) == peer.Dead || b.sees(a) == peer.Dead }) {
		t.Fatal("dead although two others are linked with both")
	}
	w.Heal()
	within(t, w, 8*time.Second, "linked again", w.linked)
}

func TestTheSameSeedGivesTheSameRun(t *testing.T) {
	run := func() uint64 {
		sum := fnv.New64()
		w := mesh(t, 77, 5)
		w.Trace = func(format string, args ...any) { fmt.Fprintf(sum, format, args...) }
		w.busy(50, 5*time.Millisecond, time.Minute)
		for range 20 {
			w.take(&Step{Do: doCrash, Host: w.Rand.IntN(5), Lasts: time.Second})
			w.take(&Step{Do: doCut, Host: w.Rand.IntN(5), Other: uint32(w.Rand.IntN(32)), Lasts: time.Second})
			w.Run(500 * time.Millisecond)
		}
		for _, h := range w.Hosts {
			if h.Node != nil {
				_, root := h.Store.Digest(h.now())
				fmt.Fprintln(sum, root, h.Ring.Head(), h.Node.Counters())
			}
		}
		return sum.Sum64()
	}
	if a, b := run(), run(); a != b {
		t.Fatalf("%x and %x", a, b)
	}
}

func TestTwoClonesOfOneMachineBothStay(t *testing.T) {
	for seed := range uint64(10) {
		w := NewWorld(seed, Faults{Delay: 2 * time.Millisecond})
		for range 4 {
			w.AddHost(0, 1<<20)
		}
		w.Hosts[3].id = w.Hosts[2].id // a clone: the same MAC address, the same port
		for _, h := range w.Hosts {
			w.After(time.Duration(w.Rand.Int64N(int64(3*time.Second))), h.Start)
		}
		w.Run(3 * time.Second)
		for i, h := range w.Hosts {
			if h.Node.TimeSettled() {
				h.set(fmt.Sprint("key", i), h.name)
			}
		}
		within(t, w, 8*time.Second, fmt.Sprint("full mesh, seed ", seed), func() bool {
			ids := map[uint64]bool{}
			for _, h := range w.Hosts {
				ids[h.Node.ID()] = true
				if len(h.Node.Links()) != 3 {
					return false
				}
			}
			return len(ids) == 4 && w.ready()
		})
		w.Run(5 * time.Second)
		if diff := w.differs(); diff != "" {
			t.Fatalf("seed %d: %s", seed, diff)
		}
	}
}
