package sim

import (
	"flag"
	"fmt"
	"testing"
	"time"

	"covey/peer"
	"covey/store"
)

var drifting = flag.Duration("drifting", 3*time.Hour, "how long groups drift apart by 200 ppm a clock, or together; a week is 168h")

// TestR6_ASuspendOfEightHoursLeavesOneTime: the boot-time clock has counted them.
func TestR6_ASuspendOfEightHoursLeavesOneTime(t *testing.T) {
	w := mesh(t, 21, 3)
	within(t, w, 3*time.Second, "ready", func() bool { return w.linked() && w.ready() })
	h := w.Hosts[1]
	w.Hosts[0].setFor("short", "1", time.Hour)
	w.Hosts[0].set("k", "old")
	w.Run(time.Second)
	h.Sleep(8 * time.Hour)
	w.Run(time.Minute)
	w.Hosts[0].set("k", "new")
	w.Run(8 * time.Hour)
	within(t, w, 20*time.Second, "back", func() bool { return w.linked() && w.ready() && w.all("k", "new") })
	if steps := w.steps().Steps; steps != 0 || !w.none("short") {
		t.Fatalf("%d steps; the key with an hour to live is gone: %v", steps, w.none("short"))
	}
	if wrong := w.oneTime(); wrong != "" {
		t.Fatal(wrong)
	}
}

// TestR7_AMachineThatWasPausedBringsNothingBack: a virtual machine that is paused counts no time. It steps forward, and what
// expired meanwhile stays gone: a step forward moves no expiry.
func TestR7_AMachineThatWasPausedBringsNothingBack(t *testing.T) {
	w := mesh(t, 22, 3)
	within(t, w, 3*time.Second, "ready", func() bool { return w.linked() && w.ready() })
	h := w.Hosts[1]
	w.Hosts[0].setFor("short", "1", 30*time.Minute)
	w.Hosts[0].set("deleted", "1")
	w.Hosts[0].set("k", "old")
	w.Run(time.Second)
	pause := 50 * time.Minute // within the horizon of tombstones
	h.Pause(pause)
	w.Run(time.Minute)
	w.Hosts[0].set("k", "new")
	d := w.Hosts[0]
	d.write(func(now uint64, stage func(store.Record)) {
		r, _, _ := d.Store.Delete([]byte("deleted"), d.Store.Hash([]byte("deleted")), now, false)
		stage(r)
	})
	w.Run(pause)
	within(t, w, 20*time.Second, "back", func() bool { return w.linked() && w.ready() && w.all("k", "new") && w.apartBy() < 250 })
	if h.Node.Counters().Steps == 0 {
		t.Fatal("it has not stepped")
	}
	for range 30 {
		w.Run(time.Second)
		if !w.none("short") || !w.none("deleted") {
			t.Fatal("what expired, or was deleted, is back")
		}
	}
	if wrong := w.oneTime(); wrong != "" {
		t.Fatal(wrong)
	}
	w.Run(15 * time.Second)
	if wrong := w.Check(); len(wrong) > 0 {
		t.Fatalf("%q", wrong)
	}
}

// TestR7_GroupsThatDriftedApartMeet: they share what was written before, and their last step has one number.
func TestR7_GroupsThatDriftedApartMeet(t *testing.T) {
	w := mesh(t, 23, 0)
	for i := range 5 {
		// 200 ppm between the groups; in a short test as much as a week would make of it.
		drift := int64(100) * max(1, int64(60*time.Hour / *drifting))
		if i >= 3 {
			drift = -drift
		}
		w.AddHost(0, 1<<20).drift = drift
	}
	for _, h := range w.Hosts {
		h.Start()
	}
	within(t, w, 3*time.Second, "ready", func() bool { return w.linked() && w.ready() })
	for i := range 50 {
		w.Hosts[i%5].set(fmt.Sprint("shared ", i), "1")
		w.Hosts[i%5].setFor(fmt.Sprint("timed ", i), "1", 2**drifting)
	}
	w.Run(2 * time.Second)
	w.apartUntilHealed(3)
	w.Run(*drifting)
	if d := w.apartBy(); d < 2*peer.StepFrom {
		t.Fatalf("%d ms apart", d)
	}
	for i := range 30 {
		w.Hosts[i%5].set(fmt.Sprint("shared ", i), "2")
	}
	apart := w.apartBy()
	w.Heal()
	within(t, w, 20*time.Second, "one", func() bool { return w.linked() && w.equal() && w.apartBy() < 250 && w.all("shared 4", "2") })
	t.Logf("%d ms apart, %d steps", apart, w.steps().Steps)
	for i := range 50 {
		if !w.all(fmt.Sprint("timed ", i), "1") {
			t.Fatal("a key is gone before its time")
		}
	}
	w.Run(20 * time.Second)
	if wrong := w.Check(); len(wrong) > 0 {
		t.Fatalf("%q", wrong)
	}
	if wrong := w.oneTime(); wrong != "" {
		t.Fatal(wrong)
	}
}

