package generator

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"

	"covey/codec"
)

// fakeNode answers SET and GET of both protocols as its fields say.
type fakeNode struct {
	addr    string
	absent  bool         // answer GETs with nothing
	refusal string       // answer with this error
	mute    bool         // never answer
	hangUp  int64        // close each connection after this many requests; 0: never
	onAsked func()       // called at each request; may be nil
	asked   atomic.Int64 // requests
	sets    atomic.Int64 // of those, SETs
	keys    sync.Map     // string to struct{}

	mu      sync.Mutex
	conns   []net.Conn
	serving sync.WaitGroup
}

// start serves on a free port of the loopback until the test ends.
func (f *fakeNode) start(t *testing.T) *fakeNode {
	t.Helper()
	ln, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	f.addr = ln.Addr().String()
	f.serving.Go(func() {
		for {
			conn, err := ln.Accept()
			if err != nil {
				return
			}
			f.mu.Lock()
			f.conns = append(f.conns, conn)
			f.mu.Unlock()
			f.serving.Go(func() { f.serve(conn); conn.Close() })
		}
	})
	t.Cleanup(func() {
		ln.Close()
		f.mu.Lock()
		for _, conn := range f.conns {
			conn.Close()
		}
		f.mu.Unlock()
		f.serving.Wait()
	})
	return f
}

func (f *fakeNode) serve(conn net.Conn) {
	in, out := bufio.NewReaderSize(conn, 64<<10), bufio.NewWriterSize(conn, 64<<10)
	for n := int64(0); f.hangUp == 0 || n < f.hangUp; n++ {
		if in.Buffered() == 0 && out.Flush() != nil {
			return
		}
		first, err := in.Peek(1)
		if err != nil {
			return
		}
		answer := f.command
		if first[0] == codec.Magic {
			answer = f.frame
		}
		if err := answer(in, out); err != nil {
			return
		}
	}
}

func (f *fakeNode) count(set bool, key []byte) {
	f.asked.Add(1)
	if set {
		f.sets.Add(1)
	}
	f.keys.Store(string(key), struct{}{})
	if f.onAsked != nil {
		f.onAsked()
	}
}

// value is what a GET of key is answered with.
func (f *fakeNode) value(key []byte) []byte { return append([]byte("value of "), key...) }

// command answers one array of bulk strings.
func (f *fakeNode) command(in *bufio.Reader, out *bufio.Writer) error {
	var args [][]byte
	line, err := in.ReadString('\n')
	if err != nil {
		return err
	}
	count, _ := strconv.Atoi(line[1 : len(line)-2])
	for range count {
		if line, err = in.ReadString('\n'); err != nil {
			return err
		}
		length, _ := strconv.Atoi(line[1 : len(line)-2])
		arg := make([]byte, length+2)
		if _, err := io.ReadFull(in, arg); err != nil {
			return err
		}
		args = append(args, arg[:length])
	}
	set := string(args[0]) == "SET"
	f.count(set, args[1])
	switch {
	case f.mute:
	case f.refusal != "":
		fmt.Fprintf(out, "-%s\r\n", f.refusal)
	case set:
		out.WriteString("+OK\r\n")
	case f.absent:
		out.WriteString("$-1\r\n")
	default:
		value := f.value(args[1])
		fmt.Fprintf(out, "$%d\r\n%s\r\n", len(value), value)
	}
	return nil
}

// frame answers one frame.
func (f *fakeNode) frame(in *bufio.Reader, out *bufio.Writer) error {
	head := make([]byte, codec.HeaderLen)
	if _, err := io.ReadFull(in, head); err != nil {
		return err
	}
	h, _, err := codec.DecodeHeader(head)
	if err != nil {
		return err
	}
	body := make([]byte, h.Length)
	if _, err := io.ReadFull(in, body); err != nil {
		return err
	}
	set, key := h.Kind == codec.KindSetValue, body
	if set {
		m, err := codec.DecodeSetValue(body)
		if err != nil {
			return err
		}
		key = m.Key
	}
	f.count(set, key)
	r := codec.ValueResponse{}
	switch {
	case f.mute:
		return nil
	case f.refusal != "":
		r = codec.ValueResponse{Status: codec.StatusError, Value: []byte(f.refusal)}
	case set:
	case f.absent:
		r.Status = codec.StatusNotFound
	default:
		r.Value = f.value(key)
	}
	_, err = out.Write(codec.AppendValueResponse(nil, h.Tag, r))
	return err
}
