package loop

import (
	"bytes"
	"math/rand/v2"
	"testing"

	"github.com/panjf2000/gnet/v2"

	"covey/store"
)

// pipe is an engine's connection without a socket, and with nothing to send.
type pipe struct{ gnet.Conn }

func (*pipe) Fd() int               { return -1 }
func (*pipe) OutboundBuffered() int { return 0 }

// socket is a pipe with one.
type socket struct {
	pipe
	fd int
}

func (s *socket) Fd() int { return s.fd }

// TestWhatWasNotTakenComesAgainInOrder reads a stream in pieces, takes some of what is there each time, as a link does whose
// loop has other work, and wants every byte once, without room for much more than what lies.
func TestWhatWasNotTakenComesAgainInOrder(t *testing.T) {
	st, err := store.New(store.Options{Node: 1, MaxBytes: 64 << 20})
	if err != nil {
		t.Fatal(err)
	}
	for seed := range uint64(10) {
		r := rand.New(rand.NewPCG(seed, 1))
		c := &conn{g: &pipe{}, l: &eventLoop{n: &node{store: st, holdings: newHoldings(0)}}}
		sent, taken, lies := byte(0), byte(0), 0
		for range 200 {
			in := make([]byte, r.IntN(readBuffer))
			for i := range in {
				in[i] = sent
				sent++
			}
			c.got = in
			lies += len(in)
			buf, _ := c.source()
			if len(buf) != lies {
				t.Fatalf("seed %d: %d bytes, want %d", seed, len(buf), lies)
			}
			used := 0
			switch r.IntN(4) {
			case 0:
				used = len(buf)
			case 1, 2:
				used = min(len(buf), r.IntN(readBuffer))
			}
			for _, b := range buf[:used] {
				if b != taken {
					t.Fatalf("seed %d: byte %d instead of %d", seed, b, taken)
				}
				taken++
			}
			lies -= used
			rest := bytes.Clone(buf[used:])
			c.keep(buf, used)
			if !bytes.Equal(c.in[c.from:], rest) || len(c.got) != 0 {
				t.Fatalf("seed %d: %d of %d bytes lie, %d were left", seed, len(c.in)-c.from, len(rest), len(c.got))
			}
			if c.from > len(rest) {
				t.Fatalf("seed %d: %d bytes that were taken lie before %d", seed, c.from, len(rest))
			}
		}
		c.release()
		if held := st.Counts().Bytes; c.held != 0 {
			t.Fatalf("seed %d: %d bytes are still counted, %d in the store", seed, c.held, held)
		}
	}
}

// TestTheSlabOfALargeFrameIsKeptForTheNext, with its pages, until a sweep finds that nobody had need of it; one that is longer is not.
func TestTheSlabOfALargeFrameIsKeptForTheNext(t *testing.T) {
	l := bareLoop(t)
	take := func(length int) *byte {
		c := &conn{g: &pipe{}, l: l, need: length}
		c.grow(length)
		c.in = append(c.in, make([]byte, length)...)
		first := &c.in[0]
		if c.keep(c.in, length); c.in != nil || c.held != 0 {
			t.Fatalf("%d bytes are left, %d held", len(c.in), c.held)
		}
		return first
	}
	first := take(1 << 20)
	if second := take(keepSlab); second != first || l.keptFrame == nil {
		t.Error("the second frame has another slab")
	}
	if take(keepSlab+1) == first || cap(l.keptFrame) != keptFrame {
		t.Error("a longer frame has the slab that is kept, or its own is")
	}
	if l.releaseFrame(); l.keptFrame == nil {
		t.Error("it is given back though there was use for it")
	}
	if l.releaseFrame(); l.keptFrame != nil {
		t.Error("it is kept though there was no use for it")
	}
}

// TestASlabCountsWithAllItsMemory: also where what lay there was carried out, and where it lay in a slab that was another connection's.
func TestASlabCountsWithAllItsMemory(t *testing.T) {
	st, err := store.New(store.Options{Node: 1, MaxBytes: 64 << 20})
	if err != nil {
		t.Fatal(err)
	}
	l := &eventLoop{n: &node{store: st, holdings: newHoldings(64 << 20)}}
	l.bell.fd.Store(-1)
	came := func(length int) *conn {
		c := &conn{g: &pipe{}, l: l, need: length}
		for ; length > 0; length -= readBuffer {
			c.got = make([]byte, min(length, readBuffer))
			buf, _ := c.source()
			c.keep(buf, 0)
		}
		return c
	}
	const much, left = 8 << 20, keepBuffer + 1
	c := came(much)
	if c.keep(c.in, much-left); len(c.in) != left || c.held < much {
		t.Errorf("%d bytes are counted of a slab in which %d lie, and %d lay", c.held, len(c.in), much)
	}
	if c.keep(c.in, 1); c.held > keepBuffer {
		t.Errorf("%d bytes are counted of a buffer for %d", c.held, len(c.in))
	}
	c.release()
	c = came(keepSlab)
	c.keep(c.in, keepSlab) // the loop keeps its slab
	if c = came(keepBuffer + 1); cap(c.in) != keptFrame || c.held < keepSlab {
		t.Errorf("%d bytes are counted of a slab that had %d", c.held, keepSlab)
	}
	if c.release(); c.held != 0 || l.n.holdings.held.Load() != 0 {
		t.Errorf("%d bytes are still counted", c.held)
	}
}
