package peer

import (
	"net/netip"
	"testing"
	"time"

	"covey/codec"
)

// trio is three ready nodes that have stamped, and a fourth that is linked with all of them.
func trio(t *testing.T, weak Weakness) (b *bench, honest []*bnode, evil *bnode) {
	t.Helper()
	b = newBench(t)
	b.quiet = true
	for i, name := range []string{"x", "y", "z", "evil"} {
		n := b.add(name, uint64(4-i)<<16|9000, 0, 0) // evil has the lowest id
		n.Weaken(weak)
		for _, o := range honest {
			b.wire(n, o, uint32(i+1))
		}
		honest = append(honest, n)
	}
	b.pass(3 * time.Second)
	b.set(honest[0], "k", "v")
	b.pass(time.Second)
	for _, n := range honest {
		if n.State() != codec.StateReady || len(n.Links()) != 3 || !n.stamped() {
			t.Fatalf("%s: %s, %d links", n.name, n.State(), len(n.Links()))
		}
	}
	evil = honest[3]
	evil.down = true // from here on it says what the test says
	for _, c := range b.conns {
		for _, s := range c.sides {
			s.open = s.open && s.node != evil
		}
	}
	return b, honest[:3], evil
}

// says has the other end of a node's link with evil say something.
func (b *bench) says(to, evil *bnode, frame []byte) {
	b.t.Helper()
	for _, c := range b.conns {
		for _, s := range c.sides {
			if s.node == to && c.sides[1-s.i].node == evil {
				f := frames(b.t, frame)[0]
				s.link.Touched(b.now)
				if err := s.link.Frame(b.now, f.head, f.body); err != nil {
					b.t.Fatal(err)
				}
				b.carryOut(to)
			}
		}
	}
}

// beats has evil send heartbeats of a time and a number of the last step, and answers whose clocks agree, until d has passed.
func (b *bench) beats(honest []*bnode, evil *bnode, ahead int64, number uint32, d time.Duration) {
	for range int(d / HeartbeatInterval) {
		for _, n := range honest {
			clock := uint64(int64(n.clock.Cluster(b.now)) + ahead)
			b.says(n, evil, codec.AppendHeartbeat(nil, codec.Heartbeat{Anew: true, State: codec.StateReady, Stamped: true, Clock: clock, Step: number, Sent: uint64(b.now)}))
			b.says(n, evil, codec.AppendHeartbeatResponse(nil, codec.HeartbeatResponse{Step: number, Sent: uint64(b.now), Clock: clock}))
		}
		b.pass(HeartbeatInterval)
	}
}

const decadesMS = 30 * 365 * 24 * hourMS

// TestR7_TheWordOfOneMemberMovesNoTime: of the open mesh; where words count it does, so the words are right.
func TestR7_TheWordOfOneMemberMovesNoTime(t *testing.T) {
	for name, say := range map[string]func(b *bench, honest []*bnode, evil *bnode){
		"a proposal": func(b *bench, honest []*bnode, evil *bnode) {
			now := honest[0].clock.Cluster(b.now)
			for _, n := range honest {
				b.says(n, evil, codec.AppendStep(nil, codec.Step{To: 1, Node: evil.ID(), Old: now, New: now + decadesMS}))
			}
			b.beats(honest, evil, 0, 0, 2*time.Second)
		},
		"a proposal to a time that it has itself": func(b *bench, honest []*bnode, evil *bnode) {
			b.beats(honest, evil, decadesMS, 0, 2*time.Second)
			now := honest[0].clock.Cluster(b.now)
			for _, n := range honest {
				b.says(n, evil, codec.AppendStep(nil, codec.Step{To: 1, Node: evil.ID(), Old: now, New: now + decadesMS}))
			}
			b.beats(honest, evil, decadesMS, 0, 2*time.Second)
		},
		"a step that it says was taken": func(b *bench, honest []*bnode, evil *bnode) {
			now := honest[0].clock.Cluster(b.now)
			for _, n := range honest {
				b.says(n, evil, codec.AppendStep(nil, codec.Step{To: 1, Node: evil.ID(), Old: now, New: now + decadesMS, Phase: codec.StepTaken}))
			}
			b.beats(honest, evil, decadesMS, 1, 2*time.Second)
		},
		"patience": func(b *bench, honest []*bnode, evil *bnode) {
			b.beats(honest, evil, decadesMS, 0, 2*stepPatience)
		},
		"patience, with a list of many that are with it": func(b *bench, honest []*bnode, evil *bnode) {
			var many codec.LinkChanges
			for i := range uint64(200) {
				many = many.Append(codec.LinkChange{Node: 1<<40 + i})
			}
			for range 8 {
				for _, n := range honest {
					clock := n.clock.Cluster(b.now) + decadesMS
					b.says(n, evil, codec.AppendHeartbeatResponse(nil, codec.HeartbeatResponse{Sent: uint64(b.now), Clock: clock}))
					b.says(n, evil, codec.AppendHeartbeat(nil, codec.Heartbeat{Anew: true, State: codec.StateReady, Stamped: true, Clock: clock, Sent: uint64(b.now), Links: many}))
				}
				b.pass(HeartbeatInterval)
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			for weak, moved := range map[Weakness]bool{0: false, WithoutHosts: true} {
				b, honest, evil := trio(t, weak)
				say(b, honest, evil)
				for _, n := range honest {
					if away := n.clock.Offset() > hourMS; away != moved {
						t.Errorf("weakened by %d: the time of %s is %d ms off", weak, n.name, n.clock.Offset())
					}
				}
			}
		})
	}
}

