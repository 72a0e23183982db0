package peer

import (
	"testing"

	"covey/codec"
)

// linkWith returns a node's link with another.
func (b *bench) linkWith(n, o *bnode) *Link {
	b.t.Helper()
	m := n.known(o.ID())
	if m == nil || m.link == nil {
		b.t.Fatalf("%s has no link with %s", n.name, o.name)
	}
	return m.link
}

var anyBeat = codec.AppendHeartbeat(nil, codec.Heartbeat{Anew: true, State: codec.StateReady, Stamped: true})

// passesTheLimit is what has n put more on its link l with evil than may wait there.
var passesTheLimit = map[string]func(b *bench, n, other, evil *bnode, l *Link){
	"pulls": func(b *bench, n, _, _ *bnode, l *Link) {
		n.setReadiness(codec.StateLoading)
		l.member.readiness = codec.StateReady
	},
	"pulls that are slow elsewhere": func(b *bench, n, other, _ *bnode, l *Link) {
		n.setReadiness(codec.StateLoading)
		for i := range n.join.asked {
			n.join.asked[i] = 1
		}
		for i := range 3 {
			b.linkWith(n, other).pulls.slots[i] = pull{id: uint32(i + 1), shard: uint16(i)}
		}
	},
	"a step": func(b *bench, n, _, _ *bnode, _ *Link) {
		now := n.clock.Cluster(b.now)
		n.steps.due = []codec.Step{{To: 1, Node: 1, Old: now, New: now + hourMS}}
	},
	"a heartbeat": func(b *bench, n, _, _ *bnode, _ *Link) { n.beatSoon() },
	"the answer to one": func(b *bench, n, _, evil *bnode, _ *Link) {
		b.quietly(n, evil, anyBeat)
	},
	"an offer": func(b *bench, n, _, evil *bnode, l *Link) {
		l.control = l.control[:ControlLimit-100] // the answer to the heartbeat fits
		for i := range uint64(offersAtOnce) {
			n.streamOf(b.now, 1<<32+i, 1<<40+i, 1)
		}
		b.quietly(n, evil, anyBeat)
		for _, s := range n.streams {
			if s.handed != 0 {
				b.t.Error("a stream is left marked")
			}
		}
	},
}

// TestAPeerThatDoesNotReadEndsItsLinkAndNothingElse: the limit is passed at each place that goes on with the link afterwards.
func TestAPeerThatDoesNotReadEndsItsLinkAndNothingElse(t *testing.T) {
	for name, pass := range passesTheLimit {
		t.Run(name, func(t *testing.T) {
			b, honest, evil := trio(t, 0)
			n, other := honest[0], honest[1]
			l := b.linkWith(n, evil)
			l.control = make([]byte, ControlLimit)
			pass(b, n, other, evil, l)
			n.Tick(b.now)
			if !l.full {
				t.Fatal("the limit was not passed")
			}
			if len(l.control) > ControlLimit+1000 {
				t.Errorf("%d bytes wait", len(l.control))
			}
			n.Tick(b.now + int64(TickInterval))
			if l.said != codec.ReasonOverload || l.member != nil {
				t.Errorf("said %v", l.said)
			}
			if b.linkWith(n, other).closing {
				t.Error("another link ended")
			}
			for _, s := range n.streams {
				if s.relayed.Load() > 1 || s.relayed.Load() == 1 && s.lingers == 0 {
					t.Error("a stream is kept for a link that is gone")
				}
			}
		})
	}
}

// quietly has evil say something to a node, and carries out nothing.
func (b *bench) quietly(to, evil *bnode, frame []byte) {
	b.t.Helper()
	if err := hand(b.linkWith(to, evil), b.now, frame); err != nil {
		b.t.Fatal(err)
	}
}
