package peer

import (
	"bytes"
	"fmt"
	"net/netip"
	"testing"
	"time"

	"covey/codec"
)

// passedBatch is a batch of a stream that holds records first..last.
func passedBatch(stream, first, last uint64) *codec.Batch {
	m := &codec.Batch{Stream: stream, First: first, Count: uint32(last - first + 1)}
	for i := first; i <= last; i++ {
		m.Records = codec.AppendRecord(m.Records, &codec.Record{Key: fmt.Append(nil, "k", i), Value: []byte("v"), Kind: codec.KindString, Stamp: i})
	}
	return m
}

func TestR12_TheLogIsBoundedAndSaysWhatFellOff(t *testing.T) {
	r := relay{limit: 8 << 10}
	s := &stream{id: 7}
	for i := uint64(1); i <= 1000; i++ {
		if ok, moved := r.advance(s, passedBatch(7, i, i)); !ok || !moved {
			t.Fatalf("record %d: ok %v, moved %v", i, ok, moved)
		}
		if r.bytes > r.limit {
			t.Fatalf("%d bytes in a log of %d", r.bytes, r.limit)
		}
	}
	to := &sender{passing: []passing{{handover: handover{stream: s}}}}
	if _, _, ok := r.next(to, r.base-1); ok {
		t.Fatal("what fell off is not missed")
	}
	if _, ok := r.cover(s, r.log[0].first-2); ok {
		t.Fatal("what fell off is covered")
	}
	at, ok := r.cover(s, r.log[0].first-1)
	if !ok || at != r.base {
		t.Fatalf("all that is held is not covered: %d, %v", at, ok)
	}
	want := r.log[0].first
	for at < r.end.Load() {
		frame, next, ok := r.next(to, at)
		if first, last, n := frameAt(frame); !ok || first != want || last != want || n != len(frame) {
			t.Fatalf("record %d to %d in %d bytes, want %d", first, last, len(frame), want)
		}
		at, want = next, want+1
	}
	if frame, next, ok := r.next(to, at); frame != nil || next != at || !ok {
		t.Fatal("something after the end")
	}
	r.clear()
	if _, ok := r.cover(s, 1000); !ok || r.bytes != 0 || len(r.log) != 0 {
		t.Fatal("who has everything lacks something")
	}
}

func TestR12_OnlyWhatMovedAppliedIsKept(t *testing.T) {
	r := relay{limit: 8 << 10}
	s, other := &stream{id: 7}, &stream{id: 8}
	for _, step := range []struct {
		first, last uint64
		ok, moved   bool
	}{{1, 2, true, true}, {1, 2, true, false}, {4, 4, false, false}, {2, 3, true, true}, {4, 5, true, true}} {
		if ok, moved := r.advance(s, passedBatch(7, step.first, step.last)); ok != step.ok || moved != step.moved {
			t.Fatalf("%+v: ok %v, moved %v", step, ok, moved)
		}
	}
	r.advance(other, passedBatch(8, 1, 1))
	if len(r.log) != 4 {
		t.Fatalf("%d batches", len(r.log))
	}
	to := &sender{passing: []passing{{handover: handover{stream: s}, sent: 2}}}
	var got []string
	for at := uint64(0); at < r.end.Load(); {
		var frame []byte
		if frame, at, _ = r.next(to, at); frame != nil {
			first, last, _ := frameAt(frame)
			got = append(got, fmt.Sprint(first, "-", last))
		}
	}
	if fmt.Sprint(got) != "[2-3 4-5]" {
		t.Fatalf("a peer that has 2 gets %v", got)
	}
	if first := r.log[0].frame; !bytes.Equal(first, codec.AppendBatch(nil, *passedBatch(7, 1, 2))) {
		t.Fatal("a batch is not passed on as it came")
	}
}

