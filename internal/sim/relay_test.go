package sim

import (
	"fmt"
	"slices"
	"testing"
	"time"
)

// shapes are meshes that are not full: for two hosts, whether they may be linked.
var shapes = map[string]struct {
	hosts int
	near  func(a, b int) bool
}{
	"chain of 3":            {3, chain},
	"chain of 5":            {5, chain},
	"chain of 7":            {7, chain},
	"star of 6":             {6, func(a, _ int) bool { return a == 0 }},
	"ring of 6":             {6, func(a, b int) bool { return b-a == 1 || b-a == 5 }},
	"two LANs, one in both": {7, func(a, b int) bool { return a == 3 || b == 3 || a < 3 && b < 3 || a > 3 && b > 3 }},
	"two LANs, two in both": {7, func(a, b int) bool { return a < 4 && b < 4 || a >= 2 && b >= 2 }},
}

func chain(a, b int) bool { return b-a == 1 }

// shaped is a world of hosts that have just started, on a mesh of this shape.
func shaped(t *testing.T, seed uint64, shape string) *World {
	s := shapes[shape]
	w := mesh(t, seed, 0)
	for range s.hosts {
		w.AddHost(int64(w.Rand.IntN(1500))-750, 1<<20)
	}
	w.form(s.near)
	for _, h := range w.Hosts {
		w.After(time.Duration(w.Rand.Int64N(int64(20*time.Millisecond))), h.Start)
	}
	w.Run(20 * time.Millisecond)
	return w
}

// form has those hosts apart that are not near each other; near is asked with the lower number first.
func (w *World) form(near func(a, b int) bool) {
	for a := range w.Hosts {
		for b := a + 1; b < len(w.Hosts); b++ {
			if !near(a, b) {
				w.Apart(w.Hosts[a], w.Hosts[b])
			}
		}
	}
}

// all reports whether every host that is up has what a key should have.
func (w *World) all(key, value string) bool {
	return !slices.ContainsFunc(w.running(), func(h *Host) bool { return !h.has(key, value) })
}

func TestR12_AWriteReachesAllNodesOfAMeshThatIsNotFull(t *testing.T) {
	for name := range shapes {
		t.Run(name, func(t *testing.T) {
			var worst time.Duration
			for seed := range uint64(5) {
				w := shaped(t, seed, name)
				within(t, w, 10*time.Second, "linked and ready", func() bool { return w.linked() && w.ready() })
				w.Run(3 * time.Second)
				before := w.counted()
				const writes = 200
				for i := range writes {
					w.Hosts[i%len(w.Hosts)].set(fmt.Sprint("key", i), "1")
					w.Run(time.Millisecond)
				}
				worst = max(worst, within(t, w, time.Second, fmt.Sprint("everywhere, seed ", seed), func() bool {
					for i := range writes {
						if !w.all(fmt.Sprint("key", i), "1") {
							return false
						}
					}
					return true
				}))
				after := w.counted()
				if after.Pulls != before.Pulls || after.Gaps != before.Gaps {
					t.Fatalf("seed %d: %d pulls and %d gaps to carry %d writes", seed, after.Pulls-before.Pulls, after.Gaps-before.Gaps, writes)
				}
				// Each node takes each write of the others at least once, and no more often than it has links.
				links := 0
				for _, h := range w.Hosts {
					links += len(h.Node.Links())
				}
				if merged := after.Merged - before.Merged; merged > writes*uint64(links) || merged < writes*uint64(len(w.Hosts)-1) {
					t.Fatalf("seed %d: %d records taken for %d writes over %d links", seed, merged, writes, links/2)
				}
				w.Run(5 * time.Second)
				if wrong := w.Check(); len(wrong) > 0 {
					t.Fatalf("seed %d: %q", seed, wrong)
				}
			}
			t.Logf("everywhere %v after the last write, at most", worst)
		})
	}
}

// counted sums what the nodes that are up have counted.
func (w *World) counted() Seen {
	var s Seen
	for _, h := range w.running() {
		s.count(h)
	}
	return s
}

func TestR12_NothingIsPassedOnWhereAllAreLinkedWithAll(t *testing.T) {
	w := mesh(t, 9, 6)
	within(t, w, 3*time.Second, "ready", func() bool { return w.linked() && w.ready() })
	w.Run(2 * time.Second)
	late := w.AddHost(0, 1<<20)
	late.Start()
	for i := range 1000 {
		if h := w.Hosts[i%7]; h.Node.TimeSettled() {
			h.set(fmt.Sprint("key", i), "1")
		}
		w.Run(5 * time.Millisecond)
	}
	w.Run(5 * time.Second)
	for _, h := range w.Hosts {
		if c := h.Node.Counters(); c.Relayed != 0 || c.Offers != 0 {
			t.Fatalf("%s passes on %d records and heard %d offers", h.name, c.Relayed, c.Offers)
		}
	}
	if wrong := w.Check(); len(wrong) > 0 {
		t.Fatalf("%q", wrong)
	}
}

