package sim

import (
	"errors"
	"fmt"
	"net/netip"
	"time"

	"covey/codec"
	"covey/command"
	"covey/peer"
	"covey/store"
)

const (
	clientRetry = 50 * time.Millisecond // before a command that has to wait is tried again
	clientTries = 60
)

// desk is where a host's clients are served: package command on the host's store, as package loop wires them.
type desk struct {
	turn    command.Turn
	clients uint64      // so far: each command is of its own
	stage   codec.Stage // what one command writes, before it goes to the host's own
	buf     []byte
	args    [][]byte
	rec     codec.Record
}

func (h *Host) openDesk() {
	h.desk = desk{}
	h.desk.turn = command.Turn{Store: h.Store, Host: h, Stage: &h.desk.stage}
}

// Ask has the peers asked for a key (R17).
func (h *Host) Ask(client uint64, key []byte) command.Answer {
	a := h.Node.Ask(h.mono(), client, key)
	h.carryOut()
	return [...]command.Answer{
		peer.AskedAll: command.AnswerNone, peer.AskedPending: command.AnswerPending, peer.AskedLate: command.AnswerLate,
	}[a]
}

// State, Settled, Acked, Wall, WallOffset, Report and Facts are what commands ask of a node (command.Host).
func (h *Host) State() codec.State   { return h.Node.State() }
func (h *Host) Settled() bool        { return h.Node.TimeSettled() }
func (h *Host) Acked(seq uint64) int { return h.Node.Acked(seq) }
func (h *Host) Wall() uint64         { return uint64(h.wall()) * 1000 }
func (h *Host) WallOffset() int64    { return int64(h.now()) - int64(h.wall()) }
func (h *Host) Facts() command.Facts { return command.Facts{ID: h.id, Now: h.mono()} }
func (h *Host) Report(codec.Topic, []byte) ([]byte, error) {
	return nil, errors.New("nobody asks a simulated node for a report")
}

// Do carries out a command of a client, now or, when it has to wait, later. A node that is down or asleep does not answer.
func (h *Host) Do(args ...string) {
	h.desk.clients++
	h.do(&command.Client{ID: h.desk.clients, From: netip.AddrFrom4([4]byte{127, 0, 0, 1})}, args, h.life, clientTries)
}

func (h *Host) do(client *command.Client, args []string, life, tries int) {
	if h.life != life || h.Node == nil || h.asleep || tries == 0 {
		return
	}
	d := &h.desk
	d.args = d.args[:0]
	for _, a := range args {
		d.args = append(d.args, []byte(a))
	}
	if args[0] == "PUBLISH" && h.booked() && h.Settled() {
		d.args[2] = []byte(h.world.book.published(h, args[2]))
	}
	d.turn.Now = h.now()
	if h.booked() {
		for _, a := range args[1:] {
			h.world.book.serves(h, a, d.turn.Now)
		}
	}
	var v command.Verdict
	if d.buf, v = d.turn.RESP(client, d.args, d.buf[:0]); v == command.Wait {
		h.world.After(clientRetry, func() { h.do(client, args, life, tries-1) })
		return
	}
	if len(d.buf) > 0 && d.buf[0] == '-' && h.State() == codec.StateReady && h.booked() {
		h.world.book.replied(h, args, string(d.buf))
	}
	h.endTurn(args)
}

// booked reports whether a ledger is kept of the host.
func (h *Host) booked() bool { return h.world.book != nil && !h.stranger }

// endTurn takes what a command has written into the ledger and to the ring.
func (h *Host) endTurn(args []string) {
	d := &h.desk
	if d.stage.Count() == 0 {
		return
	}
	h.stage.SetQuiet(!h.Ring.Live())
	for seg := range d.stage.Segments() {
		for run := seg.Records; len(run) > 0; {
			superseded := false
			n, err := codec.DecodeStaged(run, &d.rec)
			if err != nil {
				panic(fmt.Sprintf("a command staged what cannot be read: %v", err))
			}
			run = run[n:]
			if d.rec.Flags&codec.RecordRef != 0 {
				full, _, _ := h.Store.Lookup(nil, d.rec.Key, h.Store.Hash(d.rec.Key), d.turn.Now)
				superseded = full.Stamp != d.rec.Stamp // by the same command
				d.rec = codec.Record(full)
			}
			if h.booked() && !superseded && d.rec.Kind != codec.KindMessage {
				h.world.book.wrote(h, args, (*store.Record)(&d.rec))
			}
			h.stage.Add(&d.rec)
		}
	}
	d.stage.Reset()
	h.append()
}

// append ends a turn: what is staged goes to the ring.
func (h *Host) append() {
	if h.stage.Count() == 0 {
		return
	}
	h.Ring.Append(&h.stage)
	h.stage.Reset()
	for _, l := range h.Node.Links() {
		l.Notify(h.mono())
	}
}

// write runs calls of the store as one turn: it stages what they return. No ledger has it.
func (h *Host) write(command func(now uint64, stage func(store.Record))) {
	h.stage.SetQuiet(!h.Ring.Live())
	command(h.now(), func(r store.Record) { h.stage.Add((*codec.Record)(&r)) })
	h.append()
}
