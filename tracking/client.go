package tracking

import (
	"bytes"
	"slices"
	"sync"
	"sync/atomic"

	"covey/codec"
)

// Options say what a client wants to be told.
type Options struct {
	Broadcast bool // of all keys with its prefixes, read or not
	OptIn     bool // only of keys that it has read right after it said so
	OptOut    bool // not of those
	NoLoop    bool // not of its own changes
}

// Waker is told that messages wait for a client. It is called from any goroutine, with no lock held.
type Waker interface{ Wake() }

// Client is a connection that tracks. Its options and prefixes belong to the connection's loop.
type Client struct {
	table    *Table
	options  Options
	prefixes []string // sorted

	ended atomic.Bool // it tracks no more
	has   atomic.Bool // messages wait

	mu      sync.Mutex
	waiting []byte // messages; with Broadcast keys, as bulks
	last    int    // offset of the last of them
	count   int    // how many there are
	all     bool   // they were forgotten: it is told to forget everything
	waker   Waker  // nil: nobody is told
	woken   bool   // waker was told, and has not answered yet
}

// Begin makes a client that tracks.
func (t *Table) Begin() *Client {
	c := &Client{table: t}
	t.mu.Lock()
	t.all[c] = struct{}{}
	t.mu.Unlock()
	t.clients.Add(1)
	return c
}

// End ends a client. What it has read is forgotten by and by (Sweep).
func (c *Client) End() {
	t := c.table
	if c.ended.Swap(true) {
		return
	}
	for _, p := range c.prefixes {
		t.prefixes.drop(p, c)
		t.bytes.Add(-prefixCost - int64(len(p)))
	}
	t.mu.Lock()
	delete(t.all, c)
	t.mu.Unlock()
	c.mu.Lock()
	c.waker = nil
	c.forget()
	c.mu.Unlock()
	t.clients.Add(-1)
	t.unswept.Store(shardCount)
}

// Options returns what Set was called with last.
func (c *Client) Options() Options { return c.options }

// Set changes what a client wants to be told. Only the loop of its connection may call it. Broadcast stays what it was at first.
func (c *Client) Set(o Options) {
	c.mu.Lock()
	c.options = o
	c.mu.Unlock()
}

// Prefixes returns those that the client has named, sorted.
func (c *Client) Prefixes() []string { return c.prefixes }

// AddPrefix has the client told of all keys with a prefix. false: the table has no room for it.
func (c *Client) AddPrefix(prefix []byte) bool {
	t := c.table
	at, there := slices.BinarySearch(c.prefixes, string(prefix))
	if there {
		return true
	}
	if t.full() {
		return false
	}
	c.prefixes = slices.Insert(c.prefixes, at, string(prefix))
	t.bytes.Add(prefixCost + int64(len(prefix)))
	t.prefixes.add(string(prefix), c)
	return true
}

// Attach names who is told that messages wait, or nobody with nil: the loop that the connection is on.
func (c *Client) Attach(w Waker) {
	c.mu.Lock()
	c.waker, c.woken = w, w != nil && c.has.Load()
	wake := c.woken
	c.mu.Unlock()
	if wake {
		w.Wake()
	}
}

// Answers reports whether w, which was woken, is still who is to take the messages. From then on it is woken again.
func (c *Client) Answers(w Waker) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.waker != w {
		return false
	}
	c.woken = false
	return true
}

// Waits reports whether messages wait.
func (c *Client) Waits() bool { return c.has.Load() }

// push adds the message that a key changed; by is who changed it. Of its own changes the client is not woken: its turn takes the messages.
func (c *Client) push(key []byte, by *Client) {
	if c == by && c.options.NoLoop {
		return
	}
	c.mu.Lock()
	if !c.ended.Load() && !c.all {
		c.add(key)
	}
	c.wake(c != by)
}

// pushAll adds the message that everything is to be forgotten, which says all that waits.
func (c *Client) pushAll() {
	c.mu.Lock()
	if !c.ended.Load() {
		c.forget()
		c.all = true
		c.has.Store(true)
	}
	c.wake(true)
}

// add adds a message. c.mu is locked.
func (c *Client) add(key []byte) {
	before := len(c.waiting)
	c.waiting = c.appendMessage(c.waiting, key)
	size := len(c.waiting) - before
	switch {
	case c.count > 0 && bytes.Equal(c.waiting[before:], c.waiting[c.last:before]):
		c.waiting = c.waiting[:before]
		return
	case c.count > 0 && len(c.waiting) > maxWaiting, c.table.bytes.Load()+int64(size) > c.table.most+maxWaiting:
		c.waiting = c.waiting[:before]
		c.forget()
		c.all = true
	default:
		c.last = before
		c.count++
		c.table.bytes.Add(int64(size))
	}
	c.has.Store(true)
}

func (c *Client) appendMessage(dst, key []byte) []byte {
	if c.options.Broadcast {
		return codec.AppendBulk(dst, key)
	}
	dst = codec.AppendBulkString(codec.AppendPush(dst, codec.RESP3, 2), "invalidate")
	return codec.AppendBulk(codec.AppendArray(dst, 1), key)
}

// forget drops what waits. c.mu is locked.
func (c *Client) forget() {
	c.table.bytes.Add(-int64(len(c.waiting)))
	if c.waiting = c.waiting[:0]; cap(c.waiting) > keptWaiting {
		c.waiting = nil
	}
	c.last, c.count, c.all = 0, 0, false
	c.has.Store(false)
}

// wake unlocks c.mu, and wakes whoever takes the messages.
func (c *Client) wake(wanted bool) {
	w := c.waker
	if !wanted || c.woken || !c.has.Load() {
		w = nil
	}
	c.woken = c.woken || w != nil
	c.mu.Unlock()
	if w != nil {
		w.Wake()
	}
}

// Take appends the messages that wait, in RESP3.
func (c *Client) Take(dst []byte) []byte {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case c.all:
		dst = codec.AppendBulkString(codec.AppendPush(dst, codec.RESP3, 2), "invalidate")
		dst = codec.AppendNull(dst, codec.RESP3)
	case c.count > 0 && c.options.Broadcast:
		dst = codec.AppendBulkString(codec.AppendPush(dst, codec.RESP3, 2), "invalidate")
		dst = append(codec.AppendArray(dst, c.count), c.waiting...)
	default:
		dst = append(dst, c.waiting...)
	}
	c.forget()
	return dst
}
