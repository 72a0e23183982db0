package client_test

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"runtime"
	"sync"
	"testing"
	"time"

	"covey/client"
	"covey/codec"
)

// fault is what a proxy does with a connection after a while.
type fault int

const (
	reset      fault = iota // amid a reply
	closed                  // the same, in order
	standing                // amid a reply it stands still, until the client has closed
	misspoken               // behind a reply comes what is no frame
	misaddress              // behind a reply comes one to nothing that was asked
	faults
)

// proxy stands between a client and a node and passes the node's replies on in pieces, until left bytes are through. It returns when both
// sides are closed.
func proxy(near *net.TCPConn, far net.Conn, what fault, left int, rnd *rand.Rand) {
	var requests sync.WaitGroup
	requests.Go(func() {
		_, _ = io.Copy(far, near)
		far.Close()
	})
	defer requests.Wait()
	defer near.Close()
	in := bufio.NewReader(far)
	for left > 0 {
		head, err := in.Peek(codec.HeaderLen)
		if err != nil {
			return
		}
		h, _, _ := codec.DecodeHeader(head)
		frame := make([]byte, codec.HeaderLen+int(h.Length))
		if _, err := io.ReadFull(in, frame); err != nil {
			return
		}
		if left -= len(frame); left < 0 && what <= standing {
			frame = frame[:len(frame)+left]
		}
		for len(frame) > 0 {
			n, err := near.Write(frame[:1+rnd.IntN(len(frame))])
			if err != nil {
				return
			}
			frame = frame[n:]
		}
	}
	switch what {
	case reset:
		_ = near.SetLinger(0)
	case standing:
		_, _ = io.Copy(io.Discard, in)
	case misspoken:
		_, _ = near.Write([]byte("HTTP/1.1 502 Bad Gateway\r\n\r\n"))
	case misaddress:
		_, _ = near.Write(codec.AppendValueResponse(nil, rnd.Uint32()|1<<15, codec.ValueResponse{Value: make([]byte, 100)}))
	}
}

// faulty is a client of n with a proxy between.
func faulty(t *testing.T, n *node, round uint64, proxies *sync.WaitGroup) *client.Client {
	t.Helper()
	rnd := rand.New(rand.NewPCG(round, 5))
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	c, err := client.Dial(t.Context(), l.Addr().String(), client.WithInFlight(1+rnd.IntN(20)))
	if err != nil {
		t.Fatal(err)
	}
	near, err := l.(*net.TCPListener).AcceptTCP()
	if err != nil {
		t.Fatal(err)
	}
	far, err := net.Dial("tcp", n.addr)
	if err != nil {
		t.Fatal(err)
	}
	proxies.Go(func() { proxy(near, far, fault(round)%faults, rnd.IntN(200_000), rnd) })
	return c
}

// Whatever becomes of a connection, and whenever, every call comes back, with its own reply or with an error that says what happened;
// the client's goroutines end.
func TestNoFaultOfAConnectionMixesRepliesOrLosesACall(t *testing.T) {
	n := newNode(t)
	values := make([][]byte, 16)
	plain := n.dial()
	for i := range values {
		values[i] = bytes.Repeat(fmt.Appendf(nil, "value %d ", i), 1+i*i*20)
		if err := plain.Set(t.Context(), fmt.Append(nil, "key ", i), values[i], client.SetOptions{}); err != nil {
			t.Fatal(err)
		}
	}
	plain.Close()
	before := runtime.NumGoroutine()
	for round := range uint64(40) {
		rnd := rand.New(rand.NewPCG(round, 4))
		var proxies, callers sync.WaitGroup
		c := faulty(t, n, round, &proxies)
		count := 1 + rnd.IntN(8)
		for g := range count {
			callers.Go(func() { callUntilClosed(t, c, values, rand.New(rand.NewPCG(round, 10+uint64(g)))) })
		}
		if rnd.IntN(4) == 0 {
			callers.Go(func() { <-time.After(time.Duration(rnd.IntN(3000)) * time.Microsecond); c.Close() })
		}
		if err := within(t, "a call", func() error { callers.Wait(); return nil }); err != nil {
			t.Fatal(err)
		}
		c.Close()
		proxies.Wait()
	}
	n.hangUp()
	deadline := time.Now().Add(stallTime)
	for runtime.NumGoroutine() > before && time.Now().Before(deadline) {
		runtime.Gosched()
	}
	if got := runtime.NumGoroutine(); got > before {
		t.Errorf("%d goroutines before, %d after", before, got)
	}
}

// callUntilClosed gets values until the connection is closed, or so often; it gives some requests little time.
func callUntilClosed(t *testing.T, c *client.Client, values [][]byte, rnd *rand.Rand) {
	dst := make([]byte, 0, 64<<10)
	for range 300 {
		i := rnd.IntN(len(values))
		patience := 50 * time.Millisecond
		if rnd.IntN(5) == 0 {
			patience = time.Duration(rnd.IntN(500)) * time.Microsecond
		}
		ctx, cancel := context.WithTimeout(t.Context(), patience)
		got, err := c.AppendGet(ctx, dst, fmt.Append(nil, "key ", i))
		cancel()
		switch {
		case err == nil && bytes.Equal(got, values[i]):
		case len(got) > 0 || err == nil:
			t.Errorf("key %d: %d bytes, %v", i, len(got), err)
		case errors.Is(err, context.DeadlineExceeded):
			if patience >= 50*time.Millisecond && rnd.IntN(4) == 0 {
				c.Close() // it stands still
			}
		case errors.Is(err, client.ErrClosed), errors.Is(err, client.ErrProtocol):
			return
		default:
			t.Errorf("key %d: %v", i, err)
		}
	}
}
