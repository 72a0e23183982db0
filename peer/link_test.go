package peer

import (
	"bytes"
	"errors"
	"fmt"
	"testing"
	"time"

	"covey/codec"
	"covey/internal/harness"
	"covey/store"
)

// pair is two nodes that are linked and ready.
func pair(t testing.TB) (b *bench, x, y *bnode, c *bconn) {
	b = newBench(t)
	x, y = b.add("x", 1<<16|9000, 0, 0), b.add("y", 2<<16|9000, 0, 0)
	c = b.wire(x, y, 1)
	b.deliverAll()
	b.pass(1200 * time.Millisecond)
	if x.State() != codec.StateReady || y.State() != codec.StateReady {
		t.Fatal("the pair is not ready")
	}
	b.log = nil
	return b, x, y, c
}

// hand gives a frame to a link.
func hand(l *Link, now int64, frame []byte) error {
	h, ok, err := codec.DecodeHeader(frame)
	if !ok || err != nil {
		return fmt.Errorf("bad frame: %v", err)
	}
	return l.Frame(now, h, frame[codec.HeaderLen:])
}

// batchOf is a Batch frame of the other's stream.
func batchOf(l *Link, first uint64, recs ...*codec.Record) []byte {
	var run []byte
	for _, r := range recs {
		run = codec.AppendRecord(run, r)
	}
	return codec.AppendBatch(nil, codec.Batch{Stream: l.in.stream.id, First: first, Count: uint32(len(recs)), Records: run})
}

func record(b *bench, n *bnode, key, value string, node uint64) *codec.Record {
	stamp := n.clock.Cluster(b.now) << 16
	return &codec.Record{Key: []byte(key), Value: []byte(value), Kind: codec.KindString, Stamp: stamp, Node: node,
		ExpireStamp: stamp, ExpireNode: node, Content: store.Content(store.KindString, false, []byte(value))}
}

func TestR9ABatchMovesAppliedOnlyWhenItFollowsOrOverlaps(t *testing.T) {
	b, x, _, c := pair(t)
	l := c.sides[0].link
	c.sides[1].link.out.sent += 1 << 20 // what the test forges counts as sent
	r := func(i int) *codec.Record { return record(b, x, fmt.Sprint("k", i), "v", 77) }
	for _, step := range []struct {
		first uint64
		recs  []*codec.Record
		want  uint64
		owed  bool
	}{
		{1, []*codec.Record{r(1), r(2), r(3)}, 3, false},
		{2, []*codec.Record{r(2), r(3)}, 3, false},       // again
		{2, []*codec.Record{r(2), r(3), r(4)}, 4, false}, // overlaps
		{7, []*codec.Record{r(7), r(8)}, 4, true},        // a gap that nobody announced
		{9, []*codec.Record{r(9)}, 4, true},              // follows, but what is missing is not here yet
	} {
		if err := hand(l, b.now, batchOf(l, step.first, step.recs...)); err != nil {
			t.Fatal(err)
		}
		if got := l.in.stream.applied.Load(); got != step.want || l.debt.owed != step.owed {
			t.Fatalf("after a batch from %d: applied %d owed %v, want %d %v", step.first, got, l.debt.owed, step.want, step.owed)
		}
	}
	if b.get(x, "k9") != "v" {
		t.Fatal("records are merged in any case")
	}
	b.carryOut(x)
	b.pass(5 * time.Second)
	if got := l.in.stream.applied.Load(); got != 9 || l.debt.owed {
		t.Fatalf("when all was compared applied is %d, owed %v", got, l.debt.owed)
	}
}

