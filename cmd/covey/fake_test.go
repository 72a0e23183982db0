package main

import (
	"bufio"
	"encoding/json"
	"io"
	"net"
	"sync"
	"testing"
	"time"

	"covey/codec"
)

// fakeNode answers the client messages of the binary protocol out of a map, as a node would.
type fakeNode struct {
	addr string

	mu      sync.Mutex
	values  map[string]string
	ttls    map[string]time.Duration
	loading int                      // how many requests to answer with loading; negative: all
	refusal string                   // answer requests with this error
	mute    bool                     // take requests and never answer
	reports map[codec.Topic]any      // what to report
	conns   map[net.Conn]struct{}    // open ones
	serving sync.WaitGroup           // of all goroutines
	answers map[codec.Kind]answering // by kind of request
}

type answering func(body []byte) (codec.Status, []byte)

// startFake serves on a free port of the loopback until the test ends.
func startFake(t *testing.T) *fakeNode {
	t.Helper()
	ln, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	f := &fakeNode{
		addr: ln.Addr().String(), values: map[string]string{}, ttls: map[string]time.Duration{},
		reports: map[codec.Topic]any{}, conns: map[net.Conn]struct{}{},
	}
	f.answers = map[codec.Kind]answering{
		codec.KindGetValue: f.get, codec.KindSetValue: f.set, codec.KindDelete: f.remove, codec.KindReport: f.report,
	}
	f.serving.Go(func() { f.accept(ln) })
	t.Cleanup(func() {
		ln.Close()
		f.mu.Lock()
		for conn := range f.conns {
			conn.Close()
		}
		f.mu.Unlock()
		f.serving.Wait()
	})
	return f
}

func (f *fakeNode) accept(ln net.Listener) {
	for {
		conn, err := ln.Accept()
		if err != nil {
			return
		}
		f.mu.Lock()
		f.conns[conn] = struct{}{}
		f.mu.Unlock()
		f.serving.Go(func() {
			f.serve(conn)
			conn.Close()
			f.mu.Lock()
			delete(f.conns, conn)
			f.mu.Unlock()
		})
	}
}

// serve answers frames one by one until the connection ends or carries something else.
func (f *fakeNode) serve(conn net.Conn) {
	in := bufio.NewReader(conn)
	for {
		head := make([]byte, codec.HeaderLen)
		if _, err := io.ReadFull(in, head); err != nil {
			return
		}
		h, _, err := codec.DecodeHeader(head)
		if err != nil {
			return
		}
		body := make([]byte, h.Length)
		if _, err := io.ReadFull(in, body); err != nil {
			return
		}
		if reply := f.answer(h, body); reply != nil {
			if _, err := conn.Write(reply); err != nil {
				return
			}
		}
	}
}

func (f *fakeNode) answer(h codec.Header, body []byte) []byte {
	f.mu.Lock()
	defer f.mu.Unlock()
	var status codec.Status
	var value []byte
	switch {
	case f.mute:
		return nil
	case f.loading != 0:
		f.loading--
		status, value = codec.StatusLoading, []byte("covey is loading")
	case f.refusal != "":
		status, value = codec.StatusError, []byte(f.refusal)
	default:
		status, value = f.answers[h.Kind](body)
	}
	if h.Kind == codec.KindReport {
		return codec.AppendReportResponse(nil, h.Tag, codec.ReportResponse{Status: status, JSON: value})
	}
	return codec.AppendValueResponse(nil, h.Tag, codec.ValueResponse{Status: status, Value: value})
}

func (f *fakeNode) get(body []byte) (codec.Status, []byte) {
	m, _ := codec.DecodeGetValue(body)
	if value, ok := f.values[string(m.Key)]; ok {
		return codec.StatusOK, []byte(value)
	}
	return codec.StatusNotFound, nil
}

func (f *fakeNode) set(body []byte) (codec.Status, []byte) {
	m, err := codec.DecodeSetValue(body)
	if err != nil {
		return codec.StatusError, []byte(err.Error())
	}
	f.values[string(m.Key)] = string(m.Value)
	f.ttls[string(m.Key)] = time.Duration(m.TTL) * time.Millisecond
	return codec.StatusOK, nil
}

func (f *fakeNode) remove(body []byte) (codec.Status, []byte) {
	m, _ := codec.DecodeDelete(body)
	if _, ok := f.values[string(m.Key)]; !ok {
		return codec.StatusNotFound, nil
	}
	delete(f.values, string(m.Key))
	return codec.StatusOK, nil
}

func (f *fakeNode) report(body []byte) (codec.Status, []byte) {
	m, _ := codec.DecodeReport(body)
	text, err := json.Marshal(f.reports[m.Topic])
	if err != nil {
		return codec.StatusError, []byte(err.Error())
	}
	return codec.StatusOK, text
}

// with changes the fake under its lock.
func (f *fakeNode) with(change func()) {
	f.mu.Lock()
	defer f.mu.Unlock()
	change()
}
