package main

import (
	"bytes"
	"io"
	"sync"
	"sync/atomic"
	"time"
)

const (
	// maxSpooled is how many lines of a node's output wait for a reader that stands still: twice what may be logged about members at once.
	maxSpooled = 4096
	// maxSpooledBytes is how many bytes they may have together.
	maxSpooledBytes = 1 << 20
	// spoolPatience is how long the end of a node waits for them to be read. The rest of its end takes 1.9 s at most, and all of it is to take 2 s.
	spoolPatience = 100 * time.Millisecond
)

// spool writes the lines of a node in a goroutine of its own. Who reads them may stand still (a terminal after Ctrl-S, a pipe to a
// program that is stopped): that costs lines, never the node, whose event loops log. The order of all lines stays.
type spool struct {
	lines   chan line
	held    atomic.Int64 // bytes in lines
	dropped atomic.Int64 // lines since the last report
	done    chan struct{}

	mu    sync.Mutex
	ended bool
}

type line struct {
	to   io.Writer
	text []byte
}

func newSpool() *spool { return &spool{lines: make(chan line, maxSpooled), done: make(chan struct{})} }

// start writes what was put in and will be. report is told how many lines were dropped, once there is room again.
func (s *spool) start(report func(dropped int64)) {
	go func() {
		defer close(s.done)
		for l := range s.lines {
			_, _ = l.to.Write(l.text) // who reads it may have ended
			s.held.Add(int64(-len(l.text)))
			if len(s.lines) > 0 {
				continue
			}
			if n := s.dropped.Swap(0); n > 0 {
				report(n)
			}
		}
	}()
}

// into returns a writer of lines to w that never waits.
func (s *spool) into(w io.Writer) io.Writer { return spooled{s, w} }

// close waits for what was put in, for a while. What comes later is dropped.
func (s *spool) close() {
	s.mu.Lock()
	s.ended = true
	close(s.lines)
	s.mu.Unlock()
	patience := time.NewTimer(spoolPatience)
	defer patience.Stop()
	select {
	case <-s.done:
	case <-patience.C:
	}
}

type spooled struct {
	spool *spool
	to    io.Writer
}

func (w spooled) Write(b []byte) (int, error) {
	s := w.spool
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ended || s.held.Load()+int64(len(b)) > maxSpooledBytes {
		s.dropped.Add(1)
		return len(b), nil
	}
	select {
	case s.lines <- line{w.to, bytes.Clone(b)}:
		s.held.Add(int64(len(b)))
	default:
		s.dropped.Add(1)
	}
	return len(b), nil
}
