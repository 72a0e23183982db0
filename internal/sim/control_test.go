package sim

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"covey/peer"
	"covey/store"
)

// TestNegativeControls switches off one protection at a time: a run must turn out wrong within so many seeds. A check
// that cannot fail is no check. Repair would heal what these break, so it is off too; with repair alone off the seed that
// turned out wrong must be right.
func TestNegativeControls(t *testing.T) {
	for _, c := range []struct {
		rule   string
		weak   Weak
		from   uint64
		within uint64 // seeds
	}{
		{"R12 nothing is passed on", Weak{Peer: peer.WithoutRelay}, 1, 60},
		{"R10 gaps are not believed", Weak{Peer: peer.WithoutGap}, 1, 60},
		{"R9 all starts of a node are one stream", Weak{SameStream: true}, 290, 60}, // one seed of 300 or so: comparisons find the rest
	} {
		t.Run(c.rule, func(t *testing.T) {
			t.Parallel()
			c.weak.Peer |= peer.WithoutRepair
			for seed := c.from; seed < c.from+c.within; seed++ {
				_, wrong := rough(seed).Run(c.weak, nil)
				if !contents(wrong) {
					continue
				}
				if _, still := rough(seed).Run(Weak{Peer: peer.WithoutRepair}, nil); !contents(still) {
					t.Logf("seed %d: %.200s", seed, wrong)
					return
				}
			}
			t.Fatalf("%d seeds, and nothing is wrong", c.within)
		})
	}
}

// contents reports whether what is wrong is more than who knows whom.
func contents(wrong []Wrong) bool {
	return slices.ContainsFunc(wrong, func(w Wrong) bool { return w.Check != "members" })
}

// rough is the plan of a seed with crashes in the place of sleeps, goodbyes and broken connections.
func rough(seed uint64) *Plan {
	p := NewPlan(seed)
	p.Quiet = 20 * time.Second
	for i := range p.Steps {
		if s := &p.Steps[i]; s.Do == doSleep || s.Do == doLeave || s.Do == doBreak {
			s.Do, s.Lasts = doCrash, s.Lasts/30
		}
	}
	return p
}

// TestNegativeControlsOfScenes is the same for protections that random histories seldom need.
func TestNegativeControlsOfScenes(t *testing.T) {
	for _, c := range []struct {
		rule  string
		weak  peer.Weakness
		scene func(t *testing.T, w *World) string
	}{
		{"R19 what one node alone holds stays there", peer.WithoutRepair, func(t *testing.T, w *World) string {
			w.Hosts[1].hide("k", "v", time.Minute)
			w.Run(20 * time.Second)
			return w.differs()
		}},
		{"R1 without the content hash two nodes of one id never agree", peer.WithoutContent, func(t *testing.T, w *World) string {
			v := store.Version{Stamp: (w.Hosts[0].now() - 60_000) << 16, Node: 77}
			w.Hosts[0].hold("k", "one value", v)
			w.Hosts[1].hold("k", "another", v)
			w.Run(20 * time.Second)
			if w.all("k", "one value") || w.all("k", "another") {
				return ""
			}
			return "two values of one version"
		}},
		{"R14 a loading node that refuses by floor has all others drop what it refused", peer.EarlyFloor, func(t *testing.T, w *World) string {
			for _, h := range w.Hosts {
				h.hide("old", "v", 2*time.Hour)
				h.Store.RaiseFloor(store.Version{Stamp: (h.now() - uint64(time.Hour.Milliseconds())) << 16, Node: 1})
			}
			w.Hosts[2].Crash()
			w.Run(time.Second)
			w.Faults.Delay = 50 * time.Millisecond // copying takes some ticks
			w.Hosts[2].Start()
			w.Run(20 * time.Second)
			if !w.all("old", "v") {
				return "a key that all had is lost"
			}
			return w.differs()
		}},
	} {
		for _, weak := range []peer.Weakness{0, c.weak} {
			t.Run(fmt.Sprintf("%s, switched off %v", c.rule, weak != 0), func(t *testing.T) {
				w := mesh(t, 4, 0)
				for range 3 {
					w.AddHost(0, 1<<20).weak = weak
				}
				for _, h := range w.Hosts {
					h.Start()
				}
				within(t, w, 3*time.Second, "ready", func() bool { return w.linked() && w.ready() })
				switch wrong := c.scene(t, w); {
				case weak == 0 && wrong != "":
					t.Fatal(wrong)
				case weak != 0 && wrong == "":
					t.Fatal("nothing is wrong")
				}
			})
		}
	}
}

// differs says how the contents of two hosts differ; "" when they do not.
func (w *World) differs() string {
	for _, x := range w.checkEqual() {
		return x.String()
	}
	return ""
}
