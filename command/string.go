package command

import (
	"math"
	"strconv"

	"covey/codec"
	"covey/store"
)

// value appends the value of a key as a bulk, or a null. It is copied from the store into the reply once; a second time if its length has
// not as many digits as that of the last value, for which room was left. Of a large value only what is not pinned (Turn.Pin) is appended.
func (t *Turn) value(c *Client, key, out []byte) []byte {
	start, guess := len(out), t.guess
	out = codec.BeginBulk(out, guess)
	body := len(out)
	out, ok := t.Store.GetOrPin(out, key, t.hash(key), t.Now, t.Pin)
	if !ok {
		t.Tally.Misses++
		return codec.AppendNull(out[:start], c.Proto)
	}
	t.Tally.Hits++
	if t.pinned() {
		return t.pinnedBulk(out, start, body)
	}
	t.guess = len(out) - body
	return codec.FinishBulk(out, start, guess)
}

// pinnedBulk makes the head of a bulk whose value was pinned, at start; what was not pinned, from body on, follows it.
func (t *Turn) pinnedBulk(out []byte, start, body int) []byte {
	t.buf = append(t.buf[:0], out[body:]...)
	return append(codec.AppendBulkHead(out[:start], t.Pin.Size()), t.buf...)
}

// pinned reports whether the last value was pinned, so that the caller of the Turn has to send it.
func (t *Turn) pinned() bool { return t.Pin != nil && t.Pin.Begun() }

// has reports whether a key is there, and how long its value is, without reading it.
func (t *Turn) has(key []byte) (m store.Meta, length int, ok bool) {
	m, length, ok = t.Store.Meta(key, t.hash(key), t.Now)
	if ok {
		t.Tally.Hits++
	} else {
		t.Tally.Misses++
	}
	return m, length, ok
}

func get(t *Turn, c *Client, args [][]byte, out []byte) ([]byte, Verdict) {
	return t.value(c, args[1], out), Done
}

func mget(t *Turn, c *Client, args [][]byte, out []byte) ([]byte, Verdict) {
	l, start, n := &c.long, len(out), 0
	part := l.part(args, 1)
	if l.done == 0 {
		out = codec.AppendArray(out, l.total)
	}
	for n < len(part) && len(out)-start < listBytes && !t.pinned() {
		out = t.value(c, part[n], out)
		n++
	}
	if l.did(n) {
		l.told = true
		return out, Again
	}
	*l = long{}
	return out, Done
}

func strlen(t *Turn, c *Client, args [][]byte, out []byte) ([]byte, Verdict) {
	_, n, _ := t.has(args[1])
	return codec.AppendInt(out, int64(n)), Done
}

// getrange replies a part of a value. Its ends count from 0; negative ones from the end of the value, -1 being the last byte.
func getrange(t *Turn, c *Client, args [][]byte, out []byte) ([]byte, Verdict) {
	from, ok1 := integer(args[2])
	to, ok2 := integer(args[3])
	if !ok1 || !ok2 {
		return codec.AppendError(out, errInteger), Done
	}
	start, guess := len(out), t.guess
	if 0 <= from && from <= to {
		guess = int(min(to-from, codec.MaxValue-1)) + 1
	}
	out = codec.BeginBulk(out, guess)
	body := len(out)
	out, there := t.Store.GetPartOrPin(out, args[1], t.hash(args[1]), t.Now, from, to, t.Pin)
	if there {
		t.Tally.Hits++
	} else {
		t.Tally.Misses++
	}
	if t.pinned() {
		return t.pinnedBulk(out, start, body), Done
	}
	return codec.FinishBulk(out, start, guess), Done
}

// setOptions are the options of SET.
type setOptions struct {
	store.SetOptions
	unit     expiryUnit // 0: no expiry given
	when     []byte
	cond     store.Condition // of SetOptions.If, if compares is set: a pointer to it here would cost an allocation
	compares bool
}

// expiryUnit says in which form a client gives an expiry: EX, PX, EXAT or PXAT.
type expiryUnit uint8

const (
	unitEX expiryUnit = 1 + iota
	unitPX
	unitEXAT
	unitPXAT
)

// unitOf reads the name of an expiryUnit; 0: it is none.
func unitOf(b []byte) expiryUnit {
	switch {
	case is(b, "EX"):
		return unitEX
	case is(b, "PX"):
		return unitPX
	case is(b, "EXAT"):
		return unitEXAT
	case is(b, "PXAT"):
		return unitPXAT
	}
	return 0
}

