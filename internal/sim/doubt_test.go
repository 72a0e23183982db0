package sim

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"covey/codec"
	"covey/command"
	"covey/peer"
	"covey/store"
)

// front is where the commands of one client of a host are carried out, as package loop does it.
type front struct {
	h      *Host
	turn   command.Turn
	client command.Client
}

func (f *front) State() codec.State                                     { return f.h.Node.State() }
func (f *front) Settled() bool                                          { return f.h.Node.TimeSettled() }
func (f *front) Acked(seq uint64) int                                   { return f.h.Node.Acked(seq) }
func (f *front) Wall() uint64                                           { return uint64(f.h.wall()) * 1000 }
func (f *front) WallOffset() int64                                      { return f.h.WallOffset() }
func (f *front) Report(_ codec.Topic, dst []byte) (_ []byte, err error) { return dst, nil }
func (f *front) Facts() command.Facts                                   { return command.Facts{} }

func (f *front) Ask(client uint64, key []byte) command.Answer {
	a := f.h.Node.Ask(f.h.mono(), client, key)
	f.h.carryOut()
	return [...]command.Answer{
		peer.AskedAll: command.AnswerNone, peer.AskedPending: command.AnswerPending, peer.AskedLate: command.AnswerLate,
	}[a]
}

// open opens a connection to a host.
func (h *Host) open(id uint64) *front {
	f := &front{h: h, client: command.Client{ID: id}}
	f.turn = command.Turn{Store: h.Store, Host: f, Stage: &h.stage}
	return f
}

// do runs one command until it is done; it returns the reply and how long it took.
func (f *front) do(t *testing.T, line string) (reply string, took time.Duration) {
	t.Helper()
	w, begun := f.h.world, f.h.world.Now
	for {
		var args [][]byte
		for _, a := range strings.Fields(line) {
			args = append(args, []byte(a))
		}
		var out []byte
		verdict := command.Wait
		f.h.write(func(now uint64, _ func(store.Record)) {
			f.turn.Now = now
			out, verdict = f.turn.RESP(&f.client, args, nil)
		})
		if verdict != command.Wait {
			return strings.TrimSuffix(string(out), "\r\n"), time.Duration(w.Now - begun)
		}
		if len(out) > 0 || w.Now-begun > int64(5*time.Second) {
			t.Fatalf("%s: %q, and it waits", line, out)
		}
		w.Run(5 * time.Millisecond)
	}
}

// little is a mesh of hosts that have room for all keys, and a last one that has not: keys 0 to n-1 hold their numbers, and a
// little more.
func little(t *testing.T, seed uint64, hosts, keys int, weak peer.Weakness) (*World, *Host) {
	t.Helper()
	return littleFor(t, seed, hosts, keys, weak, 0)
}

// littleFor is little with a horizon; 0 is the usual one.
func littleFor(t *testing.T, seed uint64, hosts, keys int, weak peer.Weakness, horizon time.Duration) (*World, *Host) {
	t.Helper()
	w := mesh(t, seed, 0)
	for range hosts {
		h := w.AddHost(0, 1<<20)
		h.weak, h.horizon = weak, horizon
	}
	small := w.Hosts[hosts-1]
	small.memory = 1 << 20
	for _, h := range w.Hosts {
		h.Start()
	}
	within(t, w, 3*time.Second, "ready", func() bool { return w.linked() && w.ready() })
	for i := range keys {
		w.Hosts[0].set(fmt.Sprint("n", i), fmt.Sprint(i+100))
		if w.Hosts[0].set(fmt.Sprint("pad", i), strings.Repeat("x", 1000)); i%50 == 0 {
			w.Run(5 * time.Millisecond)
		}
	}
	w.Run(5 * time.Second)
	return w, small
}

// lost returns the numbers of keys of little that a host has evicted.
func (h *Host) lost(keys int) (all []int) {
	for i := range keys {
		key := []byte(fmt.Sprint("n", i))
		if _, _, ok := h.Store.Get(nil, key, h.Store.Hash(key), h.now()); !ok {
			all = append(all, i)
		}
	}
	return all
}

