package command

import (
	"math"

	"covey/codec"
	"covey/store"
)

// expiryProblem says what is wrong with an expiry that a client gives.
type expiryProblem uint8

const (
	expiryFine expiryProblem = iota
	expiryNoInteger
	expiryRange
)

func (p expiryProblem) append(out []byte, name string) []byte {
	if p == expiryNoInteger {
		return codec.AppendError(out, errInteger)
	}
	return badExpiry(out, name)
}

// expiry turns the expiry of a SET into cluster time in ms. arg must be more than 0. A time that is past is no error:
// the key ends as it is written.
func (t *Turn) expiry(arg []byte, unit expiryUnit) (at uint64, p expiryProblem) {
	n, ok := integer(arg)
	if !ok {
		return 0, expiryNoInteger
	}
	if n <= 0 {
		return 0, expiryRange
	}
	if unit == unitEX || unit == unitEXAT {
		if n > math.MaxInt64/1000 {
			return 0, expiryRange
		}
		n *= 1000
	}
	base := int64(t.Now)
	if unit == unitEXAT || unit == unitPXAT {
		base = t.Host.WallOffset()
	}
	if base > 0 && n > math.MaxInt64-base {
		return 0, expiryRange
	}
	return uint64(max(n+base, 1)), expiryFine
}

func expire(t *Turn, c *Client, args [][]byte, out []byte) ([]byte, Verdict) {
	return t.expire(c, args, int64(t.Now), 1000, "expire", out)
}

func pexpire(t *Turn, c *Client, args [][]byte, out []byte) ([]byte, Verdict) {
	return t.expire(c, args, int64(t.Now), 1, "pexpire", out)
}

func expireat(t *Turn, c *Client, args [][]byte, out []byte) ([]byte, Verdict) {
	return t.expire(c, args, t.Host.WallOffset(), 1000, "expireat", out)
}

func pexpireat(t *Turn, c *Client, args [][]byte, out []byte) ([]byte, Verdict) {
	return t.expire(c, args, t.Host.WallOffset(), 1, "pexpireat", out)
}

// expire sets the expiry of a key to base + the argument times unit, in ms. A time that is
// past ends the key now.
func (t *Turn) expire(c *Client, args [][]byte, base, unit int64, name string, out []byte) ([]byte, Verdict) {
	cond, problem := expireCond(args[3:])
	if problem != "" {
		return codec.AppendError(out, problem), Done
	}
	at, wrong := expiryAt(args[2], base, unit)
	if wrong != expiryFine {
		return wrong.append(out, name), Done
	}
	r, ok := t.Store.Expire(args[1], t.hash(args[1]), t.Now, at, cond)
	if !ok {
		return t.absent(c, args[1], 0, out)
	}
	t.update(c, &r)
	return codec.AppendInt(out, 1), Done
}

// expiryAt is the time, in ms, that lies arg times unit after base, or before it.
func expiryAt(arg []byte, base, unit int64) (at uint64, p expiryProblem) {
	n, ok := integer(arg)
	if !ok {
		return 0, expiryNoInteger
	}
	if n > math.MaxInt64/unit || n < math.MinInt64/unit {
		return 0, expiryRange
	}
	n *= unit
	if base > 0 && n > math.MaxInt64-base || base < 0 && n < math.MinInt64-base {
		return 0, expiryRange
	}
	return uint64(max(n+base, 1)), expiryFine
}

// expireCond reads the options of EXPIRE; problem is the error to reply.
func expireCond(args [][]byte) (cond store.ExpireCond, problem string) {
	for _, a := range args {
		switch {
		case is(a, "NX"):
			cond |= store.ExpireNX
		case is(a, "XX"):
			cond |= store.ExpireXX
		case is(a, "GT"):
			cond |= store.ExpireGT
		case is(a, "LT"):
			cond |= store.ExpireLT
		default:
			return 0, "ERR Unsupported option " + cString(a, quotedArgs)
		}
	}
	if cond&store.ExpireNX != 0 && cond != store.ExpireNX {
		return 0, "ERR NX and XX, GT or LT options at the same time are not compatible"
	}
	if cond&store.ExpireGT != 0 && cond&store.ExpireLT != 0 {
		return 0, "ERR GT and LT options at the same time are not compatible"
	}
	return cond, ""
}

func persist(t *Turn, c *Client, args [][]byte, out []byte) ([]byte, Verdict) {
	r, ok := t.Store.Persist(args[1], t.hash(args[1]), t.Now)
	if !ok {
		return t.absent(c, args[1], 0, out)
	}
	t.update(c, &r)
	return codec.AppendInt(out, 1), Done
}

// seconds rounds ms as Redis does; what is below 0 says something else, and stays.
func seconds(ms int64) int64 {
	if ms > 0 {
		return ms/1000 + (ms%1000+500)/1000
	}
	return ms
}

func ttl(t *Turn, c *Client, args [][]byte, out []byte) ([]byte, Verdict) {
	return codec.AppendInt(out, seconds(t.left(args[1]))), Done
}

func pttl(t *Turn, c *Client, args [][]byte, out []byte) ([]byte, Verdict) {
	return codec.AppendInt(out, t.left(args[1])), Done
}

func expiretime(t *Turn, c *Client, args [][]byte, out []byte) ([]byte, Verdict) {
	return codec.AppendInt(out, seconds(t.diesAt(args[1]))), Done
}

func pexpiretime(t *Turn, c *Client, args [][]byte, out []byte) ([]byte, Verdict) {
	return codec.AppendInt(out, t.diesAt(args[1])), Done
}

// diesAt is until when a key lives, in ms of the node's wall clock; -1: for ever, -2: it is not there.
func (t *Turn) diesAt(key []byte) int64 {
	left := t.left(key)
	if left < 0 {
		return left
	}
	return int64(t.Now) - t.Host.WallOffset() + left
}

// left is how long a key has to live, in ms; -1: for ever, -2: it is not there.
func (t *Turn) left(key []byte) int64 {
	m, _, ok := t.has(key)
	switch {
	case !ok:
		return -2
	case m.ExpireAt == 0:
		return -1
	}
	return int64(m.ExpireAt - t.Now)
}
