package client

import (
	"context"
	"fmt"
	"sync"
	"time"
)

// Redialer keeps a Client of one node, and dials again when its connection has ended: for a program that outlives its node's restarts.
// It is made by NewRedialer and safe for concurrent use.
//
//	c, err := r.Client(ctx) // each time, not once
//	if err == nil {
//		value, err = c.Get(ctx, key)
//	}
//
// It sends no request twice: those under way when the connection ends fail as the Client's do, and the next call of Client dials.
type Redialer struct {
	addr    string
	options []Option
	ctx     context.Context // of all dialing
	stop    context.CancelFunc

	mu     sync.Mutex
	last   *attempt // guarded by mu; nil before the first
	closed bool     // guarded by mu
}

// attempt is one dialing. What it came to is written before done is closed, and not changed after.
type attempt struct {
	done   chan struct{}
	client *Client
	err    error
	ended  time.Time
}

// NewRedialer makes a Redialer for the node at addr, with what Dial takes; it does not dial yet. The error is ErrOptions.
func NewRedialer(addr string, options ...Option) (*Redialer, error) {
	if _, err := settle(options); err != nil {
		return nil, err
	}
	r := &Redialer{addr: addr, options: options}
	r.ctx, r.stop = context.WithCancel(context.Background())
	return r, nil
}

// Client returns the Client whose connection is open, or dials for one. All who call meanwhile wait for the same dialing, which does not end
// with their contexts, but with WithDialTimeout. It dials once in 100 ms (redialPause) at most: until then all get the error of a dialing that failed,
// or a Client whose connection has ended already, whose calls say why. The error is that of Dial. The Client is the Redialer's: it is not to be
// closed.
func (r *Redialer) Client(ctx context.Context) (*Client, error) {
	a := r.attempt(time.Now())
	select {
	case <-a.done:
		return a.client, a.err
	default:
	}
	select {
	case <-a.done:
		return a.client, a.err
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// attempt is the dialing that counts at the moment.
func (r *Redialer) attempt(now time.Time) *attempt {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.closed || r.last != nil && r.last.counts(now) {
		return r.last
	}
	a := &attempt{done: make(chan struct{})}
	r.last = a
	go func() {
		defer close(a.done)
		a.client, a.err = Dial(r.ctx, r.addr, r.options...)
		a.ended = time.Now()
	}()
	return a
}

// counts reports whether the dialing is under way, made a Client whose connection is open, or has ended a short time ago: what failed at once,
// or a node that turns this host away, is not dialed again and again.
func (a *attempt) counts(now time.Time) bool {
	select {
	case <-a.done:
	default:
		return true
	}
	if a.err == nil {
		select {
		case <-a.client.dead:
		default:
			return true
		}
	}
	return now.Sub(a.ended) < redialPause
}

// Close closes the Client, if there is one, and ends the dialing; Client fails with ErrClosed from then on. It always returns nil; closing
// again does nothing.
func (r *Redialer) Close() error {
	r.mu.Lock()
	last := r.last
	r.last, r.closed = closedAttempt, true
	r.mu.Unlock()
	r.stop()
	if last == nil {
		return nil
	}
	if <-last.done; last.client != nil {
		last.client.Close()
	}
	return nil
}

// closedAttempt is what a closed Redialer answers with.
var closedAttempt = func() *attempt {
	a := &attempt{done: make(chan struct{}), err: fmt.Errorf("%w by its owner", ErrClosed)}
	close(a.done)
	return a
}()
