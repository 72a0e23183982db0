package client

import (
	"context"
	"math"
	"time"

	"covey/codec"
)

// reading says which goroutine reads the connection. A caller that was alone several times in a row reads its reply itself: to be
// woken by the reader would cost more than the reply. The reader stands aside meanwhile. Guarded by send.mu. Client.in and Client.until
// belong to the goroutine that reads.
type reading uint8

const (
	byReader reading = iota
	byNobody         // the reader stands aside, and nothing is in flight
	byCaller         // the reader stands aside, and the only caller reads its own reply
)

// stand has the reader stand aside if callers have been alone and nothing is in flight.
func (s *sender) stand() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.streak < loneStreak || s.flying > 0 || s.err != nil {
		return false
	}
	s.reading = byNobody
	return true
}

// sent settles which goroutine reads the reply to a request that was just put into the table: its caller if own, else the reader.
// direct says that the caller writes the request itself. The caller holds mu.
func (c *Client) sent(direct bool) (own bool) {
	s := &c.send
	s.requests++
	if !direct {
		s.streak = 0
		if s.reading == byNobody {
			c.callReader()
		}
		return false
	}
	s.streak++
	if s.reading == byNobody {
		s.reading = byCaller
		return true
	}
	return false
}

// callReader has the reader read again. The caller holds mu, and the reader stands aside and was not called yet.
func (c *Client) callReader() {
	c.send.reading = byReader
	c.resume <- struct{}{}
}

// aside is where the reader waits until it is called, or no request was made for asideTime: then it reads again, to notice when the
// connection ends. It reports false when the client is closed.
func (c *Client) aside() bool {
	beat := time.NewTimer(asideTime)
	defer beat.Stop()
	for seen := uint64(0); ; beat.Reset(asideTime) {
		select {
		case <-c.resume:
		case <-c.dead:
			return false
		case <-beat.C:
			if !c.send.unused(&seen) {
				continue
			}
		}
		c.until = time.Time{}
		_ = c.conn.SetReadDeadline(c.until) // where that fails no deadline was set either
		return true
	}
}

// unused gives reading back to the reader if nobody reads and no request was made since the last call; seen is how many there were.
func (s *sender) unused(seen *uint64) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	idle := s.reading == byNobody && s.requests == *seen
	*seen = s.requests
	if idle {
		s.reading = byReader
	}
	return idle
}

// readOwn reads until its caller's calls are finished. It gives up when a reply does not come within ownTime, or before the context's deadline,
// or behind a reply when the context is done, and the reader goes on: the caller has a context to watch. Only the caller that sent has made the
// reading one calls it.
func (c *Client) readOwn(ctx context.Context, calls []*call) {
	end, limited := ctx.Deadline()
	for first := true; len(calls) > 0; first = false {
		if calls[0].state.Load() != pending {
			calls = calls[1:]
			continue
		}
		if !first && ctx.Err() != nil || !c.arrived(end, limited) {
			break
		}
		if err := c.readFrame(); err != nil {
			c.fail(err)
			break
		}
	}
	s := &c.send
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.flying > 0 || c.in.Buffered() > 0 {
		s.streak = 0
		c.callReader()
		return
	}
	s.reading = byNobody
}

// arrived waits until a whole frame is in the buffer, so that readFrame does not wait; false when ownTime is over before that, or it is
// end, if that limits it, or the connection has ended.
func (c *Client) arrived(end time.Time, limited bool) bool {
	if _, whole := c.buffered(); whole { // with others before it: no look at the clock
		return true
	}
	now := time.Now()
	sooner := limited && end.Before(c.until)
	if sooner || c.until.Sub(now) < ownTime/2 { // seldom: one deadline serves many requests
		if c.until = now.Add(ownTime); limited && end.Before(c.until) {
			c.until = end
		}
		if c.conn.SetReadDeadline(c.until) != nil {
			return false
		}
	}
	if _, err := c.in.Peek(codec.HeaderLen); err != nil {
		return false // if this was not the deadline, the reader meets the same error
	}
	size, whole := c.buffered()
	if whole || size > c.in.Size() {
		return whole
	}
	_, err := c.in.Peek(size)
	return err == nil
}

// buffered returns how long the next frame is, if its header is in the buffer and makes sense, and whether all of it is there.
func (c *Client) buffered() (size int, whole bool) {
	if c.in.Buffered() < codec.HeaderLen {
		return math.MaxInt, false
	}
	b, _ := c.in.Peek(codec.HeaderLen)
	h, ok, err := codec.DecodeHeader(b)
	if err != nil || !ok || uint64(h.Length) > uint64(c.in.Size()) {
		return math.MaxInt, false
	}
	size = codec.HeaderLen + int(h.Length)
	return size, c.in.Buffered() >= size
}
