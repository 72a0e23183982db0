package peer

import (
	"net/netip"
	"slices"
	"testing"
	"time"

	"covey/codec"
	"covey/store"
)

func announceOf(b *bench, id, incarnation, sequence uint64) codec.Announce {
	return codec.Announce{Form: codec.FormAnnounce, ProtoMin: 1, ProtoMax: 1, Cluster: ClusterTag("bench"), Node: id,
		Incarnation: incarnation, Sequence: sequence, Port: 9000, Lifetime: 15000}
}

func (b *bench) hears(n *bnode, a codec.Announce, ip byte) {
	n.Step(b.now, Event{Kind: EventAnnounce, Announce: a, Addr: netip.AddrPortFrom(netip.AddrFrom4([4]byte{10, 9, 9, ip}), a.Port)})
	b.carryOut(n)
}

func TestOwnRepeatedAndForeignAnnouncesAreCountedAndDropped(t *testing.T) {
	b := newBench(t)
	n := b.add("n", 1<<16|9000, 5000, 0)
	b.hears(n, n.Announce(codec.FormAnnounce), 1)
	b.hears(n, announceOf(b, 77, 1, 3), 2)
	b.hears(n, announceOf(b, 77, 1, 3), 3) // over another card
	b.hears(n, announceOf(b, 77, 1, 2), 2) // late
	foreign := announceOf(b, 78, 1, 1)
	foreign.Cluster++
	b.hears(n, foreign, 4)
	newer := announceOf(b, 79, 1, 1)
	newer.ProtoMin, newer.ProtoMax = codec.ProtoMax+1, codec.ProtoMax+1
	b.hears(n, newer, 5)
	c := n.Counters()
	if c.AnnouncesOwn != 1 || c.AnnouncesHeard != 1 || c.AnnouncesRepeated != 2 || c.AnnouncesForeign != 2 {
		t.Fatalf("%+v", c)
	}
	n.Tick(b.now + int64(dialCourtesy))
	b.carryOut(n)
	if len(n.dials) != 1 || n.dials[0].Addr.Addr() != netip.AddrFrom4([4]byte{10, 9, 9, 2}) {
		t.Fatalf("dials %v: only the stranger, where it was heard first", n.dials)
	}
}

func TestAHandshakeAnswersStrangersAtMostOnceASecond(t *testing.T) {
	b := newBench(t)
	n := b.add("n", 1<<16|9000, 5000, 0)
	for i := range uint64(50) {
		b.hears(n, announceOf(b, 100+i, 1, 1), byte(i))
		b.now += int64(50 * time.Millisecond)
	}
	count := 0
	for _, f := range n.forms {
		if f == codec.FormHandshake {
			count++
		}
	}
	if count < 2 || count > 3 {
		t.Fatalf("%d handshakes in 2.5 s", count)
	}
}

func TestAnnouncesGoQuicklyAtFirstThenEveryFiveSeconds(t *testing.T) {
	b := newBench(t)
	n := b.add("n", 1<<16|9000, 5000, 0)
	begun := b.now
	var at []time.Duration
	for b.now-begun < int64(time.Minute) {
		n.forms = nil
		n.Tick(b.now)
		b.carryOut(n)
		if len(n.forms) > 0 {
			at = append(at, time.Duration(b.now-begun))
		}
		b.now += int64(TickInterval)
	}
	if len(at) < 10 || !slices.Equal(at[:len(quick)], quick[:]) {
		t.Fatalf("announces at %v", at)
	}
	distinct := map[time.Duration]bool{}
	for i := len(quick); i < len(at); i++ {
		d := at[i] - at[i-1]
		distinct[d] = true
		if d < 4*time.Second || d > 6*time.Second+TickInterval {
			t.Errorf("%v between two announces", d)
		}
	}
	if len(distinct) < 3 {
		t.Error("announces have no jitter")
	}
	n.AnnounceSoon(b.now)
	n.forms = nil
	n.Tick(b.now)
	b.carryOut(n)
	if len(n.forms) != 1 {
		t.Fatal("no announce when a card came up")
	}
}

