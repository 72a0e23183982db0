package command

import (
	"covey/codec"
	"covey/store"
)

// Writes that ask what value is there: SET with IFEQ or IFNE, DELEX, DELIFEQ. So a lock is released, or a value changed that was read before,
// with one command and no script. Redis has them from 8.4 on, Valkey from 9. As all conditions, they are of this node alone.

// compares reports whether an option is a condition on the value that is there, as Redis has it from 8.4 on and Valkey from 9.
func compares(option []byte) bool { return is(option, "IFEQ") || is(option, "IFNE") }

// condition is what such an option says with the value behind it.
func condition(option, value []byte) store.Condition {
	return store.Condition{Value: value, Differs: is(option, "IFNE")}
}

// delex deletes a key if its value meets a condition, or at all events without one.
func delex(t *Turn, c *Client, args [][]byte, out []byte) ([]byte, Verdict) {
	switch {
	case len(args) == 2:
		return del(t, c, args, out)
	case len(args) != 4:
		return wrongArity(out, "delex"), Done
	case !compares(args[2]):
		return codec.AppendError(out, errSyntax), Done
	}
	return t.deleteIf(c, args[1], condition(args[2], args[3]), 0, out)
}

func delifeq(t *Turn, c *Client, args [][]byte, out []byte) ([]byte, Verdict) {
	return t.deleteIf(c, args[1], store.Condition{Value: args[2]}, 0, out)
}

// deleteIf deletes a key if its value meets a condition, and replies gone if the key is not there.
func (t *Turn) deleteIf(c *Client, key []byte, cond store.Condition, gone int64, out []byte) ([]byte, Verdict) {
	r, existed, written, err := t.Store.DeleteIf(key, t.hash(key), t.Now, cond)
	switch {
	case err != nil:
		return t.absent(c, key, gone, out)
	case !existed:
		return codec.AppendInt(out, gone), Done
	case !written:
		return codec.AppendInt(out, 0), Done
	}
	t.update(c, &r)
	return codec.AppendInt(out, 1), Done
}
