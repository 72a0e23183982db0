package main

import (
	"bytes"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
)

// gate is a writer that waits until it is opened.
type gate struct {
	bytes.Buffer
	open chan struct{}
}

func (g *gate) Write(b []byte) (int, error) {
	<-g.open
	return g.Buffer.Write(b)
}

// TestLinesWaitForTheirReaderAndNobodyForLines: past the bound the newest are dropped and counted, and the others come in their order.
func TestLinesWaitForTheirReaderAndNobodyForLines(t *testing.T) {
	const written = 3 * maxSpooled
	g := &gate{open: make(chan struct{})}
	s := newSpool()
	var dropped atomic.Int64
	s.start(func(n int64) { dropped.Add(n) })
	w := s.into(g)
	for i := range written {
		fmt.Fprintf(w, "%d\n", i)
	}
	close(g.open)
	s.close()
	<-s.done
	lines := strings.Fields(g.String())
	if len(lines) < maxSpooled || len(lines)+int(dropped.Load()) != written {
		t.Errorf("of %d lines %d came and %d were told as dropped", written, len(lines), dropped.Load())
	}
	for i, text := range lines[:maxSpooled] {
		if text != fmt.Sprint(i) {
			t.Fatalf("line %d is %q", i, text)
		}
	}
}

func TestTheBytesOfLinesThatWaitAreBounded(t *testing.T) {
	g := &gate{open: make(chan struct{})}
	s := newSpool()
	var dropped int64
	w := s.into(g)
	long := bytes.Repeat([]byte("x"), maxSpooledBytes/4)
	for range 6 {
		if n, err := w.Write(long); n != len(long) || err != nil {
			t.Fatalf("a line that is dropped too is %d bytes, %v", n, err)
		}
	}
	s.start(func(n int64) { dropped = n })
	close(g.open)
	s.close()
	<-s.done
	if g.Len() != maxSpooledBytes || dropped != 2 {
		t.Errorf("%d bytes came, %d lines were dropped", g.Len(), dropped)
	}
	if _, err := w.Write(long); err != nil || g.Len() != maxSpooledBytes {
		t.Errorf("after the end %d bytes have come, %v", g.Len(), err)
	}
}
