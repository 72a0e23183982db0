package sim

import (
	"slices"
	"testing"
	"time"

	"covey/peer"
	"covey/store"
)

// TestNegativeControls switches off one protection at a time: a run must turn out wrong within so many seeds, and with
// nothing else changed it must be right. A check that cannot fail is no check. Protections that random histories seldom need
// have their control in TestTranscripts. Repair would heal what some of these break, so there it is off on both sides.
func TestNegativeControls(t *testing.T) {
	alone := Weak{Peer: peer.WithoutRepair}
	for _, c := range []struct {
		rule   string
		weak   Weak
		given  Weak // off on both sides
		plan   func(seed uint64) *Plan
		from   uint64
		within uint64 // seeds
	}{
		{"R1 the content hash is lost", Weak{Peer: peer.WithoutContent}, Weak{}, impatient, 1, 10},
		{"R3 what has expired leaves nothing", Weak{Store: store.ForgetExpired}, Weak{}, impatient, 1, 10},
		{"R9 all starts of a node are one stream", Weak{SameStream: true}, alone, rough, 290, 60}, // one seed of 300 or so: comparisons find the rest
		{"R10 gaps are not believed", Weak{Peer: peer.WithoutGap}, alone, rough, 1, 60},
		{"R12 nothing is passed on", Weak{Peer: peer.WithoutRelay}, alone, rough, 1, 60},
		{"R14 what is below the floor is taken", Weak{Store: store.WithoutFloor}, Weak{}, long, 190, 60},
		{"R14 a node that loads refuses by floor", Weak{Peer: peer.EarlyFloor}, Weak{}, long, 110, 60},
		{"R18 epochs that have not ended are compared", Weak{Store: store.OpenEpochs}, Weak{}, impatient, 1, 30},
	} {
		t.Run(c.rule, func(t *testing.T) {
			t.Parallel()
			for seed := c.from; seed < c.from+c.within; seed++ {
				p := c.plan(seed)
				if p == nil {
					continue
				}
				_, wrong := p.Run(c.weak.and(c.given), nil)
				if !contents(wrong) {
					continue
				}
				if _, still := c.plan(seed).Run(c.given, nil); !contents(still) {
					t.Logf("seed %d: %.200s", seed, wrong[0].String())
					return
				}
			}
			t.Fatalf("%d seeds, and nothing is wrong", c.within)
		})
	}
}

// and misses what either misses.
func (w Weak) and(o Weak) Weak {
	return Weak{Peer: w.Peer | o.Peer, Store: w.Store | o.Store, SameStream: w.SameStream || o.SameStream}
}

// impatient is the plan of a seed that does not wait for long until all are equal.
func impatient(seed uint64) *Plan {
	p := NewPlan(seed)
	p.Quiet = 30 * time.Second
	return p
}

// long is the same for a seed with a split about as long as the horizon; nil for others.
func long(seed uint64) *Plan {
	if p := impatient(seed); p.Long {
		return p
	}
	return nil
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
