package peer

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"covey/codec"
)

func TestR23TheBetterOfTwoLinks(t *testing.T) {
	const a, b = 1, 2 // ids: a is the lower
	life := start{b, 5}
	held := candidate{dialer: a, number: 3, start: life, opened: 10, chosen: 12}
	for _, tc := range []struct {
		name  string
		fresh candidate
		held  candidate
		want  bool
	}{
		{"same dialer, higher number", candidate{dialer: a, number: 4, start: life, opened: 11, holds: 3}, held, true},
		{"same dialer, lower number", candidate{dialer: a, number: 2, start: life, opened: 11, holds: 3}, held, false},
		{"the lower id's dial against the higher's", candidate{dialer: a, number: 1, start: life, opened: 11, holds: 9},
			candidate{dialer: b, number: 9, start: life, opened: 10, chosen: 12}, true},
		{"the higher id's dial against the lower's", candidate{dialer: b, number: 9, start: life, opened: 11, holds: 3}, held, false},
		{"the other holds none, and ours was chosen before", candidate{dialer: b, number: 9, start: life, opened: 13}, held, true},
		{"the other holds none, but ours was chosen after", candidate{dialer: b, number: 9, start: life, opened: 11}, held, false},
		{"a later start of the other", candidate{dialer: b, number: 1, start: start{b, 6}, opened: 11, holds: 3}, held, true},
		{"an earlier start of the other", candidate{dialer: a, number: 9, start: start{b, 4}, opened: 13}, held, false},
	} {
		if got := better(tc.fresh, tc.held, a, b); got != tc.want {
			t.Errorf("%s: better = %v", tc.name, got)
		}
	}
}

// order is one order of deliveries: at each step it chooses among those that are possible, and notes how many they were.
type order struct {
	choices []int // to be made first; beyond, 0 or what pick says
	made    []int
	of      []int
	pick    func(n int) int
}

func (o *order) next(n int) int {
	c := 0
	if i := len(o.made); i < len(o.choices) {
		c = o.choices[i]
	} else if o.pick != nil {
		c = o.pick(n)
	}
	o.made, o.of = append(o.made, c), append(o.of, n)
	return c
}

// advance makes the next order in a search through all of them; false when all were seen.
func (o *order) advance() bool {
	for i := len(o.made) - 1; i >= 0; i-- {
		if o.made[i]+1 < o.of[i] {
			o.choices = append(append([]int(nil), o.made[:i]...), o.made[i]+1)
			o.made, o.of = nil, nil
			return true
		}
	}
	return false
}

// race wires dials between a and b and moves frames in the given order, openings included; then it checks that both have
// chosen one and the same link and closed all others.
func race(t *testing.T, o *order, dials string, prepare func(b *bench)) {
	bn := newBench(t)
	a, b := bn.add("a", 0x0200_0000_0001_2328, 1000, 0), bn.add("b", 0x0200_0000_0002_2328, 2000, 0)
	a.setReadiness(codec.StateLoading) // so that neither pulls from the other: greetings alone are many orders
	b.setReadiness(codec.StateLoading)
	if prepare != nil {
		prepare(bn)
	}
	left := []byte(dials)
	numbers := map[byte]uint32{'a': 10, 'b': 20}
	for {
		bn.beaten(o)
		var can []func()
		if len(left) > 0 {
			d := left[0]
			can = append(can, func() {
				left = left[1:]
				numbers[d]++
				if d == 'a' {
					bn.wire(a, b, numbers[d])
				} else {
					bn.wire(b, a, numbers[d])
				}
			})
		}
		for _, c := range bn.conns {
			for _, s := range c.sides {
				if len(s.in) > 0 {
					can = append(can, func() { bn.deliver(s) })
				}
			}
		}
		if len(can) == 0 {
			break
		}
		can[o.next(len(can))]()
	}
	open := 0
	for _, c := range bn.conns {
		if c.sides[0].open != c.sides[1].open {
			t.Fatalf("order %v: %s is open on one side only\n%q", o.made, c.name, bn.log)
		}
		if c.sides[0].open {
			open++
			for _, s := range c.sides {
				if l := s.node.Links(); len(l) != 1 || l[0] != s.link {
					t.Fatalf("order %v: %s has not chosen %s\n%q", o.made, s.node.name, c.name, bn.log)
				}
			}
		}
	}
	if open != 1 {
		t.Fatalf("order %v: %d links are left\n%q", o.made, open, bn.log)
	}
}