func TestR10WhatTheRingLostIsComparedAndAppliedJumpsThen(t *testing.T) {
	b, x, y, c := pair(t)
	b.closed(c.sides[0])
	b.closed(c.sides[1])
	const count = 400
	value := string(bytes.Repeat([]byte("v"), 8000)) // 3.2 MB through a ring of 1 MiB
	for i := range count {
		b.set(x, fmt.Sprint("k", i), value)
	}
	b.wire(x, y, 50)
	b.deliverAll()
	if y.counters.gapsIn.Load() != 1 {
		t.Fatalf("%d gaps", y.counters.gapsIn.Load())
	}
	if got := y.Applied(x.ring.Stream()); got != 0 {
		t.Fatalf("applied %d before anything was compared", got)
	}
	pulls := y.counters.pulls.Load()
	b.pass(5 * time.Second)
	for i := range count {
		if b.get(y, fmt.Sprint("k", i)) != value {
			t.Fatalf("k%d is missing", i)
		}
	}
	if got := y.Applied(x.ring.Stream()); got != count {
		t.Fatalf("applied %d of %d", got, count)
	}
	if x.Acked(count) != 1 {
		t.Fatal("the jump was not acknowledged")
	}
	if y.counters.pulls.Load() != pulls {
		t.Fatal("what a comparison brings was pulled")
	}
}

func TestR3AnExpiryOfAVersionThatIsNotHereIsFetched(t *testing.T) {
	b, x, y, _ := pair(t)
	// y has a key of a third node that x lacks, and sets its expiry.
	far := record(b, y, "k", "v", 77)
	y.store.Merge((*store.Record)(far), y.store.Hash(far.Key), y.clock.Cluster(b.now))
	at := y.clock.Cluster(b.now) + 60_000
	r, ok := y.store.Expire(far.Key, y.store.Hash(far.Key), y.clock.Cluster(b.now), at, 0)
	if !ok {
		t.Fatal("no expiry")
	}
	b.append(y, r)
	b.deliverAll()
	_, m, ok := x.store.Get(nil, far.Key, x.store.Hash(far.Key), x.clock.Cluster(b.now))
	if !ok || m.ExpireAt != at {
		t.Fatalf("there %v, expires at %d, want %d", ok, m.ExpireAt, at)
	}
}

func TestLargeValuesGoAsTheStoreHasThemThen(t *testing.T) {
	b, x, y, _ := pair(t)
	large := string(make([]byte, 3<<20))
	b.cutAll(true)
	b.set(x, "one", large)
	b.set(x, "twice", large)
	b.set(x, "twice", large+"2")
	b.set(x, "gone", large)
	b.set(x, "small", "s")
	x.store = without(b, x.store, "gone")
	b.cutAll(false)
	x.Links()[0].Notify(b.now)
	b.deliverAll()
	for key, want := range map[string]string{"one": large, "twice": large + "2", "gone": "(none)", "small": "s"} {
		if got := b.get(y, key); got != want {
			t.Errorf("%s has %d bytes, want %d", key, len(got), len(want))
		}
	}
	if x.Acked(5) != 1 {
		t.Fatalf("acknowledged %d of 5", x.Links()[0].acked.Load())
	}
}

// A frame with a large value is made in the room that the caller gives. What waits for the window is not kept: it is made
// again then, once.
func TestLargeValuesAreMadeWhereTheCallerSays(t *testing.T) {
	b, x, y, c := pair(t)
	l, large := c.sides[0].link, make([]byte, 3<<20)
	l.scheduled.Store(true) // the test flushes by itself
	b.set(x, "one", string(large))
	b.set(x, "two", string(large))
	room := make([]byte, 100, 8<<20)
	var sent [2][]byte
	one, built, ok := l.Data(b.now, room)
	if !ok || !built || &one[:cap(one)][cap(one)-1] != &room[:cap(room)][cap(room)-1] {
		t.Fatalf("the first is not in the room: %v %v", ok, built)
	}
	sent[0] = bytes.Clone(one)
	l.Sent(len(one))
	if made, _, ok := l.Data(b.now, room); ok || !l.stalled.Load() || l.out.built != len(one) || len(made) != len(one) {
		t.Fatalf("the second of %d bytes fits beside the first: %v", l.out.built, ok)
	}
	clear(room[:cap(room)])
	l.stalled.Store(false)
	if made, _, ok := l.Data(b.now, room); ok || len(made) > 0 || room[:200][150] != 0 {
		t.Fatal("the second was made again, and still does not fit")
	}
	if err := hand(l, b.now, codec.AppendAck(nil, codec.Ack{Stream: x.ring.stream, Received: l.out.sent, Applied: 1})); err != nil {
		t.Fatal(err)
	}
	two, built, ok := l.Data(b.now, room)
	if !ok || !built || !l.More() {
		t.Fatalf("the second does not go when the first is acknowledged: %v", ok)
	}
	sent[1] = bytes.Clone(two)
	l.Sent(len(two))
	if _, _, ok := l.Data(b.now, room); ok {
		t.Fatal("something is left")
	}
	for _, frame := range sent {
		if err := hand(c.sides[1].link, b.now, frame); err != nil {
			t.Fatal(err)
		}
	}
	if b.get(y, "one") != string(large) || b.get(y, "two") != string(large) {
		t.Fatal("the values did not arrive")
	}
}

