package client_test

import (
	"errors"
	"math"
	"testing"
	"time"

	"covey/client"
	"covey/codec"
)

// The node gets what the caller means, and the caller what the node answers.
func TestNumbersAndTimes(t *testing.T) {
	bothWays(t, func(t *testing.T, n *node) {
		c, ctx, key := n.dial(), t.Context(), []byte("k")
		var got any
		var err error
		reply := func(answer func(tag uint32) []byte) {
			n.script(func(h codec.Header, body []byte) []byte {
				switch h.Kind {
				case codec.KindIncrement:
					got, err = codec.DecodeIncrement(append([]byte(nil), body...))
				case codec.KindExpire:
					got, err = codec.DecodeExpire(append([]byte(nil), body...))
				case codec.KindTimeToLive:
					got, err = codec.DecodeTimeToLive(append([]byte(nil), body...))
				}
				if err != nil {
					t.Error(err)
				}
				return answer(h.Tag)
			})
		}
		sent := func() (key string, delta int64, ttl uint64) {
			n.mu.Lock()
			defer n.mu.Unlock()
			switch m := got.(type) {
			case codec.Increment:
				return string(m.Key), m.Delta, m.TTL
			case codec.Expire:
				return string(m.Key), 0, m.TTL
			case codec.TimeToLive:
				return string(m.Key), 0, 0
			}
			return "", 0, 0
		}
		check := func(delta int64, ttl uint64) {
			t.Helper()
			if k, d, ms := sent(); k != "k" || d != delta || ms != ttl {
				t.Errorf("the node got %q, %d, %d ms, want %d, %d ms", k, d, ms, delta, ttl)
			}
		}
		reply(func(tag uint32) []byte { return codec.AppendNumber(nil, tag, -3) })
		if sum, err := c.Increment(ctx, key, math.MinInt64, time.Nanosecond); sum != -3 || err != nil {
			t.Errorf("increment: %d, %v", sum, err)
		}
		check(math.MinInt64, 1)
		reply(func(tag uint32) []byte { return codec.AppendNumber(nil, tag, 1500) })
		if ttl, err := c.TTL(ctx, key); ttl != 1500*time.Millisecond || err != nil {
			t.Errorf("ttl: %v, %v", ttl, err)
		}
		check(0, 0)
		reply(func(tag uint32) []byte { return codec.AppendNumber(nil, tag, codec.MaxTTL) })
		if ttl, err := c.TTL(ctx, key); ttl < 290*365*24*time.Hour || err != nil {
			t.Errorf("a ttl that is longer than a Duration: %v, %v", ttl, err)
		}
		reply(func(tag uint32) []byte { return codec.AppendValueResponse(nil, tag, codec.ValueResponse{}) })
		if existed, err := c.Expire(ctx, key, 2*time.Second+1); !existed || err != nil {
			t.Errorf("expire: %v, %v", existed, err)
		}
		check(0, 2001)
		reply(func(tag uint32) []byte {
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
