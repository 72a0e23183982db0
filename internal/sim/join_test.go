package sim

import (
	"fmt"
	"testing"
	"time"

	"covey/codec"
	"covey/peer"
)

// fill merges n keys that were written an hour ago into the stores of hosts: no stream will carry them.
func fill(n int, prefix string, hosts ...*Host) {
	for i := range n {
		key := fmt.Sprint(prefix, i)
		hosts[0].hide(key, "value of "+key, time.Hour)
		hash := hosts[0].Store.Hash([]byte(key))
		r, _, _ := hosts[0].Store.Lookup(nil, []byte(key), hash, hosts[0].now())
		for _, h := range hosts[1:] {
			h.Store.Merge(&r, hash, h.now())
		}
	}
}

func (h *Host) lacks(n int, prefix string) string {
	for i := range n {
		if key := fmt.Sprint(prefix, i); !h.has(key, "value of "+key) {
			return key
		}
	}
	return ""
}

// readyMesh is a mesh of n hosts that are all ready; the network and the clocks are good.
func readyMesh(t *testing.T, seed uint64, n int, weak peer.Weakness) *World {
	w := mesh(t, seed, 0)
	for range n {
		w.AddHost(0, 1<<20).weak = weak
	}
	for _, h := range w.Hosts {
		h.Start()
	}
	within(t, w, 4*time.Second, "ready", func() bool { return w.linked() && w.ready() })
	return w
}

func (h *Host) isReady() bool { return h.Node != nil && h.Node.State() == codec.StateReady }

// TestR21_ReadyMeansThatItHoldsWhatEachReadyPeerHeld joins a mesh of which each node holds something that no other does.
func TestR21_ReadyMeansThatItHoldsWhatEachReadyPeerHeld(t *testing.T) {
	run := func(seed uint64, weak peer.Weakness) (missing string) {
		w := readyMesh(t, seed, 3, peer.WithoutRepair) // they stay different
		for i, h := range w.Hosts {
			fill(50, fmt.Sprint(i, ":"), h)
		}
		w.Run(time.Second)
		late := w.AddHost(0, 1<<20)
		late.weak = weak | peer.WithoutRepair
		late.Start()
		within(t, w, 6*time.Second, "late node ready", late.isReady)
		for i := range 3 {
			if key := late.lacks(50, fmt.Sprint(i, ":")); key != "" {
				return key
			}
		}
		return ""
	}
	for seed := range uint64(5) {
		if key := run(seed, 0); key != "" {
			t.Fatalf("seed %d: %s is missing on a node that says it is ready", seed, key)
		}
	}
	for seed := range uint64(5) { // the control
		if run(seed, peer.WithoutDebt) != "" {
			return
		}
	}
	t.Fatal("without the comparison nothing is missing")
}

func TestR21_AJoinCopiesEachRecordAboutOnce(t *testing.T) {
	w := readyMesh(t, 2, 3, 0)
	const keys = 5000
	fill(keys, "k", w.Hosts...)
	for i := range keys { // all of it is in the ring of one donor too
		w.Hosts[0].set(fmt.Sprint("k", i), "value of "+fmt.Sprint("k", i))
		if i%100 == 0 {
			w.Run(5 * time.Millisecond)
		}
	}
	w.Run(5 * time.Second)
	late := w.AddHost(0, 1<<20)
	begun := w.Now
	late.Start()
	within(t, w, 3*time.Second, "late node ready", late.isReady)
	if key := late.lacks(keys, "k"); key != "" {
		t.Fatalf("%s is missing", key)
	}
	c := late.Node.Counters()
	t.Logf("ready after %v, %d records taken of %d", time.Duration(w.Now-begun), c.Merged, keys)
	if c.Merged > keys+keys/10 {
		t.Errorf("%d records were sent for %d", c.Merged, keys)
	}
	if took := time.Duration(w.Now - begun); took > 1500*time.Millisecond {
		t.Errorf("nothing was written for long, and it took %v", took)
	}
}

