package loop

import (
	"sync"
	"testing"
)

// TestR7_NoLoopIsInATurnWhileTheTimeSteps: what a step changes is seen by turns before it or after it, and gnet may close a
// connection from within a turn. The race detector would see what still lets through.
func TestR7_NoLoopIsInATurnWhileTheTimeSteps(t *testing.T) {
	n := bareNode(t)
	var time, store int // what a step moves together
	var loops []*eventLoop
	for range 4 {
		l := &eventLoop{n: n}
		n.loops.Store(l, l)
		loops = append(loops, l)
	}
	var turns sync.WaitGroup
	for _, l := range loops {
		turns.Go(func() {
			for range 2000 {
				outside := l.enter()
				inner := l.enter() // OnClose within OnTraffic
				if inner || time != store {
					t.Errorf("entered twice: %v; time %d, store %d", inner, time, store)
				}
				l.exit(inner)
				if time != store {
					t.Error("the end of what was within a turn ended the turn")
				}
				l.exit(outside)
			}
		})
	}
	for i := range 500 {
		n.still(func() {
			time = i
			store = i
		})
	}
	turns.Wait()
}
