package loop

import (
	"bytes"
	"io"
	"log/slog"
	"net/netip"
	"testing"
	"time"

	"github.com/panjf2000/gnet/v2"

	"covey/codec"
	"covey/command"
	"covey/ifaces"
	"covey/peer"
	"covey/seal"
)

// loopFor is a node that is not on any network, and one loop of it.
func loopFor(f testing.TB, all seal.Secrets) *eventLoop {
	cfg := testConfig(f, 9000)
	cfg.Secrets, cfg.Logger, cfg.Out, cfg.MaxMemory = all, slog.New(slog.DiscardHandler), io.Discard, 64<<20
	pattern, err := ifaces.ParsePattern("")
	if err != nil {
		f.Fatal(err)
	}
	n, err := newNode(f.Context(), cfg, pattern, new(peerNames), new(past))
	if err != nil {
		f.Fatal(err)
	}
	l := n.newLoop(nil)
	l.turn.Pin = nil // there is no socket to write a pinned value to
	return l
}

// readyAlone takes a node without an engine through its first second, in which nobody is heard.
func readyAlone(t *testing.T, n *node) {
	t.Helper()
	begun := n.clock.now()
	for now := begun; n.mind.State() != codec.StateReady; now += int64(peer.TickInterval) {
		if now-begun > int64(time.Minute) {
			t.Fatal("alone, and not ready")
		}
		n.mind.Tick(now)
	}
}

// FuzzClients gives an open node whatever a client may send, in pieces: it does not panic, holds no more than four times what
// came, and 64 KiB, and answers what it answers to the whole.
func FuzzClients(f *testing.F) {
	f.Add([]byte("*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$16777216\r\nabc"), uint8(1))
	f.Add([]byte("*1048576\r\n$0\r\n\r\n$0\r\n\r\n"), uint8(3))
	f.Add([]byte("SET k v\r\nGET k\r\nKEYS *\r\nDEL k\r\nSCAN 0\r\n"), uint8(0))
	f.Add([]byte("\x16\x03\x01\x00"), uint8(9))
	f.Add([]byte("*2\r\n$4294967295\r\n"), uint8(2))
	f.Add([]byte("*-1\r\n*9223372036854775807\r\n"), uint8(2))
	f.Add(append(codec.AppendSetValue(nil, 1, codec.SetValue{Key: []byte("k"), Value: []byte("v")}), codec.AppendGetValue(nil, 2, codec.GetValue{Key: []byte("k")})...), uint8(5))
	f.Add(append(codec.AppendHeader(nil, codec.Header{Kind: codec.KindSetValue, Length: codec.MaxValue}), 1, 2, 3), uint8(0))
	l := loopFor(f, nil)
	speak := func(t *testing.T, b []byte, piece int) (said []byte) {
		l.n.store.Flush(l.n.cluster.Cluster(l.n.clock.now()))
		l.stage.Reset()
		b = bytes.Clone(b) // the head of a large value is written anew where it lies
		e := &ear{}
		c := &conn{g: e, l: l, client: command.Client{ID: 1, Proto: 2, From: netip.MustParseAddr("127.0.0.1")}}
		defer func() { c.closed = true; c.forgive(); c.release(); l.unpark(c) }()
		for sent := 0; sent < len(b); {
			n := min(len(b)-sent, piece)
			c.got = b[sent : sent+n]
			sent += n
			if l.traffic(c) == gnet.Close {
				break
			}
			for c.rest {
				if l.client(c, l.begin()) == gnet.Close {
					return e.said
				}
			}
			if most := int64(4*sent + 64<<10); c.held > most {
				t.Fatalf("%d bytes are held for %d", c.held, sent)
			}
			if c.waiting {
				break // for what nobody will bring
			}
		}
		return e.said
	}
	f.Fuzz(func(t *testing.T, b []byte, piece uint8) {
		if len(b) > 0 && (b[0] == seal.Magic || b[0] == codec.Magic && len(b) > 1 && codec.Kind(b[1]).Peer()) {
			return // a peer's
		}
		said := speak(t, b, 1+int(piece))
		if whole := speak(t, b, max(len(b), 1)); !tellsTime(b) && !bytes.Equal(said, whole) {
			t.Fatalf("in pieces of %d it is answered %q, whole %q", 1+int(piece), said, whole)
		}
	})
}

// tellsTime reports whether the answers to some input may depend on when they are given.
func tellsTime(b []byte) bool {
	b = bytes.ToLower(b)
	for _, word := range []string{"time", "info", "ttl", "px", "ex", "wait", "covey"} {
		if bytes.Contains(b, []byte(word)) {
			return true
		}
	}
	return bytes.IndexByte(b, codec.Magic) >= 0 && bytes.IndexByte(b, byte(codec.KindReport)) >= 0
}

// FuzzEthernetFrame: whatever comes in an Ethernet frame makes no member, no more than one address to dial, and no panic.
func FuzzEthernetFrame(f *testing.F) {
	a := codec.AppendAnnounce(nil, codec.Announce{Form: codec.FormAnnounce, ProtoMin: 1, ProtoMax: 1, Cluster: peer.ClusterTag("test"), Node: 7, Incarnation: 1, Sequence: 1, Port: 9000, Lifetime: 15_000})
	f.Add(append(append([]byte{}, a...), 127, 0, 0, 1))
	f.Add(append(append([]byte{}, a...), 255, 255, 255, 255))
	f.Add(append(append([]byte{}, a...), 0, 0, 0))
	f.Add(a)
	f.Add([]byte{})
	n := loopFor(f, nil).n
	b := n.beacon
	f.Fuzz(func(t *testing.T, payload []byte) {
		if len(payload) > ifaces.MaxBeaconPayload {
			return
		}
		bad, known := n.counters.badAnnounce.Load(), n.mind.Counters()
		n.hearing.tick()
		b.hearFrame(payload)
		if _, used, err := codec.DecodeAnnouncePrefix(payload); (err != nil || len(payload) < used+4) && n.counters.badAnnounce.Load() != bad+1 {
			t.Fatal("what is no announce is not counted")
		}
		if after := n.mind.Counters(); after.Dials > known.Dials {
			t.Fatal("it is dialed before a tick")
		}
		if n.mind.Linked() != 0 || len(n.mind.Members(nil)) != 1 {
			t.Fatal("a frame made a member")
		}
	})
}
