package command

import "covey/codec"

// gate says in which state of the node a command is carried out. The zero gate is open in every state.
type gate uint8

const (
	// gateReady: reads, and what reads in order to write (R17), need all the data.
	gateReady gate = iota + 1
	// gateBlind: writes that read nothing are taken as soon as they can be stamped (R8).
	gateBlind
	// gateOwn: the command's options decide; its function asks.
	gateOwn
)

// admission is what a gate decides.
type admission uint8

const (
	admitted admission = iota
	held               // run the command again later
	refused            // LOADING, or TRYAGAIN
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

// turnAway is the reply and the verdict for a RESP command that was not admitted; text says why, when it was refused.
func (a admission) turnAway(out []byte, text string) ([]byte, Verdict) {
	if a == held {
		return out, Wait
	}
	return codec.AppendError(out, text), Done
}

// mayWait sets the deadline of a command that begins to wait and reports whether the one
// that waits may go on. Cluster time may step back while it waits (R6): no wait gets longer
// by that than it was to be.
func (t *Turn) mayWait(c *Client, limit uint64) bool {
	if latest := t.Now + limit; c.Deadline == 0 || c.Deadline > latest {
		c.Deadline = latest
	}
	return t.Now < c.Deadline
}

// ready reports whether the node has all the data; a DEL on one that has not is blind (R3).
func (t *Turn) ready() bool { return t.Host.State() == codec.StateReady }