// parse reads the options behind the value. ok is false for a syntax error. Which options exclude each other is as in
// Redis: only one of the four forms of an expiry, but that one may be repeated.
func (o *setOptions) parse(args [][]byte) (ok bool) {
	for i := 0; i < len(args); i++ {
		switch a := args[i]; {
		case is(a, "NX") && !o.XX && !o.compares:
			o.NX = true
		case is(a, "XX") && !o.NX && !o.compares:
			o.XX = true
		case compares(a) && !o.NX && !o.XX && !o.compares && i+1 < len(args):
			i++
			o.cond, o.compares = condition(a, args[i]), true
		case is(a, "GET"):
			o.Get = true
		case is(a, "KEEPTTL") && o.unit == 0:
			o.KeepTTL = true
		default:
			unit := unitOf(a)
			if unit == 0 || i+1 == len(args) || o.KeepTTL || o.unit != 0 && o.unit != unit {
				return false
			}
			i++
			o.unit, o.when = unit, args[i]
		}
	}
	return true
}

func set(t *Turn, c *Client, args [][]byte, out []byte) ([]byte, Verdict) {
	if len(args) == 3 && t.Host.Settled() { // the common case: no options
		return t.store(c, args[1], args[2], store.SetOptions{}, out)
	}
	var o setOptions
	if !o.parse(args[3:]) {
		return codec.AppendError(out, errSyntax), Done
	}
	g := gateBlind
	if o.NX || o.XX || o.Get || o.KeepTTL || o.compares {
		g = gateReady
	}
	if a := t.admit(c, g); a != admitted {
		return a.turnAway(out, errLoading)
	}
	if o.unit != 0 {
		at, problem := t.expiry(o.when, o.unit)
		if problem != expiryFine {
			return problem.append(out, "set"), Done
		}
		o.ExpireAt = at
	}
	cond := o.cond
	if o.compares {
		o.If = &cond
	}
	return t.store(c, args[1], args[2], o.SetOptions, out)
}

// store writes a value and appends SET's reply: OK, null when a condition was not met, or
// with GET what was there.
func (t *Turn) store(c *Client, key, value []byte, o store.SetOptions, out []byte) ([]byte, Verdict) {
	start, guess := len(out), t.guess
	if o.Get {
		out = codec.BeginBulk(out, guess)
	}
	body := len(out)
	var res store.SetResult
	out, a := t.set(c, &res, out, key, value, o)
	switch {
	case a != admitted:
		return a.turnAway(out[:start], errTryAgain)
	case res.Err != nil:
		return appendRefusal(out[:start], res.Err), Done
	case o.Get && res.Existed:
		t.Tally.Hits++
		t.guess = len(out) - body
		return codec.FinishBulk(out, start, guess), Done
	case o.Get:
		t.Tally.Misses++
		return codec.AppendNull(out[:start], c.Proto), Done
	case res.Written:
		return append(out, "+OK\r\n"...), Done
	}
	return codec.AppendNull(out, c.Proto), Done
}

// set writes a value and stages the update. If it depends on whether the key is there, and the store is not certain of that, it is
// not admitted before the peers have answered.
func (t *Turn) set(c *Client, res *store.SetResult, out, key, value []byte, o store.SetOptions) ([]byte, admission) {
	out = t.write(res, out, key, value, o)
	if res.Err == store.ErrUnsure {
		if a := t.doubt(c, key); a != admitted {
			return out, a
		}
		o.Sure = true
		out = t.write(res, out, key, value, o)
	}
	if res.Written {
		t.stage(c, &res.Record, t.Draft != nil)
	}
	return out, admitted
}

func (t *Turn) write(res *store.SetResult, out, key, value []byte, o store.SetOptions) []byte {
	if t.Draft != nil {
		out, *res = t.Store.SetDraft(out, t.Draft, t.Now, o)
		return out
	}
	return t.Store.SetInto(res, out, key, value, t.hash(key), t.Now, o)
}

func setnx(t *Turn, c *Client, args [][]byte, out []byte) ([]byte, Verdict) {
	var res store.SetResult
	_, a := t.set(c, &res, nil, args[1], args[2], store.SetOptions{NX: true})
	switch {
	case a != admitted:
		return a.turnAway(out, errTryAgain)
	case res.Err != nil:
		return appendRefusal(out, res.Err), Done
	case !res.Written:
		return codec.AppendInt(out, 0), Done
	}
	return codec.AppendInt(out, 1), Done
}

func setex(t *Turn, c *Client, args [][]byte, out []byte) ([]byte, Verdict) {
	return t.setWithExpiry(c, args, unitEX, "setex", out)
}

