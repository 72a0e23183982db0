package loop

import (
	"fmt"
	"net/netip"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/panjf2000/gnet/v2"

	"covey/codec"
	"covey/command"
	"covey/store"
)

// TestR17_ASmallNodeAsksBeforeItIncrements runs clients, each with a pipeline, against a node that has evicted most of what they
// increment: each waits for its own answers, and every reply is in its order.
func TestR17_ASmallNodeAsksBeforeItIncrements(t *testing.T) {
	t.Parallel()
	port := freePort(t)
	big := startNode(t, testConfig(t, port))
	cfg := testConfig(t, port)
	cfg.MaxMemory = minMemory
	small := startNode(t, cfg)
	eventually(t, "both are ready", func() bool { return big.ready() && small.ready() && len(small.n.mind.Links()) == 1 })
	const keys, clients = 8_000, 4
	load := dialRaw(t, big.addr)
	pad := strings.Repeat("x", 2000)
	for from := 0; from < keys; from += 1000 {
		var b []byte
		for i := from; i < from+1000; i++ {
			b = append(b, respCommand("SET", fmt.Sprint("n", i), strconv.Itoa(i))...)
			b = append(b, respCommand("SET", fmt.Sprint("pad", i), pad)...)
		}
		if _, err := load.Write(b); err != nil {
			t.Fatal(err)
		}
		for range 2000 {
			if r := load.reply(); r != "+OK" {
				t.Fatal(r)
			}
		}
	}
	eventually(t, "all was acknowledged", func() bool { return big.n.mind.Links()[0].Backlog() == 0 })
	if c := small.n.store.Counts(); c.Evictions == 0 || c.Keys > keys {
		t.Fatalf("%+v", c)
	}
	var all sync.WaitGroup
	for g := range clients {
		c := dialRaw(t, small.addr)
		all.Go(func() {
			for from := g * 100; from < keys; from += 100 * clients * 4 {
				var b []byte
				for i := from; i < from+100; i++ {
					b = append(b, respCommand("INCR", fmt.Sprint("n", i))...)
				}
				if _, err := c.Write(b); err != nil {
					t.Error(err)
					return
				}
				var late []int // on a busy machine the other node may take longer than is waited for: then nothing was done
				for i := from; i < from+100; i++ {
					switch r := c.reply(); {
					case strings.HasPrefix(r, "-TRYAGAIN"):
						late = append(late, i)
					case r != fmt.Sprint(":", i+1):
						t.Errorf("n%d: %q", i, r)
					}
				}
				for _, i := range late {
					r := "-TRYAGAIN"
					eventually(t, "it has an answer", func() bool { r = c.do("INCR", fmt.Sprint("n", i)); return !strings.HasPrefix(r, "-TRYAGAIN") })
					if r != fmt.Sprint(":", i+1) {
						t.Errorf("n%d, once more: %q", i, r)
					}
				}
			}
		})
	}
	all.Wait()
	asked := small.n.mind.Counters().Asked
	if asked == 0 {
		t.Error("nobody was asked")
	}
	eventually(t, "the other has the last one", func() bool { return load.do("GET", "n99") == "100" })
	if r := dialRaw(t, small.addr).do("SET", "never", "v", "NX"); r != "+OK" {
		t.Errorf("a key that nobody has: %q", r)
	}
	t.Logf("%d keys asked for", asked)
}

// asked is a node that notes how far its stream is when peers are asked for a key.
type asked struct {
	*node
	heads []uint64
}

func (a *asked) Ask(uint64, []byte) command.Answer {
	a.heads = append(a.heads, a.ring.Head())
	return command.AnswerNone
}

// TestR17_WhatATurnHasWrittenIsInTheRingBeforePeersAreAsked: a link on another loop sends the question as soon as it is put, behind what
// the ring has then.
func TestR17_WhatATurnHasWrittenIsInTheRingBeforePeersAreAsked(t *testing.T) {
	t.Parallel()
	l := loopFor(t, nil)
	readyAlone(t, l.n)
	host := &asked{node: l.n}
	l.turn.Host = host
	now, ghost := l.n.cluster.Cluster(l.n.clock.now()), []byte("n0")
	value := make([]byte, 64<<10)
	for i := 0; l.n.store.Certain(ghost, l.n.store.Hash(ghost), now); i++ {
		if i > 4096 {
			t.Fatal("it is not evicted")
		}
		key := fmt.Append(nil, "n", i)
		l.n.store.Set(nil, key, value, l.n.store.Hash(key), now, store.SetOptions{})
	}
	e := &ear{}
	c := &conn{g: e, l: l, client: command.Client{ID: 1, Proto: codec.RESP2, From: netip.MustParseAddr("127.0.0.1")}}
	before := l.n.ring.Head()
	for _, words := range [][]string{{"SET", "a", "1"}, {"SET", "b", "1"}, {"INCR", string(ghost)}} {
		c.got = append(c.got, respCommand(words...)...)
	}
	if l.traffic(c) == gnet.Close || string(e.said) != "+OK\r\n+OK\r\n:1\r\n" {
		t.Fatalf("%q", e.said)
	}
	if len(host.heads) != 1 || host.heads[0] != before+2 || l.n.ring.Head() != before+3 {
		t.Errorf("peers are asked at %d of a stream that was at %d and is at %d", host.heads, before, l.n.ring.Head())
	}
}
