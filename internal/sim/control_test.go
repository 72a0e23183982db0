package sim

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"covey/peer"
	"covey/store"
)

// TestNegativeControls switches off one protection at a time: a history must turn out wrong within so many seeds. A check
// that cannot fail is no check.
func TestNegativeControls(t *testing.T) {
	for _, c := range []struct {
		rule       string
		weak       peer.Weakness
		sameStream bool
		within     uint64 // seeds
	}{
		{"R12 nothing is passed on, R19 nor mended", peer.WithoutRelay | peer.WithoutRepair, false, 10},
		{"R10 gaps are not believed, R19 nor mended", peer.WithoutGap | peer.WithoutRepair, false, 10},
		{"R9 all starts of a node are one stream, R19 nothing is mended", peer.WithoutRepair, true, 100},
	} {
		t.Run(c.rule, func(t *testing.T) {
			for seed := uint64(1); seed <= c.within; seed++ {
				_, wrong := history(t, seed, false, c.weak, c.sameStream)
				for _, w := range wrong {
					if strings.Contains(w, " differ: ") { // contents, not counts
						t.Logf("seed %d: %.200s", seed, w)
						return
					}
				}
			}
			t.Fatalf("%d seeds, and nothing is wrong", c.within)
		})
	}
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
	all := w.Hosts[0].contents()
	for _, h := range w.Hosts[1:] {
		if diff := compare(all, h.contents()); diff != "" {
			return diff
		}
	}
	return ""
}
