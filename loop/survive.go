package loop

import (
	"fmt"
	"runtime"
	"runtime/debug"
	"strings"

	"github.com/panjf2000/gnet/v2"

	"covey/store"
)

// survive turns a panic in a handler into the loss of one connection, or of one datagram.
func (h *handler) survive(c *conn, act *gnet.Action) {
	if r := recover(); r != nil {
		h.n.panicked(r)
		if c != nil {
			c.l.abandon()
			*act = gnet.Close
		}
	}
}

// abandon drops what a turn had begun that panicked: the next is another connection's. Writes that were made go their way.
func (l *eventLoop) abandon() {
	l.turn.Forget()
	if l.turn.Pin == nil { // within EXEC there is none
		l.turn.Pin = new(store.Pin)
	}
	l.turn.Pin.Unpin() // what was begun belongs behind a reply that nobody gets
	l.out = l.slab
}

// panicked counts a panic that was recovered. One from within the store ends the process, loudly: a shard may be locked for
// ever, or not be what it should be, and what a node like that says to its peers is worse than that it says nothing.
func (n *node) panicked(r any) {
	n.counters.panics.Add(1)
	if outOfStore() {
		n.log.Error("the store is broken, this node ends; start it again, and it gets the data from its peers", "panic", fmt.Sprint(r))
		panic(r)
	}
	n.log.Error("handler panicked, what it worked on is dropped", "panic", fmt.Sprint(r), "stack", string(debug.Stack()))
}

// outOfStore reports whether the panic that is being recovered on this goroutine has gone through a function of the store,
// which calls nobody outside.
func outOfStore() bool {
	var at [128]uintptr
	frames := runtime.CallersFrames(at[:runtime.Callers(2, at[:])])
	for {
		f, more := frames.Next()
		if strings.HasPrefix(f.Function, "covey/store.") {
			return true
		}
		if !more {
			return false
		}
	}
}
