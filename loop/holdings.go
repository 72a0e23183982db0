package loop

import (
	"sync"
	"sync/atomic"
)

// holdings is what all connections of a node hold together beside the store: what has come of commands and frames that are not
// whole or have to wait, and replies and frames on their way out. When that is more than the node may hold, the connection that
// holds most is closed: who sends one byte, or reads too slowly, does not cost another who does neither.
type holdings struct {
	held atomic.Int64 // bytes of all
	most int64        // bytes that they may hold

	mu     sync.Mutex
	heavy  map[*conn]bool // who holds heavyFrom or more; true: it is a peer's
	doomed int64          // bytes of those that are told to go and still there
}

func newHoldings(maxMemory int64) holdings {
	return holdings{most: max(maxMemory/heldShare, minHeld), heavy: make(map[*conn]bool)}
}

// weigh tells the node, and the budget of the store, what the connection has come to hold or given back: its small buffer
// whole, of slabs what was written, what the parser remembers of a command, what waits on a link, and what the engine has not written yet.
// One that is closed holds nothing.
func (c *conn) weigh() {
	var held int64
	if !c.closed {
		held = int64(max(min(cap(c.in), keepBuffer), len(c.in)) + len(c.reply) + c.parser.Room() + c.client.Held() + c.g.OutboundBuffered())
		if c.link != nil {
			held += int64(c.link.Held())
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

// changed notes that c holds so many bytes, which is so many more than before.
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

// thin tells those that hold most to go, until the others hold as much as they may: c, whose bytes were the last, when nobody
// holds much.
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

// worst is who is the next to go, nil if nobody holds much. Of a peer's connection no more than heldPeer counts: clients that hold as
// much go before it, for without it others lose this node, and its bounds are kept to by the peer. w.mu is held.
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
