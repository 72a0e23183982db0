package client

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"slices"

	"covey/codec"
)

// read is the reader: it gives each reply to the call that waits for it, until the connection is closed.
func (c *Client) read() {
	for {
		if err := c.readFrame(); err != nil {
			c.fail(err)
			return
		}
		if c.in.Buffered() == 0 && c.send.stand() && !c.aside() {
			return
		}
	}
}

// readFrame reads one frame. Only the goroutine that reads at the moment calls it (aside.go). An error says why the connection cannot go on.
func (c *Client) readFrame() error {
	in := c.in
	b, err := in.Peek(codec.HeaderLen)
	if err != nil && len(b) == 0 {
		return c.broken(err)
	}
	h, ok, wrong := codec.DecodeHeader(b)
	switch {
	case wrong != nil && b[0] == denied[0]:
		return c.turnedAway(in, wrong)
	case wrong != nil:
		return fmt.Errorf("%w: %w", ErrProtocol, wrong)
	case !ok:
		return c.broken(err)
	}
	in.Discard(codec.HeaderLen)
	if !h.Kind.Known() {
		if _, err := in.Discard(int(h.Length)); err != nil {
			return c.broken(err)
		}
		return nil
	}
	k := c.send.claim(h.Tag)
	if k == nil {
		return c.unasked(in, h)
	}
	k.got = h.Kind
	if h.Kind != k.want && h.Kind != codec.KindValueResponse { // any request may be refused by a ValueResponse
		err := fmt.Errorf("%w: %v in answer to another question", ErrProtocol, h.Kind)
		c.finish(k, err)
		return err
	}
	k.body = slices.Grow(k.body[:0], int(h.Length))[:h.Length]
	if _, err := io.ReadFull(in, k.body); err != nil {
		err = c.broken(err)
		c.finish(k, err)
		return err
	}
	c.finish(k, nil)
	c.slots <- h.Tag & (MaxInFlight - 1)
	return nil
}

// unasked is the error of a reply that nobody waits for, with the node's sentence if it is one.
func (c *Client) unasked(in *bufio.Reader, h codec.Header) error {
	err := fmt.Errorf("%w: a reply to nothing that was asked", ErrProtocol)
	if h.Kind != codec.KindValueResponse || h.Length > sentenceBytes {
		return err
	}
	body := make([]byte, h.Length)
	if _, short := io.ReadFull(in, body); short != nil {
		return err
	}
	m, wrong := codec.DecodeValueResponse(body)
	if wrong != nil || m.Status == codec.StatusOK || len(m.Value) == 0 {
		return err
	}
	return fmt.Errorf("%w: %w", ErrProtocol, &ServerError{Status: m.Status, Text: string(m.Value)})
}

// denied begins the line of RESP with which a node turns away whom it does not serve: before it has read anything, it does not know
// what the client speaks. crowded begins that of a node that has as many connections as it may.
const (
	denied  = "-DENIED "
	crowded = "-ERR this node serves "
)

// turnedAway is the error of such a line, or of something else that begins like one, for which wrong is the reason.
func (c *Client) turnedAway(in *bufio.Reader, wrong error) error {
	line, _ := in.ReadSlice('\n')
	said := &ServerError{Status: codec.StatusDenied}
	text, ok := bytes.CutPrefix(bytes.TrimSpace(line[:min(len(line), sentenceBytes)]), []byte(denied))
	if !ok && bytes.HasPrefix(text, []byte(crowded)) {
		said.Status, text, ok = codec.StatusError, text[len("-ERR "):], true
	}
	if !ok {
		return fmt.Errorf("%w: %w", ErrProtocol, wrong)
	}
	said.Text = string(text)
	return fmt.Errorf("%w: %w", ErrClosed, said)
}

// broken is the error of a connection that ended while reading.
func (c *Client) broken(err error) error {
	if errors.Is(err, net.ErrClosed) || errors.Is(err, io.ErrClosedPipe) {
		if why := c.send.reason(); why != nil { // it was closed on this side
			return why
		}
	}
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return fmt.Errorf("%w by the node at %s; dial again", ErrClosed, c.Addr())
	}
	return fmt.Errorf("%w: reading from %s: %w", ErrClosed, c.Addr(), err)
}
