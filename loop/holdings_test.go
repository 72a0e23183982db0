package loop

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"strings"
	"testing"

	"github.com/panjf2000/gnet/v2"

	"covey/codec"
	"covey/command"
	"covey/peer"
	"covey/seal"
	"covey/store"
)

// A peer that sends and is sent values of 16 MiB holds more than any client: clients that hold much go first, but none that holds little.
func TestClientsThatHoldMuchGoBeforePeers(t *testing.T) {
	w := newHoldings(0)
	holder := func(link *peer.Link, bytes int64) *conn {
		c := &conn{l: &eventLoop{}, link: link}
		c.l.bell.fd.Store(-1)
		w.changed(c, bytes, 0)
		return c
	}
	link, other := holder(new(peer.Link), 30<<20), holder(new(peer.Link), 20<<20)
	little, client, greedy := holder(nil, 500<<10), holder(nil, 2<<20), holder(nil, 5<<20)
	for i, want := range []*conn{greedy, client, link, other, little} {
		got := w.worst()
		if got != want {
			t.Fatalf("the %d. to go holds %d bytes, want %d", i+1, got.weight.Load(), want.weight.Load())
		}
		got.doom = got.weight.Load()
	}
	if w.worst() != nil {
		t.Error("somebody is to go twice")
	}
}

// provingPeer is a loop with a secret, a connection to it, and the session of whoever dialed: the handshake is done, the first record has
// still to prove that the secret is known.
func provingPeer(t *testing.T) (*eventLoop, *conn, *seal.Session) {
	t.Helper()
	secret := secretsOf(t, 1)
	l := loopFor(t, secret)
	e := &ear{}
	c := &conn{g: e, l: l}
	d, hello, _ := seal.Dial(secret[0], rand.NewChaCha8([32]byte{1}))
	c.got = hello
	if l.traffic(c) == gnet.Close {
		t.Fatal("no handshake")
	}
	s, err := d.Finish(e.said)
	if err != nil {
		t.Fatal(err)
	}
	return l, c, s
}

// A peer's first record may come with so much behind it that its connection is heavy before it has proved to be one. From then on it counts
// as a peer's.
func TestWhoTurnsOutToBeAPeerCountsAsOne(t *testing.T) {
	t.Parallel()
	l, c, s := provingPeer(t)
	first := codec.AppendHeader(nil, codec.Header{Kind: codec.KindGreeting, Length: codec.MaxValue})
	var err error
	if c.got, err = s.Out.Append(nil, append(first, make([]byte, 2*heavyFrom)...)); err != nil {
		t.Fatal(err)
	}
	l.traffic(c)
	if c.link == nil || !c.heavy {
		t.Fatalf("it is no heavy peer: link %v, %d bytes", c.link != nil, c.held)
	}
	if !l.n.holdings.heavy[c] {
		t.Error("it counts as a client's")
	}
}

// A client that goes away in the middle of a long command leaves nothing that counts.
func TestWhoGoesAwayHoldsNothing(t *testing.T) {
	tn := startNode(t, testConfig(t, freePort(t)))
	c := dialRaw(t, tn.addr)
	var sets []byte
	const keys = 20_000
	for i := range keys {
		sets = append(sets, respCommand("SET", fmt.Sprintf("key:%036d", i), "v")...)
	}
	go func() { _, _ = c.Write(sets) }()
	for range keys {
		if got := c.reply(); got != "+OK" {
			t.Fatal(got)
		}
	}
	for range 10 {
		gone := dialRaw(t, tn.addr)
		if _, err := gone.Write(respCommand("KEYS", "*")); err != nil {
			t.Fatal(err)
		}
		_ = gone.Close()
	}
	eventually(t, "what those held that are gone is given back", func() bool {
		w := &tn.n.holdings
		w.mu.Lock()
		defer w.mu.Unlock()
		return tn.n.served.Load() == 1 && w.held.Load() < 1<<10 && len(w.heavy) == 0
	})
}

