package client_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"covey/client"
	"covey/codec"
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

func TestManyGoroutinesShareAConnectionAndGetTheirOwnReplies(t *testing.T) {
	n := newNode(t)
	c, ctx := n.dial(client.WithInFlight(16)), t.Context()
	var all sync.WaitGroup
	for g := range 64 {
		all.Go(func() {
			rnd := rand.New(rand.NewPCG(uint64(g), 1))
			var dst []byte
			for i := range 100 {
				key := fmt.Appendf(nil, "goroutine %d key %d", g, i%7)
				value := bytes.Repeat(key, 1+rnd.IntN(200))
				if i%25 == 0 {
					value = bytes.Repeat(key, 6000)
				}
				if err := c.Set(ctx, key, value, client.SetOptions{}); err != nil {
					t.Error(err)
					return
				}
				var err error
				if dst, err = c.AppendGet(ctx, dst[:0], key); err != nil || !bytes.Equal(dst, value) {
					t.Errorf("%s: %d bytes instead of %d, %v", key, len(dst), len(value), err)
					return
				}
			}
		})
	}
	all.Wait()
}

func TestRepliesMayComeInAnyOrder(t *testing.T) {
	n := newNode(t)
	c, ctx := n.dial(), t.Context()
	const asked = 8
	var kept [][]byte
	n.script(func(h codec.Header, body []byte) []byte {
		kept = append(kept, codec.AppendValueResponse(nil, h.Tag, codec.ValueResponse{Value: body}))
		if len(kept) < asked {
			return nil
		}
		var out []byte
		for i := range kept {
			out = append(out, kept[asked-1-i]...)
		}
		return out
	})
	var all sync.WaitGroup
	for i := range asked {
		all.Go(func() {
			key := fmt.Sprint("key ", i)
			if got, err := c.Get(ctx, []byte(key)); err != nil || string(got) != key {
				t.Errorf("%s: %q, %v", key, got, err)
			}
		})
	}
	all.Wait()
}

func TestACancelledRequestReturnsAndTheConnectionGoesOn(t *testing.T) {
	n := newNode(t)
	c := n.dial(client.WithInFlight(2))
	var first codec.Header
	asked := make(chan struct{})
	n.script(func(h codec.Header, body []byte) []byte {
		if string(body) == "slow" {
			first = h
			close(asked)
			return nil
		}
		out := codec.AppendValueResponse(nil, first.Tag, codec.ValueResponse{Value: []byte("too late")})
		return codec.AppendValueResponse(out, h.Tag, codec.ValueResponse{Value: body})
	})
	ctx, cancel := context.WithCancel(t.Context())
	failed := make(chan error)
	go func() {
		_, err := c.AppendGet(ctx, make([]byte, 0, 64), []byte("slow"))
		failed <- err
	}()
	<-asked
	cancel()
	if err := <-failed; !errors.Is(err, context.Canceled) {
		t.Fatalf("the cancelled request: %v", err)
	}
	if _, err := c.Get(ctx, []byte("never sent")); !errors.Is(err, context.Canceled) {
		t.Fatalf("a request with a context that has ended: %v", err)
	}
	if got, err := c.Get(t.Context(), []byte("next")); err != nil || string(got) != "next" {
		t.Fatalf("the next request: %q, %v", got, err)
	}
}

func TestCancellingAtAnyMomentNeverMixesReplies(t *testing.T) {
	c := newNode(t).dial(client.WithInFlight(8))
	var all sync.WaitGroup
	for g := range 32 {
		key := fmt.Appendf(nil, "key of goroutine %d", g)
		value := bytes.Repeat(key, 1+g*100)
		if err := c.Set(t.Context(), key, value, client.SetOptions{}); err != nil {
			t.Fatal(err)
		}
		all.Go(func() {
			rnd := rand.New(rand.NewPCG(uint64(g), 2))
			dst := make([]byte, 0, len(value))
			for range 200 {
				ctx, cancel := context.WithTimeout(t.Context(), time.Duration(rnd.IntN(300))*time.Microsecond)
				got, err := c.AppendGet(ctx, dst, key)
				cancel()
				switch {
				case err == nil && bytes.Equal(got, value):
				case errors.Is(err, context.DeadlineExceeded) && len(got) == 0:
				default:
					t.Errorf("%s: %d bytes, %v", key, len(got), err)
				}
			}
			if got, err := c.Get(t.Context(), key); err != nil || !bytes.Equal(got, value) {
				t.Errorf("%s at the end: %d bytes, %v", key, len(got), err)
			}
		})
	}
	all.Wait()
}

func TestRequestsBeyondTheBoundWaitForAPlace(t *testing.T) {
	n := newNode(t)
	c := n.dial(client.WithInFlight(1))
	tags := make(chan codec.Header, 1)
	n.script(func(h codec.Header, _ []byte) []byte { tags <- h; return nil })
	done := make(chan error, 1)
	go func() { _, err := c.Get(t.Context(), []byte("holds the place")); done <- err }()
	h := <-tags
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	if _, err := c.Get(ctx, []byte("waits")); !errors.Is(err, context.DeadlineExceeded) {
		t.Fatalf("the second request: %v", err)
	}
	select {
	case <-tags:
		t.Fatal("the second request was sent")
	default:
	}
	n.mu.Lock()
	n.conns[0].Write(codec.AppendValueResponse(nil, h.Tag, codec.ValueResponse{}))
	n.mu.Unlock()
	if err := <-done; err != nil {
		t.Fatal(err)
	}
}

