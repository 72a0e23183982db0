package client

import (
	"context"
	"fmt"
	"sync/atomic"

	"covey/codec"
)

// call is one request on its way. Until it is finished its fields belong to the goroutine that reads, or that fails the
// connection; then to the goroutine that made the request, unless that one has abandoned it.
type call struct {
	state atomic.Uint32
	done  chan struct{} // capacity 1: gets one value when the call is finished
	want  codec.Kind    // kind of the expected reply
	got   codec.Kind    // kind of the reply: want, or KindValueResponse for a refusal
	body  []byte        // of the reply
	err   error
}

// The states of a call.
const (
	pending uint32 = iota
	finished
	abandoned // the goroutine that made it does not wait any more
)

// request holds the fields of one request, of whatever kind.
type request struct {
	kind  codec.Kind
	topic codec.Topic
	delta int64          // of an Increment
	set   codec.SetValue // Key and TTL are those of other kinds too; Key is also the password of Auth
}

// size is an upper bound of the frame's length, in bytes.
func (r *request) size() int { return codec.HeaderLen + 64 + len(r.set.Key) + len(r.set.Value) }

// wants is the kind of the expected reply.
func (r *request) wants() codec.Kind {
	if r.kind == codec.KindReport {
		return codec.KindReportResponse
	}
	return codec.KindValueResponse
}

// append appends the frame to dst.
func (r *request) append(dst []byte, tag uint32) []byte {
	switch r.kind {
	case codec.KindGetValue:
		return codec.AppendGetValue(dst, tag, codec.GetValue{Key: r.set.Key})
	case codec.KindSetValue:
		return codec.AppendSetValue(dst, tag, r.set)
	case codec.KindDelete:
		return codec.AppendDelete(dst, tag, codec.Delete{Key: r.set.Key})
	case codec.KindIncrement:
		return codec.AppendIncrement(dst, tag, codec.Increment{Delta: r.delta, TTL: r.set.TTL, Key: r.set.Key})
	case codec.KindExpire:
		return codec.AppendExpire(dst, tag, codec.Expire{TTL: r.set.TTL, Key: r.set.Key})
	case codec.KindTimeToLive:
		return codec.AppendTimeToLive(dst, tag, codec.TimeToLive{Key: r.set.Key})
	case codec.KindAuth:
		return codec.AppendAuth(dst, tag, codec.Auth{Password: r.set.Key})
	}
	return codec.AppendReport(dst, tag, codec.Report{Topic: r.topic})
}

// roundTrip sends a request and waits for its reply. The returned call holds the body; the caller gives it to release. The error is
// the context's, or says why the connection is closed.
func (c *Client) roundTrip(ctx context.Context, r *request) (*call, error) {
	slot, err := c.slot(ctx)
	if err != nil {
		return nil, err
	}
	if err := c.lockRoom(ctx, r.size()); err != nil {
		c.slots <- slot
		return nil, err
	}
	k := c.begin(r)
	c.send.put(slot, k, r)
	if own := c.leave(1); own {
		one := [1]*call{k}
		c.readOwn(ctx, one[:])
	}
	if err := c.wait(ctx, k); err != nil {
		return nil, err
	}
	return k, nil
}

// slot waits for a free slot. The error is the context's, or says why the connection is closed.
func (c *Client) slot(ctx context.Context) (uint32, error) {
	if err := ctx.Err(); err != nil {
		return 0, err
	}
	if c.slots == nil { // it would wait for ever
		return 0, fmt.Errorf("%w: it was never open, for a Client is made by Dial or New", ErrClosed)
	}
	select {
	case slot := <-c.slots:
		return slot, nil
	case <-c.dead:
		return 0, c.send.reason()
	case <-ctx.Done():
		return 0, ctx.Err()
	}
}

// begin makes a call of a request.
func (c *Client) begin(r *request) *call {
	k := c.calls.Get().(*call)
	k.state.Store(pending)
	k.want, k.err = r.wants(), nil
	return k
}

// wait waits until a call is finished. With an error the call is not the caller's any more.
func (c *Client) wait(ctx context.Context, k *call) error {
	if k.state.Load() == finished {
		<-k.done
	} else {
		select {
		case <-k.done:
		case <-ctx.Done():
			if k.state.CompareAndSwap(pending, abandoned) {
				return ctx.Err()
			}
			<-k.done // it is finished already
		}
	}
	err := k.err
	if err != nil {
		c.release(k)
	}
	return err
}

// finish ends a call: it wakes the goroutine that waits for it, or drops the call if that has gone.
func (c *Client) finish(k *call, err error) {
	k.err = err
	if k.state.CompareAndSwap(pending, finished) {
		k.done <- struct{}{}
		return
	}
	c.release(k)
}

// release gives a call back to the pool, without an unusually large body.
func (c *Client) release(k *call) {
	if cap(k.body) > keepBytes {
		k.body = nil
	}
	c.calls.Put(k)
}
