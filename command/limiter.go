package command

import (
	"strconv"

	"covey/codec"
	"covey/store"
)

// Scripts by which libraries count the hits of a window of time, to limit how many there are. Here each is an increment of a counter that adds
// up with those of other nodes (R27), and gives the key an end where it has none. What begins a window is an increment too, not the SET that
// some scripts have: that would replace what other nodes have counted at the same moment.

// Parts that several scripts share.
const (
	luaHits    = `local totalHits = redis.call("incr", KEYS[1]) `
	luaLeftNow = `local timeToExpire = redis.call("pttl", KEYS[1]) `
	luaTold    = `return {totalHits, timeToExpire}`
	luaAnew    = `if timeToExpire <= 0 then redis.call("set", KEYS[1], 1, "PX", windowMs) return {1, windowMs} end `
	luaWindow2 = `then redis.call("pexpire", KEYS[1], tonumber(ARGV[2])) timeToExpire = tonumber(ARGV[2]) end `
	luaCurrent = `local current = redis.call("incr", KEYS[1]) `
	luaFirst   = `redis.call("expire", KEYS[1], ARGV[1]) end return current`
	luaFirstMs = `redis.call("pexpire", KEYS[1], ARGV[1]) end return current`
)

// limiterScripts are those that are carried out. Each row names libraries that send it.
var limiterScripts = []script{
	{`local current local amount = tonumber(ARGV[2]) current = redis.call("incrby", KEYS[1], amount) if tonumber(current) == amount then ` + luaFirst, 2, countAmount}, // Python's limits, and so Flask-Limiter and slowapi
	{`local current current = redis.call("incr", KEYS[1]) if tonumber(current) == 1 then ` + luaFirst, 1, countSeconds},                                                // the same, before 2.0
	{luaCurrent + `if current == 1 then ` + luaFirst, 1, countSeconds},                                                                                                 // who follows Redis' page on INCR
	{luaCurrent + `if tonumber(current) == 1 then ` + luaFirst, 1, countSeconds},
	{luaCurrent + `if current == 1 then ` + luaFirstMs, 1, countMillis},
	{luaCurrent + `if tonumber(current) == 1 then ` + luaFirstMs, 1, countMillis},

	{`redis.call("set", KEYS[1], 0, "EX", ARGV[2], "NX") local consumed = redis.call("incrby", KEYS[1], ARGV[1]) local ttl = redis.call("pttl", KEYS[1]) ` +
		`if ttl == -1 then redis.call("expire", KEYS[1], ARGV[2]) ttl = 1000 * ARGV[2] end return {consumed, ttl}`, 2, countPoints}, // rate-limiter-flexible

	{luaHits + luaLeftNow + `if timeToExpire < 0 or ARGV[1] == "1" ` + luaWindow2 + luaTold, 2, countOrReset}, // rate-limit-redis 4
	{luaHits + luaLeftNow + `if timeToExpire <= 0 or ARGV[1] == "1" ` + luaWindow2 + luaTold, 2, countOrReset},
	{luaHits + luaLeftNow + `if timeToExpire <= 0 then redis.call("pexpire", KEYS[1], tonumber(ARGV[1])) timeToExpire = tonumber(ARGV[1]) end ` + luaTold, 1, countAndTell}, // storages of NestJS' throttler
	{`local windowMs = tonumber(ARGV[2]) local resetOnChange = ARGV[1] == "1" ` + luaLeftNow + luaAnew + luaHits +
		`if resetOnChange then redis.call("pexpire", KEYS[1], windowMs) timeToExpire = windowMs end ` + luaTold, 2, countAnewOrReset}, // rate-limit-redis 4.3 and 5
	{`local windowMs = tonumber(ARGV[1]) ` + luaLeftNow + luaAnew + luaHits + luaTold, 1, countAnew}, // rate-limit-redis 6
	{`local totalHits = redis.call("get", KEYS[1]) ` + luaLeftNow + luaTold, 0, tellHits},            // rate-limit-redis
}

// window is what a script asks of a counter.
type window struct {
	by    int64            // what is added
	span  []byte           // how long the window is,
	unit  int64            // in units of so many ms
	first bool             // it begins where the counter has come to by; else where that has no end, unless
	cond  store.ExpireCond // says that it begins anyhow
	sets  bool             // the script has a SET, whose expiry is more than 0
	anew  bool             // by which it sets a number without an end to by
	tells bool             // the reply says how long the window goes on, too
}

func countAmount(t *Turn, c *Client, key []byte, argv [][]byte, out []byte) ([]byte, Verdict) {
	return t.countBy(c, key, argv[1], window{span: argv[0], unit: 1000, first: true}, out)
}

func countSeconds(t *Turn, c *Client, key []byte, argv [][]byte, out []byte) ([]byte, Verdict) {
	return t.count(c, key, window{by: 1, span: argv[0], unit: 1000, first: true}, out)
}