// TestR21_AJoinSurvivesTheDeathOfDonors has donors crash while they are copied from, one by one, then all.
func TestR21_AJoinSurvivesTheDeathOfDonors(t *testing.T) {
	const keys = 5000
	for seed := range uint64(6) {
		w := readyMesh(t, seed, 3, 0)
		fill(keys, "k", w.Hosts...)
		w.Run(5 * time.Second)
		late := w.AddHost(0, 1<<20)
		late.Start()
		within(t, w, 3*time.Second, "loading, with a third of it", func() bool {
			return late.Node.State() == codec.StateLoading && late.Store.Len() > keys/3
		})
		dead := int(1 + seed%3)
		for _, h := range w.Hosts[:dead] {
			h.Crash()
			w.Run(time.Duration(seed) * time.Millisecond)
		}
		within(t, w, 12*time.Second, "ready", late.isReady)
		if key := late.lacks(keys, "k"); key != "" && dead < 3 {
			t.Fatalf("seed %d: %s is missing after %d of 3 donors died", seed, key, dead)
		}
		for _, h := range w.Hosts[:dead] {
			h.Start()
		}
		w.Run(15 * time.Second)
		if wrong := w.Check(); len(wrong) > 0 {
			t.Fatalf("seed %d: %q", seed, wrong)
		}
	}
}

// TestR22_AllThatRestartAtOnceAreReady crashes all nodes but one, or all, under writes.
func TestR22_AllThatRestartAtOnceAreReady(t *testing.T) {
	for seed := range uint64(6) {
		w := readyMesh(t, seed, 4, 0)
		w.busy(100, 3*time.Millisecond, 6*time.Second)
		w.Run(2 * time.Second)
		for _, h := range w.Hosts[seed%2:] {
			h.Crash()
		}
		w.Run(100 * time.Millisecond)
		for _, h := range w.Hosts[seed%2:] {
			h.Start()
		}
		within(t, w, 8*time.Second, "ready again", w.ready)
		w.Run(10 * time.Second)
		if wrong := w.Check(); len(wrong) > 0 {
			t.Fatalf("seed %d: %q", seed, wrong)
		}
	}
}

// TestR22_TwoReadyGroupsThatMeetCompare has two groups that hold most of it in common: what differs crosses, and no more.
func TestR22_TwoReadyGroupsThatMeetCompare(t *testing.T) {
	const common, apart = 20_000, 100
	w := mesh(t, 7, 0)
	for range 4 {
		w.AddHost(0, 1<<20)
	}
	w.split(2, 10*time.Second)
	for _, h := range w.Hosts {
		h.Start()
	}
	within(t, w, 5*time.Second, "ready apart", w.ready)
	fill(common, "k", w.Hosts...)
	fill(apart, "a", w.Hosts[:2]...)
	fill(apart, "b", w.Hosts[2:]...)
	w.Run(8 * time.Second)
	before := w.counted()
	within(t, w, 10*time.Second, "they hold the same", func() bool { return w.linked() && w.equal() })
	c := w.counted()
	t.Logf("%d comparisons, %d records taken, %d bytes", c.Comparisons+c.Repairs-before.Comparisons-before.Repairs, c.Merged-before.Merged, c.RepairBytes-before.RepairBytes)
	if c.Pulls != before.Pulls {
		t.Errorf("%d pulls of what both had", c.Pulls-before.Pulls)
	}
	if n := c.Merged - before.Merged; n > 4*2*apart {
		t.Errorf("%d records crossed for %d that each of 4 nodes lacked", n, apart)
	}
	w.Run(5 * time.Second)
	if wrong := w.Check(); len(wrong) > 0 {
		t.Fatalf("%q", wrong)
	}
}