// TestR7_NobodyUsesUpTheNumbersOfSteps: the number of a peer is followed, and by no more than so much a minute.
func TestR7_NobodyUsesUpTheNumbersOfSteps(t *testing.T) {
	b, honest, evil := trio(t, 0)
	b.beats(honest, evil, 0, 5, 2*time.Second)
	for _, n := range honest {
		if got := n.steps.number.Load(); got != 5 {
			t.Fatalf("%s has number %d", n.name, got)
		}
	}
	const minutes = 3
	b.beats(honest, evil, 0, codec.MaxStep, minutes*time.Minute)
	for _, n := range honest {
		got, steps := n.steps.number.Load(), n.counters.steps.Load()
		if got < 5+minutes*loneClimb*loneClimbs || got > 5+(minutes+2)*loneClimb*loneClimbs || steps > (minutes+2)*loneClimbs+1 {
			t.Errorf("%s has number %d after %d minutes, and %d steps", n.name, got, minutes, steps)
		}
	}
}

// Another node of this machine is of no other host, at whatever address of it, and one without a link counts for a while.
func TestR7_HostsAreCountedOnceAndRememberedForAWhile(t *testing.T) {
	own := netip.MustParseAddr("10.0.0.9")
	for remote, want := range map[string]string{"127.0.0.1": "0.0.0.0", "127.3.2.1": "0.0.0.0", "10.0.0.9": "0.0.0.0", "10.0.0.8": "10.0.0.8", "::ffff:10.0.0.8": "10.0.0.8"} {
		if got := hostOf(own, netip.MustParseAddr(remote)); got.String() != want {
			t.Errorf("%s is of host %s, want %s", remote, got, want)
		}
	}
	b, honest, evil := trio(t, 0)
	x, m := honest[0], honest[0].known(evil.ID())
	sizes := func() (ours, theirs int) {
		x.mu.Lock()
		defer x.mu.Unlock()
		m.offset = decadesMS
		o, h := x.hostSides(m)
		return o.size, h.size
	}
	b.beats(honest, evil, 0, 0, time.Second)
	if ours, theirs := sizes(); ours != 3 || theirs != 1 {
		t.Fatalf("%d hosts against %d", ours, theirs)
	}
	for _, c := range b.conns {
		if c.sides[0].node != evil && c.sides[1].node != evil {
			b.closed(c.sides[0])
			b.closed(c.sides[1])
		}
	}
	if ours, _ := sizes(); ours != 3 {
		t.Fatalf("%d hosts just after the links were lost", ours)
	}
	b.beats(honest, evil, 0, 0, hostMemory+time.Second)
	if ours, _ := sizes(); ours != 1 {
		t.Fatalf("%d hosts long after the links were lost", ours)
	}
}

// greetsAs has somebody at an address, who is ready, dial a node and greet it under an id; it returns the node's side.
func (b *bench) greetsAs(to *bnode, addr netip.AddrPort, id uint64) *Link {
	b.t.Helper()
	return b.greetsIn(to, addr, id, codec.StateReady)
}

// greetsIn is greetsAs by somebody in any state.
func (b *bench) greetsIn(to *bnode, addr netip.AddrPort, id uint64, state codec.State) *Link {
	b.t.Helper()
	l := NewLink(to.Node, false, 0, addr, func(*Link) {})
	to.Step(b.now, Event{Kind: EventOpened, Link: l})
	g := codec.Greeting{Dialed: true, Cluster: to.cluster, Node: id, Incarnation: 1, Stream: id << 1, ProtoMin: codec.ProtoMin, ProtoMax: codec.ProtoMax, Port: 9000,
		State: state, Clock: to.clock.Cluster(b.now), Dial: 1}
	for _, full := range []bool{false, true} {
		g.Full = full
		f := frames(b.t, codec.AppendGreeting(nil, g))[0]
		if err := l.Frame(b.now, f.head, f.body); err != nil {
			b.t.Fatal(err)
		}
	}
	l.Touched(b.now)
	return l
}

