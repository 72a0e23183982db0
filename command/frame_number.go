package command

import (
	"covey/codec"
	"covey/store"
)

// incrementFrame is INCRBY, and PEXPIRE with NX in the same step where the message has a time to live.
func (t *Turn) incrementFrame(c *Client, h codec.Header, m codec.Increment, out []byte) ([]byte, Verdict) {
	if t.admit(c, gateReady) != admitted {
		return respond(out, h, codec.StatusLoading, sentenceLoading), Done
	}
	var u store.Until
	if m.TTL > 0 {
		u = store.Until{At: t.Now + m.TTL, Cond: store.ExpireNX}
	}
	n, a, err := t.add(c, m.Key, m.Delta, u)
	switch {
	case a != admitted:
		return a.turnAwayFrame(out, h, codec.StatusTryAgain, sentenceTryAgain)
	case err == store.ErrNoRoom:
		return respond(out, h, codec.StatusTryAgain, err.Error()), Done
	case err != nil:
		return respond(out, h, codec.StatusError, err.Error()), Done
	}
	return codec.AppendNumber(out, h.Tag, n.N), Done
}

// expireFrame is PEXPIRE, or PERSIST where the message has no time to live.
func (t *Turn) expireFrame(c *Client, h codec.Header, m codec.Expire, out []byte) ([]byte, Verdict) {
	if t.admit(c, gateReady) != admitted {
		return respond(out, h, codec.StatusLoading, sentenceLoading), Done
	}
	hash := t.hash(m.Key)
	var r store.Record
	var ok bool
	if m.TTL > 0 {
		r, ok = t.Store.Expire(m.Key, hash, t.Now, t.Now+m.TTL, 0)
	} else {
		r, ok = t.Store.Persist(m.Key, hash, t.Now)
	}
	if ok {
		t.update(c, &r)
		return respond(out, h, codec.StatusOK, ""), Done
	}
	if _, _, there := t.Store.Meta(m.Key, hash, t.Now); there { // it has no end that could be taken off
		return respond(out, h, codec.StatusOK, ""), Done
	}
	if a := t.missing(c, m.Key, hash); a != admitted {
		return a.turnAwayFrame(out, h, codec.StatusTryAgain, sentenceTryAgain)
	}
	return respond(out, h, codec.StatusNotFound, ""), Done
}

// ttlFrame is PTTL.
func (t *Turn) ttlFrame(c *Client, h codec.Header, key, out []byte) []byte {
	if t.admit(c, gateReady) != admitted {
		return respond(out, h, codec.StatusLoading, sentenceLoading)
	}
	m, _, ok := t.has(key)
	switch {
	case !ok:
		return respond(out, h, codec.StatusNotFound, "")
	case m.ExpireAt == 0:
		return codec.AppendNumber(out, h.Tag, 0)
	}
	return codec.AppendNumber(out, h.Tag, int64(m.ExpireAt-t.Now))
}
