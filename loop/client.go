package loop

import (
	"github.com/panjf2000/gnet/v2"

	"covey/codec"
	"covey/command"
	"covey/peer"
)

// client is a turn of a client's connection: everything that has arrived is carried out, in
// order, or waits.
func (l *eventLoop) client(c *conn, now int64) gnet.Action {
	if l.n.leaving.Load() {
		return gnet.Close // what was answered is on its way to the peers; nothing is added
	}
	if c.tooMuch.Load() {
		return l.overload(c)
	}
	if c.ending {
		return gnet.None
	}
	if c.waiting {
		return c.pileUp()
	}
	if len(c.pushes) > 0 { // what was heard before comes before the replies: they may be to an UNSUBSCRIBE, or a QUIT
		if l.sendPush(c); c.closed {
			return gnet.None
		}
	}
	drafted := c.draft != nil
	if drafted && c.draft.Left() > 0 {
		if act, whole := l.fill(c); !whole {
			return act
		}
	}
	buf, more := c.source()
	if len(buf) < c.need {
		c.keep(buf, 0)
		return c.bounded()
	}
	buf, used, act := l.carryOut(c, buf, more, now)
	if !l.endTurn(c, drafted, now) {
		return gnet.None // OnClose has run already
	}
	if act == gnet.Close {
		return l.endsWell(c)
	}
	return l.keepRest(c, buf, used, now)
}

// carryOut carries out the commands of buf, and of what else the socket has where the read may have left something (more). It returns the
// bytes that it looked at, and how many of them are done with.
func (l *eventLoop) carryOut(c *conn, buf []byte, more bool, now int64) (all []byte, used int, act gnet.Action) {
	l.turns++
	l.out = l.out[:0]
	used, act = l.runAll(c, buf, now)
	did := used
	if more && act == gnet.None && !c.waiting && !c.rest && c.pin == nil && l.ran < fewCommands && c.need <= readMost && cap(c.in) <= keepBuffer {
		buf = l.topUp(c, buf[used:])
		used, act = l.runAll(c, buf, now)
		did += used
	}
	l.turn.Forget()
	l.worked(c, int(l.ran), did+len(l.out))
	return buf, used, act
}

// endTurn ends a turn that carried out commands: what they wrote goes to the ring and, where it is due, to the peers, and then the replies to
// the client. drafted says that a value of it was still coming. false: the connection is gone.
func (l *eventLoop) endTurn(c *conn, drafted bool, now int64) (alive bool) {
	if l.ran > 0 { // else it is looked at because it has been paid: what it got stays what it got
		if c.bulky = c.pin != nil || len(l.out) >= turnReply; !c.bulky && !drafted {
			l.lastSmall = now
		}
	}
	l.commit(&c.client)
	l.count()
	l.flushFirst()
	if c.mayBeTold() {
		l.out = c.client.Track.Take(l.out)
	}
	if !l.deliver(c) {
		return false
	}
	if c.mayBeTold() { // it was owed a large value, and has it
		l.bell.ring(c)
	}
	return true
}

// keepRest keeps what is left of a turn's bytes behind the used ones: the beginning of a command, or commands for which there was no time.
func (l *eventLoop) keepRest(c *conn, buf []byte, used int, now int64) gnet.Action {
	c.proved = c.client.Known || c.proved && (c.rest || c.waiting)
	if c.unproved() && !c.proved && max(c.need, len(buf)-used) > maxUnproved {
		l.n.counters.overloads.Add(1)
		return gnet.Close
	}
	if c.need > codec.RefValue && c.draft == nil && !c.waiting && !c.rest && !c.client.Queues() {
		if stub, none := l.expect(c, buf[used:]); !none {
			buf = c.cut(buf, used+len(stub))
		}
	}
	if used > 0 || len(c.in) == 0 {
		c.begun = now
	}
	c.keep(buf, used)
	if c.rest {
		l.bell.ring(c)
		return c.bounded()
	}
	return gnet.None
}

// topUp reads what else a client has sent and returns it behind rest; all of it lies in the loop's buffer then (input).
func (l *eventLoop) topUp(c *conn, rest []byte) []byte {
	n := copy(l.input[:], rest)
	c.in, c.from = c.in[:0], 0
	c.got = nil
	return l.input[:n+readNow(c.g.Fd(), l.input[n:])]
}

