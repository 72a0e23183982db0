package client_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"covey/client"
	"covey/codec"
)

// keysAndValues are n keys, of which every third is on the node, with its value.
func keysAndValues(n *node, count int) (keys [][]byte, want map[int]string) {
	want = map[int]string{}
	for i := range count {
		key := fmt.Sprint("key ", i)
		keys = append(keys, []byte(key))
		if i%3 == 0 {
			want[i] = fmt.Sprint("value ", i)
			n.mu.Lock()
			n.values[key] = []byte(want[i])
			n.mu.Unlock()
		}
	}
	return keys, want
}

func TestManyKeysAreReadInTheirOrder(t *testing.T) {
	bothWays(t, func(t *testing.T, n *node) {
		c := n.dial()
		for _, count := range []int{0, 1, 2, 63, 64, 65, 200} {
			keys, want := keysAndValues(n, count)
			last := -1
			err := c.GetMany(t.Context(), keys, func(i int, value []byte) {
				if i <= last || want[i] != string(value) {
					t.Errorf("%d keys: number %d after %d: %q instead of %q", count, i, last, value, want[i])
				}
				last = i
				delete(want, i)
			})
			if err != nil || len(want) > 0 {
				t.Errorf("%d keys: %v, and %d were not found", count, err, len(want))
			}
		}
	})
}

func TestManyEntriesAreSet(t *testing.T) {
	bothWays(t, func(t *testing.T, n *node) {
		c := n.dial()
		for _, count := range []int{0, 1, 64, 150} {
			var entries []client.Entry
			for i := range count {
				e := client.Entry{Key: fmt.Append(nil, count, i), Value: fmt.Append(nil, "value", i), TTL: time.Duration(i) * time.Second}
				entries = append(entries, e)
			}
			n.mu.Lock()
			n.sets = nil
			n.mu.Unlock()
			if err := c.SetMany(t.Context(), entries); err != nil {
				t.Fatal(err)
			}
			n.mu.Lock()
			if len(n.sets) != count {
				t.Errorf("%d came, want %d", len(n.sets), count)
			}
			for i, e := range entries {
				if got := n.values[string(e.Key)]; string(got) != string(e.Value) || n.sets[i].TTL != uint64(1000*i) {
					t.Errorf("%s is %q for %d ms, want %q", e.Key, got, n.sets[i].TTL, e.Value)
				}
			}
			n.mu.Unlock()
		}
	})
}

func TestManyEntriesThatCannotBe(t *testing.T) {
	n := newNode(t)
	c, ctx, good := n.dial(), t.Context(), client.Entry{Key: []byte("k")}
	n.script(func(codec.Header, []byte) []byte { t.Error("the node was asked"); return nil })
	for want, bad := range map[error][]client.Entry{
		client.ErrTooLarge: {{Key: make([]byte, codec.MaxKey+1)}, {Value: make([]byte, codec.MaxValue+1)}},
		client.ErrOptions:  {{TTL: -1}},
	} {
		for _, e := range bad {
			if err := c.SetMany(ctx, []client.Entry{good, e}); !errors.Is(err, want) || !strings.Contains(err.Error(), "entry 1") {
				t.Errorf("%v, want %v", err, want)
			}
		}
	}
	n.script(func(h codec.Header, _ []byte) []byte {
		return codec.AppendValueResponse(nil, h.Tag, codec.ValueResponse{Status: codec.StatusTryAgain, Value: []byte("no room")})
	})
	if err := c.SetMany(ctx, []client.Entry{good, good}); !errors.Is(err, client.ErrTryAgain) {
		t.Errorf("%v", err)
	}
}

// Many that get many at once, with fewer slots than either wants, do not wait for each other for ever.
func TestManyKeysShareFewSlots(t *testing.T) {
	n := newNode(t)
	c := n.dial(client.WithInFlight(3))
	keys, want := keysAndValues(n, 100)
	var running sync.WaitGroup
	for range 8 {
		running.Go(func() {
			got := 0
			if err := c.GetMany(t.Context(), keys, func(i int, value []byte) { got++ }); err != nil || got != len(want) {
				t.Errorf("%d of %d, %v", got, len(want), err)
			}
		})
	}
	running.Wait()
}

// The first thing that goes wrong is the error, nothing behind it is found, and the client goes on.
func TestManyKeysUpToTheFirstError(t *testing.T) {
	n := newNode(t)
	c := n.dial()
	keys, _ := keysAndValues(n, 60)
	n.script(func(h codec.Header, body []byte) []byte {
		m := codec.ValueResponse{Value: body}
		if string(body) == string(keys[30]) {
			m = codec.ValueResponse{Status: codec.StatusLoading, Value: []byte("not yet")}
		}
		return codec.AppendValueResponse(nil, h.Tag, m)
	})
	found := 0
	err := c.GetMany(t.Context(), keys, func(i int, value []byte) {
		if string(value) != string(keys[i]) {
			t.Errorf("number %d is %q", i, value)
		}
		found++
	})
	if !errors.Is(err, client.ErrLoading) || found != 30 {
		t.Errorf("%v, %d found", err, found)
	}
	if value, err := c.Get(t.Context(), keys[0]); err != nil || string(value) != string(keys[0]) {
		t.Errorf("afterwards: %q, %v", value, err)
	}
	if err := c.GetMany(t.Context(), [][]byte{keys[0], make([]byte, codec.MaxKey+1)}, nil); !errors.Is(err, client.ErrTooLarge) {
		t.Errorf("a key that is too long: %v", err)
	}
}

