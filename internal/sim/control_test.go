package sim

import (
	"fmt"
	"iter"
	"math/rand/v2"
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
		{"R9 all starts of a node are one stream", Weak{SameStream: true}, alone, reborn, 1, 10},
		{"R10 gaps are not believed", Weak{Peer: peer.WithoutGap}, alone, rough, 1, 60},
		{"R12 nothing is passed on", Weak{Peer: peer.WithoutRelay}, alone, rough, 1, 60},
		{"R14 what is below the floor is taken", Weak{Store: store.WithoutFloor}, Weak{}, long, 2960, 60},
		{"R14 a node that loads refuses by floor", Weak{Peer: peer.EarlyFloor}, Weak{}, long, 110, 60},
		{"R7 no stamp is mapped", Weak{Peer: peer.WithoutMap}, Weak{}, ofScene("clocks"), 1, 10},
		{"R14 a node that loads refuses by floor, of tombstones that were too many", Weak{Peer: peer.EarlyFloor}, Weak{Peer: peer.WithoutYouth}, ofScene("graves"), 9, 5},
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

// TestTheChecksOfCountersCanFail: where gaps are believed what was counted is missing, by either check.
func TestTheChecksOfCountersCanFail(t *testing.T) {
	weak := Weak{Peer: peer.WithoutGap | peer.WithoutRepair}
	for name, plan := range map[string]func(uint64) *Plan{"by their origins": rough, "by their totals": ofScene("clocks")} {
		missing := func(w Wrong) bool { return w.Check == "counters" }
		if !slices.ContainsFunc(slices.Collect(seedsFrom(1, 40)), func(seed uint64) bool {
			p := plan(seed)
			_, wrong := p.Run(weak, nil)
			return p.Clocks == (name == "by their totals") && slices.ContainsFunc(wrong, missing)
		}) {
			t.Errorf("%s: 40 seeds, and nothing is missing", name)
		}
	}
}

func seedsFrom(first, count uint64) iter.Seq[uint64] {
	return func(yield func(uint64) bool) {
		for seed := first; seed < first+count && yield(seed); seed++ {
		}
	}
}

// ofScene makes the plan of a seed in a scene.
func ofScene(name string) func(seed uint64) *Plan {
	return func(seed uint64) *Plan {
		p := plainPlan(seed)
		p.scene(name)
		p.Quiet = 30 * time.Second
		return p
	}
}

// impatient is the plan of a seed that does not wait for long until all are equal.
func impatient(seed uint64) *Plan {
	p := plainPlan(seed)
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
	p := plainPlan(seed)
	p.Quiet = 20 * time.Second
	for i := range p.Steps {
		if s := &p.Steps[i]; s.Do == doSleep || s.Do == doLeave || s.Do == doBreak {
			s.Do, s.Lasts = doCrash, s.Lasts/30
		}
	}
	return p
}

// reborn is a plan in which a machine starts again, and then loses its links for a moment, again and again while it writes: each
// time it is asked for what the others lack of its stream, once when it has written about as much as before. Of plans that are
// random one in 300 has that.
func reborn(seed uint64) *Plan {
	r := rand.New(rand.NewPCG(seed, 4))
	p := &Plan{Seed: seed, Keys: 60, Horizon: time.Hour, Length: 45 * time.Second, Quiet: 20 * time.Second, Faults: Faults{Delay: 5 * time.Millisecond}}
	for i := range 2 + r.IntN(2) {
		p.Machines = append(p.Machines, Machine{Ring: 1 << 20, Memory: 1 << 20, Clone: i})
	}
	write := func(at time.Duration) {
		p.Steps = append(p.Steps, Step{At: at, Args: []string{"SET", fmt.Sprint("key:", len(p.Steps)), "v"}})
	}
	for i := range 3 + r.IntN(6) {
		write(4*time.Second + time.Duration(i)*20*time.Millisecond)
	}
	p.Steps = append(p.Steps, Step{At: 6 * time.Second, Do: doCrash})
	for at := 13 * time.Second; at < p.Length-2*time.Second; at += 6 * time.Second { // time enough for comparisons
		p.Steps = append(p.Steps, Step{At: at, Do: doCut, Other: 1<<len(p.Machines) - 1, Lasts: 500 * time.Millisecond})
		for range p.Machines {
			p.Steps = append(p.Steps, Step{At: at + 10*time.Millisecond, Do: doBreak})
		}
		for i := range 2 + r.IntN(2) {
			write(at + 100*time.Millisecond + time.Duration(i)*20*time.Millisecond)
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