// TestR26_AStartWithAClockThatWasSetBackIsNotOver: its incarnation is below that of the start before. It is no start that is over, of
// which all is passed on to all.
func TestR26_AStartWithAClockThatWasSetBackIsNotOver(t *testing.T) {
	w := mesh(t, 9, 3)
	within(t, w, 3*time.Second, "ready", func() bool { return w.linked() && w.ready() })
	a := w.Hosts[0]
	for i := range 100 {
		a.set(fmt.Sprint("before", i), "1")
	}
	w.Run(time.Second)
	a.Crash()
	a.skew -= hour
	w.Run(time.Second)
	a.Start()
	within(t, w, 20*time.Second, "ready again", func() bool { return w.linked() && w.ready() })
	w.Run(20 * time.Second) // what is to be passed on of the start before was
	passed := w.counted().Relayed
	for i := range 100 {
		a.set(fmt.Sprint("after", i), "1")
		w.Run(5 * time.Millisecond)
	}
	w.Run(5 * time.Second)
	if n := w.counted().Relayed - passed; n != 0 || !w.all("after99", "1") {
		t.Fatalf("%d records were passed on, of a node that all are linked with", n)
	}
	if wrong := w.Check(); len(wrong) > 0 {
		t.Fatalf("%q", wrong)
	}
}

func TestR12_AMemberThatIsVouchedForGetsItsRecordsByAnotherWay(t *testing.T) {
	for seed := range uint64(10) {
		w := mesh(t, seed, 3)
		within(t, w, 3*time.Second, "ready", func() bool { return w.linked() && w.ready() })
		a, b := w.Hosts[0], w.Hosts[1]
		if w.chance(0.5) {
			w.CutOneWay(a, b, true)
		} else {
			w.Cut(a, b, true)
		}
		w.Run(4 * time.Second)
		a.set("from a", "1")
		b.set("from b", "2")
		within(t, w, time.Second, fmt.Sprint("across, seed ", seed), func() bool { return w.all("from a", "1") && w.all("from b", "2") })
		w.Heal()
		within(t, w, 8*time.Second, "linked again", w.linked)
		a.set("from a", "3")
		w.Run(5 * time.Second)
		if wrong := w.Check(); len(wrong) > 0 {
			t.Fatalf("seed %d: %q", seed, wrong)
		}
	}
}

func TestR12_ALogThatIsTooShortLosesNothing(t *testing.T) {
	for seed := range uint64(5) {
		w := mesh(t, seed, 0)
		for range 4 {
			w.AddHost(0, 8<<10) // the log of what is passed on is as long as the ring
		}
		w.form(chain)
		for _, h := range w.Hosts {
			h.Start()
		}
		within(t, w, 8*time.Second, "ready", func() bool { return w.linked() && w.ready() })
		w.Run(2 * time.Second)
		w.Cut(w.Hosts[1], w.Hosts[2], true)
		for i := range 500 {
			w.Hosts[0].set(fmt.Sprint("key", i), "a value of some length, so that the log overflows soon")
			w.Run(2 * time.Millisecond)
		}
		w.Heal()
		w.Run(15 * time.Second)
		if wrong := w.Check(); len(wrong) > 0 {
			t.Fatalf("seed %d: %q", seed, wrong)
		}
		if w.counted().Gaps == 0 {
			t.Fatalf("seed %d: the log was long enough", seed)
		}
	}
}

func TestR12_WhatADeadNodeWroteForSomeReachesAll(t *testing.T) {
	for seed := range uint64(20) {
		w := mesh(t, seed, 5)
		within(t, w, 3*time.Second, "ready", func() bool { return w.linked() && w.ready() })
		w.Run(2 * time.Second)
		gone := w.Hosts[w.Rand.IntN(5)]
		heard := w.Rand.IntN(5)
		for i, o := range w.Hosts {
			if o != gone && i != heard {
				w.CutOneWay(gone, o, true)
			}
		}
		for i := range 50 {
			gone.set(fmt.Sprint("key", i), "1")
		}
		w.Run(100 * time.Millisecond)
		gone.Crash()
		w.Heal()
		if w.chance(0.5) {
			gone.Start() // empty, within a moment
		}
		w.Run(15 * time.Second)
		if gone.Node == nil {
			gone.Start()
			w.Run(10 * time.Second)
		}
		if wrong := w.Check(); len(wrong) > 0 {
			t.Fatalf("seed %d: %q", seed, wrong)
		}
		if heard != gone.index && !w.all("key49", "1") {
			t.Fatalf("seed %d: what one of them had is nowhere any more", seed)
		}
	}
}

// split keeps the first hosts apart from the others for a while: two groups become ready that know nothing of each other.
func (w *World) split(first int, lasts time.Duration) {
	for _, a := range w.Hosts[:first] {
		for _, b := range w.Hosts[first:] {
			w.Cut(a, b, true)
			w.After(lasts, func() { w.Cut(a, b, false) })
		}
	}
}
