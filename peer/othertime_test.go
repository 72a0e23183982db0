package peer

import (
	"fmt"
	"maps"
	"testing"
	"time"

	"covey/codec"
	"covey/store"
)

// TestR6_AClockIsReadInTheMiddleOfTheWay: half of the way counts, a slow answer tells nothing, and what cannot be noise is taken at once.
func TestR6_AClockIsReadInTheMiddleOfTheWay(t *testing.T) {
	b, x, _, c := pair(t)
	l := c.sides[0].link
	m := l.member
	answers := func(rtt time.Duration, offset int64) {
		t.Helper()
		sent := b.now - int64(rtt)
		clock := uint64(int64(x.clock.Cluster(b.now-int64(rtt)/2)) + offset)
		if err := hand(l, b.now, codec.AppendHeartbeatResponse(nil, codec.HeartbeatResponse{Sent: uint64(sent), Clock: clock})); err != nil {
			t.Fatal(err)
		}
	}
	m.measured = false
	if answers(400*time.Millisecond, 1000); m.offset != 1000 || m.rtt != int64(400*time.Millisecond) {
		t.Errorf("offset %d ms, a way of %v", m.offset, time.Duration(m.rtt))
	}
	if answers(deadAfter, -7000); m.offset != 1000 {
		t.Errorf("a slow answer tells of %d ms", m.offset)
	}
	if answers(1400*time.Millisecond, 1100); m.offset <= 1000 || m.offset >= 1100 {
		t.Errorf("noise is taken at once: %d ms", m.offset)
	}
	if answers(1400*time.Millisecond, -5000); m.offset != -5000 {
		t.Errorf("a step is averaged: %d ms", m.offset)
	}
}

// TestR6_OnlyReadyNodesSlew, and toward ready peers of their time.
func TestR6_OnlyReadyNodesSlew(t *testing.T) {
	for name, change := range map[string]func(x *bnode, l *Link){
		"as it is":               func(*bnode, *Link) {},
		"not ready":              func(x *bnode, _ *Link) { x.state.Store(uint32(codec.StateLoading)) },
		"the other is not ready": func(_ *bnode, l *Link) { l.member.readiness = codec.StateLoading },
		"of another time":        func(_ *bnode, l *Link) { l.told++ },
	} {
		b, x, _, c := pair(t)
		l := c.sides[0].link
		l.member.offset = 1000
		change(x, l)
		was := x.clock.offset.Load()
		x.slewTime(b.now + int64(time.Second))
		if moved := x.clock.offset.Load() - was; (moved > 0) != (name == "as it is") {
			t.Errorf("%s: moved by %v", name, time.Duration(moved))
		}
	}
}

// TestR7_ClocksAreApartByMoreThanTheWayMayHide.
func TestR7_ClocksAreApartByMoreThanTheWayMayHide(t *testing.T) {
	for _, c := range []struct {
		offset int64
		rtt    time.Duration
		apart  bool
	}{{StepFrom, 0, false}, {StepFrom + 1, 0, true}, {-StepFrom - 1, 0, true}, {StepFrom + 400, time.Second, false}, {-StepFrom - 400, time.Second, false}, {StepFrom + 501, time.Second, true}} {
		if m := (&member{offset: c.offset, rtt: int64(c.rtt)}); m.apart() != c.apart {
			t.Errorf("%d ms off, asked for %v: apart %v", c.offset, c.rtt, !c.apart)
		}
	}
}

// TestR7_OfTwoOfOneSizeTheHigherIdSteps, and tells the lowest stamp that has to move, so that others map as it does.
func TestR7_OfTwoOfOneSizeTheHigherIdSteps(t *testing.T) {
	b := newBench(t)
	b.quiet = true
	x, y := b.add("x", 1<<16|9000, 0, 0), b.add("y", 2<<16|9000, 0, hourMS)
	b.pass(1200 * time.Millisecond)
	b.set(x, "of x", "v")
	b.set(y, "of y", "v")
	least := y.store.Newest()
	b.wire(x, y, 1)
	b.deliverAll()
	b.pass(10 * time.Second)
	if len(x.Links()) != 1 || x.clock.Offset() != 0 || y.clock.Offset() > -hourMS+StepFrom {
		t.Fatalf("x moved by %d ms, y by %d", x.clock.Offset(), y.clock.Offset())
	}
	if taken := y.steps.taken; len(taken) != 1 || taken[0].Least == 0 || taken[0].Least > least {
		t.Errorf("%+v, and the lowest stamp is %d", taken, least)
	}
	for _, n := range []*bnode{x, y} {
		if b.get(n, "of x") != "v" || b.get(n, "of y") != "v" {
			t.Errorf("%s has %q and %q", n.name, b.get(n, "of x"), b.get(n, "of y"))
		}
	}
}

