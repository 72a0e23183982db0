package loop

import (
	"bytes"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/netip"
	"strings"
	"sync"
	"testing"

	"github.com/panjf2000/gnet/v2"

	"covey/codec"
	"covey/command"
)

// pattern is n bytes that differ from those of other seeds, and from themselves a page on.
func pattern(seed uint64, n int) []byte {
	b := make([]byte, n)
	rand.NewChaCha8([32]byte{byte(seed)}).Read(b)
	return b
}

// inPieces writes a stream in pieces of random size, so that every part of it is cut somewhere.
func inPieces(w io.Writer, r *rand.Rand, stream []byte) error {
	for len(stream) > 0 {
		n := min(len(stream), 1+r.IntN(1<<r.IntN(19)))
		if _, err := w.Write(stream[:n]); err != nil {
			return err
		}
		stream = stream[n:]
	}
	return nil
}

// repliesInPieces sends a stream of commands in pieces of random lengths and checks the replies.
func repliesInPieces(t *testing.T, tn *testNode, seed uint64, r *rand.Rand, stream []byte, want []string) {
	t.Helper()
	c := dialRaw(t, tn.addr)
	sent := make(chan error, 1)
	go func() { sent <- inPieces(c, r, stream) }()
	for i, w := range want {
		if got := c.reply(); got != w {
			t.Fatalf("seed %d: reply %d is %.60q of %d bytes, want %.60q of %d", seed, i, got, len(got), w, len(w))
		}
	}
	if err := <-sent; err != nil {
		t.Fatal(err)
	}
}

// Writes of large values, with options and without, between other commands and right behind each other, however their bytes
// come, are carried out one after the other like any others.
func TestLargeValuesComeInAnyPieces(t *testing.T) {
	t.Parallel()
	tn := readyNode(t)
	for seed := range uint64(4) {
		r := rand.New(rand.NewPCG(seed, 1))
		var stream []byte
		var want []string
		ask := func(reply string, args ...string) {
			stream = append(stream, respCommand(args...)...)
			want = append(want, reply)
		}
		last := ""
		for i := range 12 {
			size := codec.RefValue + 1 + r.IntN(300<<10)
			if i == 5 {
				size = 2 << 20
			}
			value := string(pattern(seed*100+uint64(i), size))
			switch i {
			case 0:
				ask("+OK", "set", "large", value)
			case 1:
				ask("+OK", "SET", "large", value, "EX", "100")
			case 2:
				ask(last, "SET", "large", value, "GET")
			case 3:
				ask("$-1", "SET", "large", value, "NX")
				value = last
			case 4:
				ask("-ERR syntax error", "SET", "large", value, "EX", "100", "PX", "1")
				value = last
			case 5:
				ask("+OK", "SET", "large", value, "XX", "KEEPTTL")
			case 6:
				ask("+OK", "SETEX", "large", "100", value)
			case 7:
				ask("-ERR value is not an integer or out of range", "PSETEX", "large", "soon", value)
				value = last
			case 8:
				ask("+OK", "psetex", "large", "100000", value)
			case 9:
				ask(last, "GETSET", "large", value)
			case 10:
				ask(":0", "SETNX", "large", value)
				ask("-ERR wrong number of arguments for 'setnx' command", "SETNX", "large", value, "more")
				value = last
			default:
				ask("+OK", "MSET", "large", value)
				ask("+OK", "MSET", "other", value, "large", value)
				ask("*3", "MGET", "large", "none", "other")
				want = append(want, value, "$-1", value)
			}
			last = value
			for range r.IntN(3) {
				ask(last, "GET", "large")
			}
			ask(fmt.Sprintf(":%d", len(last)), "STRLEN", "large")
		}
		ask(":1", "DEL", "large")
		ask(":1", "DEL", "other")
		repliesInPieces(t, tn, seed, r, stream, want)
	}
	if n := tn.n.counters.badInput.Load(); n != 0 {
		t.Errorf("%d breaches of the protocol", n)
	}
}

// While a command waits, what comes behind it piles up: a large value whole, and a piece of its command's end.
func TestTheEndOfALargeCommandIsCutAnywhere(t *testing.T) {
	t.Parallel()
	tn := readyNode(t)
	const size = 100 << 10
	var clients []*rawClient
	var ends [][]byte
	for _, options := range [][]string{nil, {"EX", "100"}} {
		end := bytes.TrimPrefix(respCommand(append([]string{""}, options...)...), fmt.Appendf(nil, "*%d\r\n$0\r\n", 1+len(options)))
		for cut := range len(end) {
			c := dialRaw(t, tn.addr)
			key := fmt.Sprintf("key-%d", len(clients))
			command := respCommand(append([]string{"SET", key, string(pattern(uint64(cut), size))}, options...)...)
			b := append(respCommand("WAIT", "1", "300"), command[:len(command)-len(end)+cut]...)
			if _, err := c.Write(b); err != nil {
				t.Fatal(err)
			}
			clients, ends = append(clients, c), append(ends, append(end[cut:len(end):len(end)], respCommand("STRLEN", key)...))
		}
	}
	for i, c := range clients {
		if got := c.reply(); got != ":0" {
			t.Fatal(got)
		}
		if _, err := c.Write(ends[i]); err != nil {
			t.Fatal(err)
		}
		if first, second := c.reply(), c.reply(); first != "+OK" || second != fmt.Sprintf(":%d", size) {
			t.Errorf("with %q to come: %q and %q", ends[i], first, second)
		}
	}
}