func TestANodeThatStopsReadingHoldsCallersNotMemory(t *testing.T) {
	n := newNode(t)
	c := n.dial()
	blocked := make(chan struct{})
	n.script(func(codec.Header, []byte) []byte { <-blocked; return nil })
	t.Cleanup(func() { close(blocked) })
	ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	var before, after runtime.MemStats
	value := make([]byte, 1<<20)
	runtime.ReadMemStats(&before)
	var all sync.WaitGroup
	for range 200 {
		all.Go(func() {
			if err := c.Set(ctx, []byte("k"), value, client.SetOptions{}); !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("%v", err)
			}
		})
	}
	all.Wait()
	runtime.ReadMemStats(&after)
	if grown := int64(after.HeapAlloc) - int64(before.HeapAlloc); grown > 32<<20 {
		t.Errorf("200 sets of 1 MiB took %d MiB", grown>>20)
	}
}

func TestAClosedConnectionFailsEveryCallWithASentence(t *testing.T) {
	n := newNode(t)
	c := n.dial(client.WithInFlight(4))
	asked := make(chan struct{}, 8)
	n.script(func(codec.Header, []byte) []byte { asked <- struct{}{}; return nil })
	failed := make(chan error, 8)
	for range 8 { // four in flight, four that wait for a place
		go func() { _, err := c.Get(t.Context(), []byte("k")); failed <- err }()
	}
	for range 4 {
		<-asked
	}
	n.hangUp()
	for range 8 {
		if err := <-failed; !errors.Is(err, client.ErrClosed) || !strings.Contains(err.Error(), n.addr) {
			t.Errorf("%v", err)
		}
	}
	<-c.Done()
	if _, err := c.Get(t.Context(), []byte("k")); !errors.Is(err, client.ErrClosed) {
		t.Errorf("a call after that: %v", err)
	}
}

func TestCloseEndsCallsAndGoroutines(t *testing.T) {
	n := newNode(t)
	before := runtime.NumGoroutine()
	c := n.dial()
	asked := make(chan struct{}, 1)
	n.script(func(codec.Header, []byte) []byte { asked <- struct{}{}; return nil })
	failed := make(chan error, 1)
	go func() { _, err := c.Get(t.Context(), []byte("k")); failed <- err }()
	<-asked
	c.Close()
	if err := <-failed; !errors.Is(err, client.ErrClosed) {
		t.Errorf("%v", err)
	}
	deadline := time.Now().Add(5 * time.Second)
	for runtime.NumGoroutine() > before && time.Now().Before(deadline) {
		runtime.Gosched()
	}
	if got := runtime.NumGoroutine(); got > before {
		t.Errorf("%d goroutines before, %d after", before, got)
	}
	if err := c.Close(); err != nil {
		t.Errorf("closing again: %v", err)
	}
}

func TestAnAnswerThatMakesNoSenseClosesTheConnection(t *testing.T) {
	get := func(h codec.Header) []byte { return codec.AppendValueResponse(nil, h.Tag, codec.ValueResponse{}) }
	for name, answer := range map[string]func(h codec.Header) []byte{
		"not a frame":          func(codec.Header) []byte { return []byte("-ERR unknown command\r\n") },
		"another's tag":        func(h codec.Header) []byte { h.Tag++; return get(h) },
		"a tag long past":      func(h codec.Header) []byte { h.Tag += 1 << 16; return get(h) },
		"answered twice":       func(h codec.Header) []byte { return append(append(get(h), get(h)...), 0) },
		"another kind":         func(h codec.Header) []byte { return codec.AppendReportResponse(nil, h.Tag, codec.ReportResponse{}) },
		"an unknown status":    func(h codec.Header) []byte { b := get(h); b[codec.HeaderLen] = 99; return b },
		"an impossible length": func(h codec.Header) []byte { b := get(h); b[7] = 0xFF; return b },
	} {
		t.Run(name, func(t *testing.T) {
			n := newNode(t)
			c := n.dial()
			n.script(func(h codec.Header, _ []byte) []byte { return answer(h) })
			if _, err := c.Get(t.Context(), []byte("k")); err != nil && !errors.Is(err, client.ErrProtocol) {
				t.Errorf("%v", err)
			}
			<-c.Done()
			if _, err := c.Get(t.Context(), []byte("k")); !errors.Is(err, client.ErrProtocol) {
				t.Errorf("the next call: %v", err)
			}
		})
	}
}

func TestASkippableFrameIsSkipped(t *testing.T) {
	n := newNode(t)
	c := n.dial()
	n.script(func(h codec.Header, _ []byte) []byte {
		out := codec.AppendHeader(nil, codec.Header{Kind: 0x7F, Flags: codec.FlagSkippable, Length: 100_000})
		out = append(out, make([]byte, 100_000)...)
		return codec.AppendValueResponse(out, h.Tag, codec.ValueResponse{Value: []byte("v")})
	})
	if got, err := c.Get(t.Context(), []byte("k")); err != nil || string(got) != "v" {
		t.Errorf("%q, %v", got, err)
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
	if underRace {
		t.Skip("the race detector allocates")
	}
	n := newNode(t)
	c, ctx, key, value := n.dial(), t.Context(), []byte("key"), make([]byte, 100)
	tag := make([]byte, 0, 1024) // the node's reply, made without allocation too: it runs in this process
	n.script(func(h codec.Header, _ []byte) []byte {
		return codec.AppendValueResponse(tag[:0], h.Tag, codec.ValueResponse{Value: value})
	})
	dst := make([]byte, 0, 128)
	for name, f := range map[string]func() error{
		"AppendGet": func() error { _, err := c.AppendGet(ctx, dst, key); return err },
		"Set":       func() error { return c.Set(ctx, key, value, client.SetOptions{TTL: time.Minute}) },
		"Delete":    func() error { _, err := c.Delete(ctx, key); return err },
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