// TestR19_ALotThatDiffersTakesManyRoundsAndEnds has two nodes meet that hold nothing in common.
func TestR19_ALotThatDiffersTakesManyRoundsAndEnds(t *testing.T) {
	const each = 30_000
	w := mesh(t, 7, 0)
	for range 2 {
		w.AddHost(0, 1<<20)
	}
	w.split(1, 6*time.Second)
	for _, h := range w.Hosts {
		h.Start()
	}
	within(t, w, 5*time.Second, "ready apart", w.ready)
	fill(each, "a", w.Hosts[0])
	fill(each, "b", w.Hosts[1])
	within(t, w, 20*time.Second, "they hold the same", func() bool { return w.linked() && w.equal() })
	c := w.counted()
	t.Logf("%d comparisons, %d bytes a record", c.Comparisons+c.Repairs, c.RepairBytes/(2*each))
	w.Run(5 * time.Second)
	if wrong := w.Check(); len(wrong) > 0 {
		t.Fatalf("%q", wrong)
	}
}

// TestR10_WhoReturnsWithinTheRingIsSentExactlyWhatItMissed counts records and bytes.
func TestR10_WhoReturnsWithinTheRingIsSentExactlyWhatItMissed(t *testing.T) {
	w := readyMesh(t, 3, 2, 0)
	a, b := w.Hosts[0], w.Hosts[1]
	for i := range 1000 {
		a.set(fmt.Sprint("k", i), "value")
	}
	w.Run(5 * time.Second)
	w.Cut(a, b, true)
	w.Run(4 * time.Second)
	missed := 0
	for i := range 200 {
		a.set(fmt.Sprint("k", i), "another")
		missed++
	}
	a.set("large", string(make([]byte, 2*codec.RefValue))) // sits in the ring by reference
	a.set("large", string(make([]byte, codec.RefValue+1))) // and is superseded
	missed += 2
	before := b.Node.Counters()
	w.Heal()
	within(t, w, 8*time.Second, "it has all of it", func() bool { return b.Node.Applied(a.Ring.Stream()) == a.Ring.Head() })
	w.Run(5 * time.Second)
	c := b.Node.Counters()
	if got := c.Merged - before.Merged; got != uint64(missed) {
		t.Errorf("%d records for the %d that were missed", got, missed)
	}
	if c.Pulls != before.Pulls || c.GapsHeard != before.GapsHeard || c.Comparisons != before.Comparisons || c.Repaired != before.Repaired {
		t.Errorf("more than the stream was needed: %+v", c)
	}
	if wrong := w.Check(); len(wrong) > 0 {
		t.Fatalf("%q", wrong)
	}
}

// TestR10_AGapIsClosedByAComparison leaves a tenth of what two nodes hold out of a stream.
func TestR10_AGapIsClosedByAComparison(t *testing.T) {
	const keys, missed = 20_000, 500
	w := mesh(t, 3, 0)
	for range 2 {
		w.AddHost(0, 8<<10) // of two small chunks
	}
	for _, h := range w.Hosts {
		h.Start()
	}
	within(t, w, 4*time.Second, "ready", func() bool { return w.linked() && w.ready() })
	fill(keys, "k", w.Hosts...)
	w.Run(5 * time.Second)
	a, b := w.Hosts[0], w.Hosts[1]
	w.Cut(a, b, true)
	w.Run(4 * time.Second)
	before := w.counted()
	for i := range missed {
		a.set(fmt.Sprint("k", i), "value that is newer")
	}
	w.Heal()
	within(t, w, 12*time.Second, "it has all of it", func() bool { return b.Node.Applied(a.Ring.Stream()) == a.Ring.Head() })
	if diff := w.differs(); diff != "" {
		t.Fatalf("applied says that all is here: %s", diff)
	}
	c := w.counted()
	t.Logf("%d bytes for %d records that were left out", c.RepairBytes-before.RepairBytes, missed)
	switch {
	case c.Gaps == before.Gaps:
		t.Error("there was no gap")
	case c.Pulls != before.Pulls:
		t.Errorf("%d pulls", c.Pulls-before.Pulls)
	case c.RepairBytes-before.RepairBytes > 2048*missed:
		t.Errorf("%d bytes for %d records", c.RepairBytes-before.RepairBytes, missed)
	}
}
