package peer

import (
	"net/netip"

	"covey/codec"
)

// Dial is a wish for a connection. Its outcome is owed to the node: EventOpened of a link with this number, or EventDialFailed.
type Dial struct {
	Addr   netip.AddrPort // where to connect: the other's TCP port
	Number uint32         // of this dial: each has its own, and a link's greeting names it (R23)
}

// Change is one change of membership, for one line in a log.
type Change struct {
	ID       uint64         // of the member; this node's own: its time was stepped, or another node has its id
	Addr     netip.AddrPort // where the member was reached last; may be none
	Old, New MemberState
	Reason   string // in words, for people
}

// Outbox is what the node wishes for. The loop owns it; Drain appends to it, Reset empties it for the next time.
type Outbox struct {
	Dials     []Dial
	Closes    []*Link      // write what Control gives, then close
	Announces []codec.Form // send one of each now
	Pending   []*Link      // Control has something: ring the doorbell
	Changes   []Change
}

// Reset empties the outbox and keeps its memory, but no links.
func (o *Outbox) Reset() {
	clear(o.Closes)
	clear(o.Pending)
	o.Dials, o.Closes, o.Announces, o.Pending, o.Changes = o.Dials[:0], o.Closes[:0], o.Announces[:0], o.Pending[:0], o.Changes[:0]
}

// change adds a change, unless nobody has drained for very long.
func (o *Outbox) change(c Change) {
	if len(o.Changes) < maxChanges {
		o.Changes = append(o.Changes, c)
	}
}

// Drain moves what the node wishes for to the end of out's slices.
func (n *Node) Drain(out *Outbox) {
	if !n.wishes.Load() {
		return
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	n.wishes.Store(false)
	for _, l := range n.out.Pending {
		l.queued = false
	}
	out.Dials = append(out.Dials, n.out.Dials...)
	out.Closes = append(out.Closes, n.out.Closes...)
	out.Announces = append(out.Announces, n.out.Announces...)
	out.Pending = append(out.Pending, n.out.Pending...)
	out.Changes = append(out.Changes, n.out.Changes...)
	n.out.Reset()
}

// Pending reports whether Drain would give anything. It takes no lock.
func (n *Node) Pending() bool { return n.wishes.Load() }

// wish notes that the outbox holds something.
func (n *Node) wish() { n.wishes.Store(true) }

// wishAnnounce wishes for an announce of this form, once.
func (n *Node) wishAnnounce(form codec.Form) {
	for _, f := range n.out.Announces {
		if f == form {
			return
		}
	}
	n.out.Announces = append(n.out.Announces, form)
	n.wish()
}

// send appends a control frame to what waits for l, and has its doorbell rung. Where too much waits it does no more: the next Tick
// closes the link (detect), for whoever sends is in the middle of something that needs the link and its member.
func (n *Node) send(l *Link, frame func([]byte) []byte) {
	if l.closing || l.full {
		return
	}
	l.control = frame(l.control)
	l.owes.Store(int64(cap(l.control)))
	l.full = len(l.control) > ControlLimit
	n.pend(l)
}

// pend has the doorbell of l rung.
func (n *Node) pend(l *Link) {
	l.waiting.Store(true)
	if !l.queued {
		l.queued = true
		n.out.Pending = append(n.out.Pending, l)
		n.wish()
	}
}

// farewells are what is said on a link that the loop has to do without.
var farewells = [...]codec.Reason{EventMoved: codec.ReasonMoved, EventOverload: codec.ReasonOverload, EventSecret: codec.ReasonSecret}

// close says Bye on a link and wishes for its end (R24). What it carried is the caller's to settle.
func (n *Node) close(now int64, l *Link, reason codec.Reason) {
	if l.closing {
		return
	}
	if n.weak&WithoutBye == 0 {
		l.control = codec.AppendBye(l.control, codec.Bye{Reason: reason})
	}
	l.closing, l.said = true, reason
	l.closeBy = now + int64(byeTimeout)
	if reason != codec.ReasonLeft {
		l.muted.Store(true)
	}
	l.waiting.Store(true)
	n.out.Closes = append(n.out.Closes, l)
	n.wish()
	n.detach(now, l, reason)
}
