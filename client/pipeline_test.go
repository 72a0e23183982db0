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
	"sync/atomic"
	"testing"
	"time"

	"covey/client"
	"covey/codec"
)

func TestManyGoroutinesShareAConnectionAndGetTheirOwnReplies(t *testing.T) {
	n := newNode(t)
	c, ctx := n.dial(client.WithInFlight(16)), t.Context()
	var all sync.WaitGroup
	for g := range 32 {
		all.Go(func() {
			rnd := rand.New(rand.NewPCG(uint64(g), 1))
			var dst []byte
			for i := range 60 {
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
	bothWays(t, func(t *testing.T, n *node) {
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
	})
}

func TestACancelledRequestReturnsAndTheConnectionGoesOn(t *testing.T) {
	bothWays(t, func(t *testing.T, n *node) {
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
	})
}

func TestCancellingAtAnyMomentNeverMixesReplies(t *testing.T) {
	bothWays(t, func(t *testing.T, n *node) {
		c := n.dial(client.WithInFlight(8))
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
	})
}

func TestRequestsBeyondTheBoundWaitForAPlace(t *testing.T) {
	bothWays(t, func(t *testing.T, n *node) {
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
	})
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
	bothWays(t, func(t *testing.T, n *node) {
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
	})
}

func TestCloseEndsCallsAndGoroutines(t *testing.T) {
	bothWays(t, func(t *testing.T, n *node) {
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
	})
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
			bothWays(t, func(t *testing.T, n *node) {
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
		})
	}
}

func TestASkippableFrameIsSkipped(t *testing.T) {
	bothWays(t, func(t *testing.T, n *node) {
		c := n.dial()
		n.script(func(h codec.Header, _ []byte) []byte {
			out := codec.AppendHeader(nil, codec.Header{Kind: 0x7F, Flags: codec.FlagSkippable, Length: 100_000})
			out = append(out, make([]byte, 100_000)...)
			return codec.AppendValueResponse(out, h.Tag, codec.ValueResponse{Value: []byte("v")})
		})
		if got, err := c.Get(t.Context(), []byte("k")); err != nil || string(got) != "v" {
			t.Errorf("%q, %v", got, err)
		}
	})
}

// failing is a connection that takes so many writes and no more.
type failing struct {
	*net.TCPConn
	left atomic.Int32
}

func (f *failing) Write(b []byte) (int, error) {
	if f.left.Add(-1) < 0 {
		return 0, errors.New("cut off")
	}
	return f.TCPConn.Write(b)
}

// Whoever is alone writes its own frames, from its second on; that its write fails ends the call, and the connection.
func TestALoneCallerIsToldWhenItsOwnWriteFails(t *testing.T) {
	n := newNode(t)
	for writes := range int32(4) {
		conn, err := net.Dial("tcp", n.addr)
		if err != nil {
			t.Fatal(err)
		}
		f := &failing{TCPConn: conn.(*net.TCPConn)}
		f.left.Store(writes)
		c, err := client.New(f)
		if err != nil {
			t.Fatal(err)
		}
		for i := range writes {
			if err := c.Set(t.Context(), []byte("k"), []byte{byte(i)}, client.SetOptions{}); err != nil {
				t.Fatalf("write %d of %d: %v", i, writes, err)
			}
		}
		if _, err := c.Get(t.Context(), []byte("k")); !errors.Is(err, client.ErrClosed) || !strings.Contains(err.Error(), "cut off") {
			t.Errorf("after %d writes: %v", writes, err)
		}
		<-c.Done()
		c.Close()
	}
}
