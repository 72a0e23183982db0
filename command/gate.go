package command

import "covey/codec"

// gate says in which state of the node a command is carried out. The zero gate is open in every state.
type gate uint8

const (
	// gateReady: only on a node that holds all the data: reads, and commands that read in order to write (R17).
	gateReady gate = iota + 1
	// gateBlind: as soon as a write can be stamped (R8): writes that read nothing.
	gateBlind
	// gateOwn: the command's options decide, so its function calls admit itself.
	gateOwn
)

// admission says whether a command is carried out now.
type admission uint8

const (
	admitted admission = iota // yes
	held                      // not now: run the command again later
	refused                   // no: it is answered with LOADING or TRYAGAIN
)

// admit decides about a command that passes gate g.
func (t *Turn) admit(c *Client, g gate) admission {
	switch {
	case g == gateReady && !t.ready():
		return refused
	case g == gateBlind && !t.Host.Settled():
		if t.mayWait(c, settleWait) {
			return held
		}
		return refused
	}
	return admitted
}

// turnAway is the reply and the verdict for a RESP command that was not admitted. text is the error to reply if it was refused.
func (a admission) turnAway(out []byte, text string) ([]byte, Verdict) {
	if a == held {
		return out, Wait
	}
	return codec.AppendError(out, text), Done
}

// mayWait sets the deadline of a command that begins to wait, limit ms from now, and reports whether a waiting one may go on
// waiting. Cluster time may step back meanwhile (R6); that must not make the wait longer than limit.
func (t *Turn) mayWait(c *Client, limit uint64) bool {
	if latest := t.Now + limit; c.Deadline == 0 || c.Deadline > latest {
		c.Deadline = latest
	}
	return t.Now < c.Deadline
}

// ready reports whether the node has all the data; a DEL on one that has not is blind (R3).
func (t *Turn) ready() bool { return t.Host.State() == codec.StateReady }
