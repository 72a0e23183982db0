package command

import (
	"covey/codec"
	"covey/store"
)

// del leaves a tombstone for each key that is there. On a node that is not ready it does so
// for every key: it cannot be sure that no other node has it (R3, R17). The reply counts the
// keys that were there.
func del(t *Turn, c *Client, args [][]byte, out []byte) ([]byte, Verdict) {
	blind, l := !t.ready(), &c.long
	part := l.part(args, 1)
	for _, key := range part {
		r, existed, written := t.Store.Delete(key, t.hash(key), t.Now, blind)
		if written {
			t.update(c, &r)
		}
		if existed {
			l.count++
		}
	}
	return l.counted(out, len(part))
}

func exists(t *Turn, c *Client, args [][]byte, out []byte) ([]byte, Verdict) {
	l := &c.long
	part := l.part(args, 1)
	for _, key := range part {
		if _, _, ok := t.has(key); ok {
			l.count++
		}
	}
	return l.counted(out, len(part))
}

// counted replies how many keys were counted, once all are done: n more are.
func (l *long) counted(out []byte, n int) ([]byte, Verdict) {
	if l.did(n) {
		return out, Again
	}
	count := l.count
	*l = long{}
	return codec.AppendInt(out, count), Done
}

func typeOf(t *Turn, c *Client, args [][]byte, out []byte) ([]byte, Verdict) {
	if m, _, ok := t.has(args[1]); ok {
		return codec.AppendSimple(out, store.TypeName(m.Kind)), Done
	}
	return codec.AppendSimple(out, "none"), Done
}

func dbsize(t *Turn, c *Client, args [][]byte, out []byte) ([]byte, Verdict) {
	return codec.AppendInt(out, int64(t.Store.Len())), Done
}

// flush removes every key (R4). ASYNC and SYNC make no difference here.
func flush(t *Turn, c *Client, args [][]byte, out []byte) ([]byte, Verdict) {
	if len(args) > 2 || len(args) == 2 && !is(args[1], "ASYNC") && !is(args[1], "SYNC") {
		return codec.AppendError(out, errSyntax), Done
	}
	r := t.Store.Flush(t.Now)
	t.update(c, &r)
	return codec.AppendSimple(out, "OK"), Done
}
