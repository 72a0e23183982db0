package command

import (
	"bytes"
	"fmt"
	"strings"

	"covey/codec"
)

// redisVersion is the release of Redis whose replies covey gives. Clients read it to know
// which commands they may use.
const redisVersion = "7.0.15"

func ping(t *Turn, c *Client, args [][]byte, out []byte) ([]byte, Verdict) {
	if len(args) > 2 {
		return wrongArity(out, "ping"), Done
	}
	if c.confined() { // the reply has the form of a message
		out = codec.AppendBulkString(codec.AppendArray(out, 2), "pong")
		return codec.AppendBulk(out, bytes.Join(args[1:], nil)), Done
	}
	if len(args) == 2 {
		return codec.AppendBulk(out, args[1]), Done
	}
	return codec.AppendSimple(out, "PONG"), Done
}

func echo(t *Turn, c *Client, args [][]byte, out []byte) ([]byte, Verdict) {
	return codec.AppendBulk(out, args[1]), Done
}

func quit(t *Turn, c *Client, args [][]byte, out []byte) ([]byte, Verdict) {
	return codec.AppendSimple(out, "OK"), Close
}

func reset(t *Turn, c *Client, args [][]byte, out []byte) ([]byte, Verdict) {
	t.Leave(c)
	t.EndTracking(c)
	c.Proto, c.Name, c.Known, c.tx = codec.RESP2, "", false, transaction{}
	if t.Door != nil {
		c.Since = t.Host.Facts().Now // to send RESET it must have authenticated, so it has the time of a new connection to do so again
	}
	return codec.AppendSimple(out, "RESET"), Done
}

// selectDB knows database 0 alone.
func selectDB(t *Turn, c *Client, args [][]byte, out []byte) ([]byte, Verdict) {
	n, ok := integer(args[1])
	switch {
	case !ok:
		return codec.AppendError(out, errInteger), Done
	case n != int64(int32(n)):
		return codec.AppendError(out, "ERR value is out of range, value must between -2147483648 and 2147483647"), Done
	case n != 0:
		return codec.AppendError(out, errDatabase), Done
	}
	return codec.AppendSimple(out, "OK"), Done
}

// The answers to a password, in the words of Redis: no secret is set on this node.
const (
	errNoPassword = "ERR AUTH <password> called without any password configured for the default user. Are you sure your configuration is correct?"
	errWrongUser  = "WRONGPASS invalid username-password pair or user is disabled."
)

// auth never lets anybody think that a password protects something: Redis says OK to the
// default user's name with any password when none is set, covey does not.
func auth(t *Turn, c *Client, args [][]byte, out []byte) ([]byte, Verdict) {
	user := []byte("default")
	switch {
	case len(args) > 3:
		return codec.AppendError(out, errSyntax), Done
	case len(args) == 3:
		user = args[1]
	}
	problem, v := t.pass(c, user, args[len(args)-1])
	if problem != "" {
		return codec.AppendError(out, problem), v
	}
	return codec.AppendSimple(out, "OK"), v
}

func authProblem(user []byte) string {
	if string(user) == "default" {
		return errNoPassword
	}
	return errWrongUser
}

// hello chooses the protocol of the connection and replies what this server is.
func hello(t *Turn, c *Client, args [][]byte, out []byte) ([]byte, Verdict) {
	proto := int64(c.Proto)
	if len(args) > 1 {
		var ok bool
		if proto, ok = integer(args[1]); !ok {
			return codec.AppendError(out, "ERR Protocol version is not an integer or out of range"), Done
		}
		if proto != codec.RESP2 && proto != codec.RESP3 {
			return codec.AppendError(out, "NOPROTO unsupported protocol version"), Done
		}
	}
	o, problem := helloOptions(args[min(len(args), 2):])
	if problem != "" {
		return codec.AppendError(out, problem), Done
	}
	if o.user != nil {
		if problem, v := t.pass(c, o.user, o.password); problem != "" {
			return codec.AppendError(out, problem), v
		}
	}
	if t.shut(c) {
		return codec.AppendError(out, errHelloAuth), Done
	}
	if o.name != nil {
		c.Name = string(o.name)
	}
	if c.Proto = int(proto); c.Proto < codec.RESP3 {
		t.EndTracking(c) // its messages could not be sent any more
	}
	out = codec.AppendMap(out, c.Proto, 7)
	out = appendPair(out, "server", "redis")
	out = appendPair(out, "version", redisVersion)
	out = codec.AppendInt(codec.AppendBulkString(out, "proto"), proto)
	out = codec.AppendInt(codec.AppendBulkString(out, "id"), int64(c.ID))
	out = appendPair(out, "mode", "standalone")
	out = appendPair(out, "role", "master")
	return codec.AppendArray(codec.AppendBulkString(out, "modules"), 0), Done
}

