package peer

import (
	"math/rand/v2"
	"testing"
	"time"

	"covey/codec"
)

func TestTheAgeOfTheOldestWriteThatIsNotAcknowledged(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 8))
	var g lag
	var at []int64 // by number, when it was written
	now := int64(time.Minute)
	g.note(now, 0)
	for range 20_000 {
		for range r.IntN(4) * r.IntN(2) {
			at = append(at, now+r.Int64N(int64(TickInterval)))
		}
		now += int64(TickInterval)
		g.note(now, uint64(len(at)))
		if len(g.marks) > maxMarks {
			t.Fatalf("%d marks", len(g.marks))
		}
		acked := r.IntN(len(at) + 1)
		if r.IntN(2) == 0 {
			acked = max(0, len(at)-r.IntN(50))
		}
		age := g.age(now, uint64(acked), uint64(len(at)))
		if acked == len(at) {
			if age != 0 {
				t.Fatalf("%v although all is acknowledged", age)
			}
			continue
		}
		want := time.Duration(now - at[acked])
		if age < want || age > want+want/8+2*TickInterval {
			t.Fatalf("%v, want %v", age, want)
		}
	}
	if age := g.age(now+10, uint64(len(at)), uint64(len(at)+1)); age != 10 {
		t.Fatalf("a write since the last Tick is %v old", age)
	}
}

func TestThePeerThatIsFurthestBehindMakesTheLag(t *testing.T) {
	b := newBench(t)
	x, y := b.add("x", 1<<16|9000, 0, 0), b.add("y", 2<<16|9000, 0, 0)
	b.wire(x, y, 1)
	b.deliverAll()
	b.pass(2 * time.Second)
	b.set(x, "k", "v")
	b.deliverAll()
	if lag := x.Lag(b.now); lag != 0 {
		t.Fatalf("%v although the peer has acknowledged", lag)
	}
	b.cut(x, y)
	b.set(x, "k", "w")
	b.pass(time.Second)
	if lag := x.Lag(b.now); lag < time.Second || lag > time.Second+TickInterval {
		t.Fatalf("%v after a second", lag)
	}
	for _, m := range x.Members(nil) {
		if m.ID == y.ID() && (m.LagAge < time.Second || m.Lag != 1) {
			t.Fatalf("%+v", m)
		}
	}
}

// Roots differ by what comes late, so nothing is repaired while it comes; a stream that stands still is no reason to wait.
func TestR18_WhatIsComingLateIsNotRepairedMeanwhile(t *testing.T) {
	b := newBench(t)
	x, y := b.add("x", 1<<16|9000, 0, 0), b.add("y", 2<<16|9000, 0, 0)
	c := b.wire(x, y, 1)
	b.deliverAll()
	l, theirs := c.sides[0].link, y.ring.Stream()
	if l.member.stream.id != theirs {
		t.Fatal("the link is not of these two")
	}
	late := func(applied, head uint64) bool {
		l.member.stream.applied.Store(applied)
		b.now += int64(HeartbeatInterval)
		return x.late(b.now, l, head)
	}
	l.drain.begin(100, 10, 0) // 100 were there when it was linked
	for i, s := range []struct {
		applied, head uint64
		late          bool
	}{
		{20, 100, true}, {60, 120, true}, {60, 120, false}, {99, 120, true}, {100, 150, false}, // what was there 2 s ago is here
		{119, 300, true}, {130, 300, false}, {200, 300, false}, {300, 300, false},
	} {
		if got := late(s.applied, s.head); got != s.late {
			t.Errorf("step %d, %+v: %v", i, s, got)
		}
	}
	x.lag.note(b.now, x.ring.Head())
	for i := range 20 {
		b.set(x, "k", string(rune('a'+i)))
	}
	x.lag.note(b.now, x.ring.Head())
	for i, s := range []struct {
		acked uint64
		after time.Duration
		late  bool
	}{
		{5, time.Second, false}, {10, 2 * time.Second, true}, {10, 0, false}, {15, 0, true}, {20, 0, false},
	} {
		l.acked.Store(s.acked)
		b.now += int64(s.after)
		if got := x.late(b.now, l, 300); got != s.late {
			t.Errorf("acknowledged, step %d, %+v: %v", i, s, got)
		}
	}
}

// TestR18_WhoIsLateForEverPutsNoRepairOffForEver: a peer is a record a heartbeat behind, and further each time. Others that differ are repaired all the same.
func TestR18_WhoIsLateForEverPutsNoRepairOffForEver(t *testing.T) {
	b, x, y, _ := pair(t)
	b.quiet = true
	l := b.greetsAs(x, x.at(7), 7<<16|9000)
	l.SetUser(&bside{})
	l.member.stream.synced, l.debt = true, debt{} // nothing is owed
	first := uint64(1)
	behind := func(d time.Duration) {
		for end := b.now + int64(d); b.now < end; b.pass(HeartbeatInterval) {
			now := x.clock.Cluster(b.now)
			l.Touched(b.now)
			for _, frame := range [][]byte{
				batchOf(l, first, record(b, x, "late", "v", 7<<16|9000)),
				codec.AppendHeartbeat(nil, codec.Heartbeat{Anew: true, State: codec.StateReady, Clock: now, Sent: uint64(b.now), Head: 1000 * first}),
			} {
				if err := hand(l, b.now, frame); err != nil {
					t.Fatal(err)
				}
			}
			_ = l.Control(b.now, nil)
			first++
		}
	}
	behind(5 * time.Second)
	b.holds(y, record(b, y, "k", "v", 77))
	behind(10 * time.Second)
	if got := b.get(x, "k"); got != "(none)" {
		t.Errorf("repaired while records are late: k is %q", got)
	}
	behind(lateLimit + lateRest)
	if got := b.get(x, "k"); got != "v" {
		t.Errorf("k is %q", got)
	}
}
