package command

import (
	"bytes"
	"strings"

	"covey/codec"
	"covey/store"
	"covey/tracking"
)

// Client-side caching: CLIENT TRACKING and its kin. A connection that tracks is told, by push messages of RESP3, that a key which it has
// read is not what it was. Every node holds the whole store and sees every change, so it is told of those on all nodes.

const (
	errTrackRESP2    = "ERR tracking is only for connections that speak RESP3, on which the messages come: send HELLO 3 before"
	errTrackRedirect = "ERR REDIRECT is not supported; send HELLO 3 and track without it: then the messages come on this connection itself"
	errTrackRoom     = "ERR this node has no room for more prefixes; name fewer, or give it more --max-memory"
	errTrackPrefixes = "ERR more than 64 prefixes, or one of more than 1024 bytes, which is more than a connection may name; name fewer, or shorter ones"
	errTrackOther    = "before disabling tracking for this client, and then re-enabling it with a different mode."
	errCaching       = "ERR CLIENT CACHING can be called only when the client is in tracking mode with OPTIN or OPTOUT mode enabled"
)

// trackRequest is what CLIENT TRACKING was called with.
type trackRequest struct {
	tracking.Options
	prefixes [][]byte
}

// trackOptions reads what follows ON or OFF, and says what is wrong with it.
func trackOptions(args [][]byte) (q trackRequest, problem string) {
	for i := 0; i < len(args); i++ {
		switch a := args[i]; {
		case is(a, "REDIRECT") && i+1 < len(args):
			i++
			if _, ok := integer(args[i]); !ok {
				return q, errInteger
			}
			return q, errTrackRedirect
		case is(a, "BCAST"):
			q.Broadcast = true
		case is(a, "OPTIN"):
			q.OptIn = true
		case is(a, "OPTOUT"):
			q.OptOut = true
		case is(a, "NOLOOP"):
			q.NoLoop = true
		case is(a, "PREFIX") && i+1 < len(args):
			i++
			q.prefixes = append(q.prefixes, args[i])
		default:
			return q, errSyntax
		}
	}
	return q, ""
}

func clientTracking(t *Turn, c *Client, args [][]byte, out []byte) ([]byte, Verdict) {
	q, problem := trackOptions(args[3:])
	switch {
	case problem != "":
	case is(args[2], "ON"):
		if problem = q.problem(c); problem == "" {
			problem = t.beginTracking(c, q)
		}
	case is(args[2], "OFF"):
		t.EndTracking(c)
	default:
		problem = errSyntax
	}
	if problem != "" {
		return codec.AppendError(out, problem), Done
	}
	return codec.AppendSimple(out, "OK"), Done
}

// problem says why a connection cannot begin to track, or change how it does, in this way; "": it can.
func (q *trackRequest) problem(c *Client) string {
	var has tracking.Options
	var named []string
	if c.Track != nil {
		has, named = c.Track.Options(), c.Track.Prefixes()
	}
	switch {
	case !q.Broadcast && len(q.prefixes) > 0:
		return "ERR PREFIX option requires BCAST mode to be enabled"
	case c.Track != nil && has.Broadcast != q.Broadcast:
		return "ERR You can't switch BCAST mode on/off " + errTrackOther
	case q.Broadcast && (q.OptIn || q.OptOut):
		return "ERR OPTIN and OPTOUT are not compatible with BCAST"
	case q.OptIn && q.OptOut:
		return "ERR You can't specify both OPTIN mode and OPTOUT mode"
	case q.OptIn && has.OptOut, q.OptOut && has.OptIn:
		return "ERR You can't switch OPTIN/OPTOUT mode " + errTrackOther
	}
	if problem := overlap(named, q.prefixes); problem != "" {
		return problem
	}
	if len(named)+len(q.prefixes) > tracking.MaxPrefixes {
		return errTrackPrefixes
	}
	for _, p := range q.prefixes {
		if len(p) > tracking.MaxPrefix {
			return errTrackPrefixes
		}
	}
	if c.Proto < codec.RESP3 {
		return errTrackRESP2
	}
	return ""
}

// overlap is the error for the first prefix that another one of the connection, or of those given with it, begins with, or that begins
// with another.
func overlap(named []string, prefixes [][]byte) string {
	sentence := func(p []byte, which, other string) string {
		return "ERR Prefix '" + cString(p, quotedArgs) + "' overlaps with " + which + " prefix '" + cString([]byte(other), quotedArgs) + "'. Prefixes for a single client must not overlap."
	}
	if len(prefixes) > tracking.MaxPrefixes {
		return errTrackPrefixes
	}
	for i, p := range prefixes {
		for _, other := range named {
			if bytes.HasPrefix(p, []byte(other)) || strings.HasPrefix(other, string(p)) {
				return sentence(p, "an existing", other)
			}
		}
		for _, other := range prefixes[i+1:] {
			if bytes.HasPrefix(p, other) || bytes.HasPrefix(other, p) {
				return sentence(p, "another provided", string(other))
			}
		}
	}
	return ""
}

