package peer

import (
	"net/netip"
	"slices"
	"testing"
	"time"

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
	if s.bestAt != b.now+int64(stepWait) {
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

// TestR7_APeerFarAheadInNumbersKeepsNobodyFromMending: a difference between two others is repaired, what they owe themselves is compared
// while clients write, and a group with another time is met.
func TestR7_APeerFarAheadInNumbersKeepsNobodyFromMending(t *testing.T) {
	b, honest, evil := trio(t, 0)
	x, y := honest[0], honest[1]
	late := b.add("late", 9<<16|9000, 0, hourMS)
	b.pass(2 * time.Second)
	b.set(late, "late", "v")
	mend := func(what string, done func() bool) {
		t.Helper()
		for i := range 80 {
			if i > 8 && done() {
				return
			}
			b.set(x, "busy", string(rune('a'+i%26)))
			b.beats(honest, evil, 0, codec.MaxStep, HeartbeatInterval)
		}
		t.Fatalf("%s: not in 40 s, with %d steps", what, x.counters.steps.Load())
	}
	y.mu.Lock()
	y.require(b.now, b.linkWith(y, x), 0)
	y.mu.Unlock()
	mend("a debt", func() bool { return !b.linkWith(y, x).debt.owed })
	r := record(b, x, "lost", "v", 5)
	r.Stamp = (x.clock.Cluster(b.now) - 10_000) << 16
	r.ExpireStamp, r.ExpireNode = r.Stamp, r.Node
	x.store.Merge((*store.Record)(r), x.store.Hash(r.Key), x.clock.Cluster(b.now)) // nothing tells of it
	mend("a repair", func() bool { return b.get(y, "lost") == "v" })
	for i, n := range honest {
		b.wire(late, n, uint32(20+i))
	}
	b.deliverAll()
	mend("two groups", func() bool { return b.get(y, "late") == "v" && b.get(late, "lost") == "v" })
}

// TestR7_NoWordOfOneLeadsFarInNumbers: a node may step to the time of one who may stand between two networks, or take it when it is
// new, and does not come near the last of the numbers by that.
func TestR7_NoWordOfOneLeadsFarInNumbers(t *testing.T) {
	for name, phase := range map[string]codec.StepPhase{"a step that was missed": codec.StepKnown, "a proposal": codec.StepProposed, "a number alone": codec.StepTaken} {
		b, honest, evil := trio(t, 0)
		b.beats(honest, evil, hourMS, codec.MaxStep-2, HeartbeatInterval)
		now := honest[0].clock.Cluster(b.now)
		for _, n := range honest {
			if phase != codec.StepTaken {
				b.says(n, evil, codec.AppendStep(nil, codec.Step{To: codec.MaxStep - 1, Node: evil.ID(), Old: now, New: now + hourMS, Phase: phase}))
			}
		}
		b.beats(honest, evil, hourMS, codec.MaxStep-2, 2*stepPatience)
		for _, n := range honest {
			if got := n.steps.number.Load(); got > maxClimb+1+loneClimb*loneClimbs {
				t.Errorf("%s: %s has number %d", name, n.name, got)
			}
		}
	}
	b := newBench(t)
	n := b.add("n", 2<<16|9000, 0, 0)
	l := b.greetsAs(n, netip.MustParseAddrPort("10.9.9.9:1"), 1<<16|9000)
	n.join.time = timeOwn
	l.tell(codec.MaxStep)
	n.settleTime(b.now, l.member, false, true)
	if got := n.steps.number.Load(); n.join.time != timeReady || got != maxClimb {
		t.Errorf("a new node has number %d", got)
	}
}
