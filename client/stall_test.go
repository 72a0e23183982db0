package client_test

import (
	"context"
	"errors"
	"io"
	"net"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"covey/client"
	"covey/codec"
)

// stallTime bounds, in these tests, what would otherwise wait for ever.
const stallTime = 10 * time.Second

// within runs f, and fails the test if it has not come back when stallTime is over.
func within(t *testing.T, what string, f func() error) error {
	t.Helper()
	done := make(chan error, 1)
	go func() { done <- f() }()
	select {
	case err := <-done:
		return err
	case <-time.After(stallTime):
		t.Fatalf("%s has not come back within %v", what, stallTime)
		return nil
	}
}

// answerThenStall answers every request as soon as it has its header, and reads its body; from the first of more than most bytes on it
// reads nothing more.
func answerThenStall(conn net.Conn, most uint32) {
	head := make([]byte, codec.HeaderLen)
	for {
		if _, err := io.ReadFull(conn, head); err != nil {
			return
		}
		h, _, _ := codec.DecodeHeader(head)
		if _, err := conn.Write(codec.AppendValueResponse(nil, h.Tag, codec.ValueResponse{Status: codec.StatusError, Value: []byte("no")})); err != nil || h.Length > most {
			return
		}
		if _, err := io.CopyN(io.Discard, conn, int64(h.Length)); err != nil {
			return
		}
	}
}

// lone makes a client's callers read and write by themselves, if they may.
func lone(t *testing.T, c *client.Client) {
	t.Helper()
	for range 20 {
		err := within(t, "a request", func() error { _, err := c.Get(t.Context(), []byte("k")); return err })
		var refused *client.ServerError
		if !errors.As(err, &refused) {
			t.Fatal(err)
		}
	}
}

// expired asks for a key with a context that ends soon, of a node that does not read.
func expired(t *testing.T, c *client.Client) {
	t.Helper()
	err := within(t, "a request whose context has ended", func() error {
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
		defer cancel()
		_, err := c.Get(ctx, []byte("k"))
		return err
	})
	if !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("%v", err)
	}
}