// A context that ends amid many leaves their slots to others, once the node has answered.
func TestManyKeysAreGivenUpWithTheirContext(t *testing.T) {
	n := newNode(t)
	c := n.dial(client.WithInFlight(10))
	keys, _ := keysAndValues(n, 10)
	ctx, cancel := context.WithCancel(t.Context())
	answer := make(chan struct{})
	var seen int
	n.script(func(h codec.Header, body []byte) []byte {
		if seen++; seen == 1 {
			cancel()
			<-answer
		}
		return codec.AppendValueResponse(nil, h.Tag, codec.ValueResponse{Value: body})
	})
	if err := c.GetMany(ctx, keys, func(i int, _ []byte) { t.Errorf("%d is found", i) }); !errors.Is(err, context.Canceled) {
		t.Errorf("%v", err)
	}
	close(answer)
	found := 0
	if err := c.GetMany(t.Context(), keys, func(int, []byte) { found++ }); err != nil || found != len(keys) {
		t.Errorf("afterwards %d are found, %v", found, err)
	}
}

func TestManyKeysOfAConnectionThatEnds(t *testing.T) {
	for seed := range uint64(20) {
		n := newNode(t)
		c := n.dial()
		keys, _ := keysAndValues(n, 100)
		left := rand.New(rand.NewPCG(seed, 1)).IntN(len(keys))
		n.script(func(h codec.Header, body []byte) []byte {
			if left--; left < 0 {
				go n.hangUp()
				return nil
			}
			return codec.AppendValueResponse(nil, h.Tag, codec.ValueResponse{Value: body})
		})
		next := 0
		err := c.GetMany(t.Context(), keys, func(i int, value []byte) {
			if i != next || string(value) != string(keys[i]) {
				t.Errorf("seed %d: %d instead of %d", seed, i, next)
			}
			next++
		})
		if !errors.Is(err, client.ErrClosed) {
			t.Errorf("seed %d: %v after %d", seed, err, next)
		}
	}
}

// Values that do not fit into one write leave in several, while the caller still puts the others.
func TestManyEntriesThatAreLarge(t *testing.T) {
	bothWays(t, func(t *testing.T, n *node) {
		c := n.dial()
		var entries []client.Entry
		var keys [][]byte
		for i := range 20 {
			keys = append(keys, fmt.Append(nil, "large ", i))
			entries = append(entries, client.Entry{Key: keys[i], Value: bytes.Repeat([]byte{byte(i)}, 300<<10)})
		}
		if err := within(t, "SetMany", func() error { return c.SetMany(t.Context(), entries) }); err != nil {
			t.Fatal(err)
		}
		found := 0
		if err := within(t, "GetMany", func() error {
			return c.GetMany(t.Context(), keys, func(i int, value []byte) {
				if !bytes.Equal(value, entries[i].Value) {
					t.Errorf("number %d has %d other bytes", i, len(value))
				}
				found++
			})
		}); err != nil || found != len(keys) {
			t.Errorf("%d found, %v", found, err)
		}
	})
}

// A node that reads nothing: what was put and what waits for room ends with the context, and a later call with its own.
func TestManyEntriesToANodeThatDoesNotRead(t *testing.T) {
	near, far := net.Pipe()
	defer far.Close()
	c, err := client.New(near)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	entries := make([]client.Entry, 20)
	for i := range entries {
		entries[i] = client.Entry{Key: []byte("k"), Value: make([]byte, 300<<10)}
	}
	for range 3 {
		err := within(t, "SetMany", func() error {
			ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
			defer cancel()
			return c.SetMany(ctx, entries)
		})
		if !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("%v", err)
		}
	}
	expired(t, c)
}

// leaving is a connection whose reader's context ends with the first bytes that come once there is one. A caller that reads has a deadline on it,
// and the reader has none.
type leaving struct {
	*net.TCPConn
	own    atomic.Bool
	cancel atomic.Pointer[context.CancelFunc]
	gone   atomic.Bool
	late   atomic.Bool // a caller has read on
}

func (l *leaving) SetReadDeadline(at time.Time) error {
	l.own.Store(!at.IsZero())
	return l.TCPConn.SetReadDeadline(at)
}

func (l *leaving) Read(b []byte) (int, error) {
	if l.gone.Load() && l.own.Load() {
		l.late.Store(true)
	}
	n, err := l.TCPConn.Read(b)
	if cancel := l.cancel.Load(); cancel != nil && n > 0 {
		(*cancel)()
		l.gone.Store(true)
	}
	return n, err
}

// Each reply may come soon after the one before: a caller that reads many looks at its context in between.
func TestACallerThatReadsManyStopsWithItsContext(t *testing.T) {
	n := newNode(t)
	l := new(leaving)
	c := n.through(func(conn *net.TCPConn) net.Conn { l.TCPConn = conn; return l })
	for range 20 {
		if _, err := c.Get(t.Context(), []byte("nothing")); !errors.Is(err, client.ErrNotFound) {
			t.Fatal(err)
		}
	}
	asked := 0
	n.script(func(h codec.Header, body []byte) []byte {
		if asked++; asked > 1 {
			return nil
		}
		return codec.AppendValueResponse(nil, h.Tag, codec.ValueResponse{Value: body})
	})
	keys, _ := keysAndValues(n, 10)
	ctx, cancel := context.WithCancel(t.Context())
	l.cancel.Store(&cancel)
	if err := within(t, "GetMany", func() error { return c.GetMany(ctx, keys, func(int, []byte) {}) }); !errors.Is(err, context.Canceled) {
		t.Errorf("%v", err)
	}
	if l.late.Load() {
		t.Error("it has read on for what its context does not want any more")
	}
}