// without returns a store that holds the same but for one key, as after an eviction.
func without(b *bench, old *store.Store, key string) *store.Store {
	st, _ := store.New(store.Options{Shards: 1, Node: 1<<16 | 9000, MaxBytes: 64 << 20, Seed: 7})
	now := uint64(1_700_000_000_000 + b.now/1e6)
	for shard := range 256 {
		recs, _, _, _ := old.Range(nil, nil, shard, 0, 64<<20, now)
		for i := range recs {
			if string(recs[i].Key) != key {
				st.Merge(&recs[i], st.Hash(recs[i].Key), now)
			}
		}
	}
	return st
}

// cutAll holds back all frames, or lets them go.
func (b *bench) cutAll(cut bool) {
	for _, c := range b.conns {
		c.deaf = cut
	}
}

func TestAtMostAWindowIsOnItsWay(t *testing.T) {
	b, x, y, c := pair(t)
	b.cutAll(true)
	ring := NewRing(x.ring.stream, 64<<20)
	ring.SetLive(true)
	ring.head.Store(x.ring.Head())
	ring.base = x.ring.Head()
	x.ring = ring
	value := string(make([]byte, 60_000))
	for i := range 200 {
		b.set(x, fmt.Sprint("k", i), value) // 12 MB
		b.now += int64(Pace)
	}
	l := c.sides[0].link
	if out := l.out.sent - l.out.taken; out > Window || out < Window-2*chunkBytes {
		t.Fatalf("%d bytes are on their way, the window is %d", out, Window)
	}
	if l.More() || !l.stalled.Load() {
		t.Fatal("a link whose window is full asks to be flushed")
	}
	b.cutAll(false)
	b.deliverAll()
	if b.get(y, "k199") != value || x.Acked(x.ring.Head()) != 1 {
		t.Fatal("the window did not open again")
	}
}

func TestR11AckedCountsPeersThatAreLinkedNow(t *testing.T) {
	b, x, _, c := pair(t)
	b.set(x, "k", "v")
	b.deliverAll()
	if x.Acked(1) != 1 || x.Acked(2) != 0 {
		t.Fatalf("acked %d and %d", x.Acked(1), x.Acked(2))
	}
	b.closed(c.sides[0])
	if x.Acked(1) != 0 {
		t.Fatal("a peer that is gone counts")
	}
}

func TestR8RecordsAheadOfTimeAreDroppedAndManyCostTheLink(t *testing.T) {
	b, x, _, c := pair(t)
	l := c.sides[0].link
	for i := range uint64(maxAhead + 1) {
		r := record(b, x, fmt.Sprint("k", i), "v", 77)
		r.Stamp += 11_000 << 16
		if err := hand(l, b.now, batchOf(l, i+1, r)); err != nil {
			t.Fatal(err)
		}
		if closed := l.said == codec.ReasonClock; closed != (i == maxAhead) {
			t.Fatalf("after %d records: closed %v", i+1, closed)
		}
	}
	if b.get(x, "k0") != "(none)" {
		t.Fatal("a record from the future was taken")
	}
}

