package client

import (
	"context"
	"fmt"
	"runtime"
	"sync"
)

// sender is what the calling goroutines and the writer share.
type sender struct {
	wake chan struct{} // capacity 1: there is something to write

	mu      sync.Mutex
	out     []byte        // guarded by mu: frames gathered for the next write
	callers int           // guarded by mu: how many have begun requests in out
	busy    bool          // guarded by mu: the writer has frames that may not be written yet
	lone    bool          // guarded by mu: the last write was of a single caller
	streak  int           // guarded by mu: how many requests in a row their callers have written
	spare   []byte        // guarded by mu: the buffer that becomes out while a caller writes the other
	room    chan struct{} // guarded by mu: closed when out is taken; nil when nobody waits
	table   []entry       // guarded by mu: what is in flight, by slot
	flying  int           // guarded by mu: how many calls the table holds

	reading  reading // guarded by mu: which goroutine reads
	requests uint64  // guarded by mu: made so far

	err error // guarded by mu: why the connection is closed
}

// entry is a slot of the table. A tag holds the number of the slot and turns, so that a second answer to one request is noticed.
type entry struct {
	call  *call  // nil: the slot is free
	turns uint16 // how many calls have had the slot, modulo 2^16
}

func (s *sender) init(inFlight int) {
	s.wake = make(chan struct{}, 1)
	s.table = make([]entry, inFlight)
}

func makeTag(slot uint32, turns uint16) uint32 { return uint32(turns)<<16 | slot }

// fits reports whether a frame of size bytes has room. The caller holds mu.
func (s *sender) fits(size int) bool { return len(s.out) == 0 || len(s.out)+size <= gatherBytes }

// lockRoom locks mu once there is room for a frame of size bytes. The caller puts requests then, and leaves. An error is the context's, or
// says why the connection is closed; then mu is not locked.
func (c *Client) lockRoom(ctx context.Context, size int) error {
	s := &c.send
	for {
		s.mu.Lock()
		if err := s.err; err != nil {
			s.mu.Unlock()
			return err
		}
		if s.fits(size) {
			s.callers++
			return nil
		}
		if s.room == nil {
			s.room = make(chan struct{})
		}
		room := s.room
		s.mu.Unlock()
		select {
		case <-room:
		case <-c.dead:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// put gathers the frame of a request. The caller holds mu, and slot.
func (s *sender) put(slot uint32, k *call, r *request) {
	e := &s.table[slot]
	e.turns++
	e.call = k
	s.flying++
	s.out = r.append(s.out, makeTag(slot, e.turns))
}

// leave sends what its caller has put since lockRoom, n requests, and unlocks mu: it wakes the writer, or writes them itself if the caller is alone.
// own says that the caller is to read the replies itself.
func (c *Client) leave(n int) (own bool) {
	s := &c.send
	// A caller that is alone, as the one before it was, writes by itself: waking the writer costs more than the write. Nothing else
	// is in flight or being written, so short frames find room in the socket, and the caller's context is not kept waiting.
	if !c.sock || !s.lone || s.busy || s.callers != 1 || s.flying != n || len(s.out) > directBytes {
		c.hasten()
		return false
	}
	own = c.sent(true)
	gathered := s.swap(s.spare)
	s.spare = nil
	s.mu.Unlock()
	c.writeDirect(gathered)
	return own
}

// hasten has the writer write what was gathered, and the reader read, and unlocks mu, which the caller holds.
func (c *Client) hasten() {
	c.sent(false)
	c.send.mu.Unlock()
	select {
	case c.send.wake <- struct{}{}:
	default: // the writer has not taken the last wake-up yet, and will see all of it
	}
}

// take returns what was gathered, which is the writer's then, and goes on gathering in empty.
func (s *sender) take(empty []byte) (gathered []byte) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.busy = len(s.out) > 0
	if s.busy {
		s.lone = s.callers == 1
	}
	return s.swap(empty)
}

// swap is take without the lock. The caller holds mu.
func (s *sender) swap(empty []byte) (gathered []byte) {
	gathered, s.out, s.callers = s.out, empty[:0], 0
	if s.room != nil {
		close(s.room)
		s.room = nil
	}
	return gathered
}

// writeDirect writes a caller's own frames. A failure closes the connection, and ends this call with all others.
func (c *Client) writeDirect(frames []byte) {
	if _, err := c.conn.Write(frames); err != nil {
		c.fail(c.unwritten(err))
		return
	}
	c.send.mu.Lock()
	c.send.spare = frames
	c.send.mu.Unlock()
}

// unwritten is the error of a connection that does not take what is written.
func (c *Client) unwritten(err error) error {
	return fmt.Errorf("%w: writing to %s: %w", ErrClosed, c.Addr(), err)
}

// claim takes the call out of the slot that a reply's tag names; nil if nobody waits for that reply.
func (s *sender) claim(tag uint32) *call {
	slot, turns := tag&(MaxInFlight-1), uint16(tag>>16)
	s.mu.Lock()
	defer s.mu.Unlock()
	if int(slot) >= len(s.table) || s.table[slot].turns != turns {
		return nil
	}
	k := s.table[slot].call
	if k != nil {
		s.table[slot].call = nil
		s.flying--
	}
	return k
}

// close refuses further requests and returns the calls in flight; first is false when it was closed before.
func (s *sender) close(err error) (orphans []*call, first bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.err != nil {
		return nil, false
	}
	s.err = err
	for i := range s.table {
		if k := s.table[i].call; k != nil {
			orphans = append(orphans, k)
			s.table[i].call = nil
		}
	}
	s.flying = 0
	return orphans, true
}

// reason says why the connection is closed.
func (s *sender) reason() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.err
}

// write is the writer: it writes what was gathered, as often as there is something, until the connection is closed.
func (c *Client) write() {
	var spare []byte
	for {
		select {
		case <-c.send.wake:
		case <-c.dead:
			return
		}
		for {
			runtime.Gosched() // lets callers that are ready add their frames: twice the throughput of writing at once
			gathered := c.send.take(spare)
			if len(gathered) == 0 {
				spare = gathered
				break
			}
			if _, err := c.conn.Write(gathered); err != nil {
				c.fail(c.unwritten(err))
				return
			}
			spare = gathered
			if cap(spare) > gatherBytes+keepBytes {
				spare = nil
			}
		}
	}
}