// TestR12_OffersAreAnsweredAsTheyShould walks a link through what its peer may say of another node's stream.
func TestR12_OffersAreAnsweredAsTheyShould(t *testing.T) {
	b, x, _, c := pair(t)
	l := c.sides[0].link
	say := func(frame []byte) (acks []codec.Ack) {
		if err := hand(l, b.now, frame); err != nil {
			t.Fatal(err)
		}
		other := c.sides[1]
		l.in.received = other.link.out.sent // the frame is made up: it is not acknowledged
		for _, f := range frames(t, l.Control(b.now, nil)) {
			other.in = append(other.in, f)
			if m, err := codec.DecodeAck(f.body); f.head.Kind == codec.KindAck && err == nil && m.Stream == 99 {
				acks = append(acks, m)
			}
		}
		return acks
	}
	offer := func(head uint64) []codec.Ack {
		return say(codec.AppendOffer(nil, codec.Offer{Stream: 99, Node: 50<<16 | 9000, Incarnation: 1, Head: head}))
	}
	batch := func(first, last uint64) []codec.Ack {
		return say(codec.AppendBatch(nil, *passedBatch(99, first, last)))
	}
	if acks := offer(0); len(acks) != 0 {
		t.Fatal("nothing is lacking, and it is asked for")
	}
	batch(1, 2)
	if acks := offer(5); len(acks) != 1 || acks[0].Applied != 2 {
		t.Fatalf("five are offered to who has two: %v", acks)
	}
	if acks := batch(7, 7); len(acks) != 0 {
		t.Fatal("asked for twice")
	}
	batch(3, 5)
	if acks := batch(7, 7); len(acks) != 1 || acks[0].Applied != 5 || x.Applied(99) != 5 {
		t.Fatalf("six is missing: %v, applied %d", acks, x.Applied(99))
	}
	say(codec.AppendGap(nil, codec.Gap{Stream: 99, Head: 7, Stamp: 1}))
	if !l.debt.owed {
		t.Fatal("a gap in what is passed on is not compared")
	}
	batch(8, 8)
	if x.Applied(99) != 5 {
		t.Fatal("applied jumped over a gap")
	}
	b.flush(c.sides[0], false)
	b.pass(5 * time.Second)
	if x.Applied(99) != 8 {
		t.Fatalf("applied %d after all was compared", x.Applied(99))
	}
}

// TestR12_ALinkThatLivesLongTakesStreamsOfNewStarts: it has been offered as many as a node knows, and those are forgotten.
func TestR12_ALinkThatLivesLongTakesStreamsOfNewStarts(t *testing.T) {
	var r receiver
	r.stream = &stream{id: 1}
	var known []*stream
	for i := range uint64(2*MaxStreams + 10) {
		s := &stream{id: 100 + i}
		if known = append(known, s); len(known) > MaxStreams {
			known = known[1:]
		}
		if sub := r.subscribe(s, known); sub.stream != s || len(r.others) > MaxStreams {
			t.Fatalf("stream %d: %d subscriptions", i, len(r.others))
		}
		if r.subscribed(known[0].id) == nil {
			t.Fatalf("stream %d: the oldest that is known is not subscribed to any more", i)
		}
	}
}

// TestR12_StreamsThatAreOverTakeNoPlaceFromThoseThatGoOn: a node that starts again and again has left more behind than may be passed on.
func TestR12_StreamsThatAreOverTakeNoPlaceFromThoseThatGoOn(t *testing.T) {
	b := newBench(t)
	n := b.add("n", 1<<16|9000, 0, 0)
	n.Tick(b.now)
	const starts = 2 * maxPassed
	n.mu.Lock()
	for i := range uint64(starts) {
		n.streamOf(b.now, 1<<32+i, 1<<40, i+1).advance(1, 1)
	}
	n.mu.Unlock()
	a := b.greetsAs(n, netip.MustParseAddrPort("10.9.9.8:1"), 6<<16|9000)
	c := b.greetsAs(n, netip.MustParseAddrPort("10.9.9.9:1"), 7<<16|9000)
	beat := frames(t, codec.AppendHeartbeat(nil, codec.Heartbeat{Anew: true, State: codec.StateReady, Clock: n.clock.Cluster(b.now)}))[0]
	for range 20 {
		b.now += int64(HeartbeatInterval)
		if err := c.Frame(b.now, beat.head, beat.body); err != nil {
			t.Fatal(err)
		}
		_ = c.Control(b.now, nil)
	}
	passed := map[uint64]bool{}
	for _, h := range c.relaying() {
		passed[h.stream.id] = true
	}
	if len(passed) != maxPassed || !passed[a.in.stream.id] {
		t.Errorf("%d streams are passed on, one that goes on: %v", len(passed), passed[a.in.stream.id])
	}
	for i := uint64(starts - maxPassed + 2); i < starts; i++ {
		if !passed[1<<32+i] {
			t.Fatalf("that of start %d of %d is not passed on, older ones are", i, starts)
		}
	}
}