func TestLargeValuesComeInAnyPiecesOfFrames(t *testing.T) {
	t.Parallel()
	tn := readyNode(t)
	r := rand.New(rand.NewPCG(1, 1))
	var stream []byte
	var want []codec.ValueResponse
	last := []byte(nil)
	for i := range 12 {
		tag, value := uint32(len(want)), pattern(uint64(i), codec.RefValue+1+r.IntN(500<<10))
		m := codec.SetValue{Key: []byte("large"), Value: value, TTL: uint64(i%2) * 100_000}
		status := codec.StatusOK
		if i%4 == 3 {
			m.Flags, status, value = codec.SetNX, codec.StatusNotFound, last
		}
		last = value
		stream = codec.AppendSetValue(stream, tag, m)
		stream = codec.AppendGetValue(stream, tag+1, codec.GetValue{Key: m.Key})
		want = append(want, codec.ValueResponse{Status: status}, codec.ValueResponse{Value: last})
	}
	c := dialRaw(t, tn.addr)
	sent := make(chan error, 1)
	go func() { sent <- inPieces(c, r, stream) }()
	for i, w := range want {
		head := make([]byte, codec.HeaderLen)
		if _, err := io.ReadFull(c.r, head); err != nil {
			t.Fatal(err)
		}
		h, _, err := codec.DecodeHeader(head)
		if err != nil {
			t.Fatal(err)
		}
		body := make([]byte, h.Length)
		if _, err := io.ReadFull(c.r, body); err != nil {
			t.Fatal(err)
		}
		m, err := codec.DecodeValueResponse(body)
		if err != nil || m.Status != w.Status || !bytes.Equal(m.Value, w.Value) || h.Tag != uint32(i) {
			t.Fatalf("reply %d, tag %d: %v, %d bytes, %v", i, h.Tag, m.Status, len(m.Value), err)
		}
	}
	if err := <-sent; err != nil {
		t.Fatal(err)
	}
}

// half is the first part of a write of a value of so many bytes, by a message or a command that ends with it: its head, and come bytes
// of the value.
func half(size, come int, message codec.SetValue, command ...string) []byte {
	if command == nil {
		message.Value = make([]byte, size)
		whole := codec.AppendSetValue(nil, 1, message)
		return whole[:len(whole)-size+come]
	}
	head := bytes.TrimSuffix(respCommand(append(command, "")...), []byte("$0\r\n\r\n"))
	return append(fmt.Appendf(head, "$%d\r\n", size), make([]byte, come)...)
}

// What the keys of large values, and their first bytes, take as they begin is made up for at once, not when more of them comes.
func TestABeginningOfALargeValueStaysInTheBudget(t *testing.T) {
	t.Parallel()
	l := loopFor(t, nil)
	readyAlone(t, l.n)
	speaks := func(b []byte) *conn {
		t.Helper()
		e := &ear{}
		c := &conn{g: e, l: l, client: command.Client{ID: 1, Proto: 2, From: netip.MustParseAddr("127.0.0.1")}}
		if c.got = b; l.traffic(c) == gnet.Close {
			t.Fatalf("closed: %q", e.said)
		}
		return c
	}
	for i := 0; l.n.store.Counts().Evictions == 0; i++ {
		if i == 100_000 {
			t.Fatal("nothing was ever evicted")
		}
		speaks(respCommand("SET", fmt.Sprint("fill", i), strings.Repeat("v", 8<<10)))
	}
	for i := range 32 {
		key := fmt.Sprintf("%0*d", codec.MaxKey, i)
		c := speaks(half(codec.RefValue+1, 1000, codec.SetValue{}, "SET", key))
		defer c.release()
		if c.draft == nil {
			t.Fatalf("the %d. has no draft", i+1)
		}
		if n := l.n.store.Counts(); n.Bytes > n.MaxBytes {
			t.Fatalf("with %d beginnings the store has %d bytes, of %d", i+1, n.Bytes, n.MaxBytes)
		}
	}
}

