package peer

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"covey/codec"
)

const twoDays = 48 * hourMS

// twoTimes are two pairs of nodes, two days apart. Where one of each is linked with one of the other neither pair may step, for both see as many hosts.
func twoTimes(t *testing.T) (b *bench, a, m, c *bnode) {
	b = newBench(t)
	b.quiet = true
	a, m = b.add("a", 1<<16|9000, 0, 0), b.add("m", 2<<16|9000, 0, 0)
	c = b.add("c", 3<<16|9000, 0, twoDays)
	d := b.add("d", 4<<16|9000, 0, twoDays)
	b.pass(1200 * time.Millisecond)
	for _, n := range []*bnode{a, m, c, d} {
		b.set(n, "of "+n.name, "v")
	}
	b.wire(a, m, 901)
	b.wire(c, d, 902)
	b.deliverAll()
	b.pass(5 * time.Second)
	return b, a, m, c
}

// forgetsAll has a node be certain of no absence.
func (n *bnode) forgetsAll() {
	for shard := range 256 {
		for leaf := range n.store.LeafCount() {
			n.store.SetPartial(shard, leaf, true)
		}
	}
}

// asks asks for a key until there is an answer.
func (b *bench) asks(n *bnode, client uint64, key string) Asked {
	for {
		got := n.Ask(b.now, client, []byte(key))
		if got != AskedPending {
			return got
		}
		b.carryOut(n)
		b.pass(TickInterval)
	}
}

// TestR17_AMemberOfAnotherTimeIsNotAsked: it could not answer. One whose link is held for a moment is waited for: it may have the key.
func TestR17_AMemberOfAnotherTimeIsNotAsked(t *testing.T) {
	b, a, m, c := twoTimes(t)
	m.forgetsAll()
	b.wire(c, m, 903)
	b.deliverAll()
	if got := b.asks(m, 1, "k"); got != AskedLate {
		t.Errorf("while the two may still step to one time: %d", got)
	}
	b.pass(heldPatience)
	if l := b.linkWith(m, c); !l.held.Load() || l.member.readiness != codec.StateReady {
		t.Fatalf("held %v, %s", l.held.Load(), l.member.readiness)
	}
	from := b.now
	for i := range 10 {
		if got := b.asks(m, 1, fmt.Sprint("absent", i)); got != AskedAll {
			t.Fatalf("answer %d after %s", got, time.Duration(b.now-from))
		}
	}
	l := b.linkWith(m, a)
	m.mu.Lock()
	l.told++ // as if it had taken a step that nothing is known of
	m.hold(b.now, l)
	m.mu.Unlock()
	if got := m.Ask(b.now, 1, []byte("k")); got != AskedPending {
		t.Errorf("of one that is held since a moment: %d", got)
	}
	b.carryOut(m)
	m.mu.Lock()
	l.told--
	m.hold(b.now, l)
	m.mu.Unlock()
	b.carryOut(m)
	b.deliverAll()
	if got := m.Ask(b.now, 1, []byte("k")); got != AskedAll {
		t.Errorf("when it is held no more: %d", got)
	}
}

// TestR20_AMemberOfAnotherTimeHidesNoAgreement: it alone differs, and the others are compared.
func TestR20_AMemberOfAnotherTimeHidesNoAgreement(t *testing.T) {
	b, _, m, c := twoTimes(t)
	b.wire(c, m, 903)
	b.deliverAll()
	b.pass(20 * time.Second)
	v := m.Verify()
	if v.Epoch == 0 || v.Root == 0 || v.Converged || v.Members != 3 || len(v.Differing) != 1 || v.Differing[0] != c.ID() {
		t.Errorf("%+v, want %s alone to differ", v, codec.FormatID(c.ID()))
	}
}

// TestR21_AMemberOfAnotherTimeKeepsNobodyFromBecomingReady: who joins is ready without it, takes absence for certain as soon as it is ready, and
// compares with it when the two are of one time.
func TestR21_AMemberOfAnotherTimeKeepsNobodyFromBecomingReady(t *testing.T) {
	b, a, m, c := twoTimes(t)
	e := b.add("e", 5<<16|9000, 0, 0)
	for i, o := range []*bnode{a, m, c} {
		b.wire(e, o, uint32(910+i))
		b.deliverAll()
	}
	from := b.now
	for e.State() != codec.StateReady && b.now-from < int64(donorPatience) {
		b.pass(TickInterval)
	}
	key := []byte("nowhere")
	took, l := time.Duration(b.now-from), b.linkWith(e, c)
	if e.State() != codec.StateReady || took > heldPatience+time.Second || e.join.hasty != nil || !e.store.Certain(key, e.store.Hash(key), e.clock.Cluster(b.now)) {
		t.Fatalf("%s after %s, hasty %v", e.State(), took, e.join.hasty != nil)
	}
	if !l.held.Load() || l.member.stream.synced {
		t.Fatalf("held %v, synced %v", l.held.Load(), l.member.stream.synced)
	}
	e.mu.Lock()
	l.debt = debt{} // as if nothing was known to be missing
	l.member.offset = 0
	e.hold(b.now, l)
	owed := l.debt.owed
	e.mu.Unlock()
	if !owed {
		t.Error("nothing is owed by one that was passed over")
	}
}

