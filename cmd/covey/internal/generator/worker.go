package generator

import (
	"math/bits"
	"math/rand/v2"
	"sync/atomic"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"
)

// worker drives some of a run's connections.
type worker struct {
	plan      *Plan
	templates *templates
	random    *rand.PCG
	next      uint64 // Fill: the key that comes next
	left      int64  // requests not yet put into a batch
	epoch     time.Time
	sessions  []*session

	tally   tally
	latency *hdrhistogram.Histogram
	last    int64 // when a reply last came, nanoseconds since epoch

	progress *atomic.Int64 // answered requests of all workers, for the progress line
	shown    int64         // of tally.answered, what progress has
}

// now is the time of the run, nanoseconds.
func (w *worker) now() int64 { return int64(time.Since(w.epoch)) }

// compose makes the session's next batch; false when no request is left to send.
func (w *worker) compose(s *session, now int64) bool {
	n := min(int64(w.plan.Pipeline), w.left)
	if n <= 0 {
		return false
	}
	w.left -= n
	out := s.out[:0]
	for range n {
		switch key := w.key(); {
		case w.isSet():
			out = w.templates.set.appendTo(out, key)
		default:
			out = w.templates.get.appendTo(out, key)
		}
	}
	s.out, s.sent, s.due, s.started = out, 0, int(n), now
	return true
}

// key picks the number of a key.
func (w *worker) key() uint64 {
	if w.plan.Mix == Fill {
		w.next++
		return w.next - 1
	}
	n, _ := bits.Mul64(w.random.Uint64(), uint64(w.plan.Keyspace))
	return n
}

// isSet picks the kind of a request.
func (w *worker) isSet() bool {
	switch w.plan.Mix {
	case Get:
		return false
	case Mixed:
		n, _ := bits.Mul64(w.random.Uint64(), setOneIn)
		return n == 0
	default:
		return true
	}
}

// took counts the replies that a session has just read, and tells whether its batch is complete.
func (w *worker) took(s *session, n int, now int64) bool {
	if n > 0 {
		w.last = now
		// A latency past the histogram's end counts as its end.
		_ = w.latency.RecordValues(min(now-s.started, maxLatency), int64(n))
	}
	return s.due == 0
}

// lose ends a session whose connection failed.
func (w *worker) lose(s *session, err error) {
	w.tally.lost += int64(s.due)
	w.tally.keep(err.Error())
	s.due, s.closed = 0, true
}

// publish tells the progress line how far this worker is.
func (w *worker) publish() {
	if n := w.tally.answered - w.shown; n > 0 {
		w.progress.Add(n)
		w.shown = w.tally.answered
	}
}
