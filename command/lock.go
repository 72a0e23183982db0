package command

import (
	"bytes"

	"covey/codec"
	"covey/store"
)

// script is a script by which libraries take, prolong or release a lock, or count for a limit (limiter.go), and what covey does instead: one
// or two operations of the store that go to the others as the writes that they are. All are about one key.
type script struct {
	text string // in Lua; its layout makes no difference
	argc int    // arguments that it has at least
	run  func(t *Turn, c *Client, key []byte, argv [][]byte, out []byte) ([]byte, Verdict)
}

// Beginnings that several scripts share.
const (
	luaIfMine  = `if redis.call("get", KEYS[1]) == ARGV[1] then `
	luaIfMine2 = `if (redis.call("get", KEYS[1]) == ARGV[1]) then `
	luaToken   = `local token = redis.call("get", KEYS[1]) if not token or token ~= ARGV[1] then return 0 end `
	luaLeft    = luaToken + `local expiration = redis.call("pttl", KEYS[1]) if not expiration then expiration = 0 end if expiration < 0 then return 0 end `

	luaDelete    = `return redis.call("del", KEYS[1]) `
	luaExpire    = `return redis.call("expire", KEYS[1], ARGV[2]) `
	luaPexpire   = `return redis.call("pexpire", KEYS[1], ARGV[2]) `
	luaElse      = `else return 0 end`
	luaReturn    = `end return 0`
	luaEachKey   = `for i, key in ipairs(KEYS) do `
	luaSetEach   = luaEachKey + `redis.call("set", key, ARGV[1], "PX", ARGV[2]) end return #KEYS`
	luaIfSeconds = `if tonumber(ARGV[2]) > 0 then return redis.call("expire", KEYS[1], ARGV[2]) end redis.call("persist", KEYS[1]) return 1 `
)

// lockScripts are the scripts that are carried out. Each row names libraries that send it.
var lockScripts = []script{
	{luaIfMine + luaDelete + luaElse, 1, release}, // Redis' page on locks, Laravel, redislock, redlock-rb, redsync to 4.8, Symfony, phpredis, BullMQ
	{luaIfMine + luaDelete + luaReturn, 1, release},
	{luaIfMine2 + luaDelete + luaElse, 1, release},
	{luaToken + `redis.call("del", KEYS[1]) return 1`, 1, release}, // redis-py, and so dogpile.cache, django-redis
	{`local val = redis.call("get", KEYS[1]) if val == ARGV[1] then ` + luaDelete + `elseif val == false then return -1 ` + luaElse, 1, releaseOrGone},         // redsync
	{`local count = 0 ` + luaEachKey + `if redis.call("get", key) == ARGV[1] then redis.pcall("del", key) count = count + 1 end end return count`, 1, release}, // node-redlock

	{luaIfMine + luaPexpire + luaElse, 2, prolongMillis}, // redislock, redsync, Symfony
	{luaIfMine + luaPexpire + luaReturn, 2, prolongMillis},
	{luaIfMine2 + luaPexpire + luaElse, 2, prolongMillis},
	{luaIfMine + luaExpire + luaElse, 2, prolongSeconds},
	{luaIfMine + luaExpire + luaReturn, 2, prolongSeconds},
	{luaIfMine2 + luaExpire + luaElse, 2, prolongSeconds},
	{luaToken + `redis.call("pexpire", KEYS[1], ARGV[2]) return 1`, 2, prolongMillis},      // redis-py: reacquire
	{luaLeft + `redis.call("pexpire", KEYS[1], expiration + ARGV[2]) return 1`, 2, extend}, // redis-py before 3.4: extend
	{luaLeft + `local newttl = ARGV[2] if ARGV[3] == "0" then newttl = ARGV[2] + expiration end redis.call("pexpire", KEYS[1], newttl) return 1`, 2, extendOrReplace}, // redis-py: extend
	{luaIfMine + luaIfSeconds + luaElse, 2, prolongOrPersist}, // Laravel
	{luaIfMine + luaIfSeconds + luaReturn, 2, prolongOrPersist},
	{luaEachKey + `if redis.call("get", key) ~= ARGV[1] then return 0 end end ` + luaSetEach, 2, prolongSet}, // node-redlock

	{luaIfMine + luaPexpire + `elseif redis.call("set", KEYS[1], ARGV[1], "PX", ARGV[2], "NX") then return 1 ` + luaElse, 2, takeOrProlong}, // redsync: WithSetNXOnExtend
	{luaEachKey + `if redis.call("exists", key) == 1 then return 0 end end ` + luaSetEach, 2, take},                                         // node-redlock
	{`return redis.call("exists", KEYS[1]) < 1 and redis.call("setex", KEYS[1], ARGV[2], ARGV[1])`, 2, add},                                 // Laravel: Cache::add
	{`if redis.call("set", KEYS[1], ARGV[1], "NX", "PX", ARGV[3]) then return redis.status_reply("OK") end local offset = tonumber(ARGV[2]) ` +
		`if redis.call("getrange", KEYS[1], 0, offset-1) == string.sub(ARGV[1], 1, offset) then return redis.call("set", KEYS[1], ARGV[1], "PX", ARGV[3]) end`, 3, obtain}, // redislock
	{luaIfMine + `return redis.call("pttl", KEYS[1]) else return -3 end`, 1, leftOfMine}, // redislock
}