// TestR17_QuestionsThatAreOverTakeNoRoom: many clients ask, again and again and for ever new keys, while a peer answers nothing. What is kept
// on its link is what somebody waits for; and the link ends.
func TestR17_QuestionsThatAreOverTakeNoRoom(t *testing.T) {
	b := newBench(t)
	b.quiet = true
	x, y := b.add("x", 1<<16|9000, 0, 0), b.add("y", 2<<16|9000, 0, 0)
	conn := b.wire(x, y, 1)
	b.deliverAll()
	b.pass(5 * time.Second)
	l := b.linkWith(x, y)
	conn.slow = func(k codec.Kind) bool { return k == codec.KindFetch }
	begun, most := b.now, 0
	for i := 0; l.member != nil && b.now-begun < int64(2*askPatience); i++ {
		for client := range uint64(100) {
			x.Ask(b.now, client, fmt.Append(nil, "absent ", client, " ", i/40)) // each is given up in the end
		}
		b.carryOut(x)
		b.pass(TickInterval)
		if now := b.now - begun; now%int64(HeartbeatInterval) == 0 {
			kept := len(l.asking.queue)
			for _, q := range l.asking.sent {
				kept += len(q.doubts)
			}
			most = max(most, kept)
		}
	}
	if most > 200 {
		t.Errorf("%d questions are kept for 100 clients", most)
	}
	if took := time.Duration(b.now - begun); l.member != nil || took < askPatience || took > askPatience+2*AskTimeout {
		t.Errorf("linked: %v, after %s", l.member != nil, took)
	}
}

// TestR17_AQueueOfQuestionsIsBounded: clients come and go between two heartbeats.
func TestR17_AQueueOfQuestionsIsBounded(t *testing.T) {
	var a asking
	for range 5 * maxDoubts {
		a.add(&doubt{over: true})
	}
	a.add(&doubt{})
	if got := len(a.queue); got > 2*maxDoubts || len(current(a.queue)) != 1 {
		t.Errorf("%d wait", got)
	}
}

// little is a node with room for all keys, and one that has evicted "k" and knows it to be with the other.
func little(t *testing.T) (b *bench, small, large *bnode) {
	b = newBench(t)
	b.quiet = true
	large = b.add("large", 1<<16|9000, 0, 0)
	b.store.MaxBytes = 1 << 20
	small = b.add("small", 2<<16|9000, 0, 0)
	b.wire(small, large, 1)
	b.deliverAll()
	b.pass(5 * time.Second)
	b.set(large, "k", "v")
	b.deliverAll()
	b.evicts(small, large)
	return b, small, large
}

// evicts has a node evict "k", for large values that another writes.
func (b *bench) evicts(small, by *bnode) {
	key := []byte("k")
	for i := 0; small.store.Certain(key, small.store.Hash(key), small.clock.Cluster(b.now)); i++ {
		b.set(by, fmt.Sprint("large", i), strings.Repeat("x", 200<<10))
		if b.deliverAll(); i > 100 {
			b.t.Fatal("it is not evicted")
		}
	}
}

// heldAnswer has a node ask for "k", and get the answer while the link is held, so that nothing of it is taken.
func (b *bench) heldAnswer(small, large *bnode) *Link {
	if got := small.Ask(b.now, 1, []byte("k")); got != AskedPending {
		b.t.Fatalf("nobody is asked: %d", got)
	}
	b.carryOut(small)
	l := b.linkWith(small, large)
	small.mu.Lock()
	l.told++ // as if it had taken a step that nothing is known of
	small.hold(b.now, l)
	small.mu.Unlock()
	b.deliverAll()
	if got := small.Ask(b.now, 1, []byte("k")); got != AskedPending || b.get(small, "k") != "(none)" {
		b.t.Fatalf("an answer was taken on a link that is held: %d", got)
	}
	return l
}

// TestR17_AnAnswerThatIsNotTakenSaysNothingOfRoom: it was not merged, so that the value is not here does not show that it has no room.
func TestR17_AnAnswerThatIsNotTakenSaysNothingOfRoom(t *testing.T) {
	b, small, large := little(t)
	l := b.heldAnswer(small, large)
	b.closed(l.User().(*bside))
	b.carryOut(small)
	if got := small.Ask(b.now, 1, []byte("k")); got != AskedAll {
		t.Errorf("nobody is linked any more: %d", got)
	}
}

