package client

import (
	"context"
	"errors"
	"net"
	"sync"
	"testing"
	"time"
)

// silence takes connections, hands them to the test and says nothing.
func silence(t *testing.T) (addr string, accepted <-chan net.Conn) {
	t.Helper()
	ln, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { ln.Close() })
	conns := make(chan net.Conn, 64)
	go func() {
		for {
			conn, err := ln.Accept()
			if err != nil {
				return
			}
			conns <- conn
		}
	}()
	return ln.Addr().String(), conns
}

func redialer(t *testing.T, addr string, options ...Option) *Redialer {
	t.Helper()
	r, err := NewRedialer(addr, options...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { r.Close() })
	return r
}

// TestARedialerDialsOnceForAllAndAgainWhenTheConnectionHasEnded: whoever asks has the same Client, before and after.
func TestARedialerDialsOnceForAllAndAgainWhenTheConnectionHasEnded(t *testing.T) {
	addr, accepted := silence(t)
	r := redialer(t, addr)
	var before *Client
	for range 3 {
		got := make([]*Client, 32)
		var callers sync.WaitGroup
		for i := range got {
			callers.Go(func() {
				c, err := r.Client(t.Context())
				if err != nil {
					t.Error(err)
				}
				got[i] = c
			})
		}
		callers.Wait()
		for _, c := range got {
			if c != got[0] || c == nil || c == before {
				t.Fatalf("callers have %p and %p, before they had %p", c, got[0], before)
			}
		}
		before = got[0]
		(<-accepted).Close() // the node goes
		<-before.Done()
		r.last.ended = r.last.ended.Add(-redialPause)
	}
	if len(accepted) != 0 {
		t.Errorf("it dialed %d times too often", len(accepted))
	}
}

// TestARedialerThatFailsDoesNotDialForAWhile: all get the error of the last time meanwhile.
func TestARedialerThatFailsDoesNotDialForAWhile(t *testing.T) {
	ln, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	addr := ln.Addr().String()
	ln.Close()
	r := redialer(t, addr)
	if _, err := r.Client(t.Context()); !errors.Is(err, ErrUnreachable) {
		t.Errorf("nobody listens: %v", err)
	}
	first := r.last
	if got := r.attempt(first.ended.Add(redialPause - 1)); got != first {
		t.Error("it dialed again before the pause was over")
	}
	if got := r.attempt(first.ended.Add(redialPause)); got == first {
		t.Error("it did not dial again after the pause")
	}
}

// TestARedialerDoesNotDialAgainAtOnceWhoClosesAtOnce: as a node does that is full, or does not serve this host.
func TestARedialerDoesNotDialAgainAtOnceWhoClosesAtOnce(t *testing.T) {
	addr, accepted := silence(t)
	r := redialer(t, addr)
	c, err := r.Client(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	side := <-accepted
	if _, err := side.Write([]byte("-DENIED not you\r\n")); err != nil {
		t.Fatal(err)
	}
	side.Close()
	<-c.Done()
	first := r.last
	if got := r.attempt(first.ended.Add(redialPause - 1)); got != first {
		t.Error("it dialed again before the pause was over")
	}
	if _, err := first.client.Get(t.Context(), []byte("k")); !errors.Is(err, ErrDenied) {
		t.Errorf("the calls of the Client meanwhile do not say why: %v", err)
	}
	if got := r.attempt(first.ended.Add(redialPause)); got == first {
		t.Error("it did not dial again after the pause")
	}
}

// TestANodeThatIsFullIsANode: its sentence is told, and not that something else listens there. Another server that is full is none.
func TestANodeThatIsFullIsANode(t *testing.T) {
	for said, want := range map[string]string{
		"this node serves as many connections as it may; close some": "",
		"this node serves 1024 connections of one address at most":   "",
		"max number of clients reached":                              "protocol",
	} {
		addr, accepted := silence(t)
		c, err := Dial(t.Context(), addr)
		if err != nil {
			t.Fatal(err)
		}
		side := <-accepted
		if _, err := side.Write([]byte("-ERR " + said + "\r\n")); err != nil {
			t.Fatal(err)
		}
		side.Close()
		<-c.Done()
		_, err = c.Get(t.Context(), []byte("k"))
		if want != "" {
			if !errors.Is(err, ErrProtocol) {
				t.Errorf("%s: %v", said, err)
			}
			continue
		}
		var refused *ServerError
		if !errors.Is(err, ErrClosed) || errors.Is(err, ErrProtocol) || errors.Is(err, ErrDenied) || !errors.As(err, &refused) || refused.Text != said {
			t.Errorf("%s: %v", said, err)
		}
	}
}

// TestACallerOfARedialerMayLeave: the dialing goes on for the others.
func TestACallerOfARedialerMayLeave(t *testing.T) {
	addr, accepted := silence(t)
	r := redialer(t, addr, WithPassword("x"), WithDialTimeout(time.Minute)) // which waits for the answer to its AUTH
	ctx, cancel := context.WithCancel(t.Context())
	go func() { (<-accepted).Read(make([]byte, 1)); cancel() }()
	if c, err := r.Client(ctx); c != nil || !errors.Is(err, context.Canceled) {
		t.Errorf("a caller that leaves has %v, %v", c, err)
	}
	select {
	case <-r.attempt(time.Now()).done:
		t.Error("the dialing ended with the caller")
	default:
	}
	r.Close() // ends it, before its minute is over
	if _, err := r.Client(t.Context()); !errors.Is(err, ErrClosed) {
		t.Errorf("closed: %v", err)
	}
}

func TestAClosedRedialerHasClosedItsClient(t *testing.T) {
	addr, _ := silence(t)
	r := redialer(t, addr)
	c, err := r.Client(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	r.Close()
	<-c.Done()
	if _, err := r.Client(t.Context()); !errors.Is(err, ErrClosed) {
		t.Error(err)
	}
	r.Close()
	if _, err := NewRedialer(addr, WithInFlight(0)); !errors.Is(err, ErrOptions) {
		t.Error(err)
	}
}

// TestTheZeroClientIsClosed: it would wait for ever.
func TestTheZeroClientIsClosed(t *testing.T) {
	var c Client
	if _, err := c.Get(t.Context(), []byte("k")); !errors.Is(err, ErrClosed) {
		t.Error(err)
	}
	c.Close()
}