// beaten delivers the heartbeats, and answers to them, that are next on their way, when every order is played: they change nothing
// that a choice goes by, which it checks, so each order stands for all in which they come later. Random orders have them anywhere.
func (b *bench) beaten(o *order) {
	if o.pick != nil {
		return
	}
	for _, c := range b.conns {
		for _, s := range c.sides {
			for len(s.in) > 0 && (s.in[0].head.Kind == codec.KindHeartbeat || s.in[0].head.Kind == codec.KindHeartbeatResponse) {
				before := s.node.standing()
				b.deliver(s)
				if after := s.node.standing(); !slices.Equal(before, after) {
					b.t.Fatalf("order %v: a heartbeat has made %+v of %+v\n%q", o.made, after, before, b.log)
				}
			}
		}
	}
}

// standing is all of a link that later choices depend on.
type standing struct {
	link                *Link
	candidate           candidate
	phase               phase
	closing             bool
	dialer, incarnation uint64
	held                uint32 // of the link that a greeting on this one would name
}

func (n *bnode) standing() (all []standing) {
	for _, l := range n.links {
		s := standing{link: l, candidate: n.candidate(l), phase: l.phase, closing: l.closing, incarnation: n.incarnation}
		s.held, s.dialer = n.held(l, l.greeting.Node)
		all = append(all, s)
	}
	return all
}

func TestR23EveryOrderOfTwoDialsEndsWithTheSameLinkOnBothSides(t *testing.T) {
	for _, dials := range []string{"ab", "ba", "aa", "bb"} {
		o, count := &order{}, 0
		for more := true; more; more = o.advance() {
			race(t, o, dials, nil)
			count++
		}
		t.Logf("dials %s: %d orders", dials, count)
		if count < 50 {
			t.Errorf("dials %s: only %d orders", dials, count)
		}
	}
}

func TestR23RandomOrdersOfManyDialsEndWithTheSameLinkOnBothSides(t *testing.T) {
	for seed := range uint64(3000) {
		r := rand.New(rand.NewPCG(seed, 9))
		dials := ""
		for range 2 + r.IntN(4) {
			dials += string("ab"[r.IntN(2)])
		}
		race(t, &order{pick: r.IntN}, dials, nil)
	}
}

// One side has lost the link and the other does not know: the new one must take its place on both, whoever dials it.
func TestR23ALostLinkGivesWayToTheOneDialedAfterIt(t *testing.T) {
	for _, first := range []string{"a", "b"} {
		for _, loser := range []string{"a", "b"} {
			t.Run(fmt.Sprintf("%s dialed and %s lost it", first, loser), func(t *testing.T) {
				o, count := &order{}, 0
				for more := true; more; more = o.advance() {
					race(t, o, loser, func(b *bench) {
						from, to := b.nodes["a"], b.nodes["b"]
						if first == "b" {
							from, to = to, from
						}
						c := b.wire(from, to, 1)
						b.deliverAll()
						if !c.sides[0].open || len(from.Links()) != 1 || len(to.Links()) != 1 {
							t.Fatal("no link to begin with")
						}
						for _, s := range c.sides {
							if s.node.name == loser {
								b.closed(s)
							}
						}
						b.now += int64(HeartbeatInterval)
					})
					count++
				}
				t.Logf("%d orders", count)
			})
		}
	}
}

func TestR24AWrongClusterIsToldSo(t *testing.T) {
	b := newBench(t)
	x, y := b.add("x", 1<<20, 1, 0), b.add("y", 2<<20, 2, 0)
	y.cluster = ClusterTag("another")
	c := b.wire(x, y, 1)
	b.deliverAll()
	if c.sides[0].open || c.sides[1].open {
		t.Fatal("a link between two clusters stays open")
	}
	if c.sides[0].link.heard != codec.ReasonCluster {
		t.Fatalf("the dialer heard %v", c.sides[0].link.heard)
	}
}