// TestR17_AValueThatWasEvictedOnceMoreIsAskedForOnceMore: it had room the last time, be it that it had none the time before.
func TestR17_AValueThatWasEvictedOnceMoreIsAskedForOnceMore(t *testing.T) {
	b, small, large := little(t)
	if got := small.Ask(b.now, 1, []byte("k")); got != AskedPending {
		t.Fatalf("nobody is asked: %d", got)
	}
	d := small.doubts[1]
	d.cramped = true // as of what another peer has sent
	b.carryOut(small)
	b.deliverAll()
	if got := b.get(small, "k"); got != "v" || !d.filled {
		t.Fatalf("%s, filled %v", got, d.filled)
	}
	b.evicts(small, large)
	if got := small.Ask(b.now, 1, []byte("k")); got != AskedPending {
		t.Fatalf("it is not asked for: %d", got)
	}
	b.carryOut(small)
	b.deliverAll()
	if got := b.get(small, "k"); got != "v" {
		t.Errorf("%s", got)
	}
}

// TestR17_WhatOneAnswerBringsTooMuchOfIsAskedForAgain: clients want values that have room one by one, and together have none. One answer
// brings them all, so that some are evicted for the others; each of the commands is carried out all the same.
func TestR17_WhatOneAnswerBringsTooMuchOfIsAskedForAgain(t *testing.T) {
	const clients = 12
	b, small, large := little(t)
	for i := range clients {
		b.set(large, fmt.Sprint("wanted", i), strings.Repeat("w", 200<<10))
	}
	b.deliverAll()
	b.evicts(small, large)
	waits := map[uint64]string{}
	for i := range clients {
		key := []byte(fmt.Sprint("wanted", i))
		if !small.store.Certain(key, small.store.Hash(key), small.clock.Cluster(b.now)) {
			waits[uint64(i)] = string(key)
		}
	}
	if len(waits) < clients/2 {
		t.Fatalf("%d of %d are evicted", len(waits), clients)
	}
	for round := 0; len(waits) > 0; round++ {
		for client, key := range waits {
			if small.store.Certain([]byte(key), small.store.Hash([]byte(key)), small.clock.Cluster(b.now)) {
				delete(waits, client)
			} else if got := small.Ask(b.now, client, []byte(key)); got != AskedPending {
				t.Fatalf("round %d, %s: answer %d", round, key, got)
			}
		}
		b.carryOut(small)
		b.deliverAll()
	}
}

// TestR17_AValueThatIsEvictedEachTimeIsAskedForAFewTimes: for others, before anybody comes to see it.
func TestR17_AValueThatIsEvictedEachTimeIsAskedForAFewTimes(t *testing.T) {
	b, small, large := little(t)
	asked := 0
	for small.Ask(b.now, 1, []byte("k")) == AskedPending {
		if asked++; asked > 1+maxAskAgain {
			t.Fatalf("it is asked for the %dth time", asked)
		}
		small.doubts[1].filled = false
		b.carryOut(small)
		b.deliverAll()
		b.evicts(small, large)
		d := small.doubts[1]
		d.filled, d.evicted = false, true // as if that had been so when the answer was looked at
	}
	if asked != 1+maxAskAgain {
		t.Errorf("it was asked for %d times", asked)
	}
}

// TestR17_AQuestionDoesNotOvertakeWhatWasWrittenHere: what a node wrote and has evicted is on its way when it asks for it. A peer that
// answers before it has come has no value, or the one of before, and says nothing of what the command is to find.
func TestR17_AQuestionDoesNotOvertakeWhatWasWrittenHere(t *testing.T) {
	b, small, _ := little(t)
	key := []byte("k")
	certain := func() bool { return small.store.Certain(key, small.store.Hash(key), small.clock.Cluster(b.now)) }
	b.set(small, "first", "x") // leaves at once, and what follows with the next flush
	b.set(small, "k", "new")
	for i := 0; certain(); i++ {
		if i > 100 {
			t.Fatal("it is not evicted")
		}
		b.set(small, fmt.Sprint("own", i), strings.Repeat("x", 200<<10))
	}
	for !certain() {
		if got := small.Ask(b.now, 1, key); got != AskedPending {
			t.Fatalf("answer %d, and it is not here", got)
		}
		b.carryOut(small)
		b.deliverAll()
	}
	if got := b.get(small, "k"); got != "new" {
		t.Errorf("%s", got)
	}
}

// TestR17_OnlyReadyPeersAreAsked: one that still copies does not know what there is, and is not waited for.
func TestR17_OnlyReadyPeersAreAsked(t *testing.T) {
	for _, state := range []codec.State{codec.StateSeeking, codec.StateLoading, codec.StateReady} {
		b, x, _, _ := pair(t)
		x.forgetsAll()
		b.greetsIn(x, x.at(7), 7<<16|9000, state).SetUser(&bside{}) // it says no more
		want := AskedAll
		if state == codec.StateReady {
			want = AskedLate
		}
		if got := b.asks(x, 1, "k"); got != want {
			t.Errorf("beside one that is %v: %d, not %d", state, got, want)
		}
	}
}
