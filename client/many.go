package client

import (
	"context"
	"fmt"
	"time"

	"covey/codec"
)

// Entry is one of the entries of a SetMany.
type Entry struct {
	Key, Value []byte
	TTL        time.Duration // time to live, rounded up to a millisecond; 0: none
}

// GetMany gets the values of keys as fast as the connection carries them, up to 128 at a time, where Get waits for each reply. It calls found
// with the index and the value of each key that is there, in the order of keys; the value is valid until found returns. Each value is as of
// a moment of its own. At the first error GetMany calls found no more and returns it.
func (c *Client) GetMany(ctx context.Context, keys [][]byte, found func(i int, value []byte)) error {
	for _, key := range keys {
		if len(key) > codec.MaxKey {
			return ErrTooLarge
		}
	}
	return c.many(ctx, len(keys),
		func(i int) request { return request{kind: codec.KindGetValue, set: codec.SetValue{Key: keys[i]}} },
		func(i int, value []byte, err error) error {
			switch err {
			case nil:
				found(i, value)
			case ErrNotFound:
				return nil
			}
			return err
		})
}

// SetMany sets entries as fast as the connection carries them, up to 128 at a time, where Set waits for each reply. What is in entries is not
// kept. With an error at one of them, the first of which it returns, others may be set or not.
func (c *Client) SetMany(ctx context.Context, entries []Entry) error {
	for i, e := range entries {
		if len(e.Key) > codec.MaxKey || len(e.Value) > codec.MaxValue {
			return fmt.Errorf("entry %d: %w", i, ErrTooLarge)
		}
		if _, err := milliseconds(e.TTL); err != nil {
			return fmt.Errorf("entry %d: %w", i, err)
		}
	}
	return c.many(ctx, len(entries),
		func(i int) request {
			ttl, _ := milliseconds(entries[i].TTL)
			return request{kind: codec.KindSetValue, set: codec.SetValue{Key: entries[i].Key, Value: entries[i].Value, TTL: ttl}}
		},
		func(_ int, _ []byte, err error) error { return err })
}

// many makes count requests and takes their replies in order, some at a time. ask says which request is next, and take gets what came of it: a value,
// valid until it returns, or an error. The first error that take returns ends it all.
func (c *Client) many(ctx context.Context, count int, ask func(i int) request, take func(i int, value []byte, err error) error) error {
	for first := 0; first < count; {
		n, err := c.some(ctx, first, count, ask, take)
		if err != nil {
			return err
		}
		first += n
	}
	return nil
}

// some makes the first n requests, as many as there are free slots for: who held some and waited for others could wait for ever.
func (c *Client) some(ctx context.Context, first, count int, ask func(i int) request, take func(i int, value []byte, err error) error) (n int, err error) {
	var calls [manyAtOnce]*call
	n, err = c.putSome(ctx, calls[:min(count-first, len(calls))], func(i int) request { return ask(first + i) })
	for i, k := range calls[:n] { // all are waited for, whatever went wrong: a call is either finished or abandoned
		value, wrong := c.received(ctx, k)
		if err == nil {
			err = take(first+i, value, wrong)
		}
		if wrong == nil {
			c.release(k)
		}
	}
	return n, err
}

// putSome sends requests for which slots are free, and reads the replies if it is to. It fills in calls for n of them, with an error too.
func (c *Client) putSome(ctx context.Context, calls []*call, ask func(i int) request) (n int, err error) {
	var slots [manyAtOnce]uint32
	free, err := c.freeSlots(ctx, slots[:len(calls)])
	if err != nil {
		return 0, err
	}
	s, locked, begun := &c.send, false, 0
	for n < free {
		r := ask(n)
		if locked && !s.fits(r.size()) {
			c.hasten()
			locked = false
		}
		if !locked {
			if err = c.lockRoom(ctx, r.size()); err != nil {
				for _, slot := range slots[n:free] {
					c.slots <- slot
				}
				return n, err
			}
			locked, begun = true, n
		}
		calls[n] = c.begin(&r)
		s.put(slots[n], calls[n], &r)
		n++
	}
	if c.leave(n - begun) { // those before have left
		c.readOwn(ctx, calls[:n])
	}
	return n, nil
}

// freeSlots waits for a free slot, and takes as many more as are free now; n is how many of slots it has filled.
func (c *Client) freeSlots(ctx context.Context, slots []uint32) (n int, err error) {
	if slots[0], err = c.slot(ctx); err != nil {
		return 0, err
	}
	for n = 1; n < len(slots); n++ {
		select {
		case slots[n] = <-c.slots:
		default:
			return n, nil
		}
	}
	return n, nil
}

// received is the value of a call that was begun. The call is to be released if there is no error.
func (c *Client) received(ctx context.Context, k *call) ([]byte, error) {
	if err := c.wait(ctx, k); err != nil {
		return nil, err
	}
	return c.valueOf(k, ErrNotFound)
}
