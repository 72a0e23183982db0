package sim

import (
	"testing"
	"time"

	"covey/codec"
)

// A node that starts again long after a deletion is sent nothing that the others have forgotten the deletion of: their logs
// serve nothing at or below their floor.
func TestR14_AStreamFromItsBeginningBringsNothingBackThatIsBelowTheFloor(t *testing.T) {
	for seed := range uint64(5) {
		w := mesh(t, seed, 0)
		for range 4 {
			w.AddHost(0, 1<<20).horizon = 12 * time.Second
		}
		w.Apart(w.Hosts[0], w.Hosts[3]) // D hears A over B and C
		for _, h := range w.Hosts {
			h.Start()
		}
		within(t, w, 8*time.Second, "linked and ready", func() bool { return w.linked() && w.ready() })
		w.Run(2 * time.Second)
		a, b := w.Hosts[0], w.Hosts[1]
		a.set("k", "deleted")
		w.Run(time.Second)
		b.Do("DEL", "k")
		for range 30 { // the streams go on
			a.set("other", "v")
			w.Run(500 * time.Millisecond)
		}
		if a.Store.Floor().Stamp == 0 {
			t.Fatal("nothing was forgotten")
		}
		for _, h := range []*Host{b, w.Hosts[3]} {
			h.Crash()
			w.Run(time.Duration(w.Rand.Int64N(int64(2 * time.Second))))
			h.Start()
			within(t, w, 8*time.Second, "ready", func() bool { return h.Node.State() == codec.StateReady })
			for range 50 {
				if h.has("k", "deleted") {
					t.Fatalf("seed %d: %s has what was deleted", seed, h.name)
				}
				w.Run(100 * time.Millisecond)
			}
		}
	}
}

// A node whose wall clock is ahead steps back to its peers' time before it has written: what expires counts in time, and the
// roots stay equal.
func TestR6_ANodeThatWasAheadTellsTheRootOfTheOthers(t *testing.T) {
	for seed := range uint64(5) {
		w := mesh(t, seed, 0)
		w.AddHost(0, 1<<20)
		late := w.AddHost(3_600_000, 1<<20)
		w.Hosts[0].Start()
		within(t, w, 3*time.Second, "ready", w.ready)
		w.Hosts[0].Do("SET", "k", "v", "PX", "4000")
		late.Start()
		within(t, w, 3*time.Second, "both ready", func() bool { return w.linked() && w.ready() })
		w.Hosts[0].Do("SET", "l", "v", "PX", "3000")
		w.Run(12 * time.Second)
		if c := w.counted(); c.Repairs != 0 {
			t.Fatalf("seed %d: %d repairs", seed, c.Repairs)
		}
		if wrong := w.Check(); len(wrong) > 0 {
			t.Fatalf("seed %d: %q", seed, wrong)
		}
		if late.Store.Counts().Expired == 0 {
			t.Fatalf("seed %d: nothing has expired", seed)
		}
	}
}
