package command

import (
	"covey/codec"
	"covey/store"
)

// transaction is what a client has queued since MULTI, and the keys that it watches. EXEC carries the queue out, one command after
// the other, as if they came then. What is long takes several turns, and other loops have theirs all the while: it is a way to send
// many commands as one, and no isolation (docs/COMPATIBILITY.md).
type transaction struct {
	open   bool // MULTI was said, and neither EXEC nor DISCARD
	failed bool // a command could not be queued: EXEC will refuse
	queue  []byte
	count  int // of commands in it

	watched map[string]watched // by key: a name that is repeated costs one look, whatever it is
	keys    int                // bytes of their keys

	// Of an EXEC under way.
	begun bool
	last  Verdict // of those before it: Close, where one of them closes the connection
	at    int     // in the queue, where the command at hand begins
	reply []byte  // to those before it, and what there is of its own
	start int     // in reply, where that begins
}

// watched is a key as it was when WATCH was said.
type watched struct {
	hash uint64 // of it
	then store.Sight
}

// held returns the bytes that it holds.
func (x *transaction) held() int {
	n := cap(x.queue) + cap(x.reply) + x.keys + len(x.watched)*watchCost
	if x.watched != nil {
		n += watchLeast
	}
	return n
}

// Queues reports whether the client's commands are queued until EXEC: they have to come whole, with their values.
func (c *Client) Queues() bool { return c.tx.open }

func multi(t *Turn, c *Client, args [][]byte, out []byte) ([]byte, Verdict) {
	if c.tx.open {
		return codec.AppendError(out, "ERR MULTI calls can not be nested"), Done
	}
	c.tx.open = true
	return codec.AppendSimple(out, "OK"), Done
}

func discard(t *Turn, c *Client, args [][]byte, out []byte) ([]byte, Verdict) {
	if !c.tx.open {
		return codec.AppendError(out, "ERR DISCARD without MULTI"), Done
	}
	c.tx = transaction{}
	return codec.AppendSimple(out, "OK"), Done
}

// enqueue keeps a command for EXEC. One that failed keeps no more.
func (x *transaction) enqueue(args [][]byte, out []byte) ([]byte, Verdict) {
	if len(args) > maxQueuedWords {
		return codec.AppendError(out, errQueueWords), Done
	}
	size := 0
	for _, a := range args {
		size += len(a) + bulkOverhead
	}
	if x.count == maxQueued || len(x.queue)+size > maxQueuedBytes {
		return codec.AppendError(out, errQueue), Done
	}
	if !x.failed {
		x.queue = codec.AppendArray(x.queue, len(args))
		for _, a := range args {
			x.queue = codec.AppendBulk(x.queue, a)
		}
		x.count++
	}
	return codec.AppendSimple(out, "QUEUED"), Done
}

// watch notes what keys hold: when one of them has changed, EXEC does nothing. Of one that is watched already what it was then counts.
func watch(t *Turn, c *Client, args [][]byte, out []byte) ([]byte, Verdict) {
	x := &c.tx
	if x.open {
		return codec.AppendError(out, "ERR WATCH inside MULTI is not allowed"), Done
	}
	if len(args)-1 > maxWatched {
		return codec.AppendError(out, errWatch), Done
	}
	for _, key := range args[1:] {
		if _, twice := x.watched[string(key)]; twice {
			continue
		}
		if len(x.watched) == maxWatched || x.keys+len(key) > maxWatchedBytes {
			return codec.AppendError(out, errWatch), Done
		}
		if x.watched == nil {
			x.watched = make(map[string]watched)
		}
		hash := t.hash(key)
		x.watched[string(key)] = watched{hash, t.Store.Seen(key, hash, t.Now)}
		x.keys += len(key)
	}
	return codec.AppendSimple(out, "OK"), Done
}

// unwatch forgets the keys that are watched; while EXEC carries it out they are no matter any more.
func unwatch(t *Turn, c *Client, args [][]byte, out []byte) ([]byte, Verdict) {
	c.tx.watched, c.tx.keys = nil, 0
	return codec.AppendSimple(out, "OK"), Done
}

// changed reports whether a key that is watched is not as it was: its value, its time to live, or whether it is there.
func (t *Turn) changed(list map[string]watched) bool {
	for key, w := range list {
		t.buf = append(t.buf[:0], key...)
		if seen := t.Store.Seen(t.buf, w.hash, t.Now); seen.Since(&w.then) {
			return true
		}
	}
	return false
}

func execute(t *Turn, c *Client, args [][]byte, out []byte) ([]byte, Verdict) {
	x := &c.tx
	switch {
	case !x.open:
		return codec.AppendError(out, "ERR EXEC without MULTI"), Done
	case x.failed:
		c.tx = transaction{}
		return codec.AppendError(out, "EXECABORT Transaction discarded because of previous errors."), Done
	case !x.begun && t.changed(x.watched):
		c.tx = transaction{}
		return codec.AppendNullArray(out, c.Proto), Done
	case !x.begun:
		x.begun, x.reply = true, codec.AppendArray(nil, x.count)
		x.start = len(x.reply)
	}
	pin := t.Pin
	t.Pin = nil // a large value goes into the reply like any other
	v := t.execQueued(c)
	t.Pin = pin
	if v >= Wait {
		return out, v
	}
	out, v = append(out, x.reply...), x.last
	c.tx = transaction{}
	return out, v
}

// execQueued carries out what is left of the queue, or a turn's part of it: then it returns Again, or Wait. A turn ends behind a
// command that may take long however short it is, and when the others have had as many words, or bytes of them and their replies, as one
// turn of a list: those of replies that were dropped count, for they were read.
func (t *Turn) execQueued(c *Client) Verdict {
	x := &c.tx
	for words, size := 0, 0; x.at < len(x.queue); {
		if words >= listArgs || size > listBytes {
			return Again
		}
		before := len(x.reply)
		var next int
		var v Verdict
		t.queued, next = codec.Bulks(t.queued[:0], x.queue, x.at)
		cmd := lookup(t.queued[0])
		x.reply, v = t.execOne(c, cmd, t.queued, x.reply)
		words, size = words+len(t.queued), size+next-x.at+len(x.reply)-before
		if v != Wait && len(x.reply) > maxReply {
			x.reply, v, c.long = codec.AppendError(x.reply[:x.start], errReplyExec), Done, long{}
		}
		if v >= Wait {
			return v
		}
		if cmd.long {
			words = listArgs
		}
		x.last, c.Deadline = max(x.last, v), 0
		x.at, x.start = next, len(x.reply)
	}
	return Done
}

// execOne carries out a queued command, which was looked at when it was queued. Only the state of the node may be another now.
func (t *Turn) execOne(c *Client, cmd *entry, args [][]byte, out []byte) ([]byte, Verdict) {
	if len(cmd.subs) > 0 && len(args) > 1 {
		cmd = cmd.sub(args[1])
	}
	if a := t.admit(c, cmd.gate); a != admitted {
		return a.turnAway(out, errLoading)
	}
	return cmd.run(t, c, args, out)
}
