package load

import (
	"errors"
	"fmt"
	"math/bits"
	"math/rand/v2"

	"covey/bench/rivals/internal/trace"
)

var (
	errUnasked = errors.New("a reply to nothing")
	errClosed  = errors.New("the server closed a connection")
)

// group is the state of a Group.
type group struct {
	*Group
	wire    *wire
	random  *rand.Rand
	drawn   []uint32 // keys, drawn before the run: the tables of a Zipf draw would take the memory and the caches of what is measured
	draws   int      // of drawn, that were taken
	free    queue    // sessions with nothing on their way, the longest free first
	due     int64    // when the next request comes, of a group with a rate
	filled  uint64   // keys that a group that fills has sent
	ended   int      // its sessions that had nothing left to send
	latency histogram

	answered, misses int64 // within the window
}

// session is one connection.
type session struct {
	group *group
	fd    int
	out   []byte // the batch
	sent  int    // bytes of it that the socket has taken
	rest  []byte // the beginning of a reply
	skip  int    // bytes of a long reply that are still to come
	due   int    // replies to come
	since int64  // when the batch was sent, or its request came
}

// prepare formats a batch; only digits change from one to the next, where all requests are alike.
func (s *session) prepare() {
	g := s.group
	longest := max(len(g.wire.get.bytes), len(g.wire.set.bytes))
	if g.Sets == 0 && !g.Fill {
		longest = len(g.wire.get.bytes)
	}
	s.out = make([]byte, 0, longest*g.Pipeline)
	if q := g.only(); q != nil {
		for range g.Pipeline {
			s.out = append(s.out, q.bytes...)
		}
	}
	s.sent = len(s.out) // nothing to send yet
	s.rest = make([]byte, 0, len(g.wire.hit)+len(g.wire.stored)+len(g.wire.miss))
}

// only is the request that all of a group are, or nil.
func (g *group) only() *request {
	switch {
	case g.Fill, g.Sets == 100:
		return &g.wire.set
	case g.Sets == 0:
		return &g.wire.get
	}
	return nil
}

// compose makes the next batch; false when a group that fills has sent all its keys.
func (g *group) compose(s *session, now int64) bool {
	n := g.Pipeline
	if g.Fill {
		if n = int(min(uint64(n), uint64(g.Keys)-g.filled)); n == 0 {
			return false
		}
	}
	if q := g.only(); q != nil {
		s.out = s.out[:n*len(q.bytes)]
		for i := range n {
			q.put(s.out[i*len(q.bytes):], g.key())
		}
	} else {
		s.out = s.out[:0]
		for range n {
			q := &g.wire.get
			if int(g.random.Uint32()%100) < g.Sets {
				q = &g.wire.set
			}
			at := len(s.out)
			s.out = append(s.out, q.bytes...)
			q.put(s.out[at:], g.key())
		}
	}
	s.sent, s.due, s.since = 0, n, now
	if g.Rate > 0 {
		s.since = g.due
		g.next()
	}
	return true
}

// draw draws the keys of a group that has favourites.
func (g *group) draw() {
	z := trace.NewZipf(g.random, g.Zipf, g.Keys)
	g.drawn = make([]uint32, drawnKeys)
	for i := range g.drawn {
		g.drawn[i] = z.Next()
	}
}

// next draws when the next request comes.
func (g *group) next() { g.due += int64(g.random.ExpFloat64() / g.Rate * 1e9) }

// key picks the number of a key.
func (g *group) key() uint64 {
	first := uint64(g.First)
	switch {
	case g.Fill:
		g.filled++
		return first + g.filled - 1
	case g.drawn != nil:
		n := g.drawn[g.draws%len(g.drawn)]
		g.draws++
		return first + uint64(n)
	}
	n, _ := bits.Mul64(g.random.Uint64(), uint64(g.Keys))
	return first + n
}

// take finds the replies in what was read after the rest of the last time: in begins with that rest.
func (s *session) take(in []byte) (taken, misses int, err error) {
	if s.skip > 0 {
		n := min(s.skip, len(in))
		s.skip -= n
		in = in[n:]
		if s.skip > 0 {
			return 0, 0, nil
		}
		s.due--
		taken++
	}
	for len(in) > 0 {
		n, o, err := s.group.wire.next(in)
		switch {
		case err != nil:
			return taken, misses, err
		case o == incomplete:
			s.rest = append(s.rest[:0], in...)
			return taken, misses, nil
		case s.due == 0:
			return taken, misses, errUnasked
		case o == missed:
			misses++
		}
		if n > len(in) {
			s.skip = n - len(in)
			return taken, misses, nil
		}
		in = in[n:]
		s.due--
		taken++
	}
	return taken, misses, nil
}

// write gives the socket what it takes of the batch.
func (s *session) write() error {
	for s.sent < len(s.out) {
		n, again, err := rawWrite(s.fd, s.out[s.sent:])
		if err != nil {
			return fmt.Errorf("sending a request: %w", err)
		}
		if again {
			return nil
		}
		s.sent += n
	}
	return nil
}

// read puts the rest of the last time and what the socket has into buffer; more says that there may be more.
func (s *session) read(buffer []byte) (n int, more bool, err error) {
	rest := copy(buffer, s.rest)
	s.rest = s.rest[:0]
	n, again, err := rawRead(s.fd, buffer[rest:])
	switch {
	case err != nil:
		return 0, false, fmt.Errorf("reading a reply: %w", err)
	case again:
		s.rest = s.rest[:rest]
		return 0, false, nil
	case n == 0:
		return 0, false, errClosed
	}
	return rest + n, n == len(buffer)-rest, nil
}

// queue is sessions, first in, first out; it holds all of a group at most.
type queue struct {
	ring  []*session
	head  int
	count int
}

func (q *queue) push(s *session) {
	if q.count == len(q.ring) {
		larger := make([]*session, max(64, 2*len(q.ring)))
		for i := range q.count {
			larger[i] = q.ring[(q.head+i)%len(q.ring)]
		}
		q.ring, q.head = larger, 0
	}
	q.ring[(q.head+q.count)%len(q.ring)] = s
	q.count++
}

func (q *queue) pop() *session {
	s := q.ring[q.head]
	q.head = (q.head + 1) % len(q.ring)
	q.count--
	return s
}
