package loop

import (
	"testing"

	"covey/codec"
	"covey/command"
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
