package generator

import (
	"errors"
	"fmt"
	"net"
	"os"
	"sync"
	"sync/atomic"
	"time"
)

// errClosed is how a connection ends that the node has closed.
var errClosed = errors.New("the node closed the connection")

// driveBlocking runs a worker's connections with one goroutine each, for systems without epoll. It owns conns.
func (w *worker) driveBlocking(conns []net.Conn, stop *atomic.Bool) error {
	var (
		mu      sync.Mutex // guards w but for its sessions, each of which its goroutine owns
		running sync.WaitGroup
		failed  error
	)
	for i, conn := range conns {
		running.Go(func() {
			defer conn.Close()
			if err := w.converse(w.sessions[i], conn, &mu, stop); err != nil {
				mu.Lock()
				failed = err
				mu.Unlock()
			}
		})
	}
	running.Wait()
	return failed
}

// converse is one connection's life: a batch out, its replies in, until no request is left.
func (w *worker) converse(s *session, conn net.Conn, mu *sync.Mutex, stop *atomic.Bool) error {
	for !stop.Load() {
		mu.Lock()
		more := w.compose(s, w.now())
		mu.Unlock()
		if !more {
			break
		}
		err := w.exchange(s, conn, mu, stop)
		if errors.Is(err, os.ErrDeadlineExceeded) {
			return fmt.Errorf("no reply came for %v", Patience)
		}
		if err != nil {
			mu.Lock()
			w.lose(s, err)
			mu.Unlock()
			break
		}
	}
	return nil
}

// exchange writes a session's batch and reads its replies; it returns early when it is told to stop.
func (w *worker) exchange(s *session, conn net.Conn, mu *sync.Mutex, stop *atomic.Bool) error {
	deadline := time.Now().Add(Patience)
	if err := conn.SetWriteDeadline(deadline); err != nil {
		return err
	}
	if _, err := conn.Write(s.out); err != nil {
		return fmt.Errorf("sending a request: %w", err)
	}
	for s.due > 0 && !stop.Load() {
		if err := conn.SetReadDeadline(time.Now().Add(pollEvery)); err != nil {
			return err
		}
		n, err := conn.Read(s.free())
		if errors.Is(err, os.ErrDeadlineExceeded) && time.Now().Before(deadline) {
			continue
		}
		if err != nil {
			return fmt.Errorf("reading a reply: %w", err)
		}
		s.have += n
		deadline = time.Now().Add(Patience)
		mu.Lock()
		taken, err := s.take(&w.tally)
		w.took(s, taken, w.now())
		w.publish()
		mu.Unlock()
		if err != nil {
			return err
		}
	}
	return nil
}