func TestABreachCostsTheLinkAndSaysSo(t *testing.T) {
	record := codec.AppendRecord(nil, &codec.Record{Key: []byte("k"), Kind: codec.KindString})
	for _, tc := range []struct {
		name  string
		early bool // before the greetings
		frame func(l *Link) []byte
		want  error
	}{
		{"a batch before the greetings", true, func(l *Link) []byte {
			return codec.AppendBatch(nil, codec.Batch{Stream: 1, First: 1, Count: 1, Records: record})
		}, ErrOrder},
		{"a heartbeat before the greetings", true, func(l *Link) []byte { return codec.AppendHeartbeat(nil, codec.Heartbeat{}) }, ErrOrder},
		{"a full greeting first", true, func(l *Link) []byte {
			return codec.AppendGreeting(nil, codec.Greeting{Full: true, Dialed: true, Cluster: l.node.cluster, Node: 5, Stream: 5, ProtoMin: 1, ProtoMax: 1})
		}, ErrOrder},
		{"a greeting when all have greeted", false, func(l *Link) []byte {
			return codec.AppendGreeting(nil, codec.Greeting{Full: true, Cluster: l.node.cluster, Node: 5, Stream: 5, ProtoMin: 1, ProtoMax: 1})
		}, ErrOrder},
		{"an acknowledgement of what was not sent", false, func(l *Link) []byte {
			return codec.AppendAck(nil, codec.Ack{Stream: 1, Received: l.out.sent + 1})
		}, ErrFlow},
		{"records that nobody asked for", false, func(l *Link) []byte {
			return codec.AppendRecords(nil, codec.Records{ID: 999_999, Done: true})
		}, ErrFlow},
		{"a client's command", false, func(l *Link) []byte { return codec.AppendGetValue(nil, 1, codec.GetValue{Key: []byte("k")}) }, ErrClient},
		{"a listing of more entries than counted", false, func(l *Link) []byte {
			one := codec.AppendListingEntry(nil, codec.ListingEntry{KeyHash: 1})
			three := codec.AppendListingEntry(codec.AppendListingEntry(one, codec.ListingEntry{KeyHash: 2}), codec.ListingEntry{KeyHash: 3})
			return codec.AppendListing(nil, codec.Listing{Epoch: 1, Bits: 16, Count: 2, Entries: three})
		}, codec.ErrCount},
		{"fewer records than counted", false, func(l *Link) []byte {
			two := append(append([]byte(nil), record...), make([]byte, 40)...)
			return codec.AppendBatch(nil, codec.Batch{Stream: 1, First: 1, Count: 2, Records: two})
		}, codec.ErrRecord},
	} {
		t.Run(tc.name, func(t *testing.T) {
			b, x, y, c := pair(t)
			l := c.sides[0].link
			if tc.early {
				l = NewLink(x.Node, false, 0, y.addr, func(*Link) {})
				l.SetUser(&bside{conn: c, node: x})
				x.Step(b.now, Event{Kind: EventOpened, Link: l})
			}
			if err := hand(l, b.now, tc.frame(l)); !errors.Is(err, tc.want) {
				t.Fatalf("error %v, want %v", err, tc.want)
			}
			fs := frames(t, l.Control(b.now, nil))
			if last := fs[len(fs)-1]; last.head.Kind != codec.KindBye || codec.Reason(last.body[0]) != codec.ReasonProtocol {
				t.Fatalf("it ends with %s, not with Bye(protocol)", b.describe(last))
			}
			if l.More() {
				t.Fatal("there is more to say after the Bye")
			}
		})
	}
}

func TestTooManyPullsAreABreach(t *testing.T) {
	b, _, _, c := pair(t)
	l := c.sides[0].link
	for i := range uint32(MaxAnswers + 1) {
		err := hand(l, b.now, codec.AppendPull(nil, codec.Pull{ID: i + 1, Limit: 1000}))
		if over := i >= MaxAnswers; (err != nil) != over {
			t.Fatalf("Pull %d: %v", i+1, err)
		}
	}
}

