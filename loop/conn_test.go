package loop

import (
	"bytes"
	"math/rand/v2"
	"testing"

	"github.com/panjf2000/gnet/v2"

	"covey/store"
)

// pipe is the reading half of an engine's connection.
type pipe struct {
	gnet.Conn
	b []byte
}

func (p *pipe) InboundBuffered() int         { return len(p.b) }
func (p *pipe) OutboundBuffered() int        { return 0 }
func (p *pipe) Peek(int) ([]byte, error)     { return p.b, nil }
func (p *pipe) Discard(int) (int, error)     { n := len(p.b); p.b = nil; return n, nil }
func (p *pipe) Read(dst []byte) (int, error) { n := copy(dst, p.b); p.b = p.b[n:]; return n, nil }

// TestWhatWasNotTakenComesAgainInOrder reads a stream in pieces, takes some of what is there each time, as a link does whose
// loop has other work, and wants every byte once, without room for much more than what lies.
func TestWhatWasNotTakenComesAgainInOrder(t *testing.T) {
	st, err := store.New(store.Options{Node: 1, MaxBytes: 64 << 20})
	if err != nil {
		t.Fatal(err)
	}
	for seed := range uint64(10) {
		r := rand.New(rand.NewPCG(seed, 1))
		g := &pipe{}
		c := &conn{g: g, l: &eventLoop{n: &node{store: st, holdings: newHoldings(0)}}}
		sent, taken, lies := byte(0), byte(0), 0
		for range 200 {
			in := make([]byte, r.IntN(readBuffer))
			for i := range in {
				in[i] = sent
				sent++
			}
			g.b = in
			lies += len(in)
			buf, _, err := c.source()
			if err != nil || len(buf) != lies {
				t.Fatalf("seed %d: %d bytes, %v, want %d", seed, len(buf), err, lies)
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
			if !bytes.Equal(c.in[c.from:], rest) || len(g.b) != 0 {
				t.Fatalf("seed %d: %d of %d bytes lie, %d are left with the engine", seed, len(c.in)-c.from, len(rest), len(g.b))
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