func TestDialsAreBoundedAndBackOff(t *testing.T) {
	b := newBench(t)
	n := b.add("n", 1<<16|9000, 5000, 0)
	for i := range uint64(MaxTargets + 500) {
		a := announceOf(b, 1<<20+i, 1, 1)
		n.Step(b.now, Event{Kind: EventAnnounce, Announce: a, Addr: netip.AddrPortFrom(netip.AddrFrom4([4]byte{10, 8, byte(i >> 8), byte(i)}), 9000)})
	}
	if len(n.dialing.order) != MaxHints || len(n.dialing.byAddr) != len(n.dialing.order) {
		t.Fatalf("%d targets", len(n.dialing.order))
	}
	for range 10 {
		b.now += int64(TickInterval)
		n.Tick(b.now)
	}
	b.carryOut(n)
	if len(n.dials) != MaxStrangers {
		t.Fatalf("%d strangers are dialed at one time", len(n.dials))
	}
	for i := range MaxDialing {
		n.mu.Lock()
		n.staticTarget(netip.AddrPortFrom(netip.AddrFrom4([4]byte{10, 9, 0, byte(i)}), 9000))
		n.mu.Unlock()
	}
	b.now += int64(TickInterval)
	n.Tick(b.now)
	b.carryOut(n)
	if len(n.dials) != MaxDialing {
		t.Fatalf("%d dials under way", len(n.dials))
	}
	n.SetStatic(b.now, nil)
	// One that always fails is tried less and less often, and a mere hint is given up.
	target := n.dials[0].Addr
	var waits []time.Duration
	last := b.now
	for range 4000 {
		for _, d := range n.dials {
			if d.Addr == target {
				waits = append(waits, time.Duration(b.now-last))
				last = b.now
			}
			n.Step(b.now, Event{Kind: EventDialFailed, Addr: d.Addr, Number: d.Number})
		}
		n.dials = nil
		b.now += int64(TickInterval)
		n.Tick(b.now)
		b.carryOut(n)
	}
	if len(waits) != maxTries || waits[len(waits)-1] <= StrangerRest || slices.Min(waits[2:]) < StrangerRest {
		t.Fatalf("waits between dials of one address: %v", waits)
	}
	if len(n.dialing.order) != 0 || n.dialing.busy != 0 {
		t.Fatalf("%d hints are left, %d dials are counted", len(n.dialing.order), n.dialing.busy)
	}
}

func TestAStaticPeerIsDialedForEver(t *testing.T) {
	b := newBench(t)
	addr := netip.MustParseAddrPort("10.7.7.7:9000")
	n := b.add("n", 1<<16|9000, 5000, 0, addr)
	tried := 0
	var last, longest int64
	for range 20 * 60 * 2 {
		b.now += int64(TickInterval)
		n.Tick(b.now)
		b.carryOut(n)
		for _, d := range n.dials {
			n.Step(b.now, Event{Kind: EventDialFailed, Addr: d.Addr, Number: d.Number})
			if last != 0 {
				longest = max(longest, b.now-last)
			}
			tried, last = tried+1, b.now
		}
		n.dials = nil
	}
	if tried < 20 || time.Duration(longest) > backoffMax+TickInterval || time.Duration(longest) < backoffMax/2 {
		t.Fatalf("%d dials in 2 minutes, at most %v apart", tried, time.Duration(longest))
	}
}

func TestADialOfOneselfIsNoticed(t *testing.T) {
	b := newBench(t)
	n := b.add("n", 1<<16|9000, 5000, 0, netip.AddrPortFrom(netip.AddrFrom4([4]byte{10, 0, 0, 1}), 9000))
	b.now += int64(TickInterval)
	n.Tick(b.now)
	b.carryOut(n)
	b.connect(n, n)
	b.deliverAll()
	if n.Linked() != 0 || len(n.members) != 0 {
		t.Fatalf("%d links, %d members", n.Linked(), len(n.members))
	}
	b.pass(30 * time.Second)
	if len(n.dials) != 0 {
		t.Fatal("it dials itself again")
	}
	if n.State() != codec.StateReady {
		t.Fatal("it waits for itself")
	}
}

