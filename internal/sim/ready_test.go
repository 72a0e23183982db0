package sim

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"covey/codec"
	"covey/peer"
	"covey/store"
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

// ending is loading where stamps may be mapped. The third machine hears a fourth, which it cannot reach, and gives it a second before it is
// ready. In that second the second crashes, and the fifth, linked with the third alone, tells it what the first does not come to hear, and is cut off.
func ending(seed uint64) *Plan {
	p := loading(seed)
	p.Clocks, p.Faults = true, Faults{Delay: 5 * time.Millisecond}
	p.Machines[1].Joins = 2570 * time.Millisecond
	for i, joins := range []time.Duration{3620 * time.Millisecond, 3600 * time.Millisecond} {
		p.Machines = append(p.Machines, Machine{Ring: 1 << 20, Memory: 1 << 20, Clone: 3 + i, Joins: joins})
		p.Apart = append(p.Apart, [2]int{0, 3 + i}, [2]int{1, 3 + i})
	}
	p.Apart = append(p.Apart, [2]int{3, 4})
	p.Steps = append(p.Steps,
		Step{Do: doCutOneWay, Host: 2, Other: 1 << 3, Lasts: p.Length},
		Step{At: 4000 * time.Millisecond, Do: doCrash, Host: 1, Lasts: p.Length},
		Step{At: 4100 * time.Millisecond, Do: doCutOneWay, Host: 2, Other: 1, Lasts: 3 * time.Second},
		Step{At: 4200 * time.Millisecond, Do: doBreak, Host: 4},
		Step{At: 4250 * time.Millisecond, Do: doCut, Host: 4, Other: 1 << 2, Lasts: 3 * time.Second})
	return p
}

// TestR21_WhatEndsDuringAJoinIsNotAskedForWhereStampsAreMapped: who is ready may know of an end of a key that its donor has not heard of
// (seeds 527 and 991089 of clocks).
func TestR21_WhatEndsDuringAJoinIsNotAskedForWhereStampsAreMapped(t *testing.T) {
	for _, end := range [][]string{{"FLUSHALL"}, {"DEL", "key:0", "key:1"}, {"SET", "key:0", "short", "PX", "1"}} {
		for _, host := range []int{2, 4} {
			for seed := range uint64(5) {
				p := ending(seed)
				p.Steps = append(p.Steps, Step{At: 4150 * time.Millisecond, Host: host, Args: end})
				s, wrong := p.Run(Weak{}, nil)
				if len(wrong) > 0 || s.Joins == 0 {
					t.Errorf("seed %d, %q on %s: %d joins were judged: %.300q", seed, end, hostName(host), s.Joins, wrong)
				}
			}
		}
	}
}

// TestR21_WhatIsMissingAfterAJoinIsSeenWhereStampsAreMapped is its control: who has lost what its donor holds is complained of.
func TestR21_WhatIsMissingAfterAJoinIsSeenWhereStampsAreMapped(t *testing.T) {
	w := NewWorld(1, Faults{Delay: time.Millisecond})
	b := newLedger(w, 3)
	b.mapped, w.book = true, b
	first, late := w.AddHost(0, 1<<20), w.AddHost(0, 1<<20)
	first.Start()
	w.Run(2 * time.Second)
	first.Do("FLUSHALL")
	first.Do("SET", "key:0", "of the past")
	first.Do("DEL", "key:0")
	first.Do("MSET", "key:0", "value", "key:1", "value")
	late.Start()
	before := slices.Clone(late.before)
	w.Run(3 * time.Second)
	if late.Node.State() != codec.StateReady || b.seen.Joins != 1 || len(b.wrong) > 0 {
		t.Fatalf("%d joins of a node that is %s: %v", b.seen.Joins, late.Node.State(), b.wrong)
	}
	lost, err := store.New(store.Options{Shards: simShards, Node: late.id, MaxBytes: late.memory, Seed: peer.HashSeed("sim")})
	if err != nil {
		t.Fatal(err)
	}
	whole := late.Store
	late.Store, late.before = lost, before
	b.checkReadyTexts(late)
	if len(b.wrong) != 2 {
		t.Errorf("of two keys that are missing: %v", b.wrong)
	}
	late.Store, b.wrong, b.notes = whole, nil, map[string]bool{}
	whole.Delete([]byte("key:1"), whole.Hash([]byte("key:1")), late.now(), true)
	b.checkReadyTexts(late)
	if len(b.wrong) != 1 {
		t.Errorf("a deletion that no client asked for is taken for one: %v", b.wrong)
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