// TestR7_AStepLeavesNothingOfTheTimeBefore.
func TestR7_AStepLeavesNothingOfTheTimeBefore(t *testing.T) {
	b, x, _, c := pair(t)
	l := c.sides[0].link
	m, cluster := l.member, x.clock.Cluster(b.now)
	r := record(b, x, "k", "v", 77)
	run := codec.AppendRecord(nil, r)
	batch := codec.Batch{Stream: 99, First: 1, Count: 1, Records: run}
	s := x.streamOf(b.now, 99, 50<<16|9000, 1)
	s.stamp.Store(r.Stamp)
	x.relay.advance(s, &batch)
	l.out.frame = codec.AppendBatch(nil, batch)
	l.debt = debt{owed: true, epoch: store.EpochOf(cluster)}
	m.floor = codec.Version{Stamp: r.Stamp}
	m.roots.compared, x.verdict.newest = 1, store.EpochOf(cluster)
	x.steps.hosts[l.host] = b.now
	l.told, m.offset = 1, -hourMS-10 // it has taken the step already

	x.takeStep(b.now, codec.Step{From: 0, To: 1, Node: 9, Old: cluster + 10, New: cluster - hourMS})
	now := x.clock.Cluster(b.now)
	if l.debt.epoch > store.EpochOf(now)+1 || !l.debt.owed {
		t.Errorf("%+v is owed at epoch %d", l.debt, store.EpochOf(now))
	}
	if !m.floor.IsZero() || m.roots != (told{}) || x.verdict.newest != 0 || len(x.steps.hosts) != 0 {
		t.Errorf("floor %v, roots %+v, verdict %+v, hosts %v", m.floor, m.roots, x.verdict, x.steps.hosts)
	}
	if x.steps.restTo != b.now+int64(stepRest) {
		t.Errorf("no rest until %v", time.Duration(x.steps.restTo-b.now))
	}
	if at := store.StampTime(s.stamp.Load()); at > now+1100 {
		t.Errorf("a stream whose highest stamp is %d ms ahead", at-now)
	}
	for name, frame := range map[string][]byte{"the log": x.relay.log[0].frame, "the link": l.out.frame} {
		var got codec.Record
		f, err := codec.DecodeBatch(frame[codec.HeaderLen:])
		if err == nil {
			_, err = codec.DecodeRecord(f.Records, &got)
		}
		if err != nil || f.Step != 1 || store.StampTime(got.Stamp) > now+1100 {
			t.Errorf("in %s: %v, step %d, %d ms ahead", name, err, f.Step, int64(store.StampTime(got.Stamp))-int64(now))
		}
	}
}

// TestR7_NothingIsTakenFromAnotherTime: neither registers nor records nor what a comparison says; a batch that is lost so is owed.
func TestR7_NothingIsTakenFromAnotherTime(t *testing.T) {
	b, x, _, c := pair(t)
	cluster := x.clock.Cluster(b.now)
	flush := codec.Version{Stamp: (cluster + 4000) << 16, Node: 77}
	beat := codec.Heartbeat{Anew: true, State: codec.StateReady, Stamped: true, Clock: cluster + 5000, Sent: uint64(b.now), Floor: flush, Flush: flush, Epoch: 7, Root: 7}

	l := NewLink(x.Node, false, 0, x.at(7), func(*Link) {})
	l.SetUser(&bside{})
	x.Step(b.now, Event{Kind: EventOpened, Link: l})
	g := codec.Greeting{Dialed: true, Cluster: x.cluster, Node: 7<<16 | 9000, Incarnation: 1, Stream: 7, ProtoMin: codec.ProtoMin, ProtoMax: codec.ProtoMax, Port: 9000,
		State: codec.StateReady, Clock: cluster + 5000, Dial: 1, Flush: flush, Floor: flush, Stamped: true}
	frames := [][]byte{codec.AppendGreeting(nil, g)}
	g.Full = true
	frames = append(frames, codec.AppendGreeting(nil, g), codec.AppendHeartbeat(nil, beat))
	x.timeSettled.Store(true)
	b.set(x, "own", "v") // so its time is not free
	for i, frame := range frames {
		if err := hand(l, b.now, frame); err != nil {
			t.Fatal(err)
		}
		if flushed := x.store.Flushed(); flushed != (store.Version{}) || l.member != nil && (!l.member.floor.IsZero() || l.member.roots != told{}) {
			t.Fatalf("frame %d: flush %v, %+v", i, flushed, l.member)
		}
	}
	if !l.held.Load() {
		t.Fatal("it is of this time")
	}
	l.debt = debt{}
	if err := hand(l, b.now, batchOf(l, 1, record(b, x, "k", "v", 77))); err != nil {
		t.Fatal(err)
	}
	if b.get(x, "k") != "(none)" || !l.debt.owed || !l.in.own.gapped || l.in.stream.applied.Load() != 0 {
		t.Errorf("k is %q, owed %v, a gap %v, applied %d", b.get(x, "k"), l.debt.owed, l.in.own.gapped, l.in.stream.applied.Load())
	}

	other := c.sides[0].link // of this time until it says that it has taken a step
	beat.Step, beat.Clock = 1, cluster
	if err := hand(other, b.now, codec.AppendHeartbeat(nil, beat)); err != nil || x.store.Flushed() != (store.Version{}) || !other.held.Load() {
		t.Errorf("%v, flush %v, held %v", err, x.store.Flushed(), other.held.Load())
	}
	digests := codec.AppendDigests(nil, codec.Digests{Epoch: 7, Retry: true})
	other.leads.Store(true)
	other.out.repair.epoch = 7
	if err := hand(other, b.now, digests); err != nil || !other.leads.Load() {
		t.Errorf("%v, a comparison of another time is answered", err)
	}
}

