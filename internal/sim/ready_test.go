package sim

import (
	"fmt"
	"testing"
	"time"
)

// TestR21_WhatExpiresOrIsDeletedDuringAJoinIsNotAskedFor: a node that copies from one donor, and compares with another later,
// need not know of what is dead there by then (seeds 2804 and 4704). What it holds instead must be dead, too.
func TestR21_WhatExpiresOrIsDeletedDuringAJoinIsNotAskedFor(t *testing.T) {
	joins := uint64(0)
	for seed := range uint64(20) {
		p := &Plan{
			Seed: seed, Keys: 20, Horizon: time.Hour, Length: 12 * time.Second, Quiet: quietMost, Faults: Faults{Delay: 20 * time.Millisecond, LostShare: 0.3, LateShare: 0.3},
			Machines: []Machine{
				{Ring: 1 << 20, Memory: 1 << 20, Clone: 0},
				{Ring: 1 << 20, Memory: 1 << 20, Clone: 1, Joins: 2600 * time.Millisecond},
				{Ring: 1 << 20, Memory: 1 << 20, Clone: 2, Joins: 3600 * time.Millisecond},
			},
			Apart: [][2]int{{0, 1}}, // the second becomes ready on its own, and empty, while the third loads
		}
		for i := range p.Keys {
			key := fmt.Sprint("key:", i)
			p.Steps = append(p.Steps, Step{At: 3300 * time.Millisecond, Args: []string{"SET", key, "value", "PX", "800"}})
		}
		p.Steps = append(p.Steps, Step{At: 3700 * time.Millisecond, Args: []string{"DEL", "key:0", "key:1"}})
		s, wrong := p.Run(Weak{}, nil)
		if len(wrong) > 0 {
			t.Errorf("seed %d: %.300q", seed, wrong)
		}
		joins += s.Joins
	}
	if joins < 10 {
		t.Errorf("only %d joins were judged", joins)
	}
}

// TestR26_NoTwoOfOneIDThatNeverMeetArePlanned: of those that a third is linked with only one can be seen there (seeds 2668, 4423).
func TestR26_NoTwoOfOneIDThatNeverMeetArePlanned(t *testing.T) {
	shared := 0
	for seed := range uint64(1000) {
		p := NewPlan(2000 + seed)
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
