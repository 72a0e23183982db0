package client

import (
	"context"
	"crypto/rand"
	"errors"
	"io"
	"net"
	"testing"
	"time"

	"covey/codec"
	"covey/internal/harness"
	"covey/seal"
)

// TestDialWithASecretEndsAsItSays: with ErrUnreachable, and within one timeout, where what listens does not answer or closes.
func TestDialWithASecretEndsAsItSays(t *testing.T) {
	text, err := seal.New(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	for what, closes := range map[string]bool{"says nothing": false, "closes": true} {
		ln := harness.Listen(t, func(conn net.Conn) {
			if !closes {
				_, _ = io.Copy(io.Discard, conn) // until the client closes it
			}
		})
		c, err := Dial(context.Background(), ln.Addr().String(), WithSecret(text), WithDialTimeout(50*time.Millisecond))
		if err == nil {
			c.Close()
		}
		if !errors.Is(err, ErrUnreachable) {
			t.Errorf("what listens %s: %v", what, err)
		}
	}
}

// TestDialIsToldOfARefusalThoughTheNodeClosesBehindIt: and not that nobody answers.
func TestDialIsToldOfARefusalThoughTheNodeClosesBehindIt(t *testing.T) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	go func() {
		c, err := ln.Accept()
		if err != nil {
			return
		}
		defer c.Close()
		header := make([]byte, codec.HeaderLen)
		if _, err := io.ReadFull(c, header); err != nil {
			return
		}
		h, _, _ := codec.DecodeHeader(header)
		if _, err := io.CopyN(io.Discard, c, int64(h.Length)); err != nil {
			return
		}
		_, _ = c.Write(codec.AppendValueResponse(nil, h.Tag, codec.ValueResponse{Status: codec.StatusDenied, Value: []byte("too many")}))
	}()
	c, err := Dial(context.Background(), ln.Addr().String(), WithPassword("a", "b"))
	if err == nil {
		c.Close()
	}
	if !errors.Is(err, ErrDenied) || errors.Is(err, ErrUnreachable) {
		t.Errorf("%v", err)
	}
}
