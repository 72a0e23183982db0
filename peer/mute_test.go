package peer

import (
	"fmt"
	"testing"
	"time"

	"covey/codec"
)

// replies has the made-up ready peers behind links give nothing to each Pull, and say nothing to what is to be compared, until d has passed.
func (b *bench) replies(links []*Link, d time.Duration) {
	b.t.Helper()
	b.repliesIn(links, codec.StateReady, d)
}

// repliesIn is replies by peers in any state.
func (b *bench) repliesIn(links []*Link, state codec.State, d time.Duration) {
	b.t.Helper()
	for end := b.now + int64(d); b.now < end; b.pass(HeartbeatInterval) {
		for _, l := range links {
			l.Touched(b.now)
			says := [][]byte{codec.AppendHeartbeat(nil, codec.Heartbeat{Anew: true, State: state, Clock: l.node.clock.Cluster(b.now), Sent: uint64(b.now)})}
			for len(says) > 0 {
				for _, frame := range says {
					if err := hand(l, b.now, frame); err != nil {
						b.t.Fatal(err)
					}
				}
				says = nothingOf(b.t, l)
			}
		}
	}
}

// nothingOf answers the Pulls that wait on a link with nothing.
func nothingOf(t testing.TB, l *Link) (answers [][]byte) {
	for _, f := range frames(t, l.Control(l.touched.Load(), nil)) {
		if m, err := codec.DecodePull(f.body); f.head.Kind == codec.KindPull && err == nil {
			answers = append(answers, codec.AppendRecords(nil, codec.Records{ID: m.ID, Shard: m.Shard, Done: true}))
		}
	}
	return answers
}

// TestR21_WhoSaysNothingToAComparisonKeepsNobodyFromComparingWithOthers: there are more of them than comparisons at one time, and they come first.
func TestR21_WhoSaysNothingToAComparisonKeepsNobodyFromComparingWithOthers(t *testing.T) {
	b := newBench(t)
	b.quiet = true
	y := b.add("y", 99<<16|9000, 0, 0)
	b.pass(3 * time.Second)
	for i := range 200 {
		b.set(y, fmt.Sprint("key ", i), "v")
	}
	b.pass(5 * time.Second)
	x := b.add("x", 1<<16|9000, 0, 0)
	var mute []*Link
	for i := range 2 * repairsAtOnce {
		l := b.greetsAs(x, y.at(byte(7+i)), uint64(7+i)<<16|9000)
		l.SetUser(&bside{})
		mute = append(mute, l)
	}
	b.wire(x, y, 9)
	b.deliverAll()
	b.replies(mute, donorPatience+20*time.Second)
	if x.State() != codec.StateReady {
		t.Errorf("%v", x.State())
	}
	for i := range 200 {
		if got := b.get(x, fmt.Sprint("key ", i)); got != "v" {
			t.Fatalf("key %d is %q", i, got)
		}
	}
}

// TestR19_AComparisonThatWasGivenUpKeepsTheOtherFromNoneOfItsOwn: of two that begin at the same time the higher id tries again later, but not for ever: the other's
// answers were lost, and nothing has it begin again.
func TestR19_AComparisonThatWasGivenUpKeepsTheOtherFromNoneOfItsOwn(t *testing.T) {
	b, x, y, c := pair(t)
	ours, theirs := c.sides[0].link, c.sides[1].link
	x.owe(b.now, ours, 0)
	c.slow = func(k codec.Kind) bool { return k == codec.KindDigests }
	b.pass(10 * time.Second)
	if ours.debt.owed || !ours.leads.Load() {
		t.Fatalf("owed %v though the roots are equal, begun %v", ours.debt.owed, ours.leads.Load())
	}
	y.owe(b.now, theirs, 0)
	c.slow = func(k codec.Kind) bool { return k == codec.KindHeartbeat } // equal roots would settle it too
	for end := b.now + int64(10*time.Second); b.now < end; b.pass(TickInterval) {
		ours.Touched(b.now)
		theirs.Touched(b.now)
	}
	if theirs.debt.owed {
		t.Error("what the higher id owes is not compared")
	}
}

// TestR21_WhatWasPulledFromALoadingPeerIsNoComparison: it was loading when this node, with no ready peer yet, asked it for all, and has become ready
// before it gave the last of it: what it took from others since is with none of the first.
func TestR21_WhatWasPulledFromALoadingPeerIsNoComparison(t *testing.T) {
	b := newBench(t)
	b.quiet = true
	y := b.add("y", 99<<16|9000, 0, 0)
	b.pass(3 * time.Second)
	b.set(y, "k", "v")
	b.pass(5 * time.Second)
	x := b.add("x", 1<<16|9000, 0, 0)
	l := b.greetsIn(x, y.at(7), 7<<16|9000, codec.StateLoading)
	l.SetUser(&bside{})
	answer := func(s codec.State) {
		t.Helper()
		l.Touched(b.now)
		beat := codec.AppendHeartbeat(nil, codec.Heartbeat{Anew: true, State: s, Clock: x.clock.Cluster(b.now), Sent: uint64(b.now)})
		for _, frame := range append([][]byte{beat}, nothingOf(t, l)...) {
			if err := hand(l, b.now, frame); err != nil {
				t.Fatal(err)
			}
		}
		b.pass(TickInterval)
	}
	answer(codec.StateLoading)
	if !l.pulls.owed || l.pulls.had == (shards{}) {
		t.Fatal("nothing is pulled of what it holds")
	}
	b.wire(x, y, 9)
	b.deliverAll()
	if x.State() != codec.StateLoading {
		t.Fatal(x.State())
	}
	for range 200 {
		answer(codec.StateReady)
	}
	if x.State() != codec.StateLoading || !l.debt.owed {
		t.Errorf("%v, and what it holds is to be compared: %v", x.State(), l.debt.owed)
	}
}