func TestMembersAreBounded(t *testing.T) {
	b := newBench(t)
	n := b.add("n", 1<<16|9000, 5000, 0)
	n.Tick(b.now)
	for i := range uint64(MaxMembers - 1) {
		m := n.member(b.now, 1<<20+i, thisHost)
		m.state = Alive
	}
	if n.member(b.now, 1<<30, thisHost) != nil {
		t.Fatal("one member too many")
	}
	n.known(1<<20 + 7).state = Dead
	if m := n.member(b.now, 1<<30, thisHost); m == nil || len(n.members) != MaxMembers-1 || n.known(1<<20+7) != nil {
		t.Fatal("a dead one must make room")
	}
	if !slices.IsSortedFunc(n.members, func(a, b *member) int { return int(int64(a.id) - int64(b.id)) }) {
		t.Fatal("members are not in order")
	}
}

func TestStreamsAreBoundedAndThoseOfEarlierStartsAreOver(t *testing.T) {
	b := newBench(t)
	n := b.add("n", 1<<16|9000, 5000, 0)
	first := n.streamOf(1, 10, 77, 1)
	first.advance(1, 5)
	if again := n.streamOf(2, 10, 77, 1); again != first || first.over {
		t.Fatal("the stream is not remembered")
	}
	if second := n.streamOf(3, 11, 77, 2); second.over || !first.over || n.Applied(10) != 5 {
		t.Fatal("not the stream of the earlier start is over (R10)")
	}
	if late := n.streamOf(4, 9, 77, 0); !late.over || n.streamBy(11).over {
		t.Fatal("an earlier start that was heard of late is not over")
	}
	n.dropStreams(4)
	n.dropStreams(4 + n.horizon)
	if len(n.streams) != 0 {
		t.Fatal("streams that nobody has are not forgotten after the horizon")
	}
	for i := range uint64(MaxStreams + 100) {
		n.streamOf(int64(i), 100+i, 1000+i, 1)
	}
	if len(n.streams) != MaxStreams || n.streams[0].id != 200 {
		t.Fatalf("%d streams", len(n.streams))
	}
}

func TestAControlOutboxThatIsNotReadCostsTheLink(t *testing.T) {
	b, x, _, c := pair(t)
	l := c.sides[0].link
	x.mu.Lock()
	for i := 0; i < 2*ControlLimit; i += 100 {
		x.send(l, func(d []byte) []byte { return append(d, make([]byte, 100)...) })
	}
	x.mu.Unlock()
	if l.closing || l.member == nil {
		t.Fatal("the link ends under who sends on it")
	}
	x.Tick(b.now + int64(TickInterval))
	if l.said != codec.ReasonOverload || len(l.control) > ControlLimit+200 {
		t.Fatalf("said %v with %d bytes waiting", l.said, len(l.control))
	}
}

func TestR4AFlushTravelsWithGreetingAndHeartbeat(t *testing.T) {
	b, x, y, _ := pair(t)
	b.set(x, "k", "v")
	b.deliverAll()
	x.store.Flush(x.clock.Cluster(b.now)) // its record is lost: only the register tells
	b.pass(HeartbeatInterval + TickInterval)
	if b.get(y, "k") != "(none)" || y.store.Flushed() != x.store.Flushed() {
		t.Fatal("the flush did not come with the heartbeat")
	}
	z := b.add("z", 9<<16|9000, 0, 0)
	old := record(b, z, "k", "older", 77)
	old.Stamp = x.store.Flushed().Stamp - 1
	old.ExpireStamp = old.Stamp
	z.store.Merge((*store.Record)(old), z.store.Hash(old.Key), z.clock.Cluster(b.now))
	b.wire(z, x, 1)
	b.deliverAll()
	if z.store.Flushed() != x.store.Flushed() || b.get(z, "k") != "(none)" {
		t.Fatal("the flush did not come with the join")
	}
}

func TestR14ANodeTakesItsDonorsFloorWhenItBecomesReady(t *testing.T) {
	b, x, _, _ := pair(t)
	floor := store.Version{Stamp: x.clock.Cluster(b.now) << 16, Node: 3}
	x.store.RaiseFloor(floor)
	z := b.add("z", 9<<16|9000, 0, 0)
	b.wire(z, x, 1)
	b.deliverAll()
	if z.State() != codec.StateLoading || z.store.Floor() != (store.Version{}) {
		t.Fatalf("%v with floor %v", z.State(), z.store.Floor())
	}
	b.pass(5 * time.Second) // x was written to just now
	if z.State() != codec.StateReady || z.store.Floor() != floor {
		t.Fatalf("%v with floor %v", z.State(), z.store.Floor())
	}
}