func (t *Turn) beginTracking(c *Client, q trackRequest) (problem string) {
	began := c.Track == nil
	if began {
		t.Store.Note(1) // before it reads anything
		c.Track = t.Tracking.Begin()
	}
	c.Track.Set(q.Options)
	if q.Broadcast && len(q.prefixes) == 0 {
		q.prefixes = [][]byte{{}}
	}
	for _, p := range q.prefixes {
		if !c.Track.AddPrefix(p) {
			if began {
				t.EndTracking(c)
			}
			return errTrackRoom
		}
	}
	return ""
}

// EndTracking ends the tracking of a connection, if it tracks. The loop calls it when the connection closes.
func (t *Turn) EndTracking(c *Client) {
	if c.Track == nil {
		return
	}
	c.Track.End()
	c.Track, c.caching = nil, false
	t.Store.Note(-1)
}

func clientCaching(t *Turn, c *Client, args [][]byte, out []byte) ([]byte, Verdict) {
	var o tracking.Options
	if c.Track != nil {
		o = c.Track.Options()
	}
	switch yes, no := is(args[2], "YES"), is(args[2], "NO"); {
	case c.Track == nil:
		return codec.AppendError(out, errCaching), Done
	case yes && !o.OptIn:
		return codec.AppendError(out, "ERR CLIENT CACHING YES is only valid when tracking is enabled in OPTIN mode."), Done
	case no && !o.OptOut:
		return codec.AppendError(out, "ERR CLIENT CACHING NO is only valid when tracking is enabled in OPTOUT mode."), Done
	case !yes && !no:
		return codec.AppendError(out, errSyntax), Done
	}
	c.caching = true
	return codec.AppendSimple(out, "OK"), Done
}

// clientGetRedir: where there is tracking, it is never redirected.
func clientGetRedir(t *Turn, c *Client, args [][]byte, out []byte) ([]byte, Verdict) {
	return codec.AppendInt(out, c.redirect()), Done
}

// redirect is the connection that gets the messages: 0 is this one, -1 none.
func (c *Client) redirect() int64 {
	if c.Track == nil {
		return -1
	}
	return 0
}

func clientTrackingInfo(t *Turn, c *Client, args [][]byte, out []byte) ([]byte, Verdict) {
	flags, prefixes := []string{"off"}, []string(nil)
	if c.Track != nil {
		prefixes = c.Track.Prefixes()
		o := c.Track.Options()
		flags[0] = "on"
		for _, f := range []struct {
			set  bool
			name string
		}{{o.Broadcast, "bcast"}, {o.OptIn, "optin"}, {o.OptIn && c.caching, "caching-yes"}, {o.OptOut, "optout"}, {o.OptOut && c.caching, "caching-no"}, {o.NoLoop, "noloop"}} {
			if f.set {
				flags = append(flags, f.name)
			}
		}
	}
	out = codec.AppendMap(out, c.Proto, 3)
	out = codec.AppendSet(codec.AppendBulkString(out, "flags"), c.Proto, len(flags))
	for _, f := range flags {
		out = codec.AppendBulkString(out, f)
	}
	out = codec.AppendInt(codec.AppendBulkString(out, "redirect"), c.redirect())
	out = codec.AppendArray(codec.AppendBulkString(out, "prefixes"), len(prefixes))
	for _, p := range prefixes {
		out = codec.AppendBulkString(out, p)
	}
	return out, Done
}

// trackFlags are the letters that CLIENT INFO has for a connection that tracks.
func (c *Client) trackFlags() string {
	switch {
	case c.Track == nil:
		return ""
	case c.Track.Options().Broadcast:
		return "tB"
	}
	return "t"
}

// remember notes the keys that a command of a connection that tracks is about to read; of a long list, those that this turn may do.
func (t *Turn) remember(c *Client, cmd *entry, args [][]byte) {
	o := c.Track.Options()
	if cmd.flags&flagReadOnly == 0 || cmd.first == 0 || o.Broadcast || o.OptIn && !c.caching || o.OptOut && c.caching {
		return
	}
	keys := args[cmd.first : cmd.first+1]
	if cmd.last < 0 {
		keys = args[cmd.first+c.long.done-c.long.base:]
		keys = keys[:min(len(keys), listArgs)]
	}
	for _, key := range keys {
		t.Tracking.Remember(c.Track, key, t.Store.Hash(key))
	}
}

// cached ends what CLIENT CACHING has said: it holds for the next command, or transaction.
func (c *Client) cached(cmd *entry) {
	if c.caching && !c.tx.open && (cmd == nil || cmd.name != "client") {
		c.caching = false
	}
}

// invalidate tells who tracks of a write of c, which can be read already.
func (t *Turn) invalidate(c *Client, r *store.Record) {
	switch {
	case r.Flags&store.Flush != 0:
		t.Tracking.ChangedAll()
	case r.Kind&store.Composite == 0:
		t.Tracking.Changed(r.Key, t.Store.Hash(r.Key), c.Track)
	}
}

// UnderWay reports whether a command, or a transaction, has begun to read and is not answered: what it has read is yet to be told, so
// nothing may be said before that of what has changed since.
func (c *Client) UnderWay() bool { return c.tx.begun || c.long.begun() }

// begun reports whether a long command has done a part.
func (l *long) begun() bool { return l.total > 0 || l.told || l.cursor != 0 || len(l.body) > 0 }

// tracked is what INFO shows.
func (t *Turn) tracked() (n tracking.Counts) {
	if t.Tracking != nil {
		n = t.Tracking.Counts()
	}
	return n
}