// move flushes one link into buf and hands the frames to the other.
func move(t *testing.T, now int64, from, to *Link, buf []byte) []byte {
	buf = from.Control(now, buf[:0])
	for {
		d, _, ok := from.Data(now, nil)
		if !ok {
			break
		}
		buf = append(buf, d...)
		from.Sent(len(d))
	}
	for rest := buf; len(rest) > 0; {
		h, _, _ := codec.DecodeHeader(rest)
		n := codec.HeaderLen + int(h.Length)
		if err := to.Frame(now, h, rest[codec.HeaderLen:n]); err != nil {
			t.Fatal(err)
		}
		rest = rest[n:]
	}
	return buf
}

// Linked nodes allocate nothing for an update, a heartbeat and its response, from one store to the other.
func TestNothingIsAllocatedForAnUpdateOrAHeartbeat(t *testing.T) {
	if harness.Race {
		t.Skip("the race detector allocates")
	}
	b, x, y, c := pair(t)
	from, to := c.sides[0].link, c.sides[1].link
	var wire, back []byte
	from.doorbell, to.doorbell = func(*Link) {}, func(*Link) {}
	st, key := new(codec.Stage), []byte("key")
	hash := x.store.Hash(key)
	update := func() {
		_, res := x.store.Set(nil, key, key, hash, x.clock.Cluster(b.now), store.SetOptions{})
		st.Reset()
		st.Add((*codec.Record)(&res.Record))
		x.ring.Append(st)
		for _, l := range x.Links() {
			l.Notify(b.now)
		}
		wire = move(t, b.now, from, to, wire)
		back = move(t, b.now, to, from, back)
	}
	var o Outbox
	beat := func() {
		b.now += int64(HeartbeatInterval)
		for _, n := range []*bnode{x, y} {
			n.Tick(b.now)
			from.Touched(b.now)
			to.Touched(b.now)
		}
		for range 2 {
			wire = move(t, b.now, from, to, wire)
			back = move(t, b.now, to, from, back)
		}
		for _, n := range []*bnode{x, y} {
			o.Reset()
			n.Drain(&o)
		}
	}
	for name, f := range map[string]func(){"update": update, "heartbeat": beat} {
		for range 1000 {
			f()
		}
		if n := testing.AllocsPerRun(1000, f); n != 0 {
			t.Errorf("%s: %v allocations", name, n)
		}
	}
	if x.Acked(x.ring.Head()) != 1 || b.get(y, "key") != "key" {
		t.Fatal("the updates did not arrive")
	}
}

func TestR9_AStoppedPeerCostsNoMemoryBeyondTheRingAndOthersNoTime(t *testing.T) {
	b, x, y, c := pair(t)
	z := b.add("z", 9<<16|9000, 0, 0)
	b.wire(z, x, 1)
	b.pass(5 * time.Second)
	if z.State() != codec.StateReady {
		t.Fatal("the third is not ready")
	}
	b.deliverAll()
	c.deaf = true // y has stopped
	value := string(bytes.Repeat([]byte("v"), 8000))
	for i := range 1000 { // 8 MB through a ring of 1 MiB
		b.set(x, fmt.Sprint("k", i), value)
		b.deliverAll()
		if x.Acked(x.ring.Head()) != 1 {
			t.Fatalf("write %d is with %d peers, want the one that runs", i, x.Acked(x.ring.Head()))
		}
	}
	l := c.sides[0].link
	if out := l.out.sent - l.out.taken; out > Window {
		t.Errorf("%d bytes are on their way to who has stopped", out)
	}
	if x.ring.bytes > x.ring.limit {
		t.Errorf("the ring takes %d bytes of %d", x.ring.bytes, x.ring.limit)
	}
	if held := cap(l.control) + l.out.repair.bytes; l.out.piece.chunk != nil || held > chunkBytes {
		t.Errorf("the link holds %d bytes, and a chunk: %v", held, l.out.piece.chunk != nil)
	}
	c.deaf = false
	b.pass(5 * time.Second)
	if b.get(y, "k999") != value || b.get(y, "k0") != value || x.Acked(x.ring.Head()) != 2 {
		t.Error("when it runs again it lacks something")
	}
}
