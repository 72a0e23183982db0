package client_test

import (
	"bytes"
	"errors"
	"io"
	"net"
	"strings"
	"testing"

	"covey/client"
	"covey/codec"
)

// firstTag is the tag of a client's first request: slot 0, for the first time.
const firstTag = 1 << 16

// errLine stands for a line of RESP, or what begins like one: it may be said to make no sense, or to be a refusal.
var errLine = errors.New("a line")

// meant is what a client is to make of the bytes that a node sends after its first request, a GetValue, before it closes the connection.
func meant(sent []byte) (value []byte, want error) {
	for {
		h, ok, err := codec.DecodeHeader(sent)
		switch {
		case err != nil && sent[0] == '-':
			return nil, errLine
		case err != nil:
			return nil, client.ErrProtocol
		case !ok:
			return nil, client.ErrClosed
		}
		body := sent[codec.HeaderLen:]
		whole := len(body) >= int(h.Length)
		if whole {
			body = body[:h.Length]
		}
		switch {
		case !h.Kind.Known() && !whole:
			return nil, client.ErrClosed
		case !h.Kind.Known():
			sent = sent[codec.HeaderLen+len(body):]
			continue
		case h.Tag != firstTag || h.Kind != codec.KindValueResponse:
			return nil, client.ErrProtocol
		case !whole:
			return nil, client.ErrClosed
		}
		m, err := codec.DecodeValueResponse(body)
		switch {
		case err != nil:
			return nil, client.ErrProtocol
		case m.Status == codec.StatusOK:
			return m.Value, nil
		case m.Status == codec.StatusNotFound:
			return nil, client.ErrNotFound
		}
		return nil, &client.ServerError{Status: m.Status, Text: string(m.Value)}
	}
}

// FuzzReplies has a client read whatever bytes instead of a reply. What they mean is worked out beside it, in the plainest way.
func FuzzReplies(f *testing.F) {
	value := codec.AppendValueResponse(nil, firstTag, codec.ValueResponse{Value: []byte("value")})
	skipped := append(codec.AppendHeader(nil, codec.Header{Kind: 0x7F, Flags: codec.FlagSkippable, Length: 3}), "any"...)
	for _, seed := range [][]byte{
		nil, value, value[:codec.HeaderLen], value[:len(value)-1], append(bytes.Clone(value), value...), append(bytes.Clone(skipped), value...),
		skipped[:len(skipped)-1], []byte("-DENIED not you\r\n"), []byte("-ERR"), []byte("$5\r\nvalue\r\n"), []byte("HTTP/1.1 400 Bad Request\r\n"),
		codec.AppendValueResponse(nil, firstTag, codec.ValueResponse{Status: codec.StatusNotFound}),
		codec.AppendValueResponse(nil, firstTag, codec.ValueResponse{Status: codec.StatusLoading, Value: []byte("in a moment")}),
		codec.AppendValueResponse(nil, 0, codec.ValueResponse{Status: codec.StatusError, Value: []byte("no more connections")}),
		codec.AppendReportResponse(nil, firstTag, codec.ReportResponse{JSON: []byte("{}")}),
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, sent []byte) {
		near, far := net.Pipe()
		go func() {
			defer far.Close()
			if _, err := io.CopyN(io.Discard, far, int64(codec.HeaderLen+len("key"))); err == nil {
				_, _ = far.Write(sent)
			}
		}()
		c, err := client.New(near)
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		got, err := c.Get(t.Context(), []byte("key"))
		value, want := meant(sent)
		var refused *client.ServerError
		switch {
		case want == errLine:
			if !errors.Is(err, client.ErrProtocol) && !errors.Is(err, client.ErrDenied) && !errors.Is(err, client.ErrClosed) {
				t.Errorf("%v", err)
			}
		case errors.As(want, &refused):
			var said *client.ServerError
			if !errors.As(err, &said) || *said != *refused {
				t.Errorf("%v instead of %v", err, want)
			}
		case !errors.Is(err, want) || want == nil && err != nil || !bytes.Equal(got, value):
			t.Errorf("%q, %v instead of %q, %v", got, err, value, want)
		}
		if err != nil && !strings.HasPrefix(err.Error(), "client: ") {
			t.Errorf("no sentence of the client's: %v", err)
		}
	})
}