func TestR6OnlyANodeThatHasNotStampedStepsItsClock(t *testing.T) {
	for _, tc := range []struct {
		name             string
		lowReady, stamps bool // the lower id is ready before; the higher has stamped
		low, high        int64
	}{
		{"both seek: the higher id steps", false, false, 0, -700},
		{"one is ready: the other steps", true, false, 0, -700},
		{"the higher id has stamped: the lower steps", false, true, 700, 0},
		{"one is ready and the other has stamped: none steps", true, true, 0, 0},
	} {
		t.Run(tc.name, func(t *testing.T) {
			b := newBench(t)
			x := b.add("x", 1<<16|9000, 0, 0)
			if tc.lowReady {
				b.pass(1200 * time.Millisecond)
			}
			y := b.add("y", 2<<16|9000, 0, 700)
			if tc.stamps {
				b.set(y, "k", "v")
			}
			b.wire(y, x, 1)
			b.deliverAll()
			if x.clock.Offset() != tc.low || y.clock.Offset() != tc.high {
				t.Fatalf("x stepped %d ms, y %d ms", x.clock.Offset(), y.clock.Offset())
			}
			if y.TimeSettled() {
				t.Fatal("a turn under way may have read the clock before")
			}
			b.pass(TickInterval)
			if !x.TimeSettled() || !y.TimeSettled() {
				t.Fatal("the first greeting settles the time (R8)")
			}
		})
	}
}

func TestR20VerifyComparesTheNewestEpochThatAllHaveToldOf(t *testing.T) {
	b, x, y, _ := pair(t)
	x.Weaken(WithoutRepair)
	b.set(x, "k", "v")
	b.deliverAll()
	b.pass(6 * time.Second)
	v := x.Verify()
	if !v.Converged || v.Members != 2 || v.Epoch == 0 || len(v.Differing) != 0 {
		t.Fatalf("%+v", v)
	}
	// y gets what x has not.
	r := record(b, y, "only y", "v", 77)
	y.store.Merge((*store.Record)(r), y.store.Hash(r.Key), y.clock.Cluster(b.now))
	written := y.clock.Cluster(b.now)
	b.pass(6 * time.Second)
	v = x.Verify()
	if v.Converged || !slices.Equal(v.Differing, []uint64{y.ID()}) {
		t.Fatalf("%+v", v)
	}
	x.store.Merge((*store.Record)(r), x.store.Hash(r.Key), x.clock.Cluster(b.now))
	b.pass(12 * time.Second)
	if v = x.Verify(); !v.Converged || v.Since <= written || v.Since > x.clock.Cluster(b.now) {
		t.Fatalf("%+v, written at %d", v, written)
	}
}

func TestDeadMembersAreForgottenAfterTheHorizon(t *testing.T) {
	b, x, _, c := pair(t)
	x.horizon = int64(20 * time.Second)
	b.crash(c.sides[1].node)
	b.deliverAll()
	for range 19 {
		b.pass(time.Second)
		for _, d := range x.dials {
			x.Step(b.now, Event{Kind: EventDialFailed, Addr: d.Addr, Number: d.Number})
		}
		x.dials = nil
	}
	if len(x.Members(nil)) != 2 || !x.ring.Live() {
		t.Fatal("forgotten too early")
	}
	b.pass(2 * time.Second)
	if len(x.Members(nil)) != 1 || x.ring.Live() || len(x.streams) != 0 || len(x.dialing.order) > len(x.dials) {
		t.Fatalf("%d members, ring live %v, %d streams, %d targets", len(x.Members(nil)), x.ring.Live(), len(x.streams), len(x.dialing.order))
	}
}

