package generator

import (
	"bytes"
	"errors"
	"fmt"

	"covey/codec"
)

// outcome is what one reply says.
type outcome uint8

const (
	served  outcome = iota
	missed          // a GET found nothing
	refused         // an error, its sentence beside it
)

// errUnasked ends a connection: a reply came that no request asked for.
var errUnasked = errors.New("the node sent a reply to nothing")

// scanner finds the replies in what one connection has read. One serves one connection.
type scanner interface {
	// next reads the reply at the start of in: n is its length, or 0 when in must hold more bytes; then in begins with
	// the same bytes at the next call. sentence aliases in. An error means that what came is not the protocol.
	next(in []byte) (n int, o outcome, sentence []byte, err error)
}

func newScanner(p Protocol) scanner {
	if p == Binary {
		return frameScanner{}
	}
	return new(respScanner)
}

// respScanner reads the replies of GET and SET: a simple string, a bulk string, a null or an error.
type respScanner struct{ codec.ReplyScanner }

func (s *respScanner) next(in []byte) (n int, o outcome, sentence []byte, err error) {
	if n, err = s.Next(in); n == 0 || err != nil {
		return 0, 0, nil, err
	}
	switch codec.ReplyKind(in[0]) {
	case codec.ReplyError:
		return n, refused, bytes.TrimRight(in[1:n], "\r\n"), nil
	case codec.ReplyNull:
		return n, missed, nil, nil
	case codec.ReplyBulk:
		if in[1] == '-' {
			return n, missed, nil, nil
		}
	}
	return n, served, nil, nil
}

// frameScanner reads ValueResponse frames.
type frameScanner struct{}

func (frameScanner) next(in []byte) (n int, o outcome, sentence []byte, err error) {
	h, ok, err := codec.DecodeHeader(in)
	if !ok || err != nil {
		return 0, 0, nil, err
	}
	n = codec.HeaderLen + int(h.Length)
	if len(in) < n {
		return 0, 0, nil, nil
	}
	if h.Kind != codec.KindValueResponse {
		return 0, 0, nil, fmt.Errorf("the node answered with a %s", h.Kind)
	}
	m, err := codec.DecodeValueResponse(in[codec.HeaderLen:n])
	switch {
	case err != nil:
		return 0, 0, nil, err
	case m.Status == codec.StatusOK:
		return n, served, nil, nil
	case m.Status == codec.StatusNotFound:
		return n, missed, nil, nil
	default:
		return n, refused, m.Value, nil
	}
}
