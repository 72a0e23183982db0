package client_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
	"testing"
	"time"

	"covey/client"
	"covey/codec"
	"covey/internal/harness"
)

func TestAValueThatWasSetIsRead(t *testing.T) {
	c, ctx := newNode(t).dial(), t.Context()
	for _, size := range []int{0, 1, 100, 64<<10 - 16, 64 << 10, 1 << 20, codec.MaxValue} {
		key, value := []byte(fmt.Sprint("size ", size)), bytes.Repeat([]byte{0xC5, 0, '\r', '\n'}, size/4+1)[:size]
		if err := c.Set(ctx, key, value, client.SetOptions{}); err != nil {
			t.Fatalf("set of %d bytes: %v", size, err)
		}
		got, err := c.Get(ctx, key)
		if err != nil || !bytes.Equal(got, value) {
			t.Fatalf("get of %d bytes: %d bytes, %v", size, len(got), err)
		}
		got, err = c.AppendGet(ctx, []byte("before "), key)
		if err != nil || string(got[:7]) != "before " || !bytes.Equal(got[7:], value) {
			t.Fatalf("append get of %d bytes: %d bytes, %v", size, len(got), err)
		}
	}
}

func TestADeletedKeyIsNotFound(t *testing.T) {
	c, ctx, key := newNode(t).dial(), t.Context(), []byte("k")
	if err := c.Set(ctx, key, []byte("v"), client.SetOptions{}); err != nil {
		t.Fatal(err)
	}
	if existed, err := c.Delete(ctx, key); !existed || err != nil {
		t.Fatalf("first delete: %v, %v", existed, err)
	}
	if existed, err := c.Delete(ctx, key); existed || err != nil {
		t.Fatalf("second delete: %v, %v", existed, err)
	}
	if _, err := c.Get(ctx, key); !errors.Is(err, client.ErrNotFound) {
		t.Fatalf("get: %v", err)
	}
	dst, err := c.AppendGet(ctx, []byte("kept"), key)
	if !errors.Is(err, client.ErrNotFound) || string(dst) != "kept" {
		t.Fatalf("append get: %q, %v", dst, err)
	}
}

func TestConditionsAndTimeToLiveReachTheNode(t *testing.T) {
	n := newNode(t)
	c, ctx, key := n.dial(), t.Context(), []byte("k")
	steps := []struct {
		o    client.SetOptions
		want error
		sent codec.SetValue
	}{
		{client.SetOptions{XX: true}, client.ErrCondition, codec.SetValue{}},
		{client.SetOptions{NX: true, TTL: time.Microsecond}, nil, codec.SetValue{Flags: codec.SetNX, TTL: 1}},
		{client.SetOptions{NX: true}, client.ErrCondition, codec.SetValue{}},
		{client.SetOptions{XX: true, TTL: 1500*time.Millisecond + 1}, nil, codec.SetValue{Flags: codec.SetXX, TTL: 1501}},
		{client.SetOptions{TTL: 1<<63 - 1}, nil, codec.SetValue{TTL: (1<<63-1)/1_000_000 + 1}},
		{client.SetOptions{NX: true, XX: true}, client.ErrOptions, codec.SetValue{}},
		{client.SetOptions{TTL: -1}, client.ErrOptions, codec.SetValue{}},
	}
	var sent int
	for i, s := range steps {
		if err := c.Set(ctx, key, []byte("v"), s.o); !errors.Is(err, s.want) {
			t.Fatalf("step %d: %v, want %v", i, err, s.want)
		}
		if s.want != nil {
			continue
		}
		n.mu.Lock()
		got := n.sets[sent]
		n.mu.Unlock()
		if got.Flags != s.sent.Flags || got.TTL != s.sent.TTL {
			t.Errorf("step %d: the node got %+v, want %+v", i, got, s.sent)
		}
		sent++
	}
}

func TestReportsAreRead(t *testing.T) {
	c, ctx := newNode(t).dial(), t.Context()
	members, err := c.Members(ctx)
	if err != nil || len(members) != 2 || members[1].Lag != 3 {
		t.Errorf("members: %+v, %v", members, err)
	}
	figures, err := c.Info(ctx)
	if err != nil || figures.Keys != 7 {
		t.Errorf("info: %+v, %v", figures, err)
	}
	verdict, err := c.Verify(ctx)
	if err != nil || !verdict.Converged || verdict.Members != 2 {
		t.Errorf("verify: %+v, %v", verdict, err)
	}
}

func TestTooLargeIsSaidWithoutAskingTheNode(t *testing.T) {
	n := newNode(t)
	c, ctx := n.dial(), t.Context()
	n.script(func(codec.Header, []byte) []byte { t.Error("the node was asked"); return nil })
	key, value := make([]byte, codec.MaxKey+1), make([]byte, codec.MaxValue+1)
	_, get := c.Get(ctx, key)
	_, del := c.Delete(ctx, key)
	for _, err := range []error{get, del, c.Set(ctx, key, nil, client.SetOptions{}), c.Set(ctx, nil, value, client.SetOptions{})} {
		if !errors.Is(err, client.ErrTooLarge) {
			t.Errorf("%v", err)
		}
	}
}

