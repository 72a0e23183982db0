package client

import (
	"context"
	"fmt"
	"math"
	"time"

	"covey/codec"
)

// Increment adds delta to the number under key, which begins at 0, and returns the sum on this node. Increments that several nodes make at
// the same time all count. A key that would live for good gets ttl to live, rounded up to a millisecond; with 0 it keeps what it has. So a
// program that allows a hundred of something a minute increments by 1 with a ttl of a minute, and looks at the sum. The error is a
// *ServerError when the key holds no number of 64 bits, or the sum is none.
func (c *Client) Increment(ctx context.Context, key []byte, delta int64, ttl time.Duration) (int64, error) {
	ms, err := milliseconds(ttl)
	if err != nil {
		return 0, err
	}
	return c.number(ctx, &request{kind: codec.KindIncrement, delta: delta, set: codec.SetValue{Key: key, TTL: ms}})
}

// Expire gives key ttl to live from now on, rounded up to a millisecond; with 0 it lives for good. It reports whether the key was there.
func (c *Client) Expire(ctx context.Context, key []byte, ttl time.Duration) (existed bool, err error) {
	ms, err := milliseconds(ttl)
	if err != nil {
		return false, err
	}
	return c.existed(ctx, &request{kind: codec.KindExpire, set: codec.SetValue{Key: key, TTL: ms}})
}

// TTL returns how long key has to live, to the millisecond; 0: it lives for good. The error is ErrNotFound when there is no such key.
func (c *Client) TTL(ctx context.Context, key []byte) (time.Duration, error) {
	ms, err := c.number(ctx, &request{kind: codec.KindTimeToLive, set: codec.SetValue{Key: key}})
	return time.Duration(min(ms, math.MaxInt64/int64(time.Millisecond))) * time.Millisecond, err
}

// number sends a request that a number answers.
func (c *Client) number(ctx context.Context, r *request) (int64, error) {
	if len(r.set.Key) > codec.MaxKey {
		return 0, ErrTooLarge
	}
	k, value, err := c.value(ctx, r, ErrNotFound)
	if err != nil {
		return 0, err
	}
	n, err := codec.DecodeNumber(value)
	c.release(k)
	if err != nil {
		err = fmt.Errorf("%w: %w", ErrProtocol, err)
		c.fail(err)
	}
	return n, err
}
