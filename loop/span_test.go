package loop

import (
	"testing"
	"time"

	"github.com/panjf2000/gnet/v2"
)

// full is a loop that is busy all the time.
func full(int) int64 { return 100 }

// spanLoop is a loop of a node that has a reserve, and clients of it that each did so much in the span before the look.
func spanLoop(side int, each ...portion) (*eventLoop, []*conn) {
	n := &node{cfg: Config{Loops: 1, Reserve: 1, busy: full}}
	n.reserve.engine, n.reserve.loops = new(gnet.Client), 1
	l := &eventLoop{n: n, side: side}
	l.span.since = 1
	var conns []*conn
	for _, p := range each {
		c := &conn{g: &ear{}, l: l, protocol: protocolRESP, part: l.span.none()}
		conns = append(conns, c)
		for range p.turns {
			l.worked(c, p.work/p.turns, 0)
		}
	}
	return l, conns
}

// spanEnds has the loop look once more, with the same work again.
func spanEnds(l *eventLoop, conns []*conn, each []portion) {
	l.look(l.span.since + int64(spanTime))
	for i, c := range conns {
		for range each[i].turns {
			l.worked(c, each[i].work/each[i].turns, 0)
		}
	}
}

func goers(conns []*conn) (n int) {
	for _, c := range conns {
		if c.goes {
			n++
		}
	}
	return n
}

func repeat(n int, p portion) []portion {
	all := make([]portion, n)
	for i := range all {
		all[i] = p
	}
	return all
}

// Who sends much at a time is shared out, half of all that is done; small requests stay, however many, and so does one that is alone.
func TestALoopThatIsBusyGivesAwayHalfOfWhatIsHeavy(t *testing.T) {
	light, pipeline := portion{work: 1000, turns: 1000}, portion{work: 6400, turns: 100}
	for what, c := range map[string]struct {
		each  []portion
		goers int
	}{
		"50 with pipelines of 64":               {repeat(50, pipeline), 25},
		"50 with one request at a time":         {repeat(50, light), 0},
		"one alone":                             {repeat(1, pipeline), 0},
		"one beside one with single request":    {append(repeat(1, pipeline), light), 1},
		"one pipeline twice as busy as another": {[]portion{{work: 12800, turns: 200}, pipeline}, 1},
	} {
		l, conns := spanLoop(atHome, c.each...)
		for i := range fullSpans {
			if i > 0 && goers(conns) > 0 {
				t.Errorf("%s: some go after %d spans", what, i)
			}
			spanEnds(l, conns, c.each)
		}
		if got := goers(conns); got != c.goers {
			t.Errorf("%s: %d go, want %d", what, got, c.goers)
		}
	}
}

// What the reserve does already counts, and right after a move nothing moves.
func TestALoopGivesNoMoreAwayThanItKeeps(t *testing.T) {
	each := repeat(10, portion{work: 640, turns: 10})
	l, conns := spanLoop(atHome, each...)
	rate := int64(6400 * time.Second / spanTime)
	l.n.reserve.work[inReserve].Store(rate / 2)
	for range fullSpans {
		spanEnds(l, conns, each)
	}
	if got := goers(conns); got != 2 { // 10 and 5 become 8 and 7
		t.Fatalf("%d go", got)
	}
	for _, c := range conns {
		c.goes = false
	}
	for range restSpans {
		if spanEnds(l, conns, each); goers(conns) != 0 {
			t.Fatal("some go right after others")
		}
	}
}

// The reserve sends home who sends no pipelines any more, and all when it has little to do; the work that a side publishes is that of its last span.
func TestTheReserveSendsHomeWhatIsNoWorkForIt(t *testing.T) {
	each := []portion{{work: 6400, turns: 100}, {work: 100, turns: 100}}
	l, conns := spanLoop(inReserve, each...)
	for range calmSpans {
		if conns[1].goes {
			t.Fatal("the light one goes at once")
		}
		spanEnds(l, conns, each)
	}
	if conns[0].goes || !conns[1].goes {
		t.Fatalf("pipeline goes: %v, light goes: %v", conns[0].goes, conns[1].goes)
	}
	if got, want := l.n.reserve.work[inReserve].Load(), int64(6500*time.Second/spanTime); got != want {
		t.Errorf("work %d, want %d", got, want)
	}
	l.n.cfg.busy = func(int) int64 { return idleSpan - 1 }
	for _, c := range []struct {
		home int64
		goes bool
	}{{fullSpan, false}, {10, true}} { // where home is full it would come back at once
		l.n.reserve.busy[atHome].Store(c.home)
		for range calmSpans {
			spanEnds(l, conns, each)
		}
		if conns[0].goes != c.goes {
			t.Errorf("in a reserve that has little to do, with home busy %d, the pipeline goes: %v", c.home, !c.goes)
		}
	}
	l.n.cfg.busy = func(int) int64 { return -1 } // it is not known
	for range calmSpans {
		spanEnds(l, conns, each)
	}
	if conns[0].goes {
		t.Error("the pipeline goes from a loop of which it is not known whether it is busy")
	}
	spanEnds(l, nil, nil)
	if spanEnds(l, nil, nil); l.n.reserve.work[inReserve].Load() != 0 {
		t.Error("who does nothing has work")
	}
}
