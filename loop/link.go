package loop

import (
	"errors"
	"fmt"
	"net/netip"
	"time"

	"github.com/panjf2000/gnet/v2"
	"golang.org/x/sys/unix"

	"covey/codec"
	"covey/ifaces"
	"covey/peer"
)

// becomePeer makes a connection a peer's: dialed by us, or accepted and begun with a peer's frame.
func (l *eventLoop) becomePeer(c *conn, dialed bool, number uint32, now int64) {
	c.protocol = protocolPeer
	c.link = peer.NewLink(l.n.mind, dialed, number, remote(c.g), ringFor)
	c.link.SetUser(c)
	l.n.holdings.isPeer(c)
	c.local = localAddr(c.g.Fd())
	c.link.Near(c.local)
	if !dialed && c.local != c.link.Remote().Addr().Unmap() && !c.local.IsLoopback() {
		l.n.counters.dialed.Add(1)
	}
	c.link.Touched(now)
	l.n.mind.Step(now, peer.Event{Kind: peer.EventOpened, Link: c.link})
	l.n.drain(now)
}

// localAddr is the address of this end of a connection: of an accepted one gnet tells the listener's.
func localAddr(fd int) netip.Addr {
	if sa, err := unix.Getsockname(fd); err == nil {
		if v4, ok := sa.(*unix.SockaddrInet4); ok {
			return netip.AddrFrom4(v4.Addr)
		}
	}
	return netip.Addr{}
}

// cutLoose tells the state machine of the links that can carry nothing any more: the address that they are from is gone, or its
// card is down or without a carrier. TCP would wait for it to come back; meanwhile another card may lead to the peer.
func (n *node) cutLoose(now int64, cards []ifaces.Interface) {
	for _, link := range n.mind.Links() {
		if c, ok := link.User().(*conn); ok && !carries(cards, c.local) {
			n.mind.Step(now, peer.Event{Kind: peer.EventMoved, Link: link})
		}
	}
}

// carries reports whether packets from an address of this machine can leave it. What is not known of cards may.
func carries(cards []ifaces.Interface, from netip.Addr) bool {
	const works = ifaces.Up | ifaces.Running
	if !from.IsValid() || from.IsLoopback() {
		return true
	}
	for i := range cards {
		if hasAddr(&cards[i], from) && cards[i].Flags&works == works {
			return true
		}
	}
	return false
}

// ringFor is the doorbell of every link: it may be called from any goroutine.
func ringFor(link *peer.Link) {
	if c, ok := link.User().(*conn); ok {
		c.l.bell.ring(c)
	}
}

// peer is a turn of a peer's connection: whole frames go to the link, for a slice of time, then what it owes in return is
// written once. What is left waits for the next ring of the bell, so that others get their turn.
func (l *eventLoop) peer(c *conn, now int64) gnet.Action {
	buf, err := c.peerSource()
	switch {
	case err != nil && c.session != nil:
		l.n.mind.Step(now, peer.Event{Kind: peer.EventBreach, Link: c.link})
		return l.breach(c, now, err)
	case err != nil:
		return gnet.Close
	}
	if len(buf) < c.need {
		c.keep(buf, 0)
		return gnet.None
	}
	if why := refusal(buf); why != "" && !c.spoke {
		l.n.logDial(c.link.Remote(), fmt.Errorf("the node there answers %s", why))
		return gnet.Close // as a dial that failed
	}
	used, err := l.frames(c, buf, now, int64(sliceTime))
	if err != nil {
		return l.breach(c, now, err)
	}
	if used > 0 || len(c.in) == 0 {
		c.begun = now
	}
	c.keep(buf, used)
	if len(c.in)-c.from > maxWaitingPeer+c.need {
		l.n.counters.overloads.Add(1)
		l.n.mind.Step(now, peer.Event{Kind: peer.EventBreach, Link: c.link})
		return l.breach(c, now, errPiledUp)
	}
	if used > 0 && !c.spoke {
		c.spoke = true
		l.n.names.answered(c.link.Remote())
	}
	l.n.drain(now)
	l.flush(c, now)
	if c.rest {
		l.bell.ring(c)
	}
	if l.n.hurried.Load() > 0 {
		l.n.ringParked()
	}
	l.n.ringWaits(now)
	l.turned(false)
	return gnet.None
}