func countMillis(t *Turn, c *Client, key []byte, argv [][]byte, out []byte) ([]byte, Verdict) {
	return t.count(c, key, window{by: 1, span: argv[0], unit: 1, first: true}, out)
}

func countPoints(t *Turn, c *Client, key []byte, argv [][]byte, out []byte) ([]byte, Verdict) {
	return t.countBy(c, key, argv[0], window{span: argv[1], unit: 1000, cond: store.ExpireNX, sets: true, tells: true}, out)
}

func countOrReset(t *Turn, c *Client, key []byte, argv [][]byte, out []byte) ([]byte, Verdict) {
	return t.count(c, key, window{by: 1, span: argv[1], unit: 1, cond: resets(argv), tells: true}, out)
}

func countAndTell(t *Turn, c *Client, key []byte, argv [][]byte, out []byte) ([]byte, Verdict) {
	return t.count(c, key, window{by: 1, span: argv[0], unit: 1, cond: store.ExpireNX, tells: true}, out)
}

func countAnewOrReset(t *Turn, c *Client, key []byte, argv [][]byte, out []byte) ([]byte, Verdict) {
	return t.count(c, key, window{by: 1, span: argv[1], unit: 1, cond: resets(argv), sets: true, anew: true, tells: true}, out)
}

func countAnew(t *Turn, c *Client, key []byte, argv [][]byte, out []byte) ([]byte, Verdict) {
	return t.count(c, key, window{by: 1, span: argv[0], unit: 1, cond: store.ExpireNX, sets: true, anew: true, tells: true}, out)
}

// resets says whether each hit begins the window anew, or only one that finds none.
func resets(argv [][]byte) store.ExpireCond {
	if string(argv[0]) == "1" {
		return 0
	}
	return store.ExpireNX
}

// countBy is count of more than one hit at a time.
func (t *Turn) countBy(c *Client, key, by []byte, w window, out []byte) ([]byte, Verdict) {
	var ok bool
	if w.by, ok = integer(by); !ok {
		return codec.AppendError(out, errInteger), Done
	}
	return t.count(c, key, w, out)
}

// count adds to the counter of a window, and begins the window where it has to, in one step: whatever comes in between, no counter is left
// without an end.
func (t *Turn) count(c *Client, key []byte, w window, out []byte) ([]byte, Verdict) {
	at, problem := w.end(t.Now)
	if problem != expiryFine {
		return problem.append(out, w.command()), Done
	}
	start := len(out)
	if m, _, there := t.Store.Meta(key, t.hash(key), t.Now); w.anew && there && m.ExpireAt == 0 {
		if out, v := t.setKey(c, key, strconv.AppendInt(nil, w.by, 10), "PX", w.span, out); v != Done || out[start] != '+' {
			return out, v
		}
		return appendHits(out[:start], w.by, int64(at-t.Now), w.tells), Done
	}
	n, a, err := t.add(c, key, w.by, store.Until{At: at, Cond: w.cond, First: w.first})
	switch {
	case a != admitted:
		return a.turnAway(out, errTryAgain)
	case err != nil:
		return appendRefusal(out, err), Done
	}
	left := int64(n.Record.Ends() - t.Now)
	if span, _ := integer(w.span); n.Ended {
		left = span * w.unit // also of a window that is over before it begins
	}
	return appendHits(out, n.N, left, w.tells), Done
}

// end returns when a window ends that begins now.
func (w *window) end(now uint64) (at uint64, problem expiryProblem) {
	at, problem = expiryAt(w.span, int64(now), w.unit)
	if n, _ := integer(w.span); problem == expiryFine && w.sets && n <= 0 {
		problem = expiryRange
	}
	return at, problem
}

// command names the command whose error it is if there is no such end.
func (w *window) command() string {
	switch {
	case w.sets:
		return "set"
	case w.unit == 1000:
		return "expire"
	}
	return "pexpire"
}

// appendHits replies how many hits a window has, and how long it goes on in ms.
func appendHits(out []byte, n, left int64, tells bool) []byte {
	if tells {
		out = codec.AppendArray(out, 2)
	}
	out = codec.AppendInt(out, n)
	if tells {
		out = codec.AppendInt(out, left)
	}
	return out
}

// tellHits replies what a counter has come to, and how long its window goes on.
func tellHits(t *Turn, c *Client, key []byte, argv [][]byte, out []byte) ([]byte, Verdict) {
	value, m, ok := t.Store.Get(t.buf[:0], key, t.hash(key), t.Now)
	t.buf = value
	out = codec.AppendArray(out, 2)
	switch {
	case !ok:
		return codec.AppendInt(codec.AppendNull(out, c.Proto), -2), Done
	case m.ExpireAt == 0:
		return codec.AppendInt(codec.AppendBulk(out, value), -1), Done
	}
	return codec.AppendInt(codec.AppendBulk(out, value), int64(m.ExpireAt-t.Now)), Done
}
