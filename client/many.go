package client

import (
	"context"

	"covey/codec"
)

// GetMany gets the values of keys as fast as the connection carries them, up to 64 at a time, where Get waits for each reply. It calls found
// with the index and the value of each key that is there, in the order of keys; the value is valid until found returns. found must not
// wait for anything that needs this call to go on. Each value is as of a moment of its own, not all as of one. At the first error GetMany
// calls found no more and returns it.
func (c *Client) GetMany(ctx context.Context, keys [][]byte, found func(i int, value []byte)) error {
	for _, key := range keys {
		if len(key) > codec.MaxKey {
			return ErrTooLarge
		}
	}
	for first := 0; first < len(keys); {
		n, err := c.getSome(ctx, keys, first, found)
		if err != nil {
			return err
		}
		first += n
	}
	return nil
}

// getSome gets the first n of keys[first:], as many as there are free slots for: who held some and waited for others could wait for ever.
func (c *Client) getSome(ctx context.Context, keys [][]byte, first int, found func(i int, value []byte)) (n int, err error) {
	var calls [manyKeys]*call
	slot, err := c.slot(ctx)
	for err == nil {
		r := request{kind: codec.KindGetValue, more: len(keys) > 1, set: codec.SetValue{Key: keys[first+n]}}
		var own bool
		if calls[n], own, err = c.begin(ctx, slot, &r); err != nil {
			break
		}
		if own {
			c.readOwn(ctx, calls[n])
		}
		if n++; n == len(calls) || first+n == len(keys) || !c.freeSlot(&slot) {
			break
		}
	}
	for i, k := range calls[:n] { // all are waited for, whatever goes wrong: a call is either finished or abandoned
		failed := c.wait(ctx, k)
		var value []byte
		if failed == nil {
			value, failed = c.valueOf(k, ErrNotFound)
		}
		switch {
		case failed == ErrNotFound:
		case failed != nil:
			if err == nil {
				err = failed
			}
		default:
			if err == nil {
				found(first+i, value)
			}
			c.release(k)
		}
	}
	return n, err
}

// freeSlot takes a slot if one is free.
func (c *Client) freeSlot(slot *uint32) bool {
	select {
	case *slot = <-c.slots:
		return true
	default:
		return false
	}
}
