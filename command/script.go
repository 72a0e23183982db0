package command

import (
	"crypto/sha1"
	"encoding/hex"
	"sync"

	"covey/codec"
)

// covey runs no scripts: neither the time nor the memory that one takes could be bounded. It recognises those that are in lockScripts and
// limiterScripts, and does what they do.

// Scripts are the texts that EVALSHA may name: those that came by EVAL or SCRIPT LOAD and were recognised. The loops of a node share
// them, for a client may load a script by one connection and call it by another. A nil Scripts knows none.
type Scripts struct {
	mu    sync.Mutex
	known map[[sha1.Size]byte]*script
}

// learn notes a text. Instead of one too many all are forgotten: clients send them again when they are told NOSCRIPT.
func (s *Scripts) learn(text []byte, is *script) (sum [sha1.Size]byte) {
	sum = sha1.Sum(text)
	if s == nil {
		return sum
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.known == nil || len(s.known) >= maxScripts && s.known[sum] == nil {
		s.known = make(map[[sha1.Size]byte]*script)
	}
	s.known[sum] = is
	return sum
}

// find returns the script that a sum in hexadecimal names; nil: it is not known.
func (s *Scripts) find(name []byte) *script {
	var sum [sha1.Size]byte
	if s == nil || len(name) != hex.EncodedLen(len(sum)) {
		return nil
	}
	if _, err := hex.Decode(sum[:], name); err != nil {
		return nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.known[sum]
}

func (s *Scripts) forget() {
	if s != nil {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.known = nil
	}
}

// recognise returns what a text is; nil: none that covey carries out.
func (t *Turn) recognise(text []byte) *script {
	if len(text) > maxScript {
		return nil
	}
	form, ok := canonical(t.buf[:0], text)
	t.buf = form
	if !ok {
		return nil
	}
	return scriptOf[string(form)]
}

func eval(t *Turn, c *Client, args [][]byte, out []byte) ([]byte, Verdict) {
	n, problem := keyCount(args)
	if problem != "" {
		return codec.AppendError(out, problem), Done
	}
	s := t.recognise(args[1])
	if s == nil {
		return codec.AppendError(out, errScript), Done
	}
	t.Scripts.learn(args[1], s)
	return t.runScript(c, s, args[3:], n, out)
}

func evalsha(t *Turn, c *Client, args [][]byte, out []byte) ([]byte, Verdict) {
	n, problem := keyCount(args)
	if problem != "" {
		return codec.AppendError(out, problem), Done
	}
	s := t.Scripts.find(args[1])
	if s == nil {
		return codec.AppendError(out, errNoScript), Done
	}
	return t.runScript(c, s, args[3:], n, out)
}

// keyCount reads how many of the arguments are keys; problem is the error to reply.
func keyCount(args [][]byte) (n int64, problem string) {
	n, ok := integer(args[2])
	switch {
	case !ok:
		return 0, errInteger
	case n > int64(len(args)-3):
		return 0, "ERR Number of keys can't be greater than number of args"
	case n < 0:
		return 0, "ERR Number of keys can't be negative"
	}
	return n, ""
}

func (t *Turn) runScript(c *Client, s *script, words [][]byte, keys int64, out []byte) ([]byte, Verdict) {
	switch {
	case keys != 1 || len(words)-1 < s.argc:
		return codec.AppendError(out, errScriptWords), Done
	case len(words[0]) > codec.MaxKey:
		return codec.AppendError(out, errKeyLength), Done
	}
	return s.run(t, c, words[0], words[1:], out)
}

func scriptLoad(t *Turn, c *Client, args [][]byte, out []byte) ([]byte, Verdict) {
	s := t.recognise(args[2])
	if s == nil {
		return codec.AppendError(out, errScript), Done
	}
	sum := t.Scripts.learn(args[2], s)
	return codec.AppendBulkString(out, hex.EncodeToString(sum[:])), Done
}

func scriptExists(t *Turn, c *Client, args [][]byte, out []byte) ([]byte, Verdict) {
	out = codec.AppendArray(out, len(args)-2)
	for _, name := range args[2:] {
		n := int64(0)
		if t.Scripts.find(name) != nil {
			n = 1
		}
		out = codec.AppendInt(out, n)
	}
	return out, Done
}

// scriptFlush forgets what EVALSHA may name. ASYNC and SYNC make no difference here.
func scriptFlush(t *Turn, c *Client, args [][]byte, out []byte) ([]byte, Verdict) {
	if len(args) > 3 || len(args) == 3 && !is(args[2], "ASYNC") && !is(args[2], "SYNC") {
		return codec.AppendError(out, "ERR SCRIPT FLUSH only support SYNC|ASYNC option"), Done
	}
	t.Scripts.forget()
	return codec.AppendSimple(out, "OK"), Done
}