// TestR7_WhatWasPulledInAnotherTimeIsPulledOnceMore, from its beginning: nothing of it was taken.
func TestR7_WhatWasPulledInAnotherTimeIsPulledOnceMore(t *testing.T) {
	b := newBench(t)
	x := b.add("x", 1<<16|9000, 0, 0)
	l := b.greetsIn(x, x.at(7), 7<<16|9000, codec.StateLoading)
	l.SetUser(&bside{})
	asked := make(map[uint16]int) // by shard, how often from its beginning
	answer := func(step uint32) {
		for _, f := range frames(t, l.Control(b.now, nil)) {
			m, err := codec.DecodePull(f.body)
			if f.head.Kind != codec.KindPull || err != nil {
				continue
			}
			if m.Cursor == 0 {
				asked[m.Shard]++
			}
			if err := hand(l, b.now, codec.AppendRecords(nil, codec.Records{ID: m.ID, Shard: m.Shard, Step: step, Next: 1 << 40, Done: step == 0})); err != nil {
				t.Fatal(err)
			}
		}
	}
	answer(9)
	first := maps.Clone(asked)
	for range 256 {
		answer(0)
	}
	if l.pulls.owed || len(first) != pullCredit || len(asked) != 256 {
		t.Errorf("owed %v, %d shards asked for, %d of them at once", l.pulls.owed, len(asked), len(first))
	}
	for shard := range first {
		if asked[shard] < 2 {
			t.Errorf("shard %d is not asked for once more", shard)
		}
	}
}

// TestR8_WhoSendsAFewAMinuteKeepsItsLink.
func TestR8_WhoSendsAFewAMinuteKeepsItsLink(t *testing.T) {
	b, x, _, c := pair(t)
	l := c.sides[0].link
	c.sides[1].link.out.sent += 1 << 20 // what the test forges counts as sent
	for i := range uint64(2 * maxAhead) {
		if i == maxAhead {
			b.pass(time.Duration(minute))
		}
		r := record(b, x, fmt.Sprint("k", i), "v", 77)
		r.Stamp += 11_000 << 16
		if err := hand(l, b.now, batchOf(l, i+1, r)); err != nil || l.member == nil {
			t.Fatalf("record %d: %v, its link ends with %v", i, err, l.said)
		}
	}
}

// TestR8_AGapThatTellsAStampAheadOfTimeIsOwedAsOfNow: it is of a time that was stepped back from, or made up.
func TestR8_AGapThatTellsAStampAheadOfTimeIsOwedAsOfNow(t *testing.T) {
	b, x, _, c := pair(t)
	l := c.sides[0].link
	now := x.clock.Cluster(b.now)
	if err := hand(l, b.now, codec.AppendGap(nil, codec.Gap{Stream: l.in.stream.id, Head: 5, Stamp: (now + hourMS) << 16})); err != nil {
		t.Fatal(err)
	}
	if !l.debt.owed || l.debt.epoch > store.EpochOf(now)+1 {
		t.Errorf("%+v at epoch %d", l.debt, store.EpochOf(now))
	}
}