func psetex(t *Turn, c *Client, args [][]byte, out []byte) ([]byte, Verdict) {
	return t.setWithExpiry(c, args, unitPX, "psetex", out)
}

func (t *Turn) setWithExpiry(c *Client, args [][]byte, unit expiryUnit, name string, out []byte) ([]byte, Verdict) {
	at, problem := t.expiry(args[2], unit)
	if problem != expiryFine {
		return problem.append(out, name), Done
	}
	return t.store(c, args[1], args[3], store.SetOptions{ExpireAt: at}, out)
}

func getset(t *Turn, c *Client, args [][]byte, out []byte) ([]byte, Verdict) {
	return t.store(c, args[1], args[2], store.SetOptions{Get: true}, out)
}

func getdel(t *Turn, c *Client, args [][]byte, out []byte) ([]byte, Verdict) {
	key, hash := args[1], t.hash(args[1])
	start, guess := len(out), t.guess
	out = codec.BeginBulk(out, guess)
	body := len(out)
	out, r, existed, written, err := t.Store.Take(out, key, hash, t.Now, false)
	if err != nil {
		if a := t.doubt(c, key); a != admitted {
			return a.turnAway(out[:start], errTryAgain)
		}
		out, r, existed, written, _ = t.Store.Take(out[:body], key, hash, t.Now, true)
	}
	if written {
		t.update(c, &r)
	}
	if !existed {
		return codec.AppendNull(out[:start], c.Proto), Done
	}
	t.guess = len(out) - body
	return codec.FinishBulk(out, start, guess), Done
}

func mset(t *Turn, c *Client, args [][]byte, out []byte) ([]byte, Verdict) {
	if len(args)%2 == 0 {
		return wrongArity(out, "mset"), Done
	}
	l := &c.long
	part := l.part(args, 2)
	for i := 0; i < len(part); i += 2 {
		key := part[i]
		var res store.SetResult
		t.write(&res, nil, key, part[i+1], store.SetOptions{})
		if res.Err != nil {
			*l = long{}
			return appendRefusal(out, res.Err), Done
		}
		t.stage(c, &res.Record, t.Draft != nil)
	}
	if l.did(len(part)) {
		return out, Again
	}
	*l = long{}
	return codec.AppendSimple(out, "OK"), Done
}

func incr(t *Turn, c *Client, args [][]byte, out []byte) ([]byte, Verdict) {
	return t.increment(c, args[1], 1, out)
}

func decr(t *Turn, c *Client, args [][]byte, out []byte) ([]byte, Verdict) {
	return t.increment(c, args[1], -1, out)
}

func incrby(t *Turn, c *Client, args [][]byte, out []byte) ([]byte, Verdict) {
	n, ok := integer(args[2])
	if !ok {
		return codec.AppendError(out, errInteger), Done
	}
	return t.increment(c, args[1], n, out)
}

func decrby(t *Turn, c *Client, args [][]byte, out []byte) ([]byte, Verdict) {
	n, ok := integer(args[2])
	switch {
	case !ok:
		return codec.AppendError(out, errInteger), Done
	case n == math.MinInt64:
		return codec.AppendError(out, "ERR decrement would overflow"), Done
	}
	return t.increment(c, args[1], -n, out)
}

func (t *Turn) increment(c *Client, key []byte, delta int64, out []byte) ([]byte, Verdict) {
	n, a, err := t.add(c, key, delta, store.Until{})
	switch {
	case a != admitted:
		return a.turnAway(out, errTryAgain)
	case err != nil:
		return appendRefusal(out, err), Done
	}
	out = append(out, ':')
	out = strconv.AppendInt(out, n.N, 10)
	return append(out, '\r', '\n'), Done
}

// add adds delta to the number under a key, gives it the end that u asks for in the same step, and stages that, once it is certain that a key
// that is not here is absent.
func (t *Turn) add(c *Client, key []byte, delta int64, u store.Until) (n store.Counted, a admission, err error) {
	hash := t.hash(key)
	t.buf, n, err = t.Store.IncrementUntil(t.buf[:0], key, hash, t.Now, delta, false, u)
	if err == store.ErrUnsure {
		if a := t.doubt(c, key); a != admitted {
			return n, a, nil
		}
		t.buf, n, err = t.Store.IncrementUntil(t.buf[:0], key, hash, t.Now, delta, true, u)
	}
	if err == nil {
		t.update(c, &n.Record)
	}
	return n, admitted, err
}
