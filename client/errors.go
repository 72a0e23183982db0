package client

import (
	"errors"
	"fmt"

	"covey/codec"
)

// Errors to be told apart by errors.Is. ErrLoading, ErrTryAgain and ErrDenied are answers of the node: the error is a *ServerError that
// matches one of them and has the node's own sentence.
var (
	// ErrNotFound: there is no such key.
	ErrNotFound = errors.New("client: there is no such key")
	// ErrCondition: nothing was set, because the key is there (NX) or is not (XX).
	ErrCondition = errors.New("client: nothing was set: the condition on the key being there (NX, XX) is not met")
	// ErrLoading: the node is still loading what its peers have. Nothing was done; try again in a moment.
	ErrLoading = errors.New("client: the node is loading what its peers have; try again in a moment")
	// ErrTryAgain: the node had to ask a peer, which did not answer in time, or has no room for a large value just now. Nothing was done; try again.
	ErrTryAgain = errors.New("client: a peer of the node did not answer in time, or a large value has no room just now; try again")
	// ErrDenied: the node has a secret and the client did not authenticate, or not with that one; or the client has a secret and
	// the node has none; or the node does not serve this host.
	ErrDenied = errors.New("client: the node wants its secret, or another one")
	// ErrUnreachable: no connection was made.
	ErrUnreachable = errors.New("client: no node answers")
	// ErrClosed: either side has closed the connection; dial again, or have a Redialer do it. Whether the node carried out a request that was under way
	// is not known; nor is it of one whose context has ended.
	ErrClosed = errors.New("client: the connection is closed")
	// ErrProtocol: what answered is not a covey node, or one of another version. The connection is closed.
	ErrProtocol = errors.New("client: the answer makes no sense; check that a covey node listens there")
	// ErrTooLarge: the key or the value is longer than a node takes. Nothing was sent.
	ErrTooLarge = fmt.Errorf("client: too large: a key has at most %d bytes, a value at most %d", codec.MaxKey, codec.MaxValue)
	// ErrOptions: the options of a call contradict each other or are out of range. Nothing was sent.
	ErrOptions = errors.New("client: impossible options")
)

// ServerError says that the node refused a request.
type ServerError struct {
	Status codec.Status
	Text   string // the node's own sentence; may be empty
}

// Error returns the node's sentence.
func (e *ServerError) Error() string {
	if e.Text == "" {
		return "client: the node answers: " + e.Status.String()
	}
	return "client: the node answers: " + e.Text
}

// Is reports whether e is target: ErrLoading, ErrTryAgain or ErrDenied.
func (e *ServerError) Is(target error) bool {
	switch e.Status {
	case codec.StatusLoading:
		return target == ErrLoading
	case codec.StatusTryAgain:
		return target == ErrTryAgain
	case codec.StatusDenied:
		return target == ErrDenied
	}
	return false
}

// refusal is the error of a reply whose status is not StatusOK: absent where it is StatusNotFound.
func refusal(status codec.Status, text []byte, absent error) error {
	if status == codec.StatusNotFound {
		return absent
	}
	return &ServerError{Status: status, Text: string(text)}
}
