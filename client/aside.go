package client

import (
	"time"

	"covey/codec"
)

// Who reads. A caller that is alone, time after time, reads its reply itself: being woken by the reader costs more than the
// reply. The reader stands aside meanwhile. Guarded by send.mu; who reads alone touches Client.in and Client.until.
type reading uint8

const (
	byReader reading = iota
	byNobody         // the reader stands aside, and nothing is in flight
	byCaller
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

// sent settles who reads the reply to a request that was just put into the table; own: its caller. direct says that the caller
// writes it itself. The caller holds mu.
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

// callReader ends the time of the reader aside. The caller holds mu, and nobody else has called it meanwhile.
func (c *Client) callReader() {
	c.send.reading = byReader
	c.resume <- struct{}{}
}

// aside is where the reader stands until it is called, or no request was made for a while: from then on it is to see when the
// connection ends. It reports false when that is closed.
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

// unused takes reading back for the reader if nobody reads, and no request was made since the last time.
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

// readOwn reads until k is finished, and hands over to the reader what is not read as soon as it is here: the caller has a
// context to look at. It must be the caller that reads.
func (c *Client) readOwn(k *call) {
	for k.state.Load() == pending && c.arrived() {
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

// arrived waits, but not for long, until a whole frame is in the buffer; readFrame does not wait then.
func (c *Client) arrived() bool {
	if now := time.Now(); c.until.Sub(now) < ownTime/2 { // seldom
		c.until = now.Add(ownTime)
		if c.conn.SetReadDeadline(c.until) != nil {
			return false
		}
	}
	b, err := c.in.Peek(codec.HeaderLen)
	if err != nil {
		return false // the reader finds the same, if it was not the time
	}
	h, ok, err := codec.DecodeHeader(b)
	if err != nil || !ok || uint64(h.Length) > uint64(c.in.Size()-codec.HeaderLen) {
		return false
	}
	_, err = c.in.Peek(codec.HeaderLen + int(h.Length))
	return err == nil
}
