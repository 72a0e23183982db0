package loop

import (
	"bytes"
	"fmt"
	"testing"
)

// WAITs wait beside each other, each for its peers: they are answered when so many have acknowledged, or their time is over, and are
// looked at for nothing else.
func TestWAITsAreAnsweredWhenTheirPeersHaveAcknowledged(t *testing.T) {
	t.Parallel()
	a := readyNode(t)
	const idle = 200
	var waiting []*rawClient
	for i := range idle {
		c := dialRaw(t, a.addr)
		if _, err := c.Write(respCommand("WAIT", fmt.Sprint(1+i%4*3000), "0")); err != nil {
			t.Fatal(err)
		}
		waiting = append(waiting, c)
	}
	eventually(t, "all wait, and none is looked at at each bell", func() bool {
		return a.n.awaiting.Load() == idle && a.n.parked.Load() == 0
	})
	c := dialRaw(t, a.addr)
	if got := c.do("WAIT", "1", "30"); got != ":0" {
		t.Fatal(got)
	}
	joins := func() {
		cfg := testConfig(t, freePort(t))
		cfg.Peers = []string{a.addr}
		b := startNode(t, cfg)
		eventually(t, "linked and ready", func() bool { return b.ready() && b.n.mind.Linked() == a.n.mind.Linked() })
	}
	joins()
	for i := 0; i < idle; i += 4 {
		if got := waiting[i].reply(); got != ":1" {
			t.Fatal(got)
		}
	}
	if got := a.n.awaiting.Load(); got != idle*3/4 {
		t.Errorf("%d wait for more", got)
	}
	if got := c.do("WAIT", "2", "30"); got != ":1" {
		t.Errorf("after its time it is answered %s", got)
	}
	if _, err := c.Write(bytes.Join([][]byte{respCommand("SET", "k", "v"), respCommand("WAIT", "2", "0"), respCommand("PING")}, nil)); err != nil {
		t.Fatal(err)
	}
	if got := c.reply(); got != "+OK" {
		t.Fatal(got)
	}
	joins()
	if got := c.reply() + c.reply(); got != ":2+PONG" {
		t.Errorf("two have it: %s", got)
	}
	for _, w := range waiting {
		_ = w.Close()
	}
	eventually(t, "nobody waits", func() bool { return a.n.awaiting.Load() == 0 && a.n.parked.Load() == 0 })
}

// Many clients write and wait for a peer at the same time, over and over.
func TestManyWAITsAreAllAnswered(t *testing.T) {
	t.Parallel()
	a := startNode(t, testConfig(t, freePort(t)))
	cfg := testConfig(t, freePort(t))
	cfg.Peers = []string{a.addr}
	b := startNode(t, cfg)
	eventually(t, "linked", func() bool { return a.ready() && b.ready() && a.n.mind.Linked() == 1 && b.n.mind.Linked() == 1 })
	const clients, rounds = 50, 20
	failed := make(chan error, clients)
	for i := range clients {
		c := dialRaw(t, []string{a.addr, b.addr}[i%2])
		go func() {
			for r := range rounds {
				if _, err := c.answerTo("SET", fmt.Sprint("k", i), fmt.Sprint(r)); err != nil {
					failed <- err
					return
				}
				if got, err := c.answerTo("WAIT", "1", []string{"0", "60000"}[r%2]); err != nil || got != ":1" {
					failed <- fmt.Errorf("%q, %w", got, err)
					return
				}
			}
			failed <- nil
		}()
	}
	for range clients {
		if err := <-failed; err != nil {
			t.Error(err)
		}
	}
}