func TestARefusalIsGivenInTheWordsOfTheNode(t *testing.T) {
	n := newNode(t)
	c, ctx := n.dial(), t.Context()
	for _, s := range []struct {
		status codec.Status
		is     error
	}{{codec.StatusError, nil}, {codec.StatusLoading, client.ErrLoading}, {codec.StatusTryAgain, client.ErrTryAgain}} {
		n.script(func(h codec.Header, _ []byte) []byte {
			if h.Kind == codec.KindReport {
				return codec.AppendReportResponse(nil, h.Tag, codec.ReportResponse{Status: s.status, JSON: []byte("because of " + s.status.String())})
			}
			return codec.AppendValueResponse(nil, h.Tag, codec.ValueResponse{Status: s.status, Value: []byte("because of " + s.status.String())})
		})
		_, get := c.Get(ctx, []byte("k"))
		_, report := c.Info(ctx)
		for _, err := range []error{get, report} {
			var refused *client.ServerError
			if !errors.As(err, &refused) || refused.Status != s.status || !strings.HasSuffix(err.Error(), "because of "+s.status.String()) {
				t.Errorf("%v: %v", s.status, err)
			}
			for _, sentinel := range []error{client.ErrLoading, client.ErrTryAgain} {
				if errors.Is(err, sentinel) != (sentinel == s.is) {
					t.Errorf("%v: errors.Is(%v) = %v", s.status, sentinel, !errors.Is(err, sentinel))
				}
			}
		}
	}
}

func TestAnyRequestMayBeRefusedByAValueResponse(t *testing.T) {
	n := newNode(t)
	c := n.dial()
	n.script(func(h codec.Header, _ []byte) []byte {
		return codec.AppendValueResponse(nil, h.Tag, codec.ValueResponse{Status: codec.StatusError, Value: []byte("not today")})
	})
	var refused *client.ServerError
	if _, err := c.Info(t.Context()); !errors.As(err, &refused) || refused.Text != "not today" {
		t.Errorf("%v", err)
	}
	n.script(func(h codec.Header, _ []byte) []byte {
		return codec.AppendValueResponse(nil, h.Tag, codec.ValueResponse{})
	})
	if _, err := c.Info(t.Context()); !errors.Is(err, client.ErrProtocol) {
		t.Errorf("a value in answer to a report: %v", err)
	}
}

func TestARefusalOfTheWholeConnectionIsGivenInTheWordsOfTheNode(t *testing.T) {
	n := newNode(t)
	c := n.dial()
	n.script(func(codec.Header, []byte) []byte {
		return codec.AppendValueResponse(nil, 0, codec.ValueResponse{Status: codec.StatusError, Value: []byte("no more connections")})
	})
	if _, err := c.Get(t.Context(), []byte("k")); !errors.Is(err, client.ErrProtocol) || !strings.Contains(err.Error(), "no more connections") {
		t.Errorf("%v", err)
	}
}

func TestWhereNoNodeListensDialSaysSo(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	addr := l.Addr().String()
	l.Close()
	if _, err := client.Dial(t.Context(), addr); !errors.Is(err, client.ErrUnreachable) || !strings.Contains(err.Error(), addr) {
		t.Errorf("%v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := client.Dial(ctx, addr); !errors.Is(err, client.ErrUnreachable) || !errors.Is(err, context.Canceled) {
		t.Errorf("with an ended context: %v", err)
	}
}

func TestImpossibleOptionsAreRefused(t *testing.T) {
	for _, o := range []client.Option{client.WithInFlight(0), client.WithInFlight(client.MaxInFlight + 1), client.WithDialTimeout(0)} {
		if _, err := client.Dial(t.Context(), "", o); !errors.Is(err, client.ErrOptions) {
			t.Errorf("%v", err)
		}
	}
}

func TestNothingIsAllocatedForARequest(t *testing.T) {
	if harness.Race {
		t.Skip("the race detector allocates")
	}
	n := newNode(t)
	c, ctx, key, value := n.dial(), t.Context(), []byte("key"), make([]byte, 100)
	tag := make([]byte, 0, 1024) // the node's reply, made without allocation too: it runs in this process
	n.script(func(h codec.Header, _ []byte) []byte {
		if h.Kind == codec.KindIncrement || h.Kind == codec.KindTimeToLive {
			return codec.AppendNumber(tag[:0], h.Tag, 7)
		}
		return codec.AppendValueResponse(tag[:0], h.Tag, codec.ValueResponse{Value: value})
	})
	entries := []client.Entry{{Key: key, Value: value}, {Key: key, TTL: time.Minute}}
	keys, found := [][]byte{key, key, key}, func(int, []byte) {}
	dst := make([]byte, 0, 128)
	for name, f := range map[string]func() error{
		"AppendGet": func() error { _, err := c.AppendGet(ctx, dst, key); return err },
		"Set":       func() error { return c.Set(ctx, key, value, client.SetOptions{TTL: time.Minute}) },
		"Delete":    func() error { _, err := c.Delete(ctx, key); return err },
		"Increment": func() error { _, err := c.Increment(ctx, key, 1, time.Minute); return err },
		"Expire":    func() error { _, err := c.Expire(ctx, key, time.Minute); return err },
		"TTL":       func() error { _, err := c.TTL(ctx, key); return err },
		"GetMany":   func() error { return c.GetMany(ctx, keys, found) },
		"SetMany":   func() error { return c.SetMany(ctx, entries) },
	} {
		got := testing.AllocsPerRun(2000, func() {
			if err := f(); err != nil {
				t.Fatal(err)
			}
		})
		if got != 0 {
			t.Errorf("%s: %v allocations", name, got)
		}
	}
}
