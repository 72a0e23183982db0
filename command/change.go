package command

import (
	"errors"
	"slices"

	"covey/codec"
	"covey/store"
)

// Commands that change a part of a value. Each is one step of the store, which keeps the time to live, and goes to the peers as the whole
// value that it leaves: the last writer wins.

var errTooLong = errors.New("string exceeds maximum allowed size (proto-max-bulk-len)")

// appendTo puts bytes behind a value, or sets it where there is none.
func appendTo(t *Turn, c *Client, args [][]byte, out []byte) ([]byte, Verdict) {
	tail := args[2]
	n, a, err := t.change(c, args[1], func(length int) (int, error) { return sized(length, len(tail)) },
		func(value []byte, there bool) ([]byte, error) { return append(value, tail...), nil })
	return changed(out, n, a, err)
}

// setrange overwrites a part of a value, which grows where that is behind its end: zero bytes come between. Nothing is no change, and sets
// nothing.
func setrange(t *Turn, c *Client, args [][]byte, out []byte) ([]byte, Verdict) {
	at, ok := integer(args[2])
	switch {
	case !ok:
		return codec.AppendError(out, errInteger), Done
	case at < 0:
		return codec.AppendError(out, "ERR offset is out of range"), Done
	}
	key, part := args[1], args[3]
	if len(part) == 0 {
		if _, n, there := t.has(key); there {
			return codec.AppendInt(out, int64(n)), Done
		}
		return t.absent(c, key, 0, out)
	}
	if at > codec.MaxValue {
		return codec.AppendError(out, "ERR "+errTooLong.Error()), Done
	}
	from := int(at)
	n, a, err := t.change(c, key,
		func(length int) (int, error) {
			end, err := sized(from, len(part))
			return max(length, end), err
		},
		func(value []byte, there bool) ([]byte, error) {
			if old, end := len(value), from+len(part); end > old {
				value = slices.Grow(value, end-old)[:end]
				clear(value[old:])
			}
			copy(value[from:], part)
			return value, nil
		})
	return changed(out, n, a, err)
}

// sized adds two lengths, if a value may have as many bytes.
func sized(a, b int) (int, error) {
	if a+b > codec.MaxValue {
		return 0, errTooLong
	}
	return a + b, nil
}

// changed replies how long the value is that a change has left.
func changed(out []byte, n int, a admission, err error) ([]byte, Verdict) {
	switch {
	case a != admitted:
		return a.turnAway(out, errTryAgain)
	case err != nil:
		return appendRefusal(out, err), Done
	}
	return codec.AppendInt(out, int64(n)), Done
}

// change has the store change the value of a key and stages that, once it is certain that a key that is not here is absent. The new value, of
// n bytes, is in t.buf.
func (t *Turn) change(c *Client, key []byte, room func(length int) (int, error), change func(value []byte, there bool) ([]byte, error)) (n int, a admission, err error) {
	hash := t.hash(key)
	r, err := t.Store.Change(t.buf, key, hash, t.Now, false, room, change)
	if err == store.ErrUnsure {
		if a := t.doubt(c, key); a != admitted {
			return 0, a, nil
		}
		r, err = t.Store.Change(t.buf, key, hash, t.Now, true, room, change)
	}
	if err == nil {
		t.buf = r.Value
		t.update(c, &r)
	}
	return len(r.Value), admitted, err
}
