package loop

import (
	"github.com/panjf2000/gnet/v2"

	"covey/codec"
	"covey/store"
)

// A large value does not wait in the connection's buffer until it has come whole, to be copied then: from its head on its bytes
// go to the pages that the store will have them in (store.Draft), and what waits in the buffer is a stub of its command.

// expect begins the draft of the command at the start of buf, if that is the write of a large value, and moves what has come of
// it there. The stub, which takes the place of the command in buf, is what is left to keep. none: it is to be put together like
// any other command.
func (l *eventLoop) expect(c *conn, buf []byte) (stub []byte, none bool) {
	find := codec.LargeSet
	if c.protocol == protocolBinary {
		find = codec.LargeSetValue
	}
	m, ok := find(buf)
	if !ok {
		return nil, true
	}
	d := l.newDraft()
	if !d.Begin(l.n.store, m.Key, l.n.store.Hash(m.Key), m.Size) {
		l.keepDraft(d)
		return nil, true
	}
	behind := buf[m.From+d.Write(buf[m.From:]):] // of what piled up: a piece of the command's end
	c.draft, c.need = d, 0
	c.parser.Forget()
	return append(m.Stub(buf[:m.From]), behind...), false
}

// fill moves what has come of a large value to its place: what was read, and if that was nothing, or as much as is read at a
// time, what else has come, right from the socket. whole: nothing of the value is missing.
func (l *eventLoop) fill(c *conn) (act gnet.Action, whole bool) {
	d := c.draft
	more := len(c.got) == 0 || len(c.got) >= readBuffer
	for d.Left() > 0 && len(c.got) > 0 {
		c.got = c.got[d.Write(c.got):]
	}
	if more && d.Left() > 0 && !l.fetch(c) {
		return gnet.Close, false
	}
	d.Settle(l.turn.Now)
	return gnet.None, d.Left() == 0
}

// fetch reads from the socket to where the value is to lie, and to in what is behind it. false: the connection is broken. That
// it has ended the engine will find.
func (l *eventLoop) fetch(c *conn) bool {
	d := c.draft
	l.room = d.Room(l.room[:0], fetchBytes)
	most := 0
	for _, b := range l.room {
		most += len(b)
	}
	if most == d.Left() {
		l.room = append(l.room, l.behindValue[:])
	}
	n, err := l.vector.read(c.g.Fd(), l.room)
	clear(l.room)
	if err != nil {
		return false
	}
	d.Came(min(n, most))
	if n > most {
		c.grow(n - most)
		c.in = append(c.in, l.behindValue[:n-most]...)
	}
	return true
}

// newDraft is one that has not begun.
func (l *eventLoop) newDraft() *store.Draft {
	if n := len(l.drafts); n > 0 {
		d := l.drafts[n-1]
		l.drafts = l.drafts[:n-1]
		return d
	}
	return new(store.Draft)
}

// dropDraft ends the draft of a connection, set or not.
func (c *conn) dropDraft() {
	if c.draft == nil {
		return
	}
	c.draft.Drop()
	c.l.keepDraft(c.draft)
	c.draft = nil
}

func (l *eventLoop) keepDraft(d *store.Draft) {
	if len(l.drafts) < keepDrafts {
		l.drafts = append(l.drafts, d)
	}
}
