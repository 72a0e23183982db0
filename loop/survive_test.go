package loop

import (
	"testing"

	"covey/codec"
	"covey/command"
	"covey/ifaces"
	"covey/peer"
	"covey/store"
)

// After a panic the next connection's turn has a pin, and none of another client's value, whatever the turn had done with it.
func TestAfterAPanicTheNextTurnHasAPinOfItsOwn(t *testing.T) {
	s, err := store.New(store.Options{Node: 1, MaxBytes: 64 << 20})
	if err != nil {
		t.Fatal(err)
	}
	key, value := []byte("large"), make([]byte, codec.RefValue*4)
	s.Set(nil, key, value, s.Hash(key), 1, store.SetOptions{})
	l := &eventLoop{turn: command.Turn{Store: s, Pin: new(store.Pin)}}
	pin := l.turn.Pin
	if s.GetOrPin(nil, key, s.Hash(key), 1, pin); !pin.Begun() {
		t.Fatal("nothing is pinned")
	}
	if l.abandon(); l.turn.Pin != pin || pin.Begun() {
		t.Error("the pin is still begun")
	}
	l.turn.Pin = nil // as within EXEC
	if l.abandon(); l.turn.Pin == nil || l.turn.Pin.Begun() {
		t.Error("there is no pin")
	}
}

// A panic over what a peer had sent before its connection ended, or over a frame of the beacon, is outside of all turns: it costs what it was
// about, and not the process.
func TestAPanicOutsideOfATurnDoesNotEndTheProcess(t *testing.T) {
	l := loopFor(t, nil)
	frame := codec.AppendHeartbeat(nil, codec.Heartbeat{})
	c := &conn{l: l, link: new(peer.Link), rest: true, in: frame} // a link of no node
	l.last(c, 0)
	if got := l.n.counters.panics.Load(); got != 1 {
		t.Errorf("%d panics are counted after a link's", got)
	}
	b := &beacon{n: &node{clock: l.n.clock, log: l.n.log, cfg: l.n.cfg, guard: l.n.guard}} // a node without a state machine
	b.n.beacon = b
	b.cards.Store(new([]ifaces.Interface))
	announce := codec.AppendAnnounce(nil, codec.Announce{Form: codec.FormAnnounce, ProtoMin: 1, ProtoMax: 1, Port: 9000, Cluster: b.n.tag})
	b.hearFrame(append(announce, 127, 0, 0, 1))
	if got := b.n.counters.panics.Load(); got != 1 {
		t.Errorf("%d panics are counted after a beacon's", got)
	}
}
