package command

import (
	"net/netip"
	"strings"

	"covey/codec"
	"covey/store"
)

// Verdict tells the loop how to go on after a command.
type Verdict uint8

const (
	// Done: the reply has been appended; go on with the next command.
	Done Verdict = iota
	// Close: the reply has been appended; close the connection once it is written.
	Close
	// Wait: nothing was done or appended. Run the same command again when a peer has
	// acknowledged something, when the node's state changed, or at the next tick.
	// Client.Deadline says until when it may wait; the command itself answers past it.
	Wait
	// Again: a part of a long command was done, and perhaps appended. Run the same command again once others had their turn;
	// a list goes on by GoOn where GoesOn says so.
	Again
)

// Host is what commands ask of the node beside the store. Its methods are called on the
// loop's goroutine, from within RESP and Frame, and must not block.
type Host interface {
	// State is how far the node has come (R21).
	State() codec.State
	// Settled reports whether writes may be stamped (R8).
	Settled() bool
	// Acked returns how many peers are linked now and have acknowledged the node's own stream
	// up to seq, in their present start (R11).
	Acked(seq uint64) int
	// Ask has the peers asked for a key of which the store is not certain, on behalf of a client, and tells what has come
	// of it (R17). The client asks for one key at a time, until it is told. Nothing of key is kept.
	Ask(client uint64, key []byte) Answer
	// Wall is the wall clock, in microseconds since 1970.
	Wall() uint64
	// WallOffset is what is added to a time of the wall clock to make it cluster time, in ms: the same from turn to turn as
	// long as the clocks keep their distance (R8).
	WallOffset() int64
	// Report appends the JSON of a topic. The error is a sentence for the user.
	Report(topic codec.Topic, dst []byte) ([]byte, error)
	// Facts returns what INFO and CONFIG GET show.
	Facts() Facts
}

// Client is what a connection means to its commands. It belongs to the connection's loop.
type Client struct {
	ID      uint64
	Addr    string     // host:port of the other side
	From    netip.Addr // the same without the port
	Proto   int        // 2 or 3, as HELLO chose; 0 is 2
	Created int64      // when it was accepted, in ns of the clock of Facts.Now
	Since   int64      // since when it may be without its password: the same, or when it said RESET

	// Known: it has authenticated. Of no meaning where there is no Door.
	Known        bool
	wrong, tried uint8 // wrong passwords, and commands before the right one

	Name, LibName, LibVer string // as the client names itself

	// Dirty: it has updates in the turn's Stage. The loop clears it when it sets LastSeq.
	Dirty bool
	// LastSeq is the head of the node's stream after its last write: what its WAIT waits for.
	LastSeq uint64
	// Deadline is until when the command that waits may wait, in ms of Turn.Now; 0: none waits.
	Deadline uint64

	// Peers is for how many peers that have acknowledged LastSeq a WAIT waits; 0: no WAIT waits for them. It is of use to
	// run it again when there are so many, or past Deadline.
	Peers int64

	long long        // the command that is under way, if it takes several turns
	tx   transaction // what MULTI and WATCH have begun
}

// Tally counts what the commands of a turn met. The loop may add it to the node's counters
// and clear it whenever it likes.
type Tally struct {
	Hits, Misses uint64 // keys that reads found, and did not find
	Errors       uint64 // errors replied by RESP
}

// Turn is one loop's means to run commands: it belongs to the loop and lives as long. The
// loop sets Now at the start of each turn.
type Turn struct {
	Store *store.Store
	Host  Host
	Now   uint64 // cluster time, ms
	Stage *codec.Stage
	Tally Tally
	Door  Door // nil: the node has no secret

	// Draft is the value of the write of one key (codec.LargeSet) or SetValue that is carried out next, which came as a stub (codec.Large); nil: it has its
	// value with it. Once that has been set, the draft is over; else it is the caller's to keep, or to drop.
	Draft *store.Draft

	// Pin, if not nil, is to be none; a GET, MGET, GETEX, GETRANGE or GetValue of a large value begins it. The reply in out ends where the pinned bytes
	// belong, and the end of a line behind them in RESP: they are the caller's to add before what is replied next. That
	// is the next command's, or, with Again, what the same command goes on with.
	Pin *store.Pin

	guess  int      // length of the last value replied
	work   int      // that is left of a walk's for this turn
	buf    []byte   // scratch of one command
	keys   [][]byte // scratch of one command
	queued [][]byte // scratch of EXEC: the words of a command
	ahead  gathered
}