func TestR17_WhatReadsInOrderToWriteAsksWhereTheValueWasEvicted(t *testing.T) {
	const keys = 5000
	w, small := little(t, 21, 3, keys, 0)
	lost := small.lost(keys)
	if len(lost) < keys/2 {
		t.Fatalf("%d keys evicted", len(lost))
	}
	f := small.open(7)
	next := 0
	for _, c := range []struct{ line, reply, value string }{
		{"INCR %s", ":%d+1", "%d+1"},
		{"DECRBY %s 3", ":%d-3", "%d-3"},
		{"SETNX %s 1", ":0", "%d"},
		{"SET %s 1 NX", "$-1", "%d"},
		{"SET %s 1 XX", "+OK", "1"},
		{"SET %s 1 GET", "$", "1"},
		{"SET %s 1 KEEPTTL", "+OK", "1"},
		{"GETSET %s 5", "$", "5"},
		{"EXPIRE %s 100", ":1", "%d"},
		{"PERSIST %s", ":0", "%d"},
		{"GETDEL %s", "$", ""},
	} {
		for range 20 { // some of them ghosts, most in partial leaves
			n := lost[next]
			next++
			num := func(s string) string {
				s = strings.NewReplacer("%d+1", fmt.Sprint(n+101), "%d-3", fmt.Sprint(n+97)).Replace(s)
				return strings.ReplaceAll(s, "%d", fmt.Sprint(n+100))
			}
			key := fmt.Sprint("n", n)
			reply, took := f.do(t, fmt.Sprintf(c.line, key))
			want := num(c.reply)
			if c.reply == "$" { // what was there
				old := fmt.Sprint(n + 100)
				want = fmt.Sprintf("$%d\r\n%s", len(old), old)
			}
			if reply != want || took > 100*time.Millisecond {
				t.Errorf("%s of %s: %q after %v, want %q", c.line, key, reply, took, want)
			}
			w.Run(10 * time.Millisecond)
			big := w.Hosts[0]
			if v := num(c.value); v == "" && big.has(key, num("%d")) || v != "" && !big.has(key, v) {
				t.Errorf("%s of %s: not what others have now", c.line, key)
			}
		}
	}
	for i := range 50 { // nobody has these, and this node cannot know
		if reply, _ := f.do(t, fmt.Sprint("INCR none", i)); reply != ":1" {
			t.Errorf("a number that nobody had: %q", reply)
		}
	}
	if reply, took := f.do(t, fmt.Sprint("GET n", lost[next])); reply != "$-1" || took != 0 {
		t.Errorf("a read of what was evicted: %q after %v", reply, took)
	}
	asked := small.Node.Counters().Asked
	for i := range 200 {
		w.Hosts[0].open(8).do(t, fmt.Sprint("INCR more", i))
	}
	if c := w.Hosts[0].Node.Counters(); c.Asked != 0 || asked == 0 {
		t.Errorf("who has all asked for %d keys, who has not for %d", c.Asked, asked)
	}
}

func TestR17_AnAnswerThatDoesNotComeIsTRYAGAINAndNobodyToAskIsAbsence(t *testing.T) {
	const keys = 2000
	w, small := little(t, 22, 3, keys, 0)
	lost := small.lost(keys)
	f := small.open(7)
	w.Hosts[1].Sleep(2 * time.Second)
	reply, took := f.do(t, "INCR none")
	if !strings.HasPrefix(reply, "-TRYAGAIN ") || took < peer.AskTimeout || took > peer.AskTimeout+100*time.Millisecond {
		t.Errorf("a peer is silent: %q after %v", reply, took)
	}
	w.Run(3 * time.Second)
	if reply, _ := f.do(t, fmt.Sprint("INCR n", lost[0])); reply != fmt.Sprint(":", lost[0]+101) {
		t.Errorf("all are back: %q", reply)
	}
	// A peer that ends while it is asked is not waited for.
	w.Hosts[1].Sleep(5 * time.Second)
	w.After(100*time.Millisecond, func() { w.Hosts[1].Crash() })
	if reply, took := f.do(t, fmt.Sprint("INCR n", lost[1])); reply != fmt.Sprint(":", lost[1]+101) || took > 300*time.Millisecond {
		t.Errorf("a peer ended: %q after %v", reply, took)
	}
	w.Hosts[0].Crash()
	within(t, w, 3*time.Second, "alone", func() bool { return len(small.Node.Links()) == 0 })
	if reply, took := f.do(t, fmt.Sprint("INCR n", lost[2])); reply != ":1" || took != 0 {
		t.Errorf("alone: %q after %v", reply, took)
	}
}

func TestR17_WithoutAskingACounterBeginsAnew(t *testing.T) { // the control of both
	const keys = 2000
	_, small := little(t, 23, 3, keys, peer.WithoutAsking)
	lost := small.lost(keys)
	if reply, _ := small.open(7).do(t, fmt.Sprint("INCR n", lost[0])); reply != ":1" {
		t.Fatalf("nobody was asked, and yet %q", reply)
	}
}
