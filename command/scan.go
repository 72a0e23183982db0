package command

import (
	"strconv"

	"covey/codec"
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
	next := t.chunk(cur, int(min(count, maxScanCount)), pattern)
	if !wanted {
		t.keys = t.keys[:0]
	}
	start := len(out)
	out = codec.AppendArray(out, 2)
	var room [20]byte
	out = codec.AppendBulk(out, strconv.AppendUint(room[:0], next, 10))
	out = codec.AppendArray(out, len(t.keys))
	for _, key := range t.keys {
		out = codec.AppendBulk(out, key)
	}
	if len(out)-start > maxReply {
		return codec.AppendError(out[:start], "ERR the reply would be larger than 64 MiB; use a lower COUNT"), Done
	}
	return out, Done
}

// chunk reads about count keys from cur on into t.keys and drops those that do not match;
// no pattern matches all. The keys live in t.buf.
func (t *Turn) chunk(cur uint64, count int, pattern []byte) (next uint64) {
	t.keys, t.buf, next = t.Store.Scan(t.keys[:0], t.buf[:0], cur, count, t.Now)
	if pattern == nil || string(pattern) == "*" {
		return next
	}
	kept := t.keys[:0]
	for _, key := range t.keys {
		if match(pattern, key) {
			kept = append(kept, key)
		}
	}
	t.keys = kept
	return next
}

// keys gives all keys that match. It holds up its loop for as long as it takes; SCAN does not.
func keys(t *Turn, c *Client, args [][]byte, out []byte) ([]byte, Verdict) {
	if len(args[1]) > maxPattern {
		return codec.AppendError(out, errPattern), Done
	}
	// The count comes first and is known last: the keys are put together aside.
	var body []byte
	n := 0
	for cur, first := uint64(0), true; first || cur != 0; first = false {
		cur = t.chunk(cur, keysChunk, args[1])
		for _, key := range t.keys {
			body = codec.AppendBulk(body, key)
		}
		n += len(t.keys)
		if len(body) > maxReply {
			return codec.AppendError(out, errReplyKeys), Done
		}
	}
	out = codec.AppendArray(out, n)
	return append(out, body...), Done
}
