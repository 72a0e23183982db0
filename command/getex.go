package command

import (
	"covey/codec"
	"covey/store"
)

// getexOptions are the options of GETEX.
type getexOptions struct {
	unit    expiryUnit // 0: no expiry given
	when    []byte
	persist bool
}

// parse reads the options behind the key. ok is false for a syntax error.
func (o *getexOptions) parse(args [][]byte) (ok bool) {
	for i := 0; i < len(args); i++ {
		unit := unitOf(args[i])
		switch {
		case unit == 0 && is(args[i], "PERSIST") && o.unit == 0:
			o.persist = true
		case unit == 0 || i+1 == len(args) || o.persist || o.unit != 0 && o.unit != unit:
			return false
		default:
			i++
			o.unit, o.when = unit, args[i]
		}
	}
	return true
}

// getex replies a value and sets, or takes off, its time to live. If the key is not there its expiry is not even parsed, as in Redis.
func getex(t *Turn, c *Client, args [][]byte, out []byte) ([]byte, Verdict) {
	var o getexOptions
	if !o.parse(args[2:]) {
		return codec.AppendError(out, errSyntax), Done
	}
	key := args[1]
	if o.unit == 0 && !o.persist {
		return t.value(c, key, out), Done
	}
	if _, _, there := t.Store.Meta(key, t.hash(key), t.Now); !there {
		if a := t.missing(c, key, t.hash(key)); a != admitted {
			return a.turnAway(out, errTryAgain)
		}
		t.Tally.Misses++
		return codec.AppendNull(out, c.Proto), Done
	}
	at := uint64(0)
	if o.unit != 0 {
		var problem expiryProblem
		if at, problem = t.expiry(o.when, o.unit); problem != expiryFine {
			return problem.append(out, "getex"), Done
		}
		if at <= t.Now {
			return getdel(t, c, args[:2], out)
		}
	}
	return t.renew(c, key, at, out), Done
}

// renew sets the expiry of a key to at, 0 for never, and appends its value as a bulk, or pins it, as value does. That takes two steps of
// the store, between which another connection may write. So the first step tells the version of the value, and the second has to
// read that version; after getexTries it takes whatever is there, which is a null if the key was deleted.
func (t *Turn) renew(c *Client, key []byte, at uint64, out []byte) []byte {
	hash, start, guess := t.hash(key), len(out), t.guess
	for range getexTries {
		var r store.Record
		var changed bool
		if at != 0 {
			r, changed = t.Store.Expire(key, hash, t.Now, at, 0)
		} else {
			r, changed = t.Store.Persist(key, hash, t.Now)
		}
		if !changed {
			break
		}
		t.update(c, &r)
		out = codec.BeginBulk(out[:start], guess)
		body := len(out)
		var there, ok bool
		if out, there, ok = t.Store.GetVersionOrPin(out, key, hash, t.Now, r.Version(), t.Pin); !there {
			break
		} else if !ok {
			continue
		}
		t.Tally.Hits++
		if t.pinned() {
			return t.pinnedBulk(out, start, body)
		}
		t.guess = len(out) - body
		return codec.FinishBulk(out, start, guess)
	}
	return t.value(c, key, out[:start])
}
