package command

import "covey/codec"

// long is the progress of a command that is carried out over several turns, so that other clients have theirs in between: KEYS, which
// walks through the store, and commands with lists of very many keys. Other clients see it as if it were several commands.
type long struct {
	// Of a walk.
	cursor uint64
	body   []byte // the reply so far

	// Of a list.
	cmd   *entry // nil: no list is under way
	total int    // how many arguments the command has, its name not counted
	done  int    // how many of them are done
	base  int    // how many precede those that this turn was given
	size  int    // bytes of the command before those

	count int64 // what the command counts: keys deleted, or found

	told bool // a part of its reply was appended to what is replied, or to the replies of EXEC
}

// part returns the arguments that this turn is to do. args are the name and what follows it; step is how many belong together (a key, or
// a key and its value).
func (l *long) part(args [][]byte, step int) [][]byte {
	if l.total == 0 {
		l.total = len(args) - 1
	}
	args = args[1+l.done-l.base:]
	n, size := 0, 0
	for n < min(len(args), listArgs) && size < listBytes {
		for _, a := range args[n : n+step] {
			size += len(a)
		}
		n += step
	}
	return args[:n]
}

// did notes that n more arguments are done, and reports whether any are left.
func (l *long) did(n int) bool {
	l.done += n
	return l.done < l.total
}

// Held returns how many bytes the client's state holds: of the reply to a long command, of a transaction's commands and replies, and of
// subscriptions.
func (c *Client) Held() int { return cap(c.long.body) + c.tx.held() + c.listening.held() }

// Midway reports whether a part of a reply has gone out to the client, whose rest a later turn brings: what is said now would be in it.
func (c *Client) Midway() bool { return c.long.told && !c.tx.begun }

// GoesOn reports whether the command at the start of buf is a long list that c has begun. It is continued by GoOn.
func (t *Turn) GoesOn(c *Client, buf []byte) bool { return c.long.cmd != nil && buf[0] == '*' }

// GoOn continues a long list for which GoesOn is true, without parsing again what is done. size is how many bytes the whole command has,
// when it is done.
func (t *Turn) GoOn(c *Client, buf, out []byte) (_ []byte, size int, v Verdict) {
	t.Forget()
	l := &c.long
	name, at := codec.FirstBulk(buf)
	if l.size == 0 {
		l.size = skip(buf, at, l.done)
	}
	l.base = l.done
	cmd, total, at := l.cmd, l.total, l.size
	args := append(t.ahead.args[:0], name)
	for n := min(listArgs, total-l.done); n > 0; n-- {
		var arg []byte
		arg, at = codec.Bulk(buf, at)
		args = append(args, arg)
	}
	t.ahead.args = args
	base := l.base
	switch out, v = t.reply(c, cmd, args, out); v {
	case Wait:
	case Again:
		l.size = skip(buf, l.size, l.done-base)
	default:
		at = skip(buf, at, total-base-(len(args)-1)) // 0 bulks, unless an error ended the command early
	}
	t.Forget()
	return out, at, v
}

// skip returns the offset behind n bulks.
func skip(buf []byte, at, n int) int {
	for range n {
		_, at = codec.Bulk(buf, at)
	}
	return at
}
