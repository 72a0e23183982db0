package loop

import (
	"cmp"
	"slices"
)

// span is what a loop knows of the work of its connections since it last looked. Work is counted, not timed: one for each command,
// and one for each workBytes that came or went, of those that a turn had in its hands. Large values, which go past it, do not count: a second loop that copies
// them leaves those who wait for something small less of the processors.
type span struct {
	number uint32
	since  int64   // ns
	spent  int64   // processor time of the loop's thread, and which thread that was: then
	thread int     // a loop that changed threads is not known to be busy
	doers  []*conn // that had a turn in it
	full   int     // how many spans before it were full, one after the other
	rest   int     // how many looks are to be without a move
	work   int64   // a second, as it was last published
	busy   int64   // percent, the same
}

// portion is a connection's part of a span.
type portion struct {
	span  uint32 // which
	work  int
	turns int
	calm  int // how many spans of its loop there have been in which it was not heavy, one after the other
}

// none is the portion of a connection that has not had a turn.
func (s *span) none() portion { return portion{span: s.number - 1} }

// forget drops a connection that leaves the loop.
func (s *span) forget(c *conn) {
	if i := slices.Index(s.doers, c); i >= 0 {
		s.doers[i] = nil
	}
}

// worked counts what a turn of a connection did.
func (l *eventLoop) worked(c *conn, commands, bytes int) {
	if l.n.reserve.engine == nil {
		return
	}
	if c.part.span != l.span.number {
		c.part = portion{span: l.span.number, calm: c.part.calm}
		l.span.doers = append(l.span.doers, c)
	}
	c.part.work += commands + bytes/workBytes
	c.part.turns++
}

// heavy reports whether a connection does so much at a time that a loop of its own pays.
func (p *portion) heavy() bool { return p.work >= heavyTurn*p.turns }

// look ends a span when it is time: what is too much for this loop goes to the other side's, and from the reserve what is no work for
// it goes home.
func (l *eventLoop) look(now int64) {
	s := &l.span
	if l.n.reserve.engine == nil || now-s.since < int64(spanTime) || l.n.leaving.Load() {
		return
	}
	busy := l.busy(now)
	work := l.endSpan(now, busy)
	if l.side == inReserve {
		l.sendHome(busy)
	}
	if s.full++; busy < fullSpan {
		s.full = 0
	}
	if s.rest > 0 {
		s.rest--
	} else if s.full >= fullSpans {
		l.spread(work)
		s.full, s.rest = 0, restSpans
	}
	clear(s.doers)
	s.number, s.since, s.doers = s.number+1, now, s.doers[:0]
}

// busy is how much of a processor the loop has had in a span, in percent; -1 when it has changed threads, and that is not known.
func (l *eventLoop) busy(now int64) int64 {
	s := &l.span
	spent, thread := threadSpent()
	busy := int64(-1)
	if thread == s.thread {
		busy = 100 * (spent - s.spent) / (now - s.since)
	}
	s.spent, s.thread = spent, thread
	if l.n.cfg.busy != nil {
		busy = l.n.cfg.busy(l.side)
	}
	return busy
}

// endSpan adds up the work of a span, and publishes it and how busy the loop was. Who was marked and has not moved is marked no more.
func (l *eventLoop) endSpan(now, busy int64) (work int64) {
	s := &l.span
	for _, c := range s.doers {
		if c != nil && !c.closed {
			work += int64(c.part.work)
			c.goes = false
		}
	}
	rate := work * 1e9 / (now - s.since)
	l.n.reserve.work[l.side].Add(rate - s.work)
	s.work = rate
	if busy >= 0 {
		l.n.reserve.busy[l.side].Add(busy - s.busy)
		s.busy = busy
	}
	return work
}

// spread has the other side's loops take over connections, the heaviest first, as long as this loop has more to do without it than
// those with it; from home already as long as it has more now: so the one that keeps others waiting goes, but never one that is alone.
func (l *eventLoop) spread(work int64) {
	s := &l.span
	if s.work == 0 {
		return
	}
	keeps := int64(1)
	if l.side == atHome {
		keeps = 0
	}
	theirs := l.n.mean(&l.n.reserve.work, l.otherSide()) * work / s.work // in a span as long
	doers := slices.DeleteFunc(s.doers, func(c *conn) bool { return c == nil || c.closed || !c.part.heavy() })
	slices.SortFunc(doers, func(a, b *conn) int { return cmp.Compare(b.part.work, a.part.work) })
	moves := 0
	for _, c := range doers {
		does := int64(c.part.work)
		if theirs+does >= work-keeps*does || moves == maxMoves {
			continue
		}
		c.goes = true
		moves++
		work -= does
		theirs += does
	}
}

// sendHome has the connections go that are no work for the reserve: those which were not heavy for some spans, and all of them when the
// home loops could do with little more.
func (l *eventLoop) sendHome(busy int64) {
	little := busy >= 0 && busy < idleSpan && busy+l.n.mean(&l.n.reserve.busy, atHome) < fullSpan-idleSpan
	for _, c := range l.span.doers {
		if c == nil || c.closed {
			continue
		}
		if c.part.calm++; c.part.heavy() && !little {
			c.part.calm = 0
		}
		c.goes = c.part.calm >= calmSpans
	}
}