// unproved reports whether a client has still to authenticate.
func (c *conn) unproved() bool {
	return c.l.n.guard != nil && !c.client.Known && (c.protocol == protocolRESP || c.protocol == protocolBinary)
}

// deliver writes the replies of the turn. Of a large one it writes a slice: the rest is owed, and the connection waits. It also waits if too
// much is queued for it. false: the connection is gone.
func (l *eventLoop) deliver(c *conn) (alive bool) {
	switch {
	case len(l.out) > maxTurnReply:
		alive = l.handOver(c, l.out, 0)
	case c.pin != nil:
		alive = c.payBehind(l.out)
	case l.keepsReply(c, l.out):
		return l.keepReply(c, l.out)
	default:
		alive = c.write(l.out)
		if alive && c.g.OutboundBuffered() > 0 {
			c.weigh()
		}
	}
	if alive && (c.owes() || c.g.OutboundBuffered() > maxQueuedReply) {
		l.wait(c)
	}
	return alive
}

// pileUp keeps what comes while a command waits, up to a limit: gnet cannot stop reading.
func (c *conn) pileUp() gnet.Action {
	// Mostly there is a command that waits; it may be the reply to the last one that does, and then what comes begins another.
	if len(c.in) == 0 {
		c.begun = c.l.now
	}
	buf, _ := c.source()
	c.keep(buf, 0)
	return c.bounded()
}

// bounded closes a client's connection on which too much has piled up.
func (c *conn) bounded() gnet.Action {
	live := len(c.in) - c.from
	if live > maxWaitingInput+max(c.need, codec.MaxFrame) || c.unproved() && !c.proved && live > readBuffer {
		return c.l.overload(c)
	}
	return gnet.None
}

// overload ends a connection that holds too much, by itself or with all the others together.
func (l *eventLoop) overload(c *conn) gnet.Action {
	l.n.counters.overloads.Add(1)
	if c.link != nil {
		now := l.n.clock.now()
		l.n.mind.Step(now, peer.Event{Kind: peer.EventOverload, Link: c.link})
		l.sayBye(c, now)
		return gnet.Close
	}
	l.dismiss(c, "this node cannot keep more for connections, and this one had it keep most: send less before you read the replies, or give the node more --max-memory")
	return gnet.Close
}

// dismiss tells a client why its connection is about to be closed, unless it is in the middle of a reply.
func (l *eventLoop) dismiss(c *conn, sentence string) {
	if c.closed || c.owes() || c.client.Midway() || c.g.OutboundBuffered() > 0 {
		return
	}
	switch c.protocol {
	case protocolUnknown, protocolRESP:
		c.write(codec.AppendError(nil, "ERR "+sentence))
	case protocolBinary:
		c.write(codec.AppendValueResponse(nil, 0, codec.ValueResponse{Status: codec.StatusError, Value: []byte(sentence)}))
	}
}

// runAll carries out the whole commands at the start of buf and returns how many bytes they took. If they are what one read brought, and none
// may take long, it carries out all of them; else it stops after a slice of time (conn.rest).
func (l *eventLoop) runAll(c *conn, buf []byte, now int64) (used int, act gnet.Action) {
	c.need, c.rest = 0, false
	looked := readBuffer
	if len(buf) > 0 && l.turn.GoesOn(&c.client, buf) {
		var v command.Verdict
		l.turn.Draft = nil // what goes on is no write of one key
		if l.out, used, v = l.turn.GoOn(&c.client, buf, l.out); v >= command.Wait {
			l.pause(c, v)
			return 0, gnet.None
		}
		if l.ran++; l.takePin(c, used < len(buf)) {
			return used, gnet.None
		}
		if len(c.pushes) > 0 { // they had to wait for the end of this reply
			l.comeAgain(c)
			return used, gnet.None
		}
	}
	for used < len(buf) {
		n, all, err := l.gather(c, buf[used:])
		for range n {
			if !l.spill(c) {
				c.parser.Forget()
				return used, gnet.None
			}
			size, v := l.next(c)
			if v >= command.Wait {
				c.parser.Forget()
				l.pause(c, v)
				return used, gnet.None
			}
			used += size
			if v == command.Close {
				return used, gnet.Close
			}
			l.ran++
			if l.takePin(c, used < len(buf)) {
				c.parser.Forget()
				return used, gnet.None
			}
			if used < len(buf) && (used >= looked+sliceBytes || l.turn.Long()) {
				looked = used
				if c.rest = l.n.clock.now()-now >= int64(sliceTime); c.rest {
					c.parser.Forget()
					return used, gnet.None
				}
			}
		}
		if err != nil {
			if !l.spill(c) { // what closes the connection is said when all else has been
				c.parser.Forget()
				return used, gnet.None
			}
			l.refuse(c, err)
			return used, gnet.Close
		}
		if all {
			c.need = l.needs(c)
			return used, gnet.None
		}
	}
	return used, gnet.None
}