// greeted are the options of HELLO; nil: not given.
type greeted struct{ name, user, password []byte }

// helloOptions reads AUTH and SETNAME.
func helloOptions(args [][]byte) (o greeted, problem string) {
	for i := 0; i < len(args); i++ {
		switch left := len(args) - 1 - i; {
		case is(args[i], "AUTH") && left >= 2:
			o.user, o.password = args[i+1], args[i+2]
			i += 2
		case is(args[i], "SETNAME") && left >= 1:
			o.name = args[i+1]
			if problem := nameProblem(o.name); problem != "" {
				return greeted{}, problem
			}
			i++
		default:
			return greeted{}, "ERR Syntax error in HELLO option '" + cString(args[i], quotedArgs) + "'"
		}
	}
	return o, ""
}

func appendPair(out []byte, key, value string) []byte {
	return codec.AppendBulkString(codec.AppendBulkString(out, key), value)
}

// nameProblem is the error for a name that cannot be set on a connection, or "".
func nameProblem(name []byte) string {
	if len(name) > maxName {
		return errNameLength
	}
	if !printable(name) {
		return errNameChars
	}
	return ""
}

func printable(b []byte) bool {
	for _, c := range b {
		if c < '!' || c > '~' {
			return false
		}
	}
	return true
}

func clientID(t *Turn, c *Client, args [][]byte, out []byte) ([]byte, Verdict) {
	return codec.AppendInt(out, int64(c.ID)), Done
}

func clientGetName(t *Turn, c *Client, args [][]byte, out []byte) ([]byte, Verdict) {
	if c.Name == "" {
		return codec.AppendNull(out, c.Proto), Done
	}
	return codec.AppendBulkString(out, c.Name), Done
}

func clientSetName(t *Turn, c *Client, args [][]byte, out []byte) ([]byte, Verdict) {
	if problem := nameProblem(args[2]); problem != "" {
		return codec.AppendError(out, problem), Done
	}
	c.Name = string(args[2])
	return codec.AppendSimple(out, "OK"), Done
}

// clientSetInfo is of Redis 7.2; clients send it when they connect and want an answer.
func clientSetInfo(t *Turn, c *Client, args [][]byte, out []byte) ([]byte, Verdict) {
	var field *string
	switch {
	case is(args[2], "LIB-NAME"):
		field = &c.LibName
	case is(args[2], "LIB-VER"):
		field = &c.LibVer
	default:
		return codec.AppendError(out, "ERR Unrecognized option '"+cString(args[2], quotedArgs)+"'"), Done
	}
	switch {
	case len(args[3]) > maxName:
		return codec.AppendError(out, errNameLength), Done
	case !printable(args[3]):
		return codec.AppendError(out, "ERR "+strings.ToLower(string(args[2]))+" cannot contain spaces, newlines or special characters."), Done
	}
	*field = string(args[3])
	return codec.AppendSimple(out, "OK"), Done
}

// clientInfo describes the connection in the fields of Redis, in its order: there are clients that want every number. What is not counted
// here is 0. The fields laddr and fd are left out.
func clientInfo(t *Turn, c *Client, args [][]byte, out []byte) ([]byte, Verdict) {
	age, flags, queued, held := max(t.Host.Facts().Now-c.Created, 0)/1e9, "N", -1, c.Held()
	if c.tx.begun {
		flags, queued = "x", c.tx.count
	}
	switch letters := c.trackFlags(); {
	case flags == "N" && c.Listens():
		flags = "P" + letters
	case letters != "":
		flags = strings.TrimPrefix(flags, "N") + letters
	}
	patterns := c.listening.patterns
	text := fmt.Appendf(nil, "id=%d addr=%s name=%s age=%d idle=0 flags=%s db=0 sub=%d psub=%d ssub=0 multi=%d qbuf=0 qbuf-free=0 argv-mem=0 multi-mem=%d "+
		"rbs=0 rbp=0 obl=0 oll=0 omem=0 tot-mem=%d events=r cmd=client|info user=default redir=%d resp=%d lib-name=%s lib-ver=%s\n",
		c.ID, c.Addr, c.Name, age, flags, len(c.listening.to)-patterns, patterns, queued, held, held, c.redirect(), c.Proto, c.LibName, c.LibVer)
	return codec.AppendVerbatim(out, c.Proto, "txt", text), Done
}