// A node refuses a large value before it has read it, and then reads no more: the writer is still at it when the next caller comes.
func TestACallerDoesNotWriteWhileTheWriterIsAtIt(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	over := make(chan struct{})
	t.Cleanup(func() { close(over); l.Close() })
	go func() {
		conn, err := l.Accept()
		if err != nil {
			return
		}
		defer conn.Close()
		answerThenStall(conn, codec.MaxKey)
		<-over
	}()
	c, err := client.Dial(t.Context(), l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	lone(t, c)
	var refused *client.ServerError
	if err := c.Set(t.Context(), []byte("k"), make([]byte, codec.MaxValue), client.SetOptions{}); !errors.As(err, &refused) {
		t.Fatal(err)
	}
	expired(t, c)
}

// What is written to a pipe waits until it is read, unlike what is written to a socket: callers leave that to the writer.
func TestACallerDoesNotWriteWhereAWriteWaitsForTheReader(t *testing.T) {
	near, far := net.Pipe()
	t.Cleanup(func() { far.Close() })
	go answerThenStall(far, 1)
	c, err := client.New(near)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	lone(t, c)
	if err := c.Set(t.Context(), []byte("k"), nil, client.SetOptions{}); err == nil || errors.Is(err, client.ErrClosed) {
		t.Fatal(err)
	}
	expired(t, c)
}

// A caller that reads its own reply has a deadline on the connection, of some milliseconds; one of its context that is sooner goes before it.
func TestACallerThatReadsDoesNotReadBeyondItsDeadline(t *testing.T) {
	n := newNode(t)
	c, w := watch(t, n)
	for range 50 {
		if _, err := c.Get(t.Context(), []byte("nothing")); !errors.Is(err, client.ErrNotFound) {
			t.Fatal(err)
		}
	}
	n.script(func(codec.Header, []byte) []byte { return nil })
	ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
	defer cancel()
	end, _ := ctx.Deadline()
	if _, err := c.Get(ctx, []byte("k")); !errors.Is(err, context.DeadlineExceeded) {
		t.Fatal(err)
	}
	if last := w.last.Load(); last == nil || last.After(end) {
		t.Errorf("it read until %v, and its context ended at %v", last, end)
	}
}

// told is a connection that closes more when it is read from beyond what it has given so far, of want bytes.
type told struct {
	*net.TCPConn
	got, want int
	more      chan struct{}
}

func (r *told) Read(b []byte) (int, error) {
	if r.got == r.want {
		close(r.more)
	}
	n, err := r.TCPConn.Read(b)
	r.got += n
	return n, err
}

func TestCloseAmidAReplySaysWhoHasClosed(t *testing.T) {
	n := newNode(t)
	conn, err := net.Dial("tcp", n.addr)
	if err != nil {
		t.Fatal(err)
	}
	r := &told{TCPConn: conn.(*net.TCPConn), want: 500, more: make(chan struct{})}
	c, err := client.New(r)
	if err != nil {
		t.Fatal(err)
	}
	n.script(func(h codec.Header, _ []byte) []byte {
		return codec.AppendValueResponse(nil, h.Tag, codec.ValueResponse{Value: make([]byte, 1000)})[:r.want]
	})
	failed := make(chan error, 1)
	go func() { _, err := c.Get(t.Context(), []byte("k")); failed <- err }()
	<-r.more
	c.Close()
	if err := <-failed; !errors.Is(err, client.ErrClosed) || !strings.HasSuffix(err.Error(), "closed by its owner") {
		t.Errorf("%v", err)
	}
}

func TestAReportThatCannotBeReadClosesTheConnection(t *testing.T) {
	n := newNode(t)
	c := n.dial()
	n.script(func(h codec.Header, _ []byte) []byte {
		return codec.AppendReportResponse(nil, h.Tag, codec.ReportResponse{JSON: []byte(`[{"id":"a"},{"id":7}]`)})
	})
	if members, err := c.Members(t.Context()); !errors.Is(err, client.ErrProtocol) || members != nil {
		t.Errorf("%+v, %v", members, err)
	}
	err := within(t, "Done", func() error { <-c.Done(); return nil })
	if _, next := c.Get(t.Context(), []byte("k")); err != nil || !errors.Is(next, client.ErrProtocol) {
		t.Errorf("the next call: %v", next)
	}
}

func TestAPortIsAddedToEachKindOfAddress(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel() // nothing is dialed: the error has the address
	for addr, want := range map[string]string{
		"": "127.0.0.1:9000", "10.0.0.5": "10.0.0.5:9000", "nas": "nas:9000", "nas:1": "nas:1",
		"::1": "[::1]:9000", "[::1]": "[::1]:9000", "[::1]:1": "[::1]:1", "fe80::1%eth0": "[fe80::1%eth0]:9000",
	} {
		if _, err := client.Dial(ctx, addr); err == nil || !strings.Contains(err.Error(), "at "+want+": ") {
			t.Errorf("%q: %v", addr, err)
		}
	}
}

// full is a socket that takes what is written in large pieces, and nothing more once it has taken one.
type full struct {
	*net.TCPConn
	armed  atomic.Bool
	closed chan struct{}
}

func (f *full) Write(b []byte) (int, error) {
	switch {
	case !f.armed.Load():
		return f.TCPConn.Write(b)
	case len(b) > 1<<19:
		return len(b), nil
	}
	<-f.closed
	return 0, net.ErrClosed
}

func (f *full) Close() error {
	close(f.closed)
	return f.TCPConn.Close()
}

// What was put before may have filled the socket: a caller does not write the rest itself, though nobody else is there.
func TestACallerDoesNotWriteBehindItsOwnRequests(t *testing.T) {
	n := newNode(t)
	entries := []client.Entry{{Key: []byte("a"), Value: make([]byte, 1<<20-4<<10)}, {Key: []byte("b"), Value: make([]byte, 8<<10)}}
	for range 200 { // whether the writer is done with the first when the second is put is a matter of chance
		conn, err := net.Dial("tcp", n.addr)
		if err != nil {
			t.Fatal(err)
		}
		f := &full{TCPConn: conn.(*net.TCPConn), closed: make(chan struct{})}
		c, err := client.New(f)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := c.Get(t.Context(), []byte("k")); !errors.Is(err, client.ErrNotFound) {
			t.Fatal(err)
		}
		f.armed.Store(true)
		err = within(t, "SetMany", func() error {
			ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
			defer cancel()
			return c.SetMany(ctx, entries)
		})
		if !errors.Is(err, context.DeadlineExceeded) {
			t.Fatal(err)
		}
		c.Close()
	}
}
