package sim

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"covey/peer"
)

// loading is a plan in which the third machine copies from the second, which is empty, and compares with the first, whose keys
// are written right before it starts, with these arguments more.
func loading(seed uint64, more ...string) *Plan {
	p := &Plan{
		Seed: seed, Keys: 20, Horizon: time.Hour, Length: 12 * time.Second, Quiet: quietMost, Faults: Faults{Delay: 20 * time.Millisecond, LostShare: 0.3, LateShare: 0.3},
		Machines: []Machine{
			{Ring: 1 << 20, Memory: 1 << 20, Clone: 0},
			{Ring: 1 << 20, Memory: 1 << 20, Clone: 1, Joins: 2600 * time.Millisecond},
			{Ring: 1 << 20, Memory: 1 << 20, Clone: 2, Joins: 3600 * time.Millisecond},
		},
		Apart: [][2]int{{0, 1}}, // the second becomes ready on its own while the third loads
	}
	for i := range p.Keys {
		args := append([]string{"SET", fmt.Sprint("key:", i), "value"}, more...)
		p.Steps = append(p.Steps, Step{At: 3300 * time.Millisecond, Args: args})
	}
	return p
}

// TestR21_WhatExpiresOrIsDeletedDuringAJoinIsNotAskedFor: a node that copies from one donor, and compares with another later,
// need not know of what is dead there by then (seeds 2804 and 4704). What is alive it has to hold: the control leaves out the
// comparison, and believes the Gap.
func TestR21_WhatExpiresOrIsDeletedDuringAJoinIsNotAskedFor(t *testing.T) {
	joins, caught := uint64(0), false
	for seed := range uint64(20) {
		p := loading(seed, "PX", "800")
		p.Steps = append(p.Steps, Step{At: 3700 * time.Millisecond, Args: []string{"DEL", "key:0", "key:1"}})
		s, wrong := p.Run(Weak{}, nil)
		if len(wrong) > 0 {
			t.Errorf("seed %d: %.300q", seed, wrong)
		}
		joins += s.Joins
		_, wrong = loading(seed).Run(Weak{Peer: peer.WithoutDebt | peer.WithoutGap}, nil)
		caught = caught || slices.ContainsFunc(wrong, func(w Wrong) bool { return w.Check == "ready" })
	}
	if joins < 10 || !caught {
		t.Errorf("%d joins were judged; one without a comparison was caught: %v", joins, caught)
	}
}

// TestR26_NoTwoOfOneIDThatNeverMeetArePlanned: of those that a third is linked with only one can be seen there (seeds 2668, 4423).
func TestR26_NoTwoOfOneIDThatNeverMeetArePlanned(t *testing.T) {
	shared := 0
	for seed := range uint64(1000) {
		p := plainPlan(2000 + seed)
		for i := range p.Machines {
			if p.unmet(i) {
				t.Fatalf("seed %d: %s never meets another of its id", 2000+seed, hostName(i))
			}
			if p.Machines[i].Clone != i {
				shared++
			}
		}
	}
	if shared < 50 {
		t.Errorf("only %d machines share an id", shared)
	}
}