// errPiledUp is a peer that does not keep to the window.
var errPiledUp = errors.New("more frames than the window allows were sent before they were acknowledged")

// frames hands the whole frames at the start of buf to the link until a slice of time is over, and says how many bytes they
// were. An error is a breach that the state machine knows of.
func (l *eventLoop) frames(c *conn, buf []byte, now, slice int64) (used int, err error) {
	c.need, c.rest = 0, false
	for looked := 0; used < len(buf); {
		h, body, n, err := frame(buf[used:])
		if err != nil {
			l.n.mind.Step(now, peer.Event{Kind: peer.EventBreach, Link: c.link})
			return used, err
		}
		if n == 0 {
			c.need = codec.HeaderLen + int(h.Length)
			break
		}
		if used-looked >= sliceBytes {
			looked = used
			if c.rest = l.n.clock.now()-now >= slice; c.rest {
				break
			}
		}
		if err := c.link.Frame(now, h, body); err != nil {
			return used, err
		}
		used += n
	}
	return used, nil
}

// last hands over what waits when the connection is gone. No turn is around it that would survive a panic.
func (l *eventLoop) last(c *conn, now int64) {
	defer func() {
		if r := recover(); r != nil {
			l.n.panicked(r)
		}
	}()
	if c.rest {
		_, _ = l.frames(c, c.in[c.from:], now, int64(time.Second))
	}
}

// breach closes a link whose peer broke the protocol, which the state machine knows already. The
// node goes on.
func (l *eventLoop) breach(c *conn, now int64, err error) gnet.Action {
	l.n.counters.badInput.Add(1)
	if l.n.mayWarn(now) {
		l.n.log.Warn("peer broke the protocol, link closed", "peer", remote(c.g).String(), "reason", err.Error(),
			"bad_input", l.n.counters.badInput.Load())
	}
	l.sayBye(c, now)
	return gnet.Close
}

// sayBye sends the Bye of a link that is about to be closed, if it can be sent at once: not in the middle of a frame, nor while the socket
// has not taken what came before.
func (l *eventLoop) sayBye(c *conn, now int64) {
	l.n.drain(now)
	if !c.closed && len(c.reply) == 0 && c.g.OutboundBuffered() == 0 {
		c.write(c.link.Control(now, l.out[:0]))
	}
}

// mayWarn reports whether it is time for another line about what others do wrong.
func (n *node) mayWarn(now int64) bool {
	last := n.warned.Load()
	return now-last >= int64(warnInterval) && n.warned.CompareAndSwap(last, now)
}

// flush writes what a link has to send: control frames first, then records of the ring within the window. If
// more is left than maxFlush it rings the bell again, so that others get a turn. A peer that does not read is not written to: what is
// to be sent stays in the ring and in queues of the state machine, which are bounded.
func (l *eventLoop) flush(c *conn, now int64) {
	if c.closed {
		return
	}
	closing := c.closing.Load() // before Control: the Bye was queued before the wish to close
	if !l.mayFlush(c, closing, now) {
		return
	}
	l.out = c.link.Control(now, l.out[:0])
	if !l.carry(c, l.out, true) {
		return
	}
	if !closing && c.link.Flows() && l.holds(c, now) {
		l.bell.ring(c)
		return
	}
	if !l.flushRecords(c, now) {
		return
	}
	switch {
	case closing:
		l.finish(c, now)
	case len(c.reply) > 0:
		l.park(c)
	case c.link.More():
		l.bell.ring(c)
	default:
		l.unpark(c)
	}
	if c.g.OutboundBuffered() > 0 {
		c.weigh()
	}
}