// What a large value under way has beside its pages counts: the key, besides in the stub of its command, and what hashes the value.
func TestWhatADraftHasBesideItsPagesCounts(t *testing.T) {
	t.Parallel()
	l := loopFor(t, nil)
	c := &conn{g: &ear{}, l: l, client: command.Client{ID: 1, From: netip.MustParseAddr("127.0.0.1")}}
	key := strings.Repeat("k", codec.MaxKey)
	c.got = half(codec.RefValue+1, 0, codec.SetValue{}, "SET", key)
	if act := l.traffic(c); act == gnet.Close || c.draft == nil {
		t.Fatalf("no draft: %q", c.g.(*ear).said)
	}
	if least := int64(2*len(key) + 16<<10); c.held < least || l.n.holdings.held.Load() != c.held {
		t.Errorf("%d bytes are held, %d of all, want %d at least", c.held, l.n.holdings.held.Load(), least)
	}
	c.closed = true
	if c.release(); c.held != 0 || l.n.holdings.held.Load() != 0 {
		t.Errorf("closed it holds %d bytes, and all %d", c.held, l.n.holdings.held.Load())
	}
}

// So does room for a record of which a part has come, of whoever has not proved yet that it knows the secret.
func TestTheBeginningOfARecordCounts(t *testing.T) {
	t.Parallel()
	l, c, s := provingPeer(t)
	sealed, err := s.Out.Append(nil, []byte("a record"))
	if err != nil {
		t.Fatal(err)
	}
	c.got = sealed[:5]
	if act := l.traffic(c); act == gnet.Close || c.protocol != protocolProving {
		t.Fatal("it does not wait for the rest")
	}
	if c.held < int64(cap(c.in)+seal.MaxPlain) || l.n.holdings.held.Load() != c.held {
		t.Errorf("%d bytes are held, %d of all", c.held, l.n.holdings.held.Load())
	}
	c.closed = true
	if c.release(); c.held != 0 || l.n.holdings.held.Load() != 0 {
		t.Errorf("closed it holds %d bytes, and all %d", c.held, l.n.holdings.held.Load())
	}
}

// What was written to a loop's slab in vain is given back, unless it is little.
func TestASlabThatWasWrittenInVainIsGivenBack(t *testing.T) {
	l := &eventLoop{slab: newSlab(largeReply)}
	defer func() { freeSlab(l.slab) }()
	l.out = l.slab
	copy(l.slab[:keepSlab], "kept")
	if l.madeInVain(keepSlab); string(l.slab[:4]) != "kept" {
		t.Error("a slab with little in it was given back")
	}
	l.madeInVain(keepSlab + 1)
	if cap(l.slab) < largeReply || len(l.out) != 0 || cap(l.out) != cap(l.slab) || string(l.out[:4]) == "kept" {
		t.Error("a slab with much in it was kept")
	}
}

// Who is to go because it holds too much is told so, but not in the middle of a reply that comes in pieces: it would be taken for an element.
func TestWhoIsInTheMiddleOfAReplyIsToldNothing(t *testing.T) {
	t.Parallel()
	l := loopFor(t, nil)
	readyAlone(t, l.n)
	value := strings.Repeat("x", 300<<10) // more than a turn of MGET has
	for words, told := range map[string]bool{"MGET a b": false, "MULTI,MGET a b,EXEC": true, "WAIT 1 0": true} {
		e := &ear{}
		c := &conn{g: e, l: l, client: command.Client{ID: 1, Proto: codec.RESP2, From: netip.MustParseAddr("127.0.0.1")}}
		for _, key := range []string{"a", "b"} {
			l.n.store.Set(nil, []byte(key), []byte(value), l.n.store.Hash([]byte(key)), l.n.cluster.Cluster(l.n.clock.now()), store.SetOptions{})
		}
		for _, line := range strings.Split(words, ",") {
			c.got = respCommand(strings.Fields(line)...)
			if l.traffic(c) == gnet.Close {
				t.Fatalf("%s: closed", words)
			}
		}
		if !c.waiting || c.owes() {
			t.Fatalf("%s: it does not wait, or is owed something: %.60q of %d bytes", words, e.said, len(e.said))
		}
		before := len(e.said)
		c.tooMuch.Store(true)
		if act := l.client(c, l.begin()); act != gnet.Close {
			t.Fatalf("%s: not closed", words)
		}
		if got := string(e.said[before:]); strings.HasPrefix(got, "-ERR this node cannot keep more") != told || got != "" && !told {
			t.Errorf("%s: it is told %.60q", words, got)
		}
		c.closed = true
		l.unpark(c)
		c.release()
	}
}
