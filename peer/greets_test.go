package peer

import "testing"

// A clone takes another id while the one that keeps it greets: what is here of the latter's stream was told in the greeting,
// so it is not forgotten with the member, or the rest would never come (R26).
func TestR26_AStreamWhoseNodeGreetsIsNotForgottenWithItsTwin(t *testing.T) {
	b := newBench(t)
	n := b.add("A", 1<<16|9000, 0, 0)
	const twin, id = 4711, 7<<16 | 9000
	n.mu.Lock()
	defer n.mu.Unlock()
	m := n.member(b.now, id)
	n.streamOf(b.now, twin, id, 1).applied.Store(63)
	n.streamOf(b.now, 4712, id, 2).applied.Store(5)
	n.links = append(n.links, &Link{node: n.Node, phase: phaseKnown})
	n.links[0].greeting.Stream = twin
	n.forget(m)
	if s := n.streamBy(twin); s == nil || s.applied.Load() != 63 {
		t.Error("the stream of the node that greets was forgotten")
	}
	if n.streamBy(4712) != nil {
		t.Error("the stream of the one that took another id was kept")
	}
}
