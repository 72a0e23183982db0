package generator

import "fmt"

// session is one connection without its socket: the batch on its way, and the replies that have come.
type session struct {
	out  []byte // the batch, formatted
	sent int    // bytes of out that the socket has taken

	in      []byte // whole length usable
	have    int    // bytes of in that are filled
	scanner scanner

	due     int   // replies of the batch still to come
	started int64 // when the batch was made, nanoseconds of the run
	closed  bool
}

func newSession(p *Plan, t *templates) *session {
	longest := max(len(t.get.bytes), len(t.set.bytes))
	if p.Mix == Get {
		longest = len(t.get.bytes)
	}
	batch := (p.ValueBytes + replyOverhead) * p.Pipeline
	return &session{
		out:     make([]byte, 0, longest*p.Pipeline),
		in:      make([]byte, min(max(batch, minInput), maxInput)),
		scanner: newScanner(p.Protocol),
	}
}

// free is where the socket reads to; never empty.
func (s *session) free() []byte { return s.in[s.have:] }

// pending is what the socket still has to take of the batch.
func (s *session) pending() []byte { return s.out[s.sent:] }

// take reads the replies that are in, counts them, and makes room for more. It returns how many there were. An error
// costs the connection.
func (s *session) take(t *tally) (int, error) {
	off, taken := 0, 0
	for off < s.have {
		n, o, sentence, err := s.scanner.next(s.in[off:s.have])
		if err != nil {
			return taken, err
		}
		if n == 0 {
			return taken, s.makeRoom(off)
		}
		if s.due == 0 {
			return taken, errUnasked
		}
		off += n
		taken++
		s.due--
		t.count(o, sentence)
	}
	s.have = 0
	return taken, nil
}

// makeRoom moves the beginning of a reply, at off, to the front, and doubles a buffer that it fills.
func (s *session) makeRoom(off int) error {
	s.have = copy(s.in, s.in[off:s.have])
	if s.have < len(s.in) {
		return nil
	}
	if len(s.in) >= maxReply {
		return fmt.Errorf("the node sent a reply of more than %d bytes", maxReply)
	}
	larger := make([]byte, min(2*len(s.in), maxReply))
	copy(larger, s.in)
	s.in = larger
	return nil
}

// tally is what a worker counts.
type tally struct {
	answered, misses, errors int64
	lost                     int64 // never answered: their connection ended
	firstError               string
}

func (t *tally) count(o outcome, sentence []byte) {
	t.answered++
	switch o {
	case missed:
		t.misses++
	case refused:
		t.errors++
		t.keep(string(sentence[:min(len(sentence), MaxSentence)]))
	}
}

// keep remembers the first error's sentence.
func (t *tally) keep(sentence string) {
	if t.firstError == "" {
		t.firstError = sentence
	}
}
