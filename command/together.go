package command

import (
	"covey/codec"
	"covey/store"
)

// msetnx sets keys if none of them is there, in one step on this node.
func msetnx(t *Turn, c *Client, args [][]byte, out []byte) ([]byte, Verdict) {
	if len(args)%2 == 0 {
		return wrongArity(out, "msetnx"), Done
	}
	if size := wordBytes(args); len(args) > maxWords || size > maxTogether {
		return codec.AppendError(out, errTogether), Done
	}
	pairs, l := args[1:], &c.long
	// Of the first l.done keys it is known that they are absent, from the peers or from here: one is asked for after the other, and the
	// command is run again for each answer.
	written, existed, unsure, err := t.Store.SetNew(pairs, t.Now, l.done)
	if err == store.ErrUnsure {
		var a admission
		switch l.done, a = t.absentFrom(c, pairs, unsure); a {
		case held:
			return out, Wait
		case refused:
			*l = long{}
			return a.turnAway(out, errTryAgain)
		}
		written, existed, _, err = t.Store.SetNew(pairs, t.Now, l.done)
	}
	*l = long{}
	switch {
	case err != nil:
		return appendRefusal(out, err), Done
	case existed:
		return codec.AppendInt(out, 0), Done
	}
	for i := range written {
		t.update(c, &written[i])
	}
	return codec.AppendInt(out, 1), Done
}

// absentFrom asks for the keys of pairs that may have been evicted, from one that is on, and returns up to which all are known to be absent. It
// looks at each of them once.
func (t *Turn) absentFrom(c *Client, pairs [][]byte, first int) (known int, a admission) {
	for known = first; known < len(pairs)/2; known++ {
		key := pairs[2*known]
		if known > first && t.Store.Certain(key, t.Store.Hash(key), t.Now) {
			continue
		}
		if a = t.doubt(c, key); a != admitted {
			return known, a
		}
	}
	return known, admitted
}

// wordBytes returns how many bytes the words of a command have.
func wordBytes(args [][]byte) (n int) {
	for _, a := range args {
		n += len(a)
	}
	return n
}
