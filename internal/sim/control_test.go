package sim

import (
	"slices"
	"testing"
	"time"

	"covey/peer"
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

// differs says how the contents of two hosts differ; "" when they do not.
func (w *World) differs() string {
	for _, x := range w.checkEqual() {
		return x.String()
	}
	return ""
}