// mayFlush pays what a link is owed of earlier frames, and reports whether it may get more now; else it is parked, finished or gone.
func (l *eventLoop) mayFlush(c *conn, closing bool, now int64) bool {
	switch owed := len(c.reply) > 0; {
	case !c.pay():
		return false
	case len(c.reply) > 0 && closing:
		l.finish(c, now)
		return false
	case len(c.reply) > 0:
		l.park(c)
		return false
	case owed && c.closeBy != 0 && !c.write(c.link.Control(now, l.out[:0])): // the Bye waited for the end of the frame
		return false
	}
	switch full := c.g.OutboundBuffered() > maxQueuedPeer; {
	case c.closeBy != 0:
		l.finish(c, now)
		return false
	case full && !closing:
		l.park(c)
		return false
	}
	return true
}

// flushRecords writes records of the ring, maxFlush bytes of them or a little more. false: the connection is gone.
func (l *eventLoop) flushRecords(c *conn, now int64) (alive bool) {
	for written := 0; written < maxFlush && len(c.reply) == 0; {
		frames, built, ok := c.link.Data(now, l.out)
		if !ok {
			l.madeInVain(len(frames))
			break
		}
		alive := l.carry(c, frames, built)
		c.flushed = now
		c.link.Sent(len(frames))
		if !alive {
			return false
		}
		written += len(frames)
	}
	return true
}

// carry writes frames to a link. Large ones become what the connection is owed (conn.reply), for the engine queues only so much. With own
// they may lie in the loop's slab: then the connection takes over that slab. Else they are copied. false: the
// connection is gone.
func (l *eventLoop) carry(c *conn, frames []byte, own bool) bool {
	switch from := cap(l.out) - cap(frames); {
	case len(frames) <= maxTurnReply:
		return c.write(frames)
	case own && from >= 0:
		return l.handOver(c, l.out[:from+len(frames)], from)
	}
	c.reply, c.paid = append(newSlab(len(frames)), frames...), 0
	return c.pay()
}

// finish ends a link, or a client's connection that is ending. It waits until the kernel has the last bytes, for gnet drops what it has
// queued when it closes; then it shuts the sending half, and the other side closes once it has read all. To close at once could make the
// kernel answer what still comes with a reset, and the other side would lose what it has not read yet.
func (l *eventLoop) finish(c *conn, now int64) {
	if c.closeBy == 0 {
		c.closeBy = now + int64(closeTimeout)
	}
	sent := len(c.reply) == 0 && c.g.OutboundBuffered() == 0
	if now >= c.closeBy || sent && !c.shut && unix.Shutdown(c.g.Fd(), unix.SHUT_WR) != nil {
		c.close()
		return
	}
	c.shut = c.shut || sent
	l.park(c)
}

// notifyLinks tells every link that the ring has grown. A link of this loop that was not written to within peer.Pace is flushed in this
// turn; the others when their bell is answered, and by then more clients may have written.
func (l *eventLoop) notifyLinks() {
	for _, link := range l.n.mind.Links() {
		if !link.Due(l.now) {
			continue
		}
		if c := link.User().(*conn); c.l == l && !c.rest && l.now-c.flushed >= int64(peer.Pace) {
			l.due = append(l.due, c)
		} else {
			c.l.bell.ring(c)
		}
	}
}

// flushFirst flushes the links that are due before the turn's replies are written, if these are short: a client that asks another node
// right after its reply should find the write there. It delays the reply by one write for each link.
func (l *eventLoop) flushFirst() {
	if len(l.due) == 0 || len(l.out) > maxShortReply {
		return
	}
	l.short = append(l.short[:0], l.out...) // a flush uses out
	l.flushDue()
	l.out = append(l.out[:0], l.short...)
}

// flushDue flushes the links that notifyLinks has chosen for this turn.
func (l *eventLoop) flushDue() {
	for i, c := range l.due {
		l.due[i] = nil
		l.attend(c, l.now)
	}
	l.due = l.due[:0]
}

// holds reports whether the records for a link should wait for more: the link was written to within peer.Pace, and clients have had
// turns since the last call.
func (l *eventLoop) holds(c *conn, now int64) bool {
	busy := l.turns != c.turns
	c.turns = l.turns
	return busy && now-c.flushed < int64(peer.Pace)
}
