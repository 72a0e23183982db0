package loop

import (
	"sync"

	"covey/store"
	"covey/tracking"
)

// How clients that track (CLIENT TRACKING) are told what has changed:
//
//  1. Whoever has changed something tells the table (package tracking) when the change can be read: a client's command at once
//     (command.Turn), and for what the store has noted, changes that came from peers, expiries and evictions, every loop at the end of each
//     turn and the ticker (invalidate).
//  2. The table adds a message to each client concerned, and wakes the loop that its connection is on (post).
//  3. That loop sends what waits, at the end of the connection's turn or when its bell rings (tell), behind all replies: never while a command
//     is under way, or a large reply is owed.

// post is where messages for a connection are left: with the loop that it is on. One that has moved, or tracks anew, has another.
type post struct {
	l   *eventLoop
	c   *conn
	sub *tracking.Client
}

// posts are those of a loop at which messages wait.
type posts struct {
	mu   sync.Mutex
	list []*post
}

// Wake is called from any goroutine.
func (p *post) Wake() {
	p.l.posts.mu.Lock()
	p.l.posts.list = append(p.l.posts.list, p)
	p.l.posts.mu.Unlock()
	p.l.bell.ring(nil)
}

// collect adds the connections for which messages wait to those that the loop looks at. Only if a post is still that of its connection is the
// connection this loop's.
func (l *eventLoop) collect(dst []*conn) []*conn {
	l.posts.mu.Lock()
	defer l.posts.mu.Unlock()
	for i, p := range l.posts.list {
		if p.sub.Answers(p) && p.c.queued.CompareAndSwap(false, true) {
			dst = append(dst, p.c)
		}
		l.posts.list[i] = nil
	}
	l.posts.list = l.posts.list[:0]
	return dst
}

// attach has the messages for a connection come to the loop that it is on now.
func (c *conn) attach() {
	sub := c.client.Track
	if c.post == nil || c.post.sub != sub || c.post.l != c.l {
		c.post = &post{c.l, c, sub}
		sub.Attach(c.post)
	}
}

// detach has nobody woken for a connection that leaves its loop.
func (c *conn) detach() {
	if c.client.Track != nil {
		c.client.Track.Attach(nil)
	}
	c.post = nil
}

// mayBeTold reports whether messages for a connection wait that may be sent now.
func (c *conn) mayBeTold() bool {
	sub := c.client.Track
	if sub == nil {
		return false
	}
	c.attach()
	return sub.Waits() && !c.closed && c.tail == nil && !c.ending && !c.owes() && !c.client.UnderWay()
}

// tell sends the messages for a connection, unless it reads so slowly that they have to wait: then so do its next commands.
func (l *eventLoop) tell(c *conn) {
	if !c.mayBeTold() {
		return
	}
	if c.g.OutboundBuffered() <= maxQueuedReply {
		l.out = c.client.Track.Take(l.out[:0])
		l.deliver(c)
	} else if c.await.on {
		l.park(c)
	} else {
		l.wait(c)
	}
}

// invalidate tells the table what the store has noted. It returns its scratch.
func (n *node) invalidate(scratch []byte) []byte {
	for {
		keys, all := n.store.TakeNoted(scratch[:0])
		if len(keys) == 0 && !all {
			return keys
		}
		if all {
			n.tracking.ChangedAll()
		}
		for scratch = keys; len(keys) > 0; {
			var key []byte
			key, keys = store.NextNoted(keys)
			n.tracking.Changed(key, n.store.Hash(key), nil)
		}
	}
}

// tickTracking does what the ticker does for clients that track. What the table holds counts against the store's budget.
func (n *node) tickTracking() {
	if n.store.Noted() {
		n.noted = n.invalidate(n.noted)
	}
	n.tracking.Sweep()
	if bytes := n.tracking.Counts().Bytes; bytes != n.trackingCharged {
		n.store.Charge(bytes - n.trackingCharged)
		n.trackingCharged = bytes
	}
}
