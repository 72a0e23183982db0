package sim

import (
	"testing"
	"time"

	"covey/codec"
	"covey/peer"
	"covey/store"
)

// ready reports whether all running hosts are ready and see each other alive.
func (w *World) ready() bool {
	running := 0
	for _, h := range w.Hosts {
		if h.Node != nil {
			running++
		}
	}
	for _, h := range w.Hosts {
		if h.Node == nil {
			continue
		}
		if h.Node.State() != codec.StateReady || len(h.Node.Links()) != running-1 || h.Node.Linked() != running-1 {
			return false
		}
		alive := 0
		for _, m := range h.Node.Members(nil) {
			if m.State == peer.Alive || m.State == peer.Self {
				alive++
			}
		}
		if alive != running {
			return false
		}
	}
	return true
}

func trace(t *testing.T, w *World) {
	if testing.Verbose() {
		w.Trace = func(format string, args ...any) { t.Helper(); t.Logf(format, args...) }
	}
}

func TestTwoNodesFindEachOtherAndShareAKey(t *testing.T) {
	w := NewWorld(1, Faults{Delay: time.Millisecond})
	trace(t, w)
	a, b := w.AddHost(0, 1<<20), w.AddHost(700, 1<<20)
	a.Start()
	b.Start()
	if !w.RunUntil(3*time.Second, w.ready) {
		t.Fatal("not ready within 3 s")
	}
	t.Logf("ready after %v", time.Duration(w.Now)-time.Hour)
	key := []byte("k")
	a.write(func(now uint64, stage func(store.Record)) {
		_, r := a.Store.Set(nil, key, []byte("v"), a.Store.Hash(key), now, store.SetOptions{})
		stage(r.Record)
	})
	if !w.RunUntil(100*time.Millisecond, func() bool {
		v, _, ok := b.Store.Get(nil, key, b.Store.Hash(key), b.now())
		return ok && string(v) == "v"
	}) {
		t.Fatal("the key did not arrive within 100 ms")
	}
	if !w.RunUntil(100*time.Millisecond, func() bool { return a.Node.Acked(a.Ring.Head()) == 1 }) {
		t.Fatal("the write was not acknowledged")
	}
}
