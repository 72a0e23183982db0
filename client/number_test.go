package client_test

import (
	"bytes"
	"errors"
	"math"
	"reflect"
	"testing"
	"time"

	"covey/client"
	"covey/codec"
)

// heard is a node that answers as it is told, and keeps the last request for a number or a time.
type heard struct {
	*node
	got any
}

// answers has the node answer from now on as answer does.
func (n *heard) answers(answer func(tag uint32) []byte) {
	n.script(func(h codec.Header, body []byte) []byte {
		var err error
		switch body = bytes.Clone(body); h.Kind {
		case codec.KindIncrement:
			n.got, err = codec.DecodeIncrement(body)
		case codec.KindExpire:
			n.got, err = codec.DecodeExpire(body)
		case codec.KindTimeToLive:
			n.got, err = codec.DecodeTimeToLive(body)
		}
		if err != nil {
			n.t.Error(err)
		}
		return answer(h.Tag)
	})
}

// expect fails the test if the last request was another one.
func (n *heard) expect(want any) {
	n.t.Helper()
	n.mu.Lock()
	defer n.mu.Unlock()
	if !reflect.DeepEqual(n.got, want) {
		n.t.Errorf("the node got %+v, want %+v", n.got, want)
	}
}

// The node gets what the caller means, and the caller what the node answers.
func TestNumbersAndTimes(t *testing.T) {
	bothWays(t, func(t *testing.T, plain *node) {
		n := &heard{node: plain}
		c, ctx, key := n.dial(), t.Context(), []byte("k")
		n.answers(func(tag uint32) []byte { return codec.AppendNumber(nil, tag, -3) })
		if sum, err := c.Increment(ctx, key, math.MinInt64, time.Nanosecond); sum != -3 || err != nil {
			t.Errorf("increment: %d, %v", sum, err)
		}
		n.expect(codec.Increment{Key: key, Delta: math.MinInt64, TTL: 1})
		n.answers(func(tag uint32) []byte { return codec.AppendNumber(nil, tag, 1500) })
		if ttl, err := c.TTL(ctx, key); ttl != 1500*time.Millisecond || err != nil {
			t.Errorf("ttl: %v, %v", ttl, err)
		}
		n.expect(codec.TimeToLive{Key: key})
		n.answers(func(tag uint32) []byte { return codec.AppendNumber(nil, tag, codec.MaxTTL) })
		if ttl, err := c.TTL(ctx, key); ttl < 290*365*24*time.Hour || err != nil {
			t.Errorf("a ttl that is longer than a Duration: %v, %v", ttl, err)
		}
		n.answers(func(tag uint32) []byte { return codec.AppendValueResponse(nil, tag, codec.ValueResponse{}) })
		if existed, err := c.Expire(ctx, key, 2*time.Second+1); !existed || err != nil {
			t.Errorf("expire: %v, %v", existed, err)
		}
		n.expect(codec.Expire{Key: key, TTL: 2001})
		n.answers(func(tag uint32) []byte {
			return codec.AppendValueResponse(nil, tag, codec.ValueResponse{Status: codec.StatusNotFound})
		})
		if existed, err := c.Expire(ctx, key, 0); existed || err != nil {
			t.Errorf("expire of nothing: %v, %v", existed, err)
		}
		if _, err := c.TTL(ctx, key); !errors.Is(err, client.ErrNotFound) {
			t.Errorf("ttl of nothing: %v", err)
		}
	})
}

func TestNumbersAndTimesThatCannotBe(t *testing.T) {
	n := newNode(t)
	c, ctx, long := n.dial(), t.Context(), make([]byte, codec.MaxKey+1)
	_, increment := c.Increment(ctx, nil, 1, -1)
	_, expire := c.Expire(ctx, nil, -1)
	for name, err := range map[string]error{"increment": increment, "expire": expire} {
		if !errors.Is(err, client.ErrOptions) {
			t.Errorf("%s with a time to live below 0: %v", name, err)
		}
	}
	_, increment = c.Increment(ctx, long, 1, 0)
	_, expire = c.Expire(ctx, long, 0)
	_, ttl := c.TTL(ctx, long)
	for name, err := range map[string]error{"increment": increment, "expire": expire, "ttl": ttl} {
		if !errors.Is(err, client.ErrTooLarge) {
			t.Errorf("%s of a key that is too long: %v", name, err)
		}
	}
	n.script(func(h codec.Header, _ []byte) []byte {
		return codec.AppendValueResponse(nil, h.Tag, codec.ValueResponse{Status: codec.StatusError, Value: []byte("no number")})
	})
	var refused *client.ServerError
	if _, err := c.Increment(ctx, nil, 1, 0); !errors.As(err, &refused) || refused.Text != "no number" {
		t.Errorf("%v", err)
	}
	n.script(func(h codec.Header, _ []byte) []byte {
		return codec.AppendValueResponse(nil, h.Tag, codec.ValueResponse{Value: []byte("seven")})
	})
	if _, err := c.Increment(ctx, nil, 1, 0); !errors.Is(err, client.ErrProtocol) {
		t.Errorf("five bytes instead of a number: %v", err)
	}
	if _, err := c.Get(ctx, nil); !errors.Is(err, client.ErrProtocol) {
		t.Errorf("the connection goes on: %v", err)
	}
}
