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
	// Of the first l.done keys the peers have said that they lack them: one is asked for after the other, and the command is run again
	// for each answer.
	written, existed, unsure, err := t.Store.SetNew(pairs, t.Now, l.done)
	for err == store.ErrUnsure {
		a := t.doubt(c, pairs[2*unsure])
		switch a {
		case held:
			l.done = unsure
			return out, Wait
		case refused:
			*l = long{}
			return a.turnAway(out, errTryAgain)
		}
		written, existed, unsure, err = t.Store.SetNew(pairs, t.Now, unsure+1)
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

// wordBytes returns how many bytes the words of a command have.
func wordBytes(args [][]byte) (n int) {
	for _, a := range args {
		n += len(a)
	}
	return n
}
