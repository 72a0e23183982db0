package command

import (
	"covey/codec"
	"covey/store"
)

// gathered is a batch of commands of one connection. All of them are parsed, and the memory of their keys is prefetched, before the
// first is carried out, so that the waits for memory overlap. Otherwise the batch makes no difference: the commands are carried out one
// after the other, in their order, as if each had been parsed after the one before.
//
// It aliases the buffer in which the commands lie, until Forget.
type gathered struct {
	items [maxGathered]item
	count int              // how many items there are
	next  int              // index of the first item that is not carried out yet
	args  [][]byte         // arguments of all items, one item after the other
	arg   int              // index of the first argument of items[next]
	keys  [maxAimed][]byte // keys that the items will look up
	aimed [maxAimed]store.Aim
	aims  int // how many keys and aimed there are
	aim   int // index of the first key of the current item that it has not looked up yet
	last  int // index behind the last key of the current item
}

// item is one command.
type item struct {
	cmd  *entry // nil: no command has this name
	args int    // how many arguments, its name included; 0: an empty line, or a frame
	aims int    // how many of its keys were hashed
	size int    // bytes that it takes in the buffer
	head codec.Header
	body []byte // of a frame
}

// GatherRESP parses up to maxGathered whole commands at the start of buf, for NextRESP to carry out, and returns how many. all says
// that no whole command follows them in buf: bytes are missing (p.Need), or err, a *codec.ProtocolError, says what is wrong. Otherwise
// buf may hold more commands.
func (t *Turn) GatherRESP(p *codec.Parser, buf []byte) (n int, all bool, err error) {
	t.Forget()
	g := &t.ahead
	for g.count < maxGathered && len(g.args) < maxAimed {
		start, took := len(g.args), 0
		if g.args, took, err = p.Next(g.args, buf); took == 0 {
			all = true
			break
		}
		it := g.add(took)
		if args := g.args[start:]; len(args) > 0 {
			it.cmd, it.args = lookup(args[0]), len(args)
			t.aimAtKeys(it, args)
		}
		if buf[0] != '*' || took == len(buf) { // the next inline command would overwrite its arguments
			break
		}
		if buf = buf[took:]; len(buf) > 3 && buf[3]-'0' <= 9 {
			break // 100 arguments or more: if the commands before it have a turn each, it would be parsed anew in each of them
		}
	}
	t.warm()
	return g.count, all, err
}

// GatherFrames is GatherRESP for binary messages. When all is set, h is as much as could be read of the header that follows them.
func (t *Turn) GatherFrames(buf []byte) (n int, all bool, h codec.Header, err error) {
	t.Forget()
	g := &t.ahead
	for g.count < maxGathered {
		var ok bool
		h, ok, err = codec.DecodeHeader(buf)
		size := codec.HeaderLen + int(h.Length)
		if err != nil || !ok || size > len(buf) {
			all = true
			break
		}
		it := g.add(size)
		it.head, it.body = h, buf[codec.HeaderLen:size]
		brings := 0
		if h.Kind == codec.KindSetValue {
			brings = int(h.Length)
		}
		t.aimAtKey(it, keyOf(h.Kind, it.body), brings, h.Kind != codec.KindGetValue && h.Kind != codec.KindTimeToLive)
		if size == len(buf) {
			break
		}
		buf = buf[size:]
	}
	t.warm()
	return g.count, all, h, err
}

// NextRESP carries out the next of the gathered commands, as RESP does. size is how many bytes of the buffer it took. After Wait the
// rest of what was gathered must not be carried out.
func (t *Turn) NextRESP(c *Client, out []byte) (_ []byte, size int, v Verdict) {
	g := &t.ahead
	it := g.take()
	if it.args == 0 {
		return out, it.size, Done
	}
	args := g.args[g.arg : g.arg+it.args : g.arg+it.args]
	g.arg += it.args
	out, v = t.reply(c, it.cmd, args, out)
	return out, it.size, v
}

// NextFrame is NextRESP for binary messages, as Frame carries them out.
func (t *Turn) NextFrame(c *Client, out []byte) (_ []byte, size int, v Verdict) {
	it := t.ahead.take()
	out, v = t.answer(c, it.head, it.body, out)
	return out, it.size, v
}

