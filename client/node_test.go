package client_test

import (
	"bufio"
	"encoding/json"
	"errors"
	"io"
	"net"
	"sync"
	"testing"

	"covey/client"
	"covey/codec"
)

// node is as much of a covey node as a client sees of it: one connection after another or at once, a map behind them.
type node struct {
	t     *testing.T
	addr  string
	alone int // requests that a dialed client makes first

	mu     sync.Mutex
	values map[string][]byte
	sets   []codec.SetValue // as they came; Key and Value are not kept
	// answer, when set, makes the reply instead of the map; nil from it means that there is none.
	answer func(h codec.Header, body []byte) []byte
	conns  []net.Conn

	came chan struct{} // a connection was added to conns
}

// newNode starts a node on a free port of loopback; it ends with the test.
func newNode(t *testing.T) *node {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	n := &node{t: t, addr: l.Addr().String(), values: map[string][]byte{}, came: make(chan struct{}, 256)}
	var running sync.WaitGroup
	running.Go(func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			n.mu.Lock()
			n.conns = append(n.conns, conn)
			n.mu.Unlock()
			select {
			case n.came <- struct{}{}:
			default:
			}
			running.Go(func() { n.serve(conn) })
		}
	})
	t.Cleanup(func() {
		l.Close()
		n.hangUp()
		running.Wait()
	})
	return n
}

// hangUp closes all connections.
func (n *node) hangUp() {
	n.mu.Lock()
	defer n.mu.Unlock()
	for _, conn := range n.conns {
		conn.Close()
	}
}

// dial connects a client that ends with the test, and waits until the node has taken its connection.
func (n *node) dial(options ...client.Option) *client.Client {
	n.t.Helper()
	c, err := client.Dial(n.t.Context(), n.addr, options...)
	if err != nil {
		n.t.Fatal(err)
	}
	n.t.Cleanup(func() { c.Close() })
	<-n.came
	for range n.alone {
		if _, err := c.Get(n.t.Context(), []byte("nothing")); !errors.Is(err, client.ErrNotFound) {
			n.t.Fatal(err)
		}
	}
	return c
}

// through connects a client by a connection that wrap has made of a socket; it ends with the test.
func (n *node) through(wrap func(*net.TCPConn) net.Conn) *client.Client {
	n.t.Helper()
	conn, err := net.Dial("tcp", n.addr)
	if err != nil {
		n.t.Fatal(err)
	}
	c, err := client.New(wrap(conn.(*net.TCPConn)))
	if err != nil {
		n.t.Fatal(err)
	}
	n.t.Cleanup(func() { c.Close() })
	return c
}

// bothWays runs a test with clients whose reader reads, and with clients whose callers do, for they have been alone.
func bothWays(t *testing.T, test func(t *testing.T, n *node)) {
	for name, alone := range map[string]int{"reader": 0, "caller": 50} {
		t.Run(name, func(t *testing.T) {
			n := newNode(t)
			n.alone = alone
			test(t, n)
		})
	}
}

func (n *node) serve(conn net.Conn) {
	defer conn.Close()
	in := bufio.NewReaderSize(conn, 64<<10)
	var body, out []byte
	for {
		head, err := in.Peek(codec.HeaderLen)
		if err != nil {
			return
		}
		h, _, err := codec.DecodeHeader(head)
		if err != nil {
			n.t.Errorf("the client sent a bad header: %v", err)
			return
		}
		in.Discard(codec.HeaderLen)
		if cap(body) < int(h.Length) {
			body = make([]byte, h.Length)
		}
		body = body[:h.Length]
		if _, err := io.ReadFull(in, body); err != nil {
			return
		}
		out = n.reply(out, h, body)
		if in.Buffered() == 0 {
			if _, err := conn.Write(out); err != nil {
				return
			}
			out = out[:0]
		}
	}
}

// reply appends the answer to one request.
func (n *node) reply(out []byte, h codec.Header, body []byte) []byte {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.answer != nil {
		return append(out, n.answer(h, body)...)
	}
	switch h.Kind {
	case codec.KindGetValue:
		m, _ := codec.DecodeGetValue(body)
		if v, ok := n.values[string(m.Key)]; ok {
			return codec.AppendValueResponse(out, h.Tag, codec.ValueResponse{Value: v})
		}
		return codec.AppendValueResponse(out, h.Tag, codec.ValueResponse{Status: codec.StatusNotFound})
	case codec.KindSetValue:
		m, err := codec.DecodeSetValue(body)
		if err != nil {
			n.t.Errorf("the client sent a bad SetValue: %v", err)
		}
		_, there := n.values[string(m.Key)]
		if m.Flags == codec.SetNX && there || m.Flags == codec.SetXX && !there {
			return codec.AppendValueResponse(out, h.Tag, codec.ValueResponse{Status: codec.StatusNotFound})
		}
		n.values[string(m.Key)] = append([]byte(nil), m.Value...)
		n.sets = append(n.sets, codec.SetValue{Flags: m.Flags, TTL: m.TTL})
		return codec.AppendValueResponse(out, h.Tag, codec.ValueResponse{})
	case codec.KindDelete:
		m, _ := codec.DecodeDelete(body)
		status := codec.StatusNotFound
		if _, ok := n.values[string(m.Key)]; ok {
			status = codec.StatusOK
			delete(n.values, string(m.Key))
		}
		return codec.AppendValueResponse(out, h.Tag, codec.ValueResponse{Status: status})
	case codec.KindReport:
		m, _ := codec.DecodeReport(body)
		return codec.AppendReportResponse(out, h.Tag, codec.ReportResponse{JSON: reports(n.t, m.Topic)})
	}
	n.t.Errorf("the client sent a %v", h.Kind)
	return out
}

// reports is what the node says about itself.
func reports(t *testing.T, topic codec.Topic) []byte {
	var v any
	switch topic {
	case codec.TopicMembers:
		v = []codec.MemberReport{{ID: "02fc00000001-9000", State: "self"}, {ID: "02fc00000002-9000", State: "alive", Lag: 3}}
	case codec.TopicInfo:
		v = codec.InfoReport{ID: "02fc00000001-9000", Keys: 7}
	case codec.TopicVerify:
		v = codec.VerifyReport{Converged: true, Members: 2, Differing: []string{}}
	}
	b, err := json.Marshal(v)
	if err != nil {
		t.Error(err)
	}
	return b
}

// script makes the node answer by f.
func (n *node) script(f func(h codec.Header, body []byte) []byte) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.answer = f
}
