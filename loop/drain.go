package loop

import (
	"sync"

	"covey/codec"
	"covey/peer"
)

var outboxes = sync.Pool{New: func() any { return new(peer.Outbox) }}

// drain carries out what the state machine wishes. Whoever has stepped it calls this; two at
// once is fine, each wish is handed out once.
func (n *node) drain(now int64) {
	if !n.mind.Pending() {
		return
	}
	out := outboxes.Get().(*peer.Outbox)
	n.mind.Drain(out)
	for _, d := range out.Dials {
		n.dial(d)
	}
	for _, form := range out.Announces {
		n.beacon.announce(n.mind.Announce(form))
	}
	for _, link := range out.Pending {
		ringFor(link)
	}
	for _, link := range out.Closes {
		if c, ok := link.User().(*conn); ok {
			c.closing.Store(true)
			c.l.bell.ring(c)
		}
	}
	for i := range out.Changes {
		n.logChange(&out.Changes[i])
	}
	out.Reset()
	outboxes.Put(out)
}

// logChange writes the one line of a membership change.
func (n *node) logChange(ch *peer.Change) {
	said, missed := n.changeLines.next(n.clock.now())
	if !said {
		return
	}
	if missed > 0 {
		n.log.Warn("members change faster than is logged", "not_logged", missed)
	}
	addr := "" // a re-key concerns this node itself
	if ch.Addr.IsValid() {
		addr = ch.Addr.String()
	}
	n.log.Info("member changed", "id", codec.FormatID(ch.ID), "addr", addr,
		"state", ch.New.String(), "was", ch.Old.String(), "reason", ch.Reason)
}
