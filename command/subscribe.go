package command

import (
	"cmp"
	"maps"
	"slices"

	"covey/codec"
)

// listening is what a client has subscribed to.
type listening struct {
	to       map[subscription]struct{}
	patterns int // how many of these are patterns
	bytes    int // of their names
}

// Listens reports whether the client has subscriptions: then its connection stays on its loop.
func (c *Client) Listens() bool { return len(c.listening.to) > 0 }

// confined reports whether the client may send only what flagListening marks: in RESP2 a reply could not be told from a message.
func (c *Client) confined() bool { return c.Listens() && c.Proto != codec.RESP3 }

// held returns how many bytes the subscriptions take.
func (l *listening) held() int { return l.bytes + len(l.to)*subscriptionCost }

// sorted returns the channels, or the patterns, in the order of their names.
func (l *listening) sorted(pattern bool) []subscription {
	list := make([]subscription, 0, len(l.to))
	for s := range maps.Keys(l.to) {
		if s.pattern == pattern {
			list = append(list, s)
		}
	}
	slices.SortFunc(list, func(a, b subscription) int { return cmp.Compare(a.name, b.name) })
	return list
}

// Leave ends all subscriptions of a client, of this loop.
func (t *Turn) Leave(c *Client) {
	for s := range c.listening.to {
		t.unsubscribe(c, s)
	}
	c.listening = listening{}
}

func (t *Turn) unsubscribe(c *Client, s subscription) {
	l := &c.listening
	if _, there := l.to[s]; !there {
		return
	}
	delete(l.to, s)
	l.bytes -= len(s.name)
	if s.pattern {
		l.patterns--
	}
	t.Audience.leave(t.Mail, c, s)
	t.post.forget(c, s)
}

// subscribe has a client listen to one more; problem is an error, or "".
func (t *Turn) subscribe(c *Client, s subscription) (problem string) {
	l := &c.listening
	if _, twice := l.to[s]; twice {
		return ""
	}
	if len(s.name) > maxChannel {
		return errChannel
	}
	if len(l.to) >= maxListening || !t.Audience.join(t.Mail, c, s) {
		return errListening
	}
	if l.to == nil {
		l.to = make(map[subscription]struct{})
	}
	l.to[s] = struct{}{}
	l.bytes += len(s.name)
	if s.pattern {
		l.patterns++
	}
	return ""
}

// subscribeTo makes SUBSCRIBE and PSUBSCRIBE: one reply for each name. The first that cannot be is replied by an error, and the rest left
// out.
func subscribeTo(name string, pattern bool) func(*Turn, *Client, [][]byte, []byte) ([]byte, Verdict) {
	return func(t *Turn, c *Client, args [][]byte, out []byte) ([]byte, Verdict) {
		if c.tx.open {
			return codec.AppendError(out, errListeningInMulti), Done
		}
		for _, a := range args[1:] {
			if problem := t.subscribe(c, subscription{string(a), pattern}); problem != "" {
				return codec.AppendError(out, problem), Done
			}
			out = c.appendListening(out, name, a)
		}
		return out, Done
	}
}

// unsubscribeFrom makes UNSUBSCRIBE and PUNSUBSCRIBE: of the names, or of all. There is one reply at least.
func unsubscribeFrom(name string, pattern bool) func(*Turn, *Client, [][]byte, []byte) ([]byte, Verdict) {
	return func(t *Turn, c *Client, args [][]byte, out []byte) ([]byte, Verdict) {
		if c.tx.open {
			return codec.AppendError(out, errListeningInMulti), Done
		}
		for _, a := range args[1:] {
			t.unsubscribe(c, subscription{string(a), pattern})
			out = c.appendListening(out, name, a)
		}
		if len(args) > 1 {
			return out, Done
		}
		all := c.listening.sorted(pattern)
		for _, s := range all {
			t.unsubscribe(c, s)
			out = c.appendListening(out, name, []byte(s.name))
		}
		if len(all) == 0 {
			out = c.appendListening(out, name, nil)
		}
		return out, Done
	}
}

// appendListening replies what was done with a name, nil for none, and how many subscriptions there are now.
func (c *Client) appendListening(out []byte, did string, name []byte) []byte {
	out = codec.AppendBulkString(codec.AppendPush(out, c.Proto, 3), did)
	if name == nil {
		out = codec.AppendNull(out, c.Proto)
	} else {
		out = codec.AppendBulk(out, name)
	}
	return codec.AppendInt(out, int64(len(c.listening.to)))
}

// publish gives a message to all who listen on this node, and stages it for the peers. It replies how many listen here.
func publish(t *Turn, c *Client, args [][]byte, out []byte) ([]byte, Verdict) {
	channel, message := args[1], args[2]
	switch {
	case len(channel) > maxChannel:
		return codec.AppendError(out, errChannel), Done
	case len(message) > codec.RefValue:
		return codec.AppendError(out, errMessage), Done
	case t.Audience.crowded(channel, len(channel)+len(message)) && t.mayWait(c, crowdedWait):
		return out, Wait
	}
	v := t.Store.Stamp(t.Store.Hash(channel), t.Now)
	t.Stage.Add(&codec.Record{Key: channel, Value: message, Kind: codec.KindMessage, Stamp: v.Stamp, Node: v.Node})
	c.Dirty = true
	return codec.AppendInt(out, int64(t.Audience.Publish(channel, message))), Done
}

// pubsubChannels lists the channels of this node that somebody listens to.
func pubsubChannels(t *Turn, c *Client, args [][]byte, out []byte) ([]byte, Verdict) {
	var pattern []byte
	switch {
	case len(args) > 3:
		return codec.AppendError(out, "ERR unknown subcommand or wrong number of arguments for '"+cString(args[1], quotedName)+"'. Try PUBSUB HELP."), Done
	case len(args) == 3:
		if pattern = args[2]; len(pattern) > maxPattern {
			return codec.AppendError(out, errPattern), Done
		}
	}
	names, whole := t.Audience.names(pattern)
	if !whole {
		return codec.AppendError(out, errWork), Done
	}
	out = codec.AppendArray(out, len(names))
	for _, name := range names {
		out = codec.AppendBulkString(out, name)
	}
	return out, Done
}

// pubsubNumSub tells of each channel how many listen to it on this node.
func pubsubNumSub(t *Turn, c *Client, args [][]byte, out []byte) ([]byte, Verdict) {
	out = codec.AppendArray(out, 2*(len(args)-2))
	for _, a := range args[2:] {
		out = codec.AppendInt(codec.AppendBulk(out, a), int64(t.Audience.listeners(a)))
	}
	return out, Done
}

func pubsubNumPat(t *Turn, c *Client, args [][]byte, out []byte) ([]byte, Verdict) {
	_, patterns := t.Audience.Counts()
	return codec.AppendInt(out, int64(patterns)), Done
}
