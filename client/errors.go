package client

import (
	"errors"
	"fmt"

	"covey/codec"
)

// Errors that a caller may want to tell apart, by errors.Is.
var (
	// ErrNotFound says that there is no such key.
	ErrNotFound = errors.New("client: there is no such key")
	// ErrCondition says that nothing was set: the key is there and NX was asked for, or it is not and XX was.
	ErrCondition = errors.New("client: nothing was set: the condition on the key being there (NX, XX) is not met")
	// ErrLoading says that the node still loads what its peers have; try again in a moment. It is the Is of a ServerError.
	ErrLoading = errors.New("client: the node is loading what its peers have; try again in a moment")
	// ErrTryAgain says that a peer that had to be asked did not answer in time. It is the Is of a ServerError.
	ErrTryAgain = errors.New("client: a peer of the node did not answer in time; try again")
	// ErrDenied says that the node has a secret and wants it first, or another one, or has none to prove anything by. It is the
	// Is of a ServerError.
	ErrDenied = errors.New("client: the node wants its secret, or another one")
	// ErrUnreachable says that no connection came about.
	ErrUnreachable = errors.New("client: no node answers")
	// ErrClosed says that the connection is closed, by either side; dial again. Whether a request that was under way
	// has been executed is not known.
	ErrClosed = errors.New("client: the connection is closed")
	// ErrProtocol says that what answered is not a covey node, or another version of one.
	ErrProtocol = errors.New("client: the answer makes no sense; check that a covey node listens there")
	// ErrTooLarge says that a key or value is longer than a node takes.
	ErrTooLarge = fmt.Errorf("client: too large: a key has at most %d bytes, a value at most %d", codec.MaxKey, codec.MaxValue)
	// ErrOptions says that the options of a call contradict each other or are out of range.
	ErrOptions = errors.New("client: impossible options")
)

// ServerError is a request that the node refused, in its own words.
type ServerError struct {
	Status codec.Status
	Text   string
}

// Error gives the node's sentence.
func (e *ServerError) Error() string {
	if e.Text == "" {
		return "client: the node answers: " + e.Status.String()
	}
	return "client: the node answers: " + e.Text
}

// Is tells ErrLoading, ErrTryAgain and ErrDenied.
func (e *ServerError) Is(target error) bool {
	return target == ErrDenied && e.Status == codec.StatusDenied || target == ErrLoading && e.Status == codec.StatusLoading || target == ErrTryAgain && e.Status == codec.StatusTryAgain
}

// refusal makes an error of a reply whose status is not StatusOK; absent stands for StatusNotFound.
func refusal(status codec.Status, text []byte, absent error) error {
	if status == codec.StatusNotFound {
		return absent
	}
	return &ServerError{Status: status, Text: string(text)}
}
