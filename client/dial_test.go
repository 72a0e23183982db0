package client

import (
	"context"
	"crypto/rand"
	"errors"
	"net"
	"testing"
	"time"

	"covey/seal"
)

// TestDialWithASecretEndsAsItSays: with ErrUnreachable, and within one timeout, where what listens does not answer or closes.
func TestDialWithASecretEndsAsItSays(t *testing.T) {
	text, err := seal.New(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	for what, closes := range map[string]bool{"says nothing": false, "closes": true} {
		ln, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		defer ln.Close()
		go func() {
			for {
				c, err := ln.Accept()
				if err != nil {
					return
				}
				if closes {
					c.Close()
				} else {
					defer c.Close()
				}
			}
		}()
		c, err := Dial(context.Background(), ln.Addr().String(), WithSecret(text), WithDialTimeout(50*time.Millisecond))
		if err == nil {
			c.Close()
		}
		if !errors.Is(err, ErrUnreachable) {
			t.Errorf("what listens %s: %v", what, err)
		}
	}
}
