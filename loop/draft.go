package loop

import (
	"github.com/panjf2000/gnet/v2"

	"covey/codec"
	"covey/store"
)

// A large value does not wait in the connection's buffer until it has come whole, to be copied then. Once its head has come, its bytes go
// right to the pages that the store will have them in (store.Draft), and only a stub of its command (codec.Large) waits in the buffer.

// expect begins a draft if the command at the start of buf is the write of a large value, and moves the bytes of the value that have come
// there. The stub takes the place of the command in buf; the caller keeps it. none: there is no draft, and the command is put together like
// any other.
func (l *eventLoop) expect(c *conn, buf []byte) (stub []byte, none bool) {
	find := codec.LargeSet
	if c.protocol == protocolBinary {
		find = codec.LargeSetValue
	}
	m, ok := find(buf)
	if !ok {
		if m.From > len(buf) {
			c.need = m.From // of the command, to look again
		}
		return nil, true
	}
	d := l.newDraft()
	if !d.Begin(l.n.store, m.Key, l.n.store.Hash(m.Key), m.Size) {
		l.keepDraft(d)
		return nil, true
	}
	behind := buf[m.From+d.Write(buf[m.From:]):] // if more had piled up: what follows the value
	d.Settle(l.turn.Now)                         // the key has taken pages, and what came of the value
	c.draft, c.need = d, 0
	c.parser.Forget()
	return append(m.Stub(buf[:m.From]), behind...), false
}

// fill moves what has come of a large value to its place: first what was read; then, if nothing was read or the buffer was full, what the
// socket has, without a copy between. whole: the value is complete.
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

// fetch reads from the socket right to the value's place, and what follows the value to conn.in. false: the connection is broken. If it
// has merely ended the engine will find that out.
func (l *eventLoop) fetch(c *conn) bool {
	d := c.draft
	piece := fetchBytes
	if l.careful() {
		piece = carefulFetch
	}
	l.room = d.Room(l.room[:0], piece)
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

// newDraft returns a draft that has not begun.
func (l *eventLoop) newDraft() *store.Draft {
	if n := len(l.drafts); n > 0 {
		d := l.drafts[n-1]
		l.drafts = l.drafts[:n-1]
		return d
	}
	return new(store.Draft)
}

// dropDraft ends the draft of a connection, whether its value was set or not.
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