func TestR10_AGapInWhatIsPassedOnTellsTheHighestStampThatCame(t *testing.T) {
	b, x, _, c := pair(t)
	l := c.sides[0].link
	for _, frame := range [][]byte{
		codec.AppendOffer(nil, codec.Offer{Stream: 99, Node: 50<<16 | 9000, Incarnation: 1, Head: 0}),
		codec.AppendBatch(nil, *passedBatch(99, 1, 4)),
	} {
		if err := hand(l, b.now, frame); err != nil {
			t.Fatal(err)
		}
	}
	l.in.received = c.sides[1].link.out.sent // the batch is made up: it is not acknowledged
	x.mu.Lock()
	s := x.streamBy(99)
	x.mu.Unlock()
	_ = l.Control(b.now, nil)
	if after := x.relayGap(b.now, l, s); after != 4 {
		t.Errorf("goes on after %d", after)
	}
	var gaps []codec.Gap
	for _, f := range frames(t, l.Control(b.now, nil)) {
		if m, err := codec.DecodeGap(f.body); f.head.Kind == codec.KindGap && err == nil {
			gaps = append(gaps, m)
		}
	}
	if len(gaps) != 1 || gaps[0] != (codec.Gap{Stream: 99, Head: 4, Stamp: 4}) {
		t.Errorf("%+v", gaps)
	}
}

// TestR14_WhatIsPassedOnIsAboveTheFloor: who asks for what came before it may be told of a gap.
func TestR14_WhatIsPassedOnIsAboveTheFloor(t *testing.T) {
	b := newBench(t)
	n := b.add("n", 1<<16|9000, 0, 0)
	s := &stream{id: 7}
	var floor codec.Version
	for i := uint64(1); i <= 10; i++ {
		n.trimLogs(b.now, codec.Version{})
		n.relay.advance(s, passedBatch(7, i, i))
		b.now += int64(10 * time.Second)
		if i == 4 {
			floor.Stamp = n.clock.Cluster(b.now-int64(5*time.Second)) << 16 // between 4 and 5
		}
	}
	if _, ok := n.relay.cover(s, 0); !ok {
		t.Fatal("all is there, and is not passed on")
	}
	n.trimLogs(b.now, floor)
	if _, ok := n.relay.cover(s, 3); ok {
		t.Error("record 4 is below the floor, and is passed on")
	}
	if _, ok := n.relay.cover(s, 4); !ok {
		t.Error("record 5 is above the floor, and is not passed on")
	}
}

// TestR12_WhatFellOffTheLogIsOfferedAnew: the peer would learn of it with the next batch only, and there may be none.
func TestR12_WhatFellOffTheLogIsOfferedAnew(t *testing.T) {
	b, x, _, c := pair(t)
	l := c.sides[0].link
	x.relay.limit = 1 << 10
	x.mu.Lock()
	s := x.streamOf(b.now, 99, 50<<16|9000, 1)
	s.relayed.Add(1)
	x.publishRelays(l, []handover{x.offer(b.now, l, s)})
	x.mu.Unlock()
	_ = l.Control(b.now, nil)
	const count = 100
	for i := uint64(1); i <= count; i++ {
		x.relay.advance(s, passedBatch(99, i, i))
	}
	if frame, _, ok := l.Data(b.now, nil); ok {
		t.Fatalf("%x goes on after what fell off", frame)
	}
	var heads []uint64
	for _, f := range frames(t, l.Control(b.now, nil)) {
		if m, err := codec.DecodeOffer(f.body); f.head.Kind == codec.KindOffer && err == nil && m.Stream == 99 {
			heads = append(heads, m.Head)
		}
	}
	if len(heads) != 1 || heads[0] != count {
		t.Errorf("offered up to %d, of %d", heads, count)
	}
}