// RESP carries out one parsed command for c and appends the reply to out. args[0] is the
// name. args are neither kept nor changed. With Wait out is as it came.
func (t *Turn) RESP(c *Client, args [][]byte, out []byte) ([]byte, Verdict) {
	if len(args) == 0 {
		return out, Done
	}
	t.Forget()
	return t.reply(c, lookup(args[0]), args, out)
}

// reply carries out a command that lookup found, or did not.
func (t *Turn) reply(c *Client, cmd *entry, args [][]byte, out []byte) ([]byte, Verdict) {
	if c.Proto == 0 {
		c.Proto = codec.RESP2
	}
	start := len(out)
	out, v := t.run(c, cmd, args, out)
	if v != Wait {
		c.Deadline, c.Peers = 0, 0
		if len(out) > start && out[start] == '-' {
			t.Tally.Errors++
			c.tx.failed = c.tx.open && (c.tx.failed || cmd == nil || cmd.flags&flagNow == 0 || !cmd.takes(len(args)))
		}
	}
	if v == Again && cmd.first > 0 {
		c.long.cmd = cmd
	}
	t.trim()
	return out, v
}

func (t *Turn) run(c *Client, cmd *entry, args [][]byte, out []byte) ([]byte, Verdict) {
	if t.shut(c) {
		if v := c.patience(); v == Close || !opens(args[0]) {
			return codec.AppendError(out, errNoAuth), v
		}
	}
	if cmd == nil {
		return unknownCommand(out, args), Done
	}
	if len(cmd.subs) > 0 && len(args) > 1 {
		if cmd = cmd.sub(args[1]); cmd == nil {
			return unknownSubcommand(out, args), Done
		}
	}
	if !cmd.takes(len(args)) {
		if cmd.name == "exec" { // it ends the transaction all the same
			c.tx = transaction{}
			return codec.AppendError(out, errExecArity), Done
		}
		return wrongArity(out, cmd.full), Done
	}
	if len(args) > maxWords && cmd.last >= 0 {
		return codec.AppendError(out, errWords), Done
	}
	if !t.mayFromHere(c, cmd) {
		return codec.AppendError(out, "DENIED "+strings.ToUpper(cmd.full)+" is for clients on the node's own machine (127.0.0.1), and for those that have authenticated where there is a secret; give it there"), Done
	}
	if cmd.first > 0 && !cmd.keysFit(args) {
		return codec.AppendError(out, errKeyLength), Done
	}
	if a := t.admit(c, cmd.gate); a != admitted {
		return a.turnAway(out, errLoading)
	}
	if c.tx.open && cmd.flags&flagNow == 0 {
		return c.tx.enqueue(args, out)
	}
	return cmd.run(t, c, args, out)
}

// update puts an update that the store returned into the stage. The record may alias the
// command: nothing of it is kept.
func (t *Turn) update(c *Client, r *store.Record) { t.stage(c, r, false) }

// stage is update, of a record whose value was a draft or was not.
func (t *Turn) stage(c *Client, r *store.Record, drafted bool) {
	if drafted {
		t.Stage.AddRef((*codec.Record)(r))
	} else {
		t.Stage.Add((*codec.Record)(r))
	}
	c.Dirty = true
}

// trim gives back the scratch of a command that needed very much.
func (t *Turn) trim() {
	if cap(t.buf) > keptScratch {
		t.buf = nil
	}
	if cap(t.keys) > keptScratch/24 {
		t.keys = nil
	}
	clear(t.queued)
	t.queued = t.queued[:0]
	if cap(t.queued) > keptScratch/24 {
		t.queued = nil
	}
}