// TestOneHostThatFillsTheTableTakesNoPlaceFromOthers: nodes that come later get one each, and who had few keeps his.
func TestOneHostThatFillsTheTableTakesNoPlaceFromOthers(t *testing.T) {
	b := newBench(t)
	n := b.add("n", 1<<16|9000, 5000, 0)
	n.Tick(b.now)
	at := func(net, host int) netip.AddrPort {
		return netip.AddrPortFrom(netip.AddrFrom4([4]byte{10, 9, byte(net), byte(host)}), 40000)
	}
	id := uint64(1 << 24)
	next := func() uint64 { id += 1 << 16; return id | 9000 }
	machine := make([]*Link, 50) // nodes of one honest machine
	for i := range machine {
		machine[i] = b.greetsAs(n, at(1, 1), next())
	}
	var evil []*Link
	for len(n.members) < MaxMembers-1 {
		evil = append(evil, b.greetsAs(n, at(6, 6), next()))
	}
	if l := b.greetsAs(n, at(6, 6), next()); l.member != nil || l.said != codec.ReasonOverload {
		t.Fatal("the one that fills it adds one more")
	}
	for i := range 60 {
		if l := b.greetsAs(n, at(2, i+1), next()); l.member == nil {
			t.Fatalf("node %d of a host of its own is refused: %s", i, l.said)
		}
		if l := b.greetsAs(n, at(1, 1), next()); l.member == nil {
			t.Fatalf("node %d of the machine that has 50 is refused: %s", i, l.said)
		}
	}
	for _, l := range machine {
		if l.member == nil {
			t.Fatal("an honest one lost its place")
		}
	}
	gone := 0
	for _, l := range evil {
		if l.member == nil && l.said == codec.ReasonOverload {
			gone++
		}
	}
	if gone != 120 || len(n.members) != MaxMembers-1 || n.Counters().LinksRefused != 121 {
		t.Errorf("%d of those of one host are gone, %d members, %d counted", gone, len(n.members), n.Counters().LinksRefused)
	}
}

// With as many hosts as there are places nobody is put out for another, but for the dead.
func TestNobodyIsPutOutWhereEachHostHasOneMember(t *testing.T) {
	b := newBench(t)
	n := b.add("n", 1<<16|9000, 5000, 0)
	host := func(i int) netip.Addr { return netip.AddrFrom4([4]byte{10, 8, byte(i >> 8), byte(i)}) }
	for i := range MaxMembers - 1 {
		n.member(b.now, uint64(i+1)<<24, host(i)).state = Alive
	}
	if n.member(b.now, 1<<60, host(2000)) != nil {
		t.Fatal("one more")
	}
	n.known(7 << 24).state = Dead
	if n.member(b.now, 1<<60, host(2000)) == nil || n.known(7<<24) != nil {
		t.Fatal("the dead one does not make room")
	}
}

// TestGreetingsThatNobodyEndsAreBoundedForEachHost: a host may have so many at a time; others, and this machine, are served.
func TestGreetingsThatNobodyEndsAreBoundedForEachHost(t *testing.T) {
	b := newBench(t)
	n := b.add("n", 1<<16|9000, 5000, 0)
	n.Tick(b.now)
	open := func(addr string) *Link {
		l := NewLink(n.Node, false, 0, netip.MustParseAddrPort(addr), func(*Link) {})
		n.Step(b.now, Event{Kind: EventOpened, Link: l})
		return l
	}
	first := open("10.9.9.9:1")
	for range maxGreeting - 1 {
		open("10.9.9.9:1")
	}
	if l := open("10.9.9.9:1"); l.said != codec.ReasonOverload || n.Counters().LinksRefused != 1 {
		t.Fatalf("one too many: %q, %d counted", l.said, n.Counters().LinksRefused)
	}
	for range 2 * maxGreeting {
		if l := open("127.0.0.1:1"); l.closing {
			t.Fatal("a node of this machine is refused")
		}
	}
	if l := open("10.9.9.8:1"); l.closing {
		t.Fatal("another host is refused")
	}
	n.Step(b.now, Event{Kind: EventClosed, Link: first})
	if l := open("10.9.9.9:1"); l.closing {
		t.Fatal("one that ended makes no room")
	}
}