// scriptOf finds what a canonical form means.
var scriptOf = make(map[string]*script)

func init() {
	for _, list := range [][]script{lockScripts, limiterScripts} {
		for i := range list {
			form, _ := canonical(nil, []byte(list[i].text))
			scriptOf[string(form)] = &list[i]
		}
	}
}

func release(t *Turn, c *Client, key []byte, argv [][]byte, out []byte) ([]byte, Verdict) {
	return t.deleteIf(c, key, store.Condition{Value: argv[0]}, 0, out)
}

// releaseOrGone tells a key that is not there from one that somebody else has.
func releaseOrGone(t *Turn, c *Client, key []byte, argv [][]byte, out []byte) ([]byte, Verdict) {
	return t.deleteIf(c, key, store.Condition{Value: argv[0]}, -1, out)
}

func prolongMillis(t *Turn, c *Client, key []byte, argv [][]byte, out []byte) ([]byte, Verdict) {
	return t.prolong(c, key, argv, 1, 0, out)
}

func prolongSeconds(t *Turn, c *Client, key []byte, argv [][]byte, out []byte) ([]byte, Verdict) {
	return t.prolong(c, key, argv, 1000, 0, out)
}

// prolong sets the expiry of a key that has the value argv[0] to argv[1] from now on, in units of so many ms.
func (t *Turn) prolong(c *Client, key []byte, argv [][]byte, unit int64, cond store.ExpireCond, out []byte) ([]byte, Verdict) {
	at, problem := expiryAt(argv[1], int64(t.Now), unit)
	if problem != expiryFine {
		return problem.append(out, map[int64]string{1: "pexpire", 1000: "expire"}[unit]), Done
	}
	r, ok, err := t.Store.ExpireIf(key, t.hash(key), t.Now, at, cond, store.Condition{Value: argv[0]})
	return t.prolonged(c, key, &r, ok, err, out)
}

// prolonged ends what set an expiry, or did not.
func (t *Turn) prolonged(c *Client, key []byte, r *store.Record, ok bool, err error, out []byte) ([]byte, Verdict) {
	switch {
	case err != nil:
		return t.absent(c, key, 0, out)
	case !ok:
		return codec.AppendInt(out, 0), Done
	}
	t.update(c, r)
	return codec.AppendInt(out, 1), Done
}

// prolongOrPersist takes the expiry off where it is not to be more than 0 s.
func prolongOrPersist(t *Turn, c *Client, key []byte, argv [][]byte, out []byte) ([]byte, Verdict) {
	if n, ok := integer(argv[1]); !ok || n > 0 {
		return t.prolong(c, key, argv, 1000, 0, out)
	}
	r, ok, err := t.Store.ExpireIf(key, t.hash(key), t.Now, 0, 0, store.Condition{Value: argv[0]})
	return t.prolonged(c, key, &r, ok, err, out)
}

