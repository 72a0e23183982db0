package client_test

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"covey/client"
	"covey/codec"
)

// watched is a connection that counts deadlines. A caller that reads sets one now and then; the reader never does but to end it.
type watched struct {
	*net.TCPConn // a socket, where a caller writes by itself
	deadlines    atomic.Int32
	last         atomic.Pointer[time.Time]
}

func (w *watched) SetReadDeadline(at time.Time) error {
	if !at.IsZero() {
		w.deadlines.Add(1)
		w.last.Store(&at)
	}
	return w.TCPConn.SetReadDeadline(at)
}

func watch(t *testing.T, n *node) (*client.Client, *watched) {
	t.Helper()
	w := new(watched)
	return n.through(func(conn *net.TCPConn) net.Conn { w.TCPConn = conn; return w }), w
}

func TestACallerThatIsAloneReadsItsReplyItself(t *testing.T) {
	n := newNode(t)
	c, w := watch(t, n)
	rnd := rand.New(rand.NewPCG(1, 1))
	set := func(size int) {
		value := bytes.Repeat([]byte("v"), size)
		if err := c.Set(t.Context(), []byte("k"), value, client.SetOptions{}); err != nil {
			t.Fatal(err)
		}
		if got, err := c.Get(t.Context(), []byte("k")); err != nil || !bytes.Equal(got, value) {
			t.Fatalf("%d bytes of %d, %v", len(got), size, err)
		}
	}
	for range 100 {
		set(rnd.IntN(1000))
	}
	if w.deadlines.Load() == 0 {
		t.Error("no caller has read")
	}
	// What is longer than the buffer, or is written by the writer, goes back to the reader; then callers are alone again.
	for i := range 200 {
		size := rnd.IntN(1000)
		if i%20 == 0 {
			size = 60_000 + rnd.IntN(10_000)
		}
		set(size)
	}
}

// A reply in pieces, each long after the one before, is read whoever began with it.
func TestAReplyInPiecesIsRead(t *testing.T) {
	bothWays(t, func(t *testing.T, n *node) {
		c := n.dial()
		n.mu.Lock()
		conn := n.conns[0]
		n.mu.Unlock()
		value := bytes.Repeat([]byte("piece"), 20)
		n.script(func(h codec.Header, _ []byte) []byte {
			reply := codec.AppendValueResponse(nil, h.Tag, codec.ValueResponse{Value: value})
			for _, cut := range []int{5, codec.HeaderLen - 5, 1, 30} {
				conn.Write(reply[:cut])
				reply = reply[cut:]
				<-time.After(30 * time.Millisecond) // more than a caller reads for
			}
			return reply
		})
		for range 2 {
			if got, err := c.Get(t.Context(), []byte("k")); err != nil || !bytes.Equal(got, value) {
				t.Fatalf("%q, %v", got, err)
			}
		}
	})
}

// The reader stands aside, and nobody asks for anything: that the node is gone is seen all the same.
func TestAnIdleClientSeesThatItsNodeIsGone(t *testing.T) {
	bothWays(t, func(t *testing.T, n *node) {
		c := n.dial()
		n.hangUp()
		select {
		case <-c.Done():
		case <-time.After(10 * time.Second):
			t.Fatal("not seen within 10 s")
		}
		if _, err := c.Get(t.Context(), []byte("k")); !errors.Is(err, client.ErrClosed) {
			t.Error(err)
		}
	})
}

// Goroutines come and go, so that callers are alone, and are not, at any moment; some give up.
func TestWhoReadsMayChangeAtAnyMoment(t *testing.T) {
	n := newNode(t)
	c, w := watch(t, n)
	var all sync.WaitGroup
	for g := range 4 {
		all.Go(func() {
			rnd := rand.New(rand.NewPCG(uint64(g), 2))
			key := fmt.Appendf(nil, "key of %d", g)
			for i := range 400 {
				value := fmt.Appendf(nil, "value %d of %d", i, g)
				if err := c.Set(t.Context(), key, value, client.SetOptions{}); err != nil {
					t.Error(err)
					return
				}
				if got, err := c.Get(t.Context(), key); err != nil || !bytes.Equal(got, value) {
					t.Errorf("%q instead of %q, %v", got, value, err)
					return
				}
				if g > 0 && rnd.IntN(50) == 0 {
					<-time.After(time.Duration(rnd.IntN(3000)) * time.Microsecond) // the others go on
				}
			}
		})
	}
	all.Wait()
	for range 50 {
		if err := c.Set(t.Context(), []byte("k"), nil, client.SetOptions{}); err != nil {
			t.Fatal(err)
		}
	}
	if w.deadlines.Load() == 0 {
		t.Error("no caller has read")
	}
}
