package loop

import (
	"sync"
	"sync/atomic"
)

// holdings counts what all connections of a node hold together beside the store: commands and frames that are not whole or have to wait,
// and replies and frames on their way out. When that is more than the node may hold, the connection that holds most is closed, so
// that a client which reads too slowly does not cost others their connections.
type holdings struct {
	held atomic.Int64 // bytes that all connections hold
	most int64        // bytes that they may hold

	mu     sync.Mutex
	heavy  map[*conn]bool // connections that hold heavyFrom or more; true: a peer's
	doomed int64          // bytes of those that were told to close and are not closed yet
}

func newHoldings(maxMemory int64) holdings {
	return holdings{most: max(maxMemory/heldShare, minHeld), heavy: make(map[*conn]bool)}
}

// weigh counts anew what the connection holds, and charges the difference to holdings and to the budget of the store. Counted are its
// buffer (of a slab only what was ever written, for the rest has no memory), the state of the parser and of the client, what a draft has
// beside its pages, what it has heard, the beginning of a record, what waits on a link, and what the engine has not written yet. A closed connection holds
// nothing.
func (c *conn) weigh() {
	var held int64
	if !c.closed {
		c.worn = max(c.worn, len(c.in))
		held = int64(max(min(cap(c.in), keepBuffer), c.worn) + len(c.reply) + c.parser.Room() + c.client.Held() + cap(c.pushes) + c.g.OutboundBuffered())
		if c.link != nil {
			held += int64(c.link.Held())
		}
		if c.draft != nil {
			held += int64(c.draft.Held())
		}
		if c.session != nil {
			held += int64(c.session.In.Held())
		}
	}
	if held == c.held {
		return
	}
	n, more := c.l.n, held-c.held
	n.store.Charge(more)
	c.held = held
	n.holdings.changed(c, held, more)
}

// changed notes that c holds held bytes, which is more bytes more than before.
func (w *holdings) changed(c *conn, held, more int64) {
	all := w.held.Add(more)
	c.weight.Store(held)
	if heavy := held >= heavyFrom; heavy != c.heavy {
		c.heavy = heavy
		w.mu.Lock()
		if heavy {
			w.heavy[c] = c.link != nil
		} else {
			delete(w.heavy, c)
			w.doomed -= c.doom
			c.doom = 0
		}
		w.mu.Unlock()
	}
	if more > 0 && all > w.most {
		w.thin(c)
	}
}

// isPeer notes that a connection which may be heavy already has turned out to be a peer's.
func (w *holdings) isPeer(c *conn) {
	if c.heavy {
		w.mu.Lock()
		w.heavy[c] = true
		w.mu.Unlock()
	}
}

// thin tells the connections that hold most to close, until the others hold no more than they may. If no connection is heavy it tells c,
// which has just come to hold more.
func (w *holdings) thin(c *conn) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for w.held.Load()-w.doomed > w.most {
		worst := w.worst()
		if worst == nil {
			c.tooMuch.Store(true)
			c.l.bell.ring(c)
			return
		}
		worst.doom = worst.weight.Load()
		w.doomed += worst.doom
		worst.tooMuch.Store(true)
		worst.l.bell.ring(worst)
	}
}

// worst returns the connection to close next; nil if none is heavy. A peer's connection counts for heldPeer at most, so clients that
// hold as much go first: closing it would cost other nodes their link, and the peer keeps to bounds of its own. The caller holds w.mu.
func (w *holdings) worst() (worst *conn) {
	var most, all int64
	for c, peers := range w.heavy {
		held := c.weight.Load()
		counts := held
		if peers {
			counts = min(held, heldPeer)
		}
		if c.doom == 0 && (worst == nil || counts > most || counts == most && held > all) {
			worst, most, all = c, counts, held
		}
	}
	return worst
}
