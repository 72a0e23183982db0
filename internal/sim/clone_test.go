package sim

import (
	"flag"
	"fmt"
	"slices"
	"testing"
	"time"
)

var cloneSeeds = flag.Int("cloneseeds", 30, "how many plans with cloned machines to run")

// TestR26_ClonesUnderTrouble: in a plan of its own half of the machines or more were cloned from the first. At the end all hold
// what they should, each by an id of its own, the machine's own among them.
func TestR26_ClonesUnderTrouble(t *testing.T) {
	rekeys, count := uint64(0), uint64(*cloneSeeds)
	for seed := *from; seed < *from+count; seed++ {
		p := NewPlan(seed)
		p.cloned()
		seen, wrong := p.Run(Weak{}, nil)
		if len(wrong) > 0 {
			t.Errorf("seed %d: %.300q", seed, wrong)
		}
		rekeys += seen.Rekeys
	}
	if rekeys < count/2 {
		t.Errorf("%d nodes took another id in %d plans", rekeys, count)
	}
	t.Logf("%d plans, %d nodes took another id", count, rekeys)
}

// cloned makes clones of the machines of a plan. All reach the last one: clones without a common neighbour are not told apart.
func (p *Plan) cloned() {
	n := len(p.Machines)
	for i := range 2 + (n-2)/2 {
		p.Machines[i].Clone = 0
	}
	p.Apart = slices.DeleteFunc(p.Apart, func(pair [2]int) bool { return pair[1] == n-1 })
}

// TestR26_ClonesThatNeverMeetTakeTwoIds: only a third host reaches both of them. It has linked with the younger start when the
// older one greets it.
func TestR26_ClonesThatNeverMeetTakeTwoIds(t *testing.T) {
	for seed := range uint64(10) {
		w := mesh(t, seed, 0)
		for range 4 {
			w.AddHost(0, 1<<20)
		}
		a, b := w.Hosts[0], w.Hosts[1]
		b.id = a.id
		w.Apart(a, b)
		for _, h := range w.Hosts {
			w.After(time.Duration(w.Rand.Int64N(int64(3*time.Second))), h.Start)
		}
		within(t, w, 8*time.Second, fmt.Sprint("two ids, all linked, seed ", seed), func() bool {
			return len(w.running()) == 4 && a.Node.ID() != b.Node.ID() && w.ready() &&
				len(a.Node.Links()) == 2 && len(b.Node.Links()) == 2 && len(w.Hosts[2].Node.Links()) == 3 && len(w.Hosts[3].Node.Links()) == 3
		})
		kept := a
		if b.incarnation < a.incarnation {
			kept = b
		}
		if kept.Node.ID() != a.id {
			t.Fatalf("seed %d: the older start has lost its id", seed)
		}
		w.Run(3 * time.Second)
		a.set("by a", "1")
		b.set("by b", "1")
		within(t, w, 50*time.Millisecond, "passed on", func() bool { return w.all("by a", "1") && w.all("by b", "1") })
		w.Run(20 * time.Second)
		if wrong := w.Check(); len(wrong) > 0 {
			t.Fatalf("seed %d: %q", seed, wrong)
		}
	}
}
