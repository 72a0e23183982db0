package command

import "covey/codec"

// long is what a client's command has come to that goes on over several turns, so that others have theirs: KEYS, which walks through
// the store, and those with lists of very many keys. To others it looks as if it had come as several commands.
type long struct {
	// Of a walk.
	cursor uint64
	body   []byte // of the reply

	// Of a list.
	cmd   *entry // nil: none is under way
	total int    // arguments, its name apart
	done  int    // of them
	base  int    // of them before those at hand
	size  int    // bytes of the command before those

	count int64 // what it counts
}

// part returns the next arguments of a list, which belong together by step, that are done in this turn.
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

// did notes that n arguments more are done, and reports whether there are more.
func (l *long) did(n int) bool {
	l.done += n
	return l.done < l.total
}

// Held returns the bytes that a command under way holds for its reply, and a transaction for its commands and theirs.
func (c *Client) Held() int { return len(c.long.body) + c.tx.held() }

// GoesOn reports whether the command at the start of buf is one of c's that has been begun and goes on by GoOn.
func (t *Turn) GoesOn(c *Client, buf []byte) bool { return c.long.cmd != nil && buf[0] == '*' }

// GoOn goes on with a long list of which GoesOn is true: nothing of it is parsed twice. size is that of the whole command when it is done.
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
		at = skip(buf, at, total-base-(len(args)-1)) // more than none after an error alone
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