// spill reports whether the turn may go on; false once it has made many replies, or large ones. Then the next commands wait until others
// had their turns, and what is queued for the client has drained.
func (l *eventLoop) spill(c *conn) bool {
	if len(l.out) < turnReply {
		return true
	}
	l.comeAgain(c)
	return false
}

// pause parks a connection whose command waits (Wait), or goes on once others had their turns (Again).
func (l *eventLoop) pause(c *conn, v command.Verdict) {
	if v == command.Wait && c.client.Peers > 0 {
		l.await(c)
		return
	}
	if l.wait(c); v == command.Again {
		c.begun = l.now // it goes on
		l.takePin(c, false)
		l.bell.ring(c)
	}
}

// comeAgain has the client's next commands carried out in another turn.
func (l *eventLoop) comeAgain(c *conn) {
	l.wait(c)
	l.bell.ring(c)
}

// gather parses the next n commands in buf, for next to carry out. all says that no whole command follows them; then needs says how many
// bytes that one must have, or err what is wrong with it, to be replied after the replies to the n.
func (l *eventLoop) gather(c *conn, buf []byte) (n int, all bool, err error) {
	if c.protocol == protocolRESP {
		return l.turn.GatherRESP(&c.parser, buf)
	}
	n, all, l.behind, err = l.turn.GatherFrames(buf)
	return n, all, err
}

// needs returns how many bytes the command behind the gathered ones must have before parsing it is tried again. It is valid once all the
// gathered ones were carried out.
func (l *eventLoop) needs(c *conn) int {
	if c.protocol == protocolRESP {
		return c.parser.Need()
	}
	return codec.HeaderLen + int(l.behind.Length)
}

// next carries out the next command gathered, which took size bytes.
func (l *eventLoop) next(c *conn) (size int, v command.Verdict) {
	l.turn.Draft = c.draft // of the first, if of any
	if c.protocol == protocolRESP {
		l.out, size, v = l.turn.NextRESP(&c.client, l.out)
	} else if l.out, size, v = l.turn.NextFrame(&c.client, l.out); v == command.Close {
		l.n.counters.badInput.Add(1) // a body that makes no sense, or one password too many
	}
	if c.draft != nil && v < command.Wait {
		l.turn.Draft = nil
		c.dropDraft()
	}
	return size, v
}

// refuse replies to input that breaks the protocol.
func (l *eventLoop) refuse(c *conn, err error) {
	l.n.counters.badInput.Add(1)
	if c.protocol == protocolRESP {
		l.out = codec.AppendError(l.out, "ERR "+err.Error())
		return
	}
	l.out = codec.AppendValueResponse(l.out, l.behind.Tag, codec.ValueResponse{Status: codec.StatusError, Value: []byte(err.Error())})
}

// frame returns the first frame in buf and its length n; 0: it is not whole yet.
func frame(buf []byte) (h codec.Header, body []byte, n int, err error) {
	h, ok, err := codec.DecodeHeader(buf)
	if err != nil || !ok {
		return h, nil, 0, err
	}
	n = codec.HeaderLen + int(h.Length)
	if len(buf) < n {
		return h, nil, 0, nil
	}
	return h, buf[codec.HeaderLen:n], n, nil
}
