package loop

import (
	"cmp"
	"slices"
)

// span is a stretch of spanTime in which a loop counts the work of its connections. Work is counted, not timed: one for each command,
// and one for each workBytes of commands and replies that went through a turn's buffers. The bytes of large values do not, and do not
// count: if a second loop copied them, less of the processors would be left to clients that wait for something small.
type span struct {
	number uint32
	since  int64   // when it began, ns
	spent  int64   // processor time of the loop's thread when it began, ns
	thread int     // which thread that was: of a loop that changed threads it is not known how busy it is
	doers  []*conn // connections that had a turn in it; nil for one that has left
	full   int     // how many spans in a row before this one were full (fullSpan)
	rest   int     // for how many more spans no connection is given away
	work   int64   // work a second, as last published
	busy   int64   // percent of a processor, as last published
}

// portion is a connection's share in the work of a span.
type portion struct {
	span  uint32 // the number of the span
	work  int
	turns int
	calm  int // in how many spans of the loop in a row it was no pipeline
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

// pipeline reports whether a connection does so much in each turn that a loop in reserve is worth its processor.
func (p *portion) pipeline() bool { return p.work >= pipelineTurn*p.turns }

// look ends a span when it is over. If the loop was too busy it marks connections to move to the other side; a loop in reserve also
// marks those to move home that are not worth it.
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

// busy returns how much of a processor the loop has used in the span, in percent; -1 when it is not known, because the loop has changed
// threads.
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

// endSpan adds up the work of a span, and publishes it and how busy the loop was. It takes the mark off connections that have not moved.
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

// spread marks connections to move to the other side, those that do most first, as long as this loop would still have more work than the
// other side's loops have with it. From home it is enough that this loop has more before the move: so a connection that keeps
// others waiting moves, but never one that is alone.
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
	doers := slices.DeleteFunc(s.doers, func(c *conn) bool { return c == nil || c.closed || !c.part.pipeline() })
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

// sendHome marks connections to move home that need no loop in reserve: those that were no pipelines for calmSpans, and after as many
// spans all of them if the loop is almost idle and the home loops have room for its work.
func (l *eventLoop) sendHome(busy int64) {
	little := busy >= 0 && busy < idleSpan && busy+l.n.mean(&l.n.reserve.busy, atHome) < fullSpan-idleSpan
	for _, c := range l.span.doers {
		if c == nil || c.closed {
			continue
		}
		if c.part.calm++; c.part.pipeline() && !little {
			c.part.calm = 0
		}
		c.goes = c.part.calm >= calmSpans
	}
}
