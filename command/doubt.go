package command

import "covey/codec"

// Answer says how far the peers have answered whether they have a key (R17).
type Answer uint8

// The answers.
const (
	// AnswerNone: no linked and ready peer has the key, or there is no such peer. The key is absent.
	AnswerNone Answer = iota
	// AnswerPending: some peers have not answered yet. Ask again when one has, or at the next tick.
	AnswerPending
	// AnswerLate: a peer did not answer in time or has a value for which there is no room here, or too many questions are open.
	AnswerLate
)

// doubt asks the peers for a key that the store may have evicted, and says how the command goes on. admitted: no peer has it, so it is
// absent. held: they have not all answered; what they have is in the store when the command is run again. refused: one did not answer
// in time, or has a value for which there is no room here (TRYAGAIN).
func (t *Turn) doubt(c *Client, key []byte) admission {
	if t.Commit != nil && t.Stage.Count() > 0 {
		t.Commit(c)
	}
	switch t.Host.Ask(c.ID, key) {
	case AnswerNone:
		return admitted
	case AnswerPending:
		return held
	}
	return refused
}

// missing makes certain that a key that is not here is absent: it asks the peers where the store cannot tell. A write asks only when it has
// found no key to change.
func (t *Turn) missing(c *Client, key []byte, hash uint64) admission {
	if t.Store.Certain(key, hash, t.Now) {
		return admitted
	}
	return t.doubt(c, key)
}

// absent ends a write that found no key to change: it replies n once it is certain that the key is absent.
func (t *Turn) absent(c *Client, key []byte, n int64, out []byte) ([]byte, Verdict) {
	if a := t.missing(c, key, t.hash(key)); a != admitted {
		return a.turnAway(out, errTryAgain)
	}
	return codec.AppendInt(out, n), Done
}
