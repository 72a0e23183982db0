package command

import (
	"net/netip"
	"strings"

	"covey/codec"
	"covey/store"
	"covey/tracking"
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
	// State is how far the node has come in copying what its peers hold (R21).
	State() codec.State
	// Settled reports whether writes may be stamped (R8).
	Settled() bool
	// Acked returns how many peers are linked now and have acknowledged the node's own stream
	// up to seq, in their present start (R11).
	Acked(seq uint64) int
	// Ask asks the peers for a key that the store may have evicted (R17), on behalf of a client, and says how far they have answered.
	// It is called again, with the same key, until the answer is not AnswerPending. A client asks for one key at a time. key is not kept.
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

// Client is the state of a connection that its commands read and change. It belongs to the connection's loop.
type Client struct {
	ID      uint64
	Addr    string     // host:port of the other side
	From    netip.Addr // the same without the port
	Proto   int        // version of RESP: 2 or 3, as HELLO chose; 0 means 2
	Created int64      // when it was accepted, in ns of the clock of Facts.Now
	Since   int64      // when it last became unauthenticated: Created, or the time of its last RESET

	// Known: it has authenticated. Without a Door it says nothing.
	Known        bool
	wrong, tried uint8 // wrong passwords so far, and commands before the right one

	Name, LibName, LibVer string // as the client names itself

	// Dirty: it has updates in the turn's Stage. The loop clears it when it sets LastSeq.
	Dirty bool
	// LastSeq is the head of the node's stream after its last write: what its WAIT waits for.
	LastSeq uint64
	// Deadline is until when a waiting command may wait, in ms of Turn.Now; 0: no command waits.
	Deadline uint64

	// Peers is how many peers have to acknowledge LastSeq before a waiting WAIT is run again; or it is run past Deadline. 0: no WAIT
	// waits for peers.
	Peers int64

	// Ear is where the client's messages go. It is set before the client subscribes to anything.
	Ear       Ear
	listening listening

	// Track is set while the connection tracks what it reads. Its messages are the loop's to send, while no command is UnderWay.
	Track   *tracking.Client
	caching bool // CLIENT CACHING was sent, which holds for the next command or transaction

	long long        // the command that is under way, if it takes several turns
	tx   transaction // what MULTI and WATCH have begun
}

// Tally counts what the commands of a turn met. The loop may add it to the node's counters
// and clear it whenever it likes.
type Tally struct {
	Hits, Misses uint64 // keys that reads found, and did not find
	Errors       uint64 // errors replied by RESP
}

// Turn runs commands for one loop. It belongs to the loop and lives as long. The loop sets Now at the start of each turn.
type Turn struct {
	Store *store.Store
	Host  Host
	Now   uint64 // cluster time, ms
	Stage *codec.Stage
	Tally Tally
	Door  Door // nil: the node has no secret

	// Scripts is what the loops of a node share of what EVALSHA may name; nil: nothing.
	Scripts *Scripts

	// Audience is who of the node's clients listens to what; the loops share it. nil: nobody. Mail is where this loop's messages come.
	Audience *Audience
	Mail     *Mailbox

	// Budget is the store's, in bytes: where it is small, so are the longest replies to KEYS and EXEC. 0: it is large.
	Budget int64

	// Tracking is what the clients of the node have read, to tell them what changes; nil: they cannot track.
	Tracking *tracking.Table

	// Commit, if not nil, puts what is staged, of c, where the peers will have it from. It is called before they are asked for a key: a
	// question must not overtake what the turn has written under it (R17).
	Commit func(c *Client)

	// Draft is set when the next command is a stub (codec.Large), a write without its large value: it has that value. A command that
	// sets the value ends the draft. Otherwise the draft stays the caller's, to keep or to drop. nil: the command has its value itself.
	Draft *store.Draft

	// Pin, if not nil, must not have begun. A GET, MGET, GETEX, GETRANGE or GetValue of a large value begins it instead of copying the
	// value. Then out ends where the value belongs, and the caller has to send the pinned bytes, and in RESP a "\r\n", before anything
	// that is replied later: by the next command, or after Again by this one.
	Pin *store.Pin

	guess  int      // length of the last value replied
	work   int      // how much of walkWork is left for this turn
	buf    []byte   // scratch of one command
	keys   [][]byte // scratch of one command
	queued [][]byte // scratch of EXEC: the words of a command
	ahead  gathered
	post   deliveries
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
		if v != Again {
			c.cached(cmd)
		}
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
	if c.confined() && cmd.flags&flagListening == 0 {
		return codec.AppendError(out, "ERR Can't execute '"+cmd.full+"': only (P|S)SUBSCRIBE / (P|S)UNSUBSCRIBE / PING / QUIT / RESET are allowed in this context"), Done
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
	if c.Track != nil {
		t.remember(c, cmd, args)
	}
	return cmd.run(t, c, args, out)
}

// update puts an update that the store returned into the stage. The record may alias the
// command: nothing of it is kept.
func (t *Turn) update(c *Client, r *store.Record) { t.stage(c, r, false) }

// stage is update for a record whose value may have been a draft: then only a reference to it goes into the stage.
func (t *Turn) stage(c *Client, r *store.Record, drafted bool) {
	if drafted {
		t.Stage.AddRef((*codec.Record)(r))
	} else {
		t.Stage.Add((*codec.Record)(r))
	}
	c.Dirty = true
	if t.Tracking != nil && t.Tracking.Active() {
		t.invalidate(c, r)
	}
}

// mostReply is how long a reply to KEYS, or the replies to a transaction's commands, may become.
func (t *Turn) mostReply() int {
	if t.Budget == 0 {
		return maxReply
	}
	return int(min(maxReply, t.Budget/replyShare))
}

// trim gives back scratch memory beyond keptScratch.
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
