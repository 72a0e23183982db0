package command

import (
	"encoding/binary"

	"covey/codec"
)

// entry is one command of the table.
type entry struct {
	name  string // in lower case
	full  string // the same, or "container|name" for a subcommand
	arity int    // how many arguments, the name included; negative: at least -arity
	gate  gate
	run   func(t *Turn, c *Client, args [][]byte, out []byte) ([]byte, Verdict)

	// Where the keys are: the first, the last (negative: counted from the end), every how
	// many. All 0: it has none.
	first, last, step int

	counts int // an argument says how many keys follow it: this one; 0: none does

	long bool // it may take long, however few arguments it has (Turn.Long)

	flags    flags
	category string // what the command is about, as access control lists call it, or ""
	keys     string // what it does to its keys, in Redis' words
	note     string // of the key specification
	tips     string // separated by spaces

	group, since, summary, complexity string

	subs []entry // subcommands of a container, such as CLIENT
}

// flags are what COMMAND says of a command, in the order in which Redis lists them.
type flags uint32

const (
	flagWrite flags = 1 << iota
	flagReadOnly
	flagDenyOOM
	flagAdmin
	flagPubSub
	flagNoScript
	flagLoading
	flagStale
	flagSkipMonitor
	flagSkipSlowlog
	flagFast
	flagNoAuth
	flagAllowBusy
	flagNoMandatoryKeys
	flagMovableKeys
	flagDangerous // not a flag of its own: a category
	flagLocal     // not a flag of Redis: only for clients on this machine, or that have authenticated
	flagListening // not a flag of Redis: who listens may send it in RESP2 too
	flagNow       // not a flag of Redis: between MULTI and EXEC it is carried out at once and not queued
)

var flagNames = []string{"write", "readonly", "denyoom", "admin", "pubsub", "noscript", "loading", "stale", "skip_monitor", "skip_slowlog", "fast", "no_auth", "allow_busy",
	"no_mandatory_keys", "movablekeys"}

// flagsConnection are the flags of commands that a client sends before anything else.
const flagsConnection = flagNoScript | flagLoading | flagStale | flagFast | flagNoAuth | flagAllowBusy

// takes reports whether n arguments, the name included, are as many as the command wants.
func (e *entry) takes(n int) bool {
	if e.arity < 0 {
		return n >= -e.arity
	}
	return n == e.arity
}

// keysFit reports whether no key of the command is too long.
func (e *entry) keysFit(args [][]byte) bool {
	last := e.last
	if last < 0 {
		last += len(args)
	}
	for i := e.first; i <= last; i += e.step {
		if len(args[i]) > codec.MaxKey {
			return false
		}
	}
	return true
}

// sub finds a subcommand of a container.
func (e *entry) sub(name []byte) *entry {
	w, ok := pack(name)
	if !ok {
		return nil
	}
	for i := range e.subs {
		if p, _ := pack([]byte(e.subs[i].name)); p == w {
			return &e.subs[i]
		}
	}
	return nil
}

// word is a command's name of up to 16 letters, in lower case, packed: the first eight, and the rest.
type word struct{ head, tail uint64 }

// pack packs a name in lower case. Setting bit 5 turns only letters into lower-case letters, so whatever is not a
// name never looks like one: names consist of letters.
func pack(b []byte) (w word, ok bool) {
	switch n := len(b); {
	case n == 0 || n > 16:
		return w, false
	case n <= 8:
		return word{head: pack8(b)}, true
	}
	return word{pack8(b[:8]), pack8(b[8:])}, true
}

// pack8 packs 1 to 8 letters. Some are read twice, into the same place.
func pack8(b []byte) (w uint64) {
	n := len(b)
	if n >= 4 {
		w = uint64(binary.LittleEndian.Uint32(b)) | uint64(binary.LittleEndian.Uint32(b[n-4:]))<<(8*(n-4)&63)
	} else {
		w = uint64(b[0]) | uint64(b[n/2])<<(8*(n/2)&63) | uint64(b[n-1])<<(8*(n-1)&63)
	}
	return w | 0x2020202020202020>>(8*(8-n)&63)
}

// slots is the size of the index: a power of two, some four times the commands.
const slots = 256

// index finds commands by open addressing: no allocation, one or two probes.
var index [slots]struct {
	word word
	cmd  *entry
}

func (w word) slot() int { return int((w.head^w.tail*31)*0x9E3779B97F4A7C15>>56) % slots }

// lookup finds a command by its name in any case; nil: there is none.
func lookup(name []byte) *entry {
	w, ok := pack(name)
	if !ok {
		return nil
	}
	for i := w.slot(); index[i].cmd != nil; i = (i + 1) % slots {
		if index[i].word == w {
			return index[i].cmd
		}
	}
	return nil
}

// init fills the table and its index. It is not a plain initialiser because COMMAND, which is
// in the table, reads it.
func init() {
	commands = table()
	for i := range commands {
		cmd := &commands[i]
		cmd.full = cmd.name
		for j := range cmd.subs {
			cmd.subs[j].full = cmd.name + "|" + cmd.subs[j].name
		}
		w, _ := pack([]byte(cmd.name))
		at := w.slot()
		for index[at].cmd != nil {
			at = (at + 1) % slots
		}
		index[at].word, index[at].cmd = w, cmd
	}
}

// commands is the table, in alphabetical order within its groups. Nothing changes it after init.
var commands []entry