// extend adds to the time that is left. What has no expiry stays as it is.
func extend(t *Turn, c *Client, key []byte, argv [][]byte, out []byte) ([]byte, Verdict) {
	by, ok := integer(argv[1])
	if !ok {
		return codec.AppendError(out, errInteger), Done
	}
	r, ok, err := t.Store.ExtendIf(key, t.hash(key), t.Now, by, store.Condition{Value: argv[0]})
	return t.prolonged(c, key, &r, ok, err, out)
}

func extendOrReplace(t *Turn, c *Client, key []byte, argv [][]byte, out []byte) ([]byte, Verdict) {
	if len(argv) > 2 && string(argv[2]) == "0" {
		return extend(t, c, key, argv, out)
	}
	return t.prolong(c, key, argv, 1, store.ExpireXX, out)
}

// setKey is SET with an expiry and a condition, whose words are more.
func (t *Turn) setKey(c *Client, key, value []byte, unit string, when []byte, out []byte, more ...[]byte) ([]byte, Verdict) {
	return set(t, c, append([][]byte{nil, key, value, []byte(unit), when}, more...), out)
}

// asInteger makes a script's reply of the reply to a SET that begins at start: 1 if it was OK, and 0 if it was null.
func asInteger(out []byte, start int, v Verdict) ([]byte, Verdict) {
	switch {
	case v != Done || out[start] == '-':
		return out, v
	case out[start] == '+':
		return codec.AppendInt(out[:start], 1), Done
	}
	return codec.AppendInt(out[:start], 0), Done
}

func prolongSet(t *Turn, c *Client, key []byte, argv [][]byte, out []byte) ([]byte, Verdict) {
	start := len(out)
	out, v := t.setKey(c, key, argv[0], "PX", argv[1], out, []byte("IFEQ"), argv[0])
	return asInteger(out, start, v)
}

func take(t *Turn, c *Client, key []byte, argv [][]byte, out []byte) ([]byte, Verdict) {
	start := len(out)
	out, v := t.setKey(c, key, argv[0], "PX", argv[1], out, []byte("NX"))
	return asInteger(out, start, v)
}

// takeOrProlong asks in the other order whether the key is there, which comes to the same: it is free, or it is compared.
func takeOrProlong(t *Turn, c *Client, key []byte, argv [][]byte, out []byte) ([]byte, Verdict) {
	start := len(out)
	out, v := take(t, c, key, argv, out)
	if v != Done || string(out[start:]) != ":0\r\n" {
		return out, v
	}
	return prolongMillis(t, c, key, argv, out[:start])
}

func add(t *Turn, c *Client, key []byte, argv [][]byte, out []byte) ([]byte, Verdict) {
	return t.setKey(c, key, argv[0], "EX", argv[1], out, []byte("NX"))
}

// obtain takes a key that is free, or whose value begins as the new one does: with the token, of argv[1] bytes. Of two who have the same
// token and come at the same moment from different loops one may be told that somebody else has it.
func obtain(t *Turn, c *Client, key []byte, argv [][]byte, out []byte) ([]byte, Verdict) {
	n, ok := integer(argv[1])
	if !ok || n <= 0 {
		return codec.AppendError(out, errInteger), Done
	}
	start, value, when := len(out), argv[0], argv[2]
	out, v := t.setKey(c, key, value, "PX", when, out, []byte("NX"))
	if v != Done || out[start] == '+' || out[start] == '-' {
		return out, v
	}
	was, _, ok := t.Store.Get(t.buf[:0], key, t.hash(key), t.Now)
	t.buf = was
	if token := value[:min(n, int64(len(value)))]; !ok || !bytes.Equal(was[:min(n, int64(len(was)))], token) {
		return out, Done
	}
	return t.setKey(c, key, value, "PX", when, out[:start], []byte("IFEQ"), bytes.Clone(was))
}

// leftOfMine is PTTL of a key that has the value argv[0], and -3 of any other.
func leftOfMine(t *Turn, c *Client, key []byte, argv [][]byte, out []byte) ([]byte, Verdict) {
	was, m, ok := t.Store.Get(t.buf[:0], key, t.hash(key), t.Now)
	t.buf = was
	switch {
	case !ok || !bytes.Equal(was, argv[0]):
		return codec.AppendInt(out, -3), Done
	case m.ExpireAt == 0:
		return codec.AppendInt(out, -1), Done
	}
	return codec.AppendInt(out, int64(m.ExpireAt-t.Now)), Done
}
