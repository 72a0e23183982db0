package loop

// kept are short replies of the turns of a round, which are written one after the other when the round is over: the clients then
// send what is next together as well, and larger rounds cost less a request, on both sides. None waits longer than keepReplies
// beyond the turn that is under way, and none is kept while the loop waits.
type kept struct {
	on      bool  // a round is under way that has several turns
	since   int64 // when the first was kept, ns
	replies []keptReply
	bytes   []byte // of all, one after the other
}

// keptReply is one: it ends in bytes where end says, and begins where that before it ends.
type keptReply struct {
	c   *conn
	end int
}

// keepsReply reports whether a reply to a client is to be kept.
func (l *eventLoop) keepsReply(c *conn, b []byte) bool {
	return l.kept.on && len(b) > 0 && len(b) <= maxShortReply && c.g.OutboundBuffered() == 0
}

// keepReply keeps one. false: the connection is gone, which an earlier reply of it has shown.
func (l *eventLoop) keepReply(c *conn, b []byte) (alive bool) {
	k := &l.kept
	if len(k.bytes)+len(b) > keptBytes {
		l.sendKept()
	}
	if c.closed {
		return false
	}
	if len(k.replies) == 0 {
		k.since = l.now
	}
	k.bytes = append(k.bytes, b...)
	k.replies = append(k.replies, keptReply{c, len(k.bytes)})
	c.kept = true
	return true
}

// sendKeptLong writes all of them when the first has been kept for keepReplies. Not within a turn.
func (l *eventLoop) sendKeptLong() {
	if k := &l.kept; len(k.replies) > 0 && l.now-k.since > int64(keepReplies) {
		l.sendKept()
	}
}

// sendKept writes all of them. It comes before anything else is written to one of the connections, or it is closed.
func (l *eventLoop) sendKept() {
	k := &l.kept
	for i := range k.replies {
		k.replies[i].c.kept = false
	}
	from := 0
	for i, r := range k.replies {
		if !r.c.closed && r.c.push(k.bytes[from:r.end]) && r.c.g.OutboundBuffered() > 0 {
			r.c.weigh()
		}
		k.replies[i].c, from = nil, r.end
	}
	k.replies, k.bytes = k.replies[:0], k.bytes[:0]
}
