package loop

import "iter"

// roster holds the connections of a loop, in no order, so that a sweep can look at a few of them at a time: with ten thousand of
// them, all at once would be a pause of more than a millisecond.
type roster struct {
	conns   []*conn // each knows its seat
	unswept int     // the sweep under way has still to come to those before it; 0: none is under way
}

func (r *roster) add(c *conn) {
	c.seat = len(r.conns)
	r.conns = append(r.conns, c)
}

// remove takes a connection out, and reports whether it was there. The last one takes its seat: it may be swept twice, and none is
// passed over.
func (r *roster) remove(c *conn) bool {
	if c.seat >= len(r.conns) || r.conns[c.seat] != c {
		return false
	}
	last := len(r.conns) - 1
	r.conns[c.seat] = r.conns[last]
	r.conns[c.seat].seat = c.seat
	r.conns[last] = nil
	r.conns = r.conns[:last]
	r.unswept = min(r.unswept, last)
	return true
}

// all yields the connections. Any of them may be removed meanwhile: each of the others is yielded all the same, one perhaps twice.
func (r *roster) all() iter.Seq[*conn] {
	return func(yield func(*conn) bool) {
		for i := len(r.conns) - 1; i >= 0; i = min(i, len(r.conns)) - 1 {
			if !yield(r.conns[i]) {
				return
			}
		}
	}
}

// next returns the next connection that the sweep is to look at.
func (r *roster) next() *conn {
	r.unswept--
	return r.conns[r.unswept]
}

// sweep begins once in sweepInterval and goes on at each of the loop's bells until it has come to every connection. It closes those
// that never spoke or stopped in the middle of something, and links whose secret no longer counts. It gives back buffers that are
// empty, and counts anew what connections hold.
func (l *eventLoop) sweep(now int64) {
	if l.roster.unswept == 0 {
		if now-l.swept < int64(sweepInterval) {
			return
		}
		l.swept = now
		l.releaseFrame()
		l.roster.unswept = len(l.roster.conns)
	}
	for n := 0; n < sweepAtOnce && l.roster.unswept > 0; n++ {
		l.inspect(l.roster.next(), now)
	}
	if l.roster.unswept > 0 {
		l.bell.ring(nil)
		return
	}
	l.resting.Store(len(l.roster.conns) == 0 && l.keptFrame == nil && l.span.work == 0)
}

// inspect is the sweep's part with one connection.
func (l *eventLoop) inspect(c *conn, now int64) {
	if late, why := c.overdue(now); late {
		l.n.counters.idleClosed.Add(1)
		if why != "" {
			l.dismiss(c, why)
		}
		c.close()
		return
	}
	if l.side == inReserve && now-c.lastByte > int64(sweepInterval) {
		l.sendsHome(c)
	}
	l.expired(c, now)
	switch {
	case c.held == 0:
	case len(c.in) == 0 && now-c.lastByte > int64(sweepInterval):
		c.release()
	default:
		c.weigh()
	}
}
