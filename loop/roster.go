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