func TestGreetingsPassOnWhereOthersAre(t *testing.T) {
	b := newBench(t)
	x, y, z := b.add("x", 1<<16|9000, 0, 0), b.add("y", 2<<16|9000, 0, 0), b.add("z", 3<<16|9000, 0, 0)
	b.wire(y, x, 1)
	b.deliverAll()
	b.wire(z, x, 1)
	b.deliverAll()
	b.pass(200 * time.Millisecond)
	if !slices.ContainsFunc(z.dials, func(d Dial) bool { return d.Addr == y.addr }) {
		t.Fatalf("z dials %v, not y of which x has told", z.dials)
	}
}

// After a split whose end no card tells of, the first link across brings the others, however long their dials would wait.
func TestOneLinkAcrossAHealedSplitBringsTheOthersAtOnce(t *testing.T) {
	b := newBench(t)
	x, y, z := b.add("x", 1<<16|9000, 0, 0), b.add("y", 2<<16|9000, 0, 0), b.add("z", 3<<16|9000, 0, 0)
	first, second := b.wire(x, y, 1), b.wire(x, z, 1)
	b.deliverAll()
	first.deaf, second.deaf = true, true
	fail := func() {
		for _, d := range x.dials {
			x.Step(b.now, Event{Kind: EventDialFailed, Addr: d.Addr, Number: d.Number})
		}
		x.dials = nil
	}
	for range 300 { // 30 s
		b.pass(100 * time.Millisecond)
		fail()
	}
	for _, m := range x.Members(nil) {
		if m.ID != x.ID() && m.State != Dead {
			t.Fatalf("after 30 s of silence %s is %v", b.who(m.ID), m.State)
		}
	}
	// The dials wait for seconds now.
	at := slices.IndexFunc(x.dialing.order, func(t *target) bool { return t.addr == z.addr })
	x.dialing.order[at].next = b.now + int64(backoffMax)
	x.forms = nil
	b.wire(y, x, 9)
	b.deliverAll()
	b.pass(backoffMin + 2*TickInterval)
	if !slices.ContainsFunc(x.dials, func(d Dial) bool { return d.Addr == z.addr }) {
		t.Errorf("x dials %v, not z that was dead too", x.dials)
	}
	if !slices.Contains(x.forms, codec.FormHandshake) {
		t.Errorf("x announces %v, no handshake for those that hear it again", x.forms)
	}
}

func TestClockGivesMilliseconds(t *testing.T) {
	c := NewClock(1000)
	if got := c.Cluster(int64(2*time.Second) + 999_999); got != 3000 {
		t.Fatal(got)
	}
	c.step(0, -500)
	if got := c.Cluster(int64(2 * time.Second)); got != 2500 || c.Offset() != -500 {
		t.Fatal(got, c.Offset())
	}
	c.step(0, -10_000)
	if got := c.Cluster(0); got != 0 {
		t.Fatal("time before 1970: ", got)
	}
	if got := c.Cluster(int64(time.Second)); got != 1000 {
		t.Fatal("it stands still: ", got)
	}
}

func TestAfterAQuarrelTheNextDialWaits(t *testing.T) {
	for _, reason := range []codec.Reason{codec.ReasonClock, codec.ReasonProtocol, codec.ReasonOverload} {
		b, x, y, c := pair(t)
		l := c.sides[0].link
		if err := hand(l, b.now, codec.AppendBye(nil, codec.Bye{Reason: reason})); err != nil {
			t.Fatal(err)
		}
		b.closed(c.sides[0])
		b.closed(c.sides[1])
		x.dials, y.dials = nil, nil
		b.pass(backoffMax/2 - 2*TickInterval)
		if len(x.dials) != 0 {
			t.Errorf("after Bye(%v) it dials again at once", reason)
		}
		b.pass(backoffMax)
		if len(x.dials) == 0 {
			t.Errorf("after Bye(%v) it never dials again", reason)
		}
	}
}

func TestWhoAnnouncesThatItLeavesHasLeftWithoutABye(t *testing.T) {
	for _, announced := range []bool{true, false} {
		b, x, y, c := pair(t)
		if announced {
			a := y.Announce(codec.FormAnnounce)
			a.Lifetime = 0
			b.hears(x, a, 2)
		}
		b.crash(c.sides[1].node)
		b.deliverAll()
		want := Dead
		if announced {
			want = Left
		}
		if m := x.Members(nil)[1]; m.State != want {
			t.Errorf("announced %v: the member is %v, want %v", announced, m.State, want)
		}
	}
}
