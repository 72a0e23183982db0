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

// absent ends a write that found no key to change: it replies n once it is certain that the key is absent. The peers are asked only
// now, because a write that finds its key need not ask.
func (t *Turn) absent(c *Client, key []byte, n int64, out []byte) ([]byte, Verdict) {
	if !t.Store.Certain(key, t.hash(key), t.Now) {
		if a := t.doubt(c, key); a != admitted {
			return a.turnAway(out, errTryAgain)
		}
	}
	return codec.AppendInt(out, n), Done
}