// Long reports whether the last command carried out may have taken long: it walks through the store, has very many keys, or makes a
// report.
func (t *Turn) Long() bool {
	g := &t.ahead
	if g.next == 0 {
		return false
	}
	it := &g.items[g.next-1]
	return it.args > maxAimed || it.cmd != nil && it.cmd.long || it.head.Kind == codec.KindReport
}

// Forget lets go of all that was gathered, and with it of the buffer: it may be memory that is about to be given back.
func (t *Turn) Forget() {
	g := &t.ahead
	clear(g.args)
	clear(g.keys[:g.aims])
	for i := range g.items[:g.count] {
		g.items[i].body = nil
	}
	g.count, g.next, g.arg, g.aims, g.aim, g.last = 0, 0, 0, 0, 0, 0
	if g.args = g.args[:0]; cap(g.args) > keptScratch/24 {
		g.args = nil
	}
}

// add appends an item of size bytes.
func (g *gathered) add(size int) *item {
	it := &g.items[g.count]
	it.cmd, it.args, it.aims, it.size, it.head.Kind = nil, 0, 0, size, 0
	g.count++
	return it
}

// take returns the next item and makes it the current one, whose keys Turn.hash has at hand.
func (g *gathered) take() *item {
	it := &g.items[g.next]
	g.next++
	g.aim = g.last
	g.last += it.aims
	return it
}

// aimAtKeys notes the keys that a command will look up for warm to prefetch, unless its arity is wrong: then it looks up none.
func (t *Turn) aimAtKeys(it *item, args [][]byte) {
	if it.cmd == nil || it.cmd.first == 0 || !it.cmd.takes(len(args)) {
		return
	}
	last := it.cmd.last
	if last < 0 {
		last += len(args)
	}
	brings := 0
	if it.cmd.flags&flagDenyOOM != 0 && it.cmd.last == it.cmd.first && len(args) > it.cmd.last+1 {
		brings = max(it.size-len(args)*wordAround, 1)
	}
	for i := it.cmd.first; i <= last && t.ahead.aims < maxAimed; i += it.cmd.step {
		t.aimAtKey(it, args[i], brings, it.cmd.flags&flagWrite != 0)
	}
}

// aimAtKey notes one key for warm. brings is about how many bytes the key has with the value that the command brings; 0: it brings none,
// and the value in the store is guessed to be as long as the last one replied.
func (t *Turn) aimAtKey(it *item, key []byte, brings int, writes bool) {
	g := &t.ahead
	if len(key) == 0 || len(key) > codec.MaxKey || g.aims == maxAimed {
		return
	}
	if brings == 0 {
		brings = len(key) + t.guess
	}
	g.keys[g.aims] = key
	g.aimed[g.aims] = store.Aim{Hash: t.Store.Hash(key), Bytes: uint32(brings), Write: writes}
	g.aims++
	it.aims++
}

// keyOf returns the key of a binary message; nil if the message has none or is malformed.
func keyOf(k codec.Kind, body []byte) []byte {
	switch k {
	case codec.KindGetValue, codec.KindDelete, codec.KindTimeToLive:
		return body
	case codec.KindSetValue:
		if m, err := codec.DecodeSetValue(body); err == nil {
			return m.Key
		}
	case codec.KindIncrement:
		if m, err := codec.DecodeIncrement(body); err == nil {
			return m.Key
		}
	case codec.KindExpire:
		if m, err := codec.DecodeExpire(body); err == nil {
			return m.Key
		}
	}
	return nil
}

// warm prefetches the memory of all noted keys.
func (t *Turn) warm() {
	switch g := &t.ahead; g.aims {
	case 0:
	case 1:
		t.Store.WarmKey(g.aimed[0].Hash, g.aimed[0].Write)
	default:
		t.Store.Warm(g.aimed[:g.aims])
	}
}

// hash returns the hash of a key. If the key was gathered it was hashed and prefetched before; else it is prefetched now.
func (t *Turn) hash(key []byte) uint64 {
	g := &t.ahead
	for ; g.aim < g.last; g.aim++ {
		if k := g.keys[g.aim]; len(k) == len(key) && &k[0] == &key[0] {
			return g.aimed[g.aim].Hash
		}
	}
	hash := t.Store.Hash(key)
	t.Store.WarmKey(hash, true)
	return hash
}
