package command

import (
	"net/netip"

	"covey/codec"
)

// Pass is a Door's verdict on a password.
type Pass uint8

// The verdicts of a Door.
const (
	PassRight   Pass = iota + 1
	PassWrong        // it is not the password
	PassTooMany      // it was not looked at: too many wrong ones came from that address
)

// Door judges passwords. On a node with a secret a client has to give the right one before any command but those that authenticate.
type Door interface {
	// Try judges the password of a client at address from, whose connection has sent that many wrong ones before. The bytes of
	// password are not kept.
	Try(from netip.Addr, password []byte, wrong int) Pass
}

// What a client is told that has not authenticated, or may not do everything.
const (
	errNoAuth    = "NOAUTH Authentication required."
	errHelloAuth = "NOAUTH HELLO must be called with the client already authenticated, otherwise the HELLO <proto> AUTH <user> <pass> option can be used to authenticate the client and select the RESP protocol version at the same time"
	errTooMany   = "WRONGPASS " + sentenceTooMany

	sentenceNoAuth   = "this node has a secret: authenticate with it, or with the password that `covey secret password` makes of it"
	sentenceWrong    = "this is neither the secret of the node nor the password that `covey secret password` makes of it"
	sentenceTooMany  = "too many wrong passwords came from this address; try again in a minute"
	sentenceNoSecret = "this node has no secret, so nobody can prove anything to it; leave yours out, or give the node one with --secret-file"
)

// shut reports whether a client has still to authenticate.
func (t *Turn) shut(c *Client) bool { return t.Door != nil && !c.Known }

// patience counts a command of a client that has still to authenticate. The verdict is Close at the last that it may send: replies that it
// does not read must not pile up.
func (c *Client) patience() Verdict {
	if c.tried++; c.tried >= maxTried {
		return Close
	}
	return Done
}

// opens reports whether a client may send a command before it has authenticated.
func opens(name []byte) bool { return is(name, "AUTH") || is(name, "HELLO") || is(name, "QUIT") }

// try has the door judge a password. The verdict is Close when no further one will be looked at.
func (t *Turn) try(c *Client, password []byte) (Pass, Verdict) {
	switch p := t.Door.Try(c.From, password, int(c.wrong)); p {
	case PassRight:
		c.Known, c.wrong, c.tried = true, 0, 0
		return p, Done
	case PassTooMany:
		return p, Close
	default:
		if c.wrong++; c.wrong >= maxWrong {
			return p, Close
		}
		return p, Done
	}
}

// pass is try for a Redis client: problem is the error to reply, in the words of Redis, or "" where the password is right.
func (t *Turn) pass(c *Client, user, password []byte) (problem string, v Verdict) {
	if t.Door == nil {
		return authProblem(user), Done
	}
	if string(user) != "default" {
		password = nil // never right, and counted as a wrong one
	}
	switch p, v := t.try(c, password); p {
	case PassRight:
		return "", v
	case PassTooMany:
		return errTooMany, v
	default:
		return errWrongUser, v
	}
}

// authFrame is try for a binary client.
func (t *Turn) authFrame(c *Client, h codec.Header, password, out []byte) ([]byte, Verdict) {
	if t.Door == nil {
		return respond(out, h, codec.StatusDenied, sentenceNoSecret), Done
	}
	switch p, v := t.try(c, password); p {
	case PassRight:
		return respond(out, h, codec.StatusOK, ""), v
	case PassTooMany:
		return respond(out, h, codec.StatusDenied, sentenceTooMany), v
	default:
		return respond(out, h, codec.StatusDenied, sentenceWrong), v
	}
}

// mayFromHere reports whether a client may give a command. Some are for clients on this machine alone (flagLocal), unless there is a
// secret to authenticate with.
func (t *Turn) mayFromHere(c *Client, e *entry) bool {
	return e.flags&flagLocal == 0 || c.From.IsLoopback() || t.Door != nil
}
