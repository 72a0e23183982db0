package command

import (
	"covey/codec"
	"covey/store"
)

// transaction is what a client has queued since MULTI, and the keys that it watches. EXEC carries out the queued commands one after the
// other, as if they came then. That may take several turns, between which others have theirs, and the node's other loops go on
// meanwhile: it sends many commands as one, and isolates nothing (docs/COMPATIBILITY.md).
type transaction struct {
	open   bool   // MULTI was sent, and neither EXEC nor DISCARD yet
	failed bool   // a command could not be queued: EXEC will refuse
	queue  []byte // the commands, as RESP arrays
	count  int    // how many commands the queue has

	watched map[string]watched // by key, so that a repeated key is compared once
	keys    int                // bytes of the watched keys

	// Of an EXEC under way.
	begun bool
	last  Verdict // Close, if a command so far closes the connection
	at    int     // offset in queue of the current command
	reply []byte  // replies so far, with what there is of the current command's
	start int     // offset in reply of the current command's
}

// watched is a key as it was when WATCH was sent.
type watched struct {
	hash uint64 // of the key
	then store.Sight
}

// held returns how many bytes the queue, the replies and the watched keys take.
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

// watch notes what keys hold. If one of them has changed by then, EXEC does nothing. Watching a key again keeps what was noted first.
func watch(t *Turn, c *Client, args [][]byte, out []byte) ([]byte, Verdict) {
	x := &c.tx
	if x.open {
		return codec.AppendError(out, "ERR WATCH inside MULTI is not allowed"), Done
	}
	size := 0
	for _, key := range args[1:] {
		size += len(key)
	}
	if len(args)-1 > maxWatched || size > maxWatchedBytes {
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

// unwatch forgets the watched keys. Within EXEC it has no effect, for EXEC has compared them already.
func unwatch(t *Turn, c *Client, args [][]byte, out []byte) ([]byte, Verdict) {
	c.tx.watched, c.tx.keys = nil, 0
	return codec.AppendSimple(out, "OK"), Done
}

// changed reports whether a watched key is not as it was: its value, its time to live, or whether it is there.
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

// execQueued carries out what is left of the queue, or as much as one turn may: then it returns Again, or Wait. A turn ends after a
// command that may take long (entry.long), or when the commands have had as many words, or as many bytes with their replies, as one turn
// of a list has. Replies that were dropped count too, for their values were read.
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
		if v != Wait && len(x.reply) > t.mostReply() {
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

// execOne carries out a queued command. Its name and arity were checked when it was queued; the node's state may have changed since.
func (t *Turn) execOne(c *Client, cmd *entry, args [][]byte, out []byte) ([]byte, Verdict) {
	if len(cmd.subs) > 0 && len(args) > 1 {
		cmd = cmd.sub(args[1])
	}
	if a := t.admit(c, cmd.gate); a != admitted {
		return a.turnAway(out, errLoading)
	}
	if c.Track != nil {
		t.remember(c, cmd, args)
	}
	return cmd.run(t, c, args, out)
}
