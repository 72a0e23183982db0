package command

import (
	"strconv"

	"covey/codec"
	"covey/store"
)

// scan gives a part of the keys. As in Redis: what is there from the first call to the last
// is given at least once.
func scan(t *Turn, c *Client, args [][]byte, out []byte) ([]byte, Verdict) {
	cur, ok := cursor(args[1])
	if !ok {
		return codec.AppendError(out, "ERR invalid cursor"), Done
	}
	var pattern []byte
	count, wanted := int64(10), true
	for i := 2; i < len(args); i += 2 {
		switch {
		case i+1 == len(args):
			return codec.AppendError(out, errSyntax), Done
		case is(args[i], "COUNT"):
			if count, ok = integer(args[i+1]); !ok {
				return codec.AppendError(out, errInteger), Done
			}
			if count < 1 {
				return codec.AppendError(out, errSyntax), Done
			}
		case is(args[i], "MATCH"):
			if pattern = args[i+1]; len(pattern) > maxPattern {
				return codec.AppendError(out, errPattern), Done
			}
		case is(args[i], "TYPE"):
			wanted = is(args[i+1], "STRING")
		default:
			return codec.AppendError(out, errSyntax), Done
		}
	}
	t.work = walkWork
	next, ok := t.chunk(cur, int(min(count, maxScanCount)), pattern)
	if !ok {
		return codec.AppendError(out, errWork), Done
	}
	if !wanted {
		t.keys = t.keys[:0]
	}
	out = codec.AppendArray(out, 2)
	var room [20]byte
	out = codec.AppendBulk(out, strconv.AppendUint(room[:0], next, 10))
	out = codec.AppendArray(out, len(t.keys))
	for _, key := range t.keys {
		out = codec.AppendBulk(out, key)
	}
	return out, Done
}

// chunk reads about count keys from cur on into t.keys and drops those that do not match; no pattern matches all. When t.work is
// used up it ends before the key at which to go on. ok is false where one key takes too much of it. The keys live in t.buf.
func (t *Turn) chunk(cur uint64, count int, pattern []byte) (next uint64, ok bool) {
	t.keys, t.buf, next = t.Store.Scan(t.keys[:0], t.buf[:0], cur, count, t.Now)
	t.work -= callWork
	all := pattern == nil || string(pattern) == "*"
	kept := t.keys[:0]
	for i, key := range t.keys {
		if t.work <= 0 && i > 0 {
			if at := store.CursorOf(t.Store.Hash(key)); at != store.CursorOf(t.Store.Hash(t.keys[i-1])) {
				next = at
				break
			}
		}
		matches, work := all, 0
		if !all {
			if matches, work = try(pattern, key); work > mostWork(key) {
				return next, false
			}
		}
		if t.work -= keyWork + work; matches {
			kept = append(kept, key)
		}
	}
	t.keys = kept
	return next, true
}

// keys gives all keys that match. Others have their turns meanwhile, so it promises what SCAN does, and no key comes twice.
func keys(t *Turn, c *Client, args [][]byte, out []byte) ([]byte, Verdict) {
	if len(args[1]) > maxPattern {
		return codec.AppendError(out, errPattern), Done
	}
	// The count comes first and is known last: the keys are put together aside.
	l := &c.long
	t.work = walkWork
	for {
		next, ok := t.chunk(l.cursor, keysChunk, args[1])
		for _, key := range t.keys {
			l.body = codec.AppendBulk(l.body, key)
		}
		l.cursor, l.count = next, l.count+int64(len(t.keys))
		switch {
		case !ok:
			c.long = long{}
			return codec.AppendError(out, errWork), Done
		case len(l.body) > t.mostReply():
			c.long = long{}
			return codec.AppendError(out, errReplyKeys), Done
		case next == 0:
			out = append(codec.AppendArray(out, int(l.count)), l.body...)
			c.long = long{}
			return out, Done
		case t.work <= 0:
			return out, Again
		}
	}
}
