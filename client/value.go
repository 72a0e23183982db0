package client

import (
	"context"
	"fmt"
	"time"

	"covey/codec"
)

// SetOptions are the conditions of a Set. The zero value sets the key whatever is there, for good.
type SetOptions struct {
	TTL time.Duration // time to live, rounded up to a millisecond; 0: none
	NX  bool          // only if the key is absent
	XX  bool          // only if the key is present
}

// Get returns the value of key in memory of its own. The error is ErrNotFound when there is no such key.
func (c *Client) Get(ctx context.Context, key []byte) ([]byte, error) {
	k, value, err := c.get(ctx, key)
	if err != nil {
		return nil, err
	}
	if cap(k.body) > keepBytes { // it would not be kept anyway: hand it over
		k.body = nil
	} else {
		value = append(make([]byte, 0, len(value)), value...)
	}
	c.release(k)
	return value, nil
}

// AppendGet appends the value of key to dst, which stays the caller's; on an error dst is returned as it was.
func (c *Client) AppendGet(ctx context.Context, dst, key []byte) ([]byte, error) {
	k, value, err := c.get(ctx, key)
	if err != nil {
		return dst, err
	}
	dst = append(dst, value...)
	c.release(k)
	return dst, nil
}

// get returns the value within the call, which is to be released.
func (c *Client) get(ctx context.Context, key []byte) (*call, []byte, error) {
	if len(key) > codec.MaxKey {
		return nil, nil, ErrTooLarge
	}
	r := request{kind: codec.KindGetValue, set: codec.SetValue{Key: key}}
	return c.value(ctx, &r, ErrNotFound)
}

// Set sets key to value. Neither is kept. The error is ErrCondition when NX or XX is not met.
func (c *Client) Set(ctx context.Context, key, value []byte, o SetOptions) error {
	if len(key) > codec.MaxKey || len(value) > codec.MaxValue {
		return ErrTooLarge
	}
	if o.NX && o.XX {
		return fmt.Errorf("%w: NX and XX exclude each other", ErrOptions)
	}
	ttl, err := milliseconds(o.TTL)
	if err != nil {
		return err
	}
	r := request{kind: codec.KindSetValue, set: codec.SetValue{Key: key, Value: value, TTL: ttl}}
	if o.NX {
		r.set.Flags = codec.SetNX
	}
	if o.XX {
		r.set.Flags = codec.SetXX
	}
	k, _, err := c.value(ctx, &r, ErrCondition)
	if err != nil {
		return err
	}
	c.release(k)
	return nil
}

// Delete deletes key and reports whether it was there.
func (c *Client) Delete(ctx context.Context, key []byte) (existed bool, err error) {
	return c.existed(ctx, &request{kind: codec.KindDelete, set: codec.SetValue{Key: key}})
}

// existed sends a request that is answered with whether the key is there.
func (c *Client) existed(ctx context.Context, r *request) (bool, error) {
	if len(r.set.Key) > codec.MaxKey {
		return false, ErrTooLarge
	}
	k, _, err := c.value(ctx, r, ErrNotFound)
	switch err {
	case nil:
		c.release(k)
		return true, nil
	case ErrNotFound:
		return false, nil
	}
	return false, err
}

// milliseconds is a time to live as it is sent, rounded up.
func milliseconds(ttl time.Duration) (uint64, error) {
	if ttl < 0 {
		return 0, fmt.Errorf("%w: a time to live must be positive, not %v", ErrOptions, ttl)
	}
	ms := ttl / time.Millisecond // less than 2^44, far below codec.MaxTTL
	if ttl%time.Millisecond != 0 {
		ms++
	}
	return uint64(ms), nil
}

// authenticate proves to the node that this client knows its secret.
func (c *Client) authenticate(ctx context.Context, password []byte) error {
	k, _, err := c.value(ctx, &request{kind: codec.KindAuth, set: codec.SetValue{Key: password}}, ErrNotFound)
	if err == nil {
		c.release(k)
	}
	return err
}

// value sends a request that a ValueResponse answers. Without an error the call is to be released; absent stands for
// StatusNotFound.
func (c *Client) value(ctx context.Context, r *request, absent error) (*call, []byte, error) {
	k, err := c.roundTrip(ctx, r)
	if err != nil {
		return nil, nil, err
	}
	value, err := c.valueOf(k, absent)
	if err != nil {
		return nil, nil, err
	}
	return k, value, nil
}

// valueOf is the value of a finished call, which is released if there is an error instead.
func (c *Client) valueOf(k *call, absent error) ([]byte, error) {
	m, err := codec.DecodeValueResponse(k.body)
	switch {
	case err != nil:
		err = fmt.Errorf("%w: %w", ErrProtocol, err)
		c.fail(err)
	case m.Status != codec.StatusOK:
		err = refusal(m.Status, m.Value, absent)
	}
	if err != nil {
		c.release(k)
		return nil, err
	}
	return m.Value, nil
}
