package command

import (
	"covey/codec"
	"covey/store"
)

// Frame carries out one binary client message and appends the response, which echoes the
// tag. A message that is malformed or meant for peers costs the connection: it gets an
// error and Close. An unknown kind that is marked skippable is passed over.
func (t *Turn) Frame(c *Client, h codec.Header, body []byte, out []byte) ([]byte, Verdict) {
	t.Forget()
	return t.answer(c, h, body, out)
}

func (t *Turn) answer(c *Client, h codec.Header, body []byte, out []byte) ([]byte, Verdict) {
	start := len(out)
	out, v := t.frame(c, h, body, out)
	if v != Wait {
		c.Deadline = 0
	} else {
		out = out[:start]
	}
	t.trim()
	return out, v
}

func (t *Turn) frame(c *Client, h codec.Header, body []byte, out []byte) ([]byte, Verdict) {
	if t.shut(c) && h.Kind != codec.KindAuth {
		return respond(out, h, codec.StatusDenied, sentenceNoAuth), c.patience()
	}
	switch h.Kind {
	case codec.KindGetValue:
		m, err := codec.DecodeGetValue(body)
		if err != nil {
			return malformed(out, h, err)
		}
		return t.getFrame(c, h, m.Key, out), Done
	case codec.KindSetValue:
		m, err := codec.DecodeSetValue(body)
		if err != nil {
			return malformed(out, h, err)
		}
		return t.setFrame(c, h, m, out)
	case codec.KindDelete:
		m, err := codec.DecodeDelete(body)
		if err != nil {
			return malformed(out, h, err)
		}
		return t.deleteFrame(c, h, m.Key, out)
	case codec.KindIncrement:
		m, err := codec.DecodeIncrement(body)
		if err != nil {
			return malformed(out, h, err)
		}
		return t.incrementFrame(c, h, m, out)
	case codec.KindExpire:
		m, err := codec.DecodeExpire(body)
		if err != nil {
			return malformed(out, h, err)
		}
		return t.expireFrame(c, h, m, out)
	case codec.KindTimeToLive:
		m, err := codec.DecodeTimeToLive(body)
		if err != nil {
			return malformed(out, h, err)
		}
		return t.ttlFrame(c, h, m.Key, out), Done
	case codec.KindAuth:
		m, err := codec.DecodeAuth(body)
		if err != nil {
			return malformed(out, h, err)
		}
		return t.authFrame(c, h, m.Password, out)
	case codec.KindReport:
		m, err := codec.DecodeReport(body)
		if err != nil {
			return malformed(out, h, err)
		}
		return t.reportFrame(h, m.Topic, out), Done
	}
	if !h.Kind.Known() && h.Flags&codec.FlagSkippable != 0 {
		return out, Done
	}
	return respond(out, h, codec.StatusError, "a "+h.Kind.String()+" frame has no place on a client's connection"), Close
}

func malformed(out []byte, h codec.Header, err error) ([]byte, Verdict) {
	return respond(out, h, codec.StatusError, err.Error()), Close
}

// respond appends a ValueResponse with a sentence, or none.
func respond(out []byte, h codec.Header, s codec.Status, sentence string) []byte {
	start := len(out)
	out = codec.BeginValueResponse(out, h.Tag, s)
	out = append(out, sentence...)
	return codec.FinishFrame(out, start)
}

func (t *Turn) getFrame(c *Client, h codec.Header, key, out []byte) []byte {
	if t.admit(c, gateReady) != admitted {
		return respond(out, h, codec.StatusLoading, sentenceLoading)
	}
	start := len(out)
	out = codec.BeginValueResponse(out, h.Tag, codec.StatusOK)
	body := len(out)
	out, ok := t.Store.GetOrPin(out, key, t.hash(key), t.Now, t.Pin)
	if !ok {
		t.Tally.Misses++
		return respond(out[:start], h, codec.StatusNotFound, "")
	}
	t.Tally.Hits++
	if t.Pin != nil && t.Pin.Begun() {
		return codec.FinishFrameBefore(out, start, t.Pin.Left())
	}
	t.guess = len(out) - body
	return codec.FinishFrame(out, start)
}

func (t *Turn) setFrame(c *Client, h codec.Header, m codec.SetValue, out []byte) ([]byte, Verdict) {
	o := store.SetOptions{NX: m.Flags&codec.SetNX != 0, XX: m.Flags&codec.SetXX != 0}
	g := gateBlind
	if o.NX || o.XX {
		g = gateReady
	}
	if a := t.admit(c, g); a != admitted {
		return a.turnAwayFrame(out, h, codec.StatusLoading, sentenceLoading)
	}
	if m.TTL > 0 {
		o.ExpireAt = t.Now + m.TTL
	}
	var res store.SetResult
	_, a := t.set(c, &res, nil, m.Key, m.Value, o)
	switch {
	case a != admitted:
		return a.turnAwayFrame(out, h, codec.StatusTryAgain, sentenceTryAgain)
	case res.Err == store.ErrNoRoom:
		return respond(out, h, codec.StatusTryAgain, res.Err.Error()), Done
	case res.Err != nil:
		return respond(out, h, codec.StatusError, res.Err.Error()), Done
	case !res.Written:
		return respond(out, h, codec.StatusNotFound, ""), Done
	}
	return respond(out, h, codec.StatusOK, ""), Done
}

func (t *Turn) deleteFrame(c *Client, h codec.Header, key, out []byte) ([]byte, Verdict) {
	if a := t.admit(c, gateBlind); a != admitted {
		return a.turnAwayFrame(out, h, codec.StatusLoading, sentenceLoading)
	}
	r, existed, written := t.Store.Delete(key, t.hash(key), t.Now, !t.ready())
	if written {
		t.update(c, &r)
	}
	if !existed {
		return respond(out, h, codec.StatusNotFound, ""), Done
	}
	return respond(out, h, codec.StatusOK, ""), Done
}

// turnAwayFrame is the response and the verdict for a message that was not admitted; status and sentence say why, when it was refused.
func (a admission) turnAwayFrame(out []byte, h codec.Header, s codec.Status, sentence string) ([]byte, Verdict) {
	if a == held {
		return out, Wait
	}
	return respond(out, h, s, sentence), Done
}

func (t *Turn) reportFrame(h codec.Header, topic codec.Topic, out []byte) []byte {
	var err error
	if t.buf, err = t.Host.Report(topic, t.buf[:0]); err != nil {
		return codec.AppendReportResponse(out, h.Tag, codec.ReportResponse{Status: codec.StatusError, JSON: []byte(err.Error())})
	}
	return codec.AppendReportResponse(out, h.Tag, codec.ReportResponse{Status: codec.StatusOK, JSON: t.buf})
}