// A value of which half has come is not seen, and its client's death takes it away; what was there before stays.
func TestHalfAValueIsNotSeen(t *testing.T) {
	t.Parallel()
	const size, come = 3 << 20, 1 << 20
	cfg := testConfig(t, freePort(t))
	cfg.Loops = 1
	tn := startNode(t, cfg)
	eventually(t, "ready", tn.ready)
	other := dialRaw(t, tn.addr)
	if got := other.do("SET", "key", "old"); got != "+OK" {
		t.Fatal(got)
	}
	empty := tn.n.store.Counts().Bytes
	const most = come/8 + readBuffer + fetchBytes // beyond the value's bytes: heads of pages, and the room of a read
	for _, command := range [][]string{nil, {"SET", "key"}, {"SETEX", "key", "100"}, {"PSETEX", "key", "100"}, {"SETNX", "key"}, {"GETSET", "key"}, {"MSET", "key"}} {
		c := dialRaw(t, tn.addr)
		if _, err := c.Write(half(size, come, codec.SetValue{Key: []byte("key")}, command...)); err != nil {
			t.Fatal(err)
		}
		took := func() int64 { return tn.n.store.Counts().Bytes - empty }
		eventually(t, "half has come", func() bool { return took() >= come })
		if n := took(); n > come+most {
			t.Errorf("%d bytes of a value of %d took %d", come, size, n)
		}
		if held := tn.n.holdings.held.Load(); held > 2*keepBuffer {
			t.Errorf("%d bytes are held beside", held)
		}
		if got := other.do("GET", "key"); got != "old" {
			t.Errorf("%d bytes are seen", len(got))
		}
		_ = c.Close()
		eventually(t, "what came is gone", func() bool { return took() < readBuffer })
		if got := other.do("GET", "key"); got != "old" {
			t.Errorf("%d bytes are there after the client is gone", len(got))
		}
	}
	if got := other.do("DBSIZE"); got != ":1" {
		t.Errorf("%s keys", got)
	}
}

// Many clients stop half-way through a value of the greatest length. What came of the values takes no more of the budget than
// drafts may, buffers no more than they may beside it, the store keeps to its budget, and others are served.
func TestStalledClientsTakeABoundedPart(t *testing.T) {
	t.Parallel()
	const clients, come = 12, codec.MaxValue / 2 // of which five go to buffers, and two to the store
	cfg := testConfig(t, freePort(t))
	cfg.MaxMemory = 96 << 20
	cfg.Loops = 1
	tn := startNode(t, cfg)
	eventually(t, "ready", tn.ready)
	before := tn.n.store.Counts().Bytes
	var done sync.WaitGroup
	for i := range clients {
		c, err := net.Dial("tcp4", tn.addr)
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		done.Go(func() {
			key := fmt.Sprint("stalled ", i)
			command := []string{"SET", key}
			if i%2 == 0 {
				command = nil
			}
			_, _ = c.Write(half(codec.MaxValue, come, codec.SetValue{Key: []byte(key)}, command...))
		}) // some are turned away
	}
	done.Wait()
	n := tn.n
	quiet := dialRaw(t, tn.addr)
	eventually(t, "all that is taken has been read", func() bool {
		piled, taken := n.holdings.held.Load(), n.store.Counts().Bytes-before
		return n.counters.overloads.Load() > 0 && taken >= come && piled >= minHeld/2
	})
	for range 50 {
		if got := quiet.do("SET", "small", "x"); got != "+OK" {
			t.Fatal(got)
		}
		piled, counts := n.holdings.held.Load(), n.store.Counts()
		if most := int64(minHeld + codec.MaxValue); piled > most {
			t.Fatalf("%d bytes lie in buffers, at most %d may", piled, most)
		}
		if taken := counts.Bytes - before; taken > codec.MaxValue*9/8 || counts.Bytes > cfg.MaxMemory {
			t.Fatalf("values that have not come whole take %d bytes of the store's %d", taken, counts.Bytes)
		}
	}
	if got := quiet.do("DBSIZE"); got != ":1" {
		t.Errorf("%s keys", got)
	}
	large := string(pattern(1, 2<<20))
	if got := quiet.do("SET", "large", large); got != "+OK" {
		t.Errorf("another large value: %s", got)
	}
	if quiet.do("GET", "large") != large {
		t.Error("it comes back wrong")
	}
}

// Wherever in its header, fields or key a large frame is cut at first, its value does not wait in a buffer.
func TestAFrameCutBeforeItsValueIsADraft(t *testing.T) {
	t.Parallel()
	const size, come = 3 << 20, 1 << 20
	cfg := testConfig(t, freePort(t))
	cfg.Loops = 1
	tn := startNode(t, cfg)
	eventually(t, "ready", tn.ready)
	empty := tn.n.store.Counts().Bytes
	took := func() int64 { return tn.n.store.Counts().Bytes - empty }
	held := func() int64 { return tn.n.holdings.held.Load() }
	frame := half(size, come, codec.SetValue{Key: []byte("key")})
	for cut := 1; cut <= len(frame)-come; cut++ {
		c := dialRaw(t, tn.addr)
		if _, err := c.Write(frame[:cut]); err != nil {
			t.Fatal(err)
		}
		eventually(t, "its beginning has come", func() bool { return held() > 0 || took() > 0 })
		if _, err := c.Write(frame[cut:]); err != nil {
			t.Fatal(err)
		}
		eventually(t, "half has come", func() bool { return took()+held() >= come })
		if n := held(); n > 2*keepBuffer {
			t.Fatalf("cut after %d bytes of %d: %d bytes wait in a buffer", cut, len(frame)-come, n)
		}
		_ = c.Close()
		eventually(t, "what came is gone", func() bool { return held() == 0 && took() < readBuffer })
	}
}
