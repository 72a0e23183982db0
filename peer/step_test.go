package peer

import (
	"slices"
	"testing"

	"covey/codec"
	"covey/store"
)

const hourMS = 3_600_000

const stepOld = 1_700_000_000_000 // of the steps that step makes

// step is a known step by some ms.
func step(from, to uint32, by int64) codec.Step {
	return codec.Step{From: from, To: to, Node: 1, Old: stepOld, New: uint64(stepOld + by), Phase: codec.StepKnown}
}

func TestR7_TheStepsThatExplainAClockAreFound(t *testing.T) {
	s := steps{known: []codec.Step{
		step(0, 1, -hourMS), step(0, 1, 2*hourMS), step(0, 2, 5000), step(1, 2, 0), step(2, 3, -60_000), step(1, 4, 0),
	}}
	for _, c := range []struct {
		from, to uint32
		by       int64
		want     []int // in known
	}{
		{0, 1, -hourMS + 900, []int{0}},
		{0, 1, 2*hourMS - 900, []int{1}},
		{0, 2, -hourMS, []int{0, 3}},
		{0, 2, 5001, []int{2}},
		{0, 3, 2*hourMS - 60_000, []int{1, 3, 4}},
		{3, 4, 0, nil},
	} {
		way, off := s.way(c.from, c.to, stepOld+hourMS, c.by, nil)
		var want []codec.Step
		for _, i := range c.want {
			want = append(want, s.known[i])
		}
		if !slices.Equal(way, want) || want != nil && off > 1000 {
			t.Errorf("from %d to %d by %d ms: %+v, off by %d", c.from, c.to, c.by, way, off)
		}
	}
	if way, _ := s.way(0, 1, stepOld-hourMS, -hourMS, nil); way != nil {
		t.Error("a step from a time that has not come here is of another group, be it as large as the clocks are apart")
	}
}

func TestR7_NoMoreStepsThanMaxStepsAreRemembered(t *testing.T) {
	var s steps
	for i := range uint32(100) {
		if k := step(i, i+1, 5000); !s.learn(k) || s.learn(k) {
			t.Fatal("a step is new once")
		}
	}
	if len(s.known) != MaxSteps || s.known[0].From != 100-MaxSteps {
		t.Fatalf("%d steps from %d", len(s.known), s.known[0].From)
	}
}

// TestR7_OfProposalsTheLowestIdsCounts: those of this group, and those of one that wants to step to this one's time.
func TestR7_OfProposalsTheLowestIdsCounts(t *testing.T) {
	b := newBench(t)
	n := b.add("a", 9<<16|9000, 0, 0)
	now := n.clock.Cluster(b.now)
	ours := func(node uint64) codec.Step { return codec.Step{To: 1, Node: node, Old: now, New: now + hourMS} }
	theirs := func(node uint64) codec.Step { return codec.Step{To: 1, Node: node, Old: now + hourMS, New: now} }
	other := codec.Step{To: 1, Node: 1, Old: now + hourMS, New: now + 2*hourMS}
	s := &n.steps
	n.keyed = true // anybody may propose
	for _, c := range []struct {
		name string
		k    codec.Step
		best uint64 // id of the proposal at hand afterwards; 0: none
	}{
		{"of others alone", other, 0},
		{"the first", ours(5), 5},
		{"a higher id's", ours(6), 5},
		{"a lower id's", ours(4), 4},
		{"the others want to step to us, by a higher id", theirs(6), 4},
		{"the others want to step to us, by a lower id", theirs(3), 0},
		{"one of ours that came late", ours(4), 0},
		{"one of ours by a lower id still", ours(2), 2},
	} {
		n.mu.Lock()
		n.proposed(b.now, nil, c.k)
		best := s.best
		n.mu.Unlock()
		if best.Node != c.best {
			t.Fatalf("%s: that of %d is at hand, want %d", c.name, best.Node, c.best)
		}
	}
	if s.bestAt != b.now+int64(StepWait) {
		t.Fatal("the time to take it moved")
	}
}

// TestR7_WhatWaitsAndWhatIsOnItsWayIsMappedAlike: a batch in the ring when the step is taken, and the same sent before.
func TestR7_WhatWaitsAndWhatIsOnItsWayIsMappedAlike(t *testing.T) {
	b := newBench(t)
	n := b.add("a", 1<<16|9000, 0, 0)
	n.ring.SetLive(true)
	now := n.clock.Cluster(b.now)
	b.set(n, "k", "v")
	p, _ := n.ring.take(cursor{}, 1<<20, true)
	sent := slices.Clone(p.frames)
	p.unpin()
	n.steps.due = []codec.Step{{From: 0, To: 3, Node: 1, Old: now + 10, New: now - hourMS}, {From: 3, To: 4, Node: 1, Old: now - hourMS, New: now - 2*hourMS}}
	n.takeSteps(b.now)
	p, ok := n.ring.take(cursor{}, 1<<20, true)
	if !ok || n.steps.number.Load() != 4 || n.clock.Cluster(b.now) != now-2*hourMS-10 {
		t.Fatalf("held %v, number %d, time %d", ok, n.steps.number.Load(), n.clock.Cluster(b.now))
	}
	waits, err := codec.DecodeBatch(p.frames[codec.HeaderLen:])
	if err != nil || waits.Step != 4 {
		t.Fatalf("%+v, %v", waits, err)
	}
	came, err := codec.DecodeBatch(sent[codec.HeaderLen:])
	if err != nil || came.Step != 0 {
		t.Fatalf("%+v, %v", came, err)
	}
	floor := codec.Version{Stamp: now << 16, Node: 1}
	if known, err := n.present(0, came.Records, &floor); !known || err != nil || floor.Stamp > (now-2*hourMS+2001)<<16 {
		t.Fatal(known, err, floor.Stamp>>16, now)
	}
	held, _, _ := n.store.Lookup(nil, []byte("k"), n.store.Hash([]byte("k")), now-2*hourMS)
	for _, run := range [][]byte{waits.Records, came.Records} {
		var r codec.Record
		if _, err := codec.DecodeRecord(run, &r); err != nil {
			t.Fatal(err)
		}
		if got := store.Record(r); got.Version() != held.Version() || got.Stamp > (now-2*hourMS+2001)<<16 {
			t.Errorf("stamp %x, the store has %x", got.Stamp, held.Stamp)
		}
	}
	if known, _ := n.present(2, came.Records); known {
		t.Error("a batch of a step that this node never took")
	}
}