// TestR6_DriftThatIsSlewedAwayNeverMakesAStep: 100 ppm each way, in one mesh, for as long as is asked.
func TestR6_DriftThatIsSlewedAwayNeverMakesAStep(t *testing.T) {
	w := mesh(t, 24, 0)
	for _, drift := range []int64{100, -100} {
		w.AddHost(0, 1<<20).drift = drift
	}
	for _, h := range w.Hosts {
		h.Start()
	}
	within(t, w, 3*time.Second, "ready", func() bool { return w.linked() && w.ready() })
	var worst int64
	for range int(*drifting / time.Minute) {
		w.Run(time.Minute)
		worst = max(worst, w.apartBy())
	}
	if worst > 20 || w.steps().Steps != 0 {
		t.Fatalf("%d ms apart, %d steps", worst, w.steps().Steps)
	}
	if wrong := w.oneTime(); wrong != "" {
		t.Fatal(wrong)
	}
	t.Logf("%s: %d ms apart at most", *drifting, worst)
}

// TestR7_MoreStepsThanAreRemembered: the clock of one of two nodes leaps ahead, then that of the other, again and again.
func TestR7_MoreStepsThanAreRemembered(t *testing.T) {
	w := groups(t, 25, 1, 1, hour, 0)
	if wrong := meet(t, w, 1); wrong != "" {
		t.Fatal(wrong)
	}
	a := w.Hosts[0]
	for i := range peer.MaxSteps + 4 {
		w.Hosts[i%2].booted -= int64(time.Duration(3+i) * time.Second)
		key := fmt.Sprint("chain ", i)
		a.set(key, "1")
		w.Hosts[1].set(key+" b", "1")
		within(t, w, 15*time.Second, "one time again", func() bool {
			return w.apartBy() < 250 && w.linked() && w.all(key, "1") && w.all(key+" b", "1")
		})
		w.Run(8 * time.Second)
	}
	if s := w.steps().Steps; s < uint64(2*peer.MaxSteps) {
		t.Fatalf("%d steps", s)
	}
	if wrong := w.oneTime(); wrong != "" {
		t.Fatal(wrong)
	}
	w.Run(15 * time.Second)
	if wrong := w.Check(); len(wrong) > 0 {
		t.Fatalf("%q", wrong)
	}
}

// TestR7_ClonesOfOneMachineInTwoGroups: the same id proposes on either side; all end with the same.
func TestR7_ClonesOfOneMachineInTwoGroups(t *testing.T) {
	for seed := range uint64(4) {
		w := mesh(t, seed, 0)
		for i := range 4 {
			w.AddHost(int64(i/2)*hour, 1<<20)
		}
		w.Hosts[2].id = w.Hosts[0].id
		w.apartUntilHealed(2)
		for _, h := range w.Hosts {
			w.After(time.Duration(w.Rand.Int64N(int64(50*time.Millisecond))), h.Start)
		}
		w.Run(5 * time.Second)
		for i, h := range w.Hosts {
			h.set(fmt.Sprint("key ", i), "1")
		}
		w.Run(time.Second)
		w.Heal()
		within(t, w, 30*time.Second, fmt.Sprint("one, seed ", seed), func() bool {
			for i := range w.Hosts {
				if len(w.Hosts[i].Node.Links()) != 3 || !w.all(fmt.Sprint("key ", i), "1") {
					return false
				}
			}
			return w.apartBy() < 250 && w.equal()
		})
		if wrong := w.oneTime(); wrong != "" {
			t.Fatalf("seed %d: %s", seed, wrong)
		}
	}
}