// TestR12_WhoListsNobodyIsPassedOnABoundedNumberOfStreams: a full table of peers that tell of no links makes no square of offers.
func TestR12_WhoListsNobodyIsPassedOnABoundedNumberOfStreams(t *testing.T) {
	b := newBench(t)
	n := b.add("n", 1<<16|9000, 0, 0)
	n.Tick(b.now)
	l := b.greetsAs(n, netip.MustParseAddrPort("10.9.9.9:1"), 7<<16|9000)
	_ = l.Control(b.now, nil)
	n.mu.Lock()
	for i := range uint64(MaxStreams) {
		n.streamOf(b.now, 1<<32+i, 1<<40+i, 1)
	}
	n.mu.Unlock()
	beat := frames(t, codec.AppendHeartbeat(nil, codec.Heartbeat{Anew: true, State: codec.StateReady, Clock: n.clock.Cluster(b.now)}))[0]
	offers, looks := 0, 0
	for range 20 {
		b.now += int64(HeartbeatInterval)
		for range 5 { // more often than it may
			if err := l.Frame(b.now, beat.head, beat.body); err != nil {
				t.Fatal(err)
			}
		}
		count := 0
		for _, f := range frames(t, l.Control(b.now, nil)) {
			if f.head.Kind == codec.KindOffer {
				count++
			}
		}
		if count > 0 {
			looks++
		}
		if offers += count; count > offersAtOnce {
			t.Fatalf("%d offers at one look", count)
		}
	}
	if offers != maxPassed || looks != maxPassed/offersAtOnce || len(l.relaying()) != maxPassed {
		t.Errorf("%d offers at %d looks, %d streams are passed on", offers, looks, len(l.relaying()))
	}
}

// TestR7_NobodyHoldsUpAGroupForEverBySayingThatAnotherStepsToIt: the proposals of an open mesh that no step follows are yielded to for less than
// half of the time, whoever makes them; with a secret there is nobody who would.
func TestR7_NobodyHoldsUpAGroupForEverBySayingThatAnotherStepsToIt(t *testing.T) {
	b, honest, evil := trio(t, 0)
	x := honest[0]
	held, looks := 0, 2*int(time.Minute/HeartbeatInterval)
	for i := range looks {
		now := x.clock.Cluster(b.now)
		b.says(x, evil, codec.AppendStep(nil, codec.Step{To: 1, Node: 1, Old: now + hourMS + uint64(i), New: now}))
		if x.mu.Lock(); b.now < x.steps.yieldTo {
			held++
		}
		x.mu.Unlock()
		b.beats(honest, evil, 0, 0, HeartbeatInterval)
	}
	if held == 0 || 2*held > looks {
		t.Errorf("%s leaves the step to another group in %d of %d looks", x.name, held, looks)
	}
	if got := x.counters.steps.Load(); got != 0 {
		t.Errorf("%d steps were taken", got)
	}
}

// TestR7_AProposalThatCannotBeTakenKeepsNoOtherAway: its number is none that this node has.
func TestR7_AProposalThatCannotBeTakenKeepsNoOtherAway(t *testing.T) {
	b, honest, evil := trio(t, 0)
	x := honest[0]
	b.beats(honest, evil, hourMS, 0, 2*HeartbeatInterval)
	best := func() codec.Step {
		x.mu.Lock()
		defer x.mu.Unlock()
		return x.steps.best
	}
	now := x.clock.Cluster(b.now)
	bad := codec.Step{From: 77, To: 78, Node: 1, Old: now, New: now + hourMS}
	good := codec.Step{From: 0, To: 1, Node: 2, Old: now, New: now + hourMS}
	for i, k := range []codec.Step{bad, good, bad} {
		if b.says(x, evil, codec.AppendStep(nil, k)); best() != []codec.Step{bad, good, good}[i] {
			t.Errorf("after proposal %d it is to take %+v", i+1, best())
		}
	}
}

// TestR26_WhoClaimsEachIdThatANodeTakesEndsItsLinksAFewTimesAMinute.
func TestR26_WhoClaimsEachIdThatANodeTakesEndsItsLinksAFewTimesAMinute(t *testing.T) {
	b := newBench(t)
	n := b.add("n", 1<<16|9000, 5000, 0)
	n.Tick(b.now)
	for minute := range 2 {
		for i := range 20 {
			l := b.greetsAs(n, netip.MustParseAddrPort("10.9.9.9:40000"), n.ID())
			if got, want := l.said, codec.ReasonProtocol; (i >= maxRekeys) != (got == want) {
				t.Fatalf("claim %d of minute %d is answered with %s", i, minute, got)
			}
			n.Step(b.now, Event{Kind: EventClosed, Link: l})
		}
		b.now += int64(time.Minute)
	}
	if got := n.Counters().Rekeys; got != 2*maxRekeys {
		t.Errorf("%d ids were taken", got)
	}
}
