package command

import "covey/codec"

// Answer is what has become of a question to the peers (R17).
type Answer uint8

const (
	// AnswerNone: whoever is linked and ready has none, or nobody is: the key is absent.
	AnswerNone Answer = iota
	// AnswerPending: some have not answered yet. Ask again when a peer has said something, or at the next tick.
	AnswerPending
	// AnswerLate: one did not answer in time, or too many questions are open.
	AnswerLate
)

// doubt is how a command goes on of which the store was not certain whether its key is there: admitted, it is absent;
// held, the peers are being asked, and what they have is in the store before the command is run again; refused, they did
// not answer (TRYAGAIN).
func (t *Turn) doubt(c *Client, key []byte) admission {
	switch t.Host.Ask(c.ID, key) {
	case AnswerNone:
		return admitted
	case AnswerPending:
		return held
	}
	return refused
}

// absent is how a write goes on that found no key to change: it replies with n once it is certain that the key is absent.
// Certainty is asked for only now, because a write that finds its key needs none.
func (t *Turn) absent(c *Client, key []byte, n int64, out []byte) ([]byte, Verdict) {
	if !t.Store.Certain(key, t.hash(key), t.Now) {
		if a := t.doubt(c, key); a != admitted {
			return a.turnAway(out, errTryAgain)
		}
	}
	return codec.AppendInt(out, n), Done
}
