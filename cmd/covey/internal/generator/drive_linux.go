package generator

import (
	"errors"
	"fmt"
	"net"
	"runtime"
	"sync/atomic"
	"syscall"

	"golang.org/x/sys/unix"
)

// eventsAtOnce is how many ready connections one wait reports.
const eventsAtOnce = 1024

// ended are the events of a connection whose other side is closed.
const ended = unix.EPOLLRDHUP | unix.EPOLLHUP | unix.EPOLLERR

// drive runs a worker's connections to their end on one thread and one epoll instance: a request costs one read, one
// write and its share of one wait. It owns conns.
func (w *worker) drive(conns []net.Conn, stop *atomic.Bool) error {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	sockets, err := takeSockets(conns)
	defer closeSockets(sockets)
	if err != nil {
		return err
	}
	poll, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	if err != nil {
		return fmt.Errorf("no epoll instance: %w", err)
	}
	defer unix.Close(poll)
	for i, fd := range sockets {
		// Edge-triggered: the interest never changes, so enrolling is the only call a connection needs.
		on := unix.EpollEvent{Events: unix.EPOLLIN | unix.EPOLLOUT | unix.EPOLLRDHUP | unix.EPOLLET, Fd: int32(i)}
		if err := unix.EpollCtl(poll, unix.EPOLL_CTL_ADD, fd, &on); err != nil {
			return fmt.Errorf("a connection cannot be waited for: %w", err)
		}
	}
	return w.spin(poll, sockets, stop)
}

// takeSockets takes the connections away from Go's poller: duplicates of their descriptors, the originals closed.
func takeSockets(conns []net.Conn) ([]int, error) {
	defer func() {
		for _, conn := range conns {
			conn.Close()
		}
	}()
	sockets := make([]int, 0, len(conns))
	for _, conn := range conns {
		raw, err := conn.(syscall.Conn).SyscallConn()
		if err != nil {
			return sockets, err
		}
		var fd int
		var failed error
		err = raw.Control(func(original uintptr) {
			fd, failed = unix.FcntlInt(original, unix.F_DUPFD_CLOEXEC, 0)
		})
		if err := errors.Join(err, failed); err != nil {
			return sockets, fmt.Errorf("a descriptor for each connection: %w", err)
		}
		sockets = append(sockets, fd)
	}
	return sockets, nil
}

func closeSockets(sockets []int) {
	for _, fd := range sockets {
		unix.Close(fd)
	}
}

// spin is the worker's loop: wait, read, count, write.
func (w *worker) spin(poll int, sockets []int, stop *atomic.Bool) error {
	open := 0
	w.last = w.now()
	for i, s := range w.sessions {
		if w.send(s, sockets[i], w.now()) {
			open++
		}
	}
	events := make([]unix.EpollEvent, min(len(sockets), eventsAtOnce))
	for open > 0 && !stop.Load() {
		n, err := unix.EpollWait(poll, events, int(pollEvery.Milliseconds()))
		if err != nil && !errors.Is(err, unix.EINTR) {
			return fmt.Errorf("waiting for replies: %w", err)
		}
		for _, event := range events[:max(n, 0)] {
			s, fd := w.sessions[event.Fd], sockets[event.Fd]
			if !s.closed && !w.step(s, fd, event.Events&ended != 0) {
				open--
			}
		}
		w.publish()
		if n <= 0 && w.now()-w.last > int64(Patience) {
			return fmt.Errorf("no reply came for %v", Patience)
		}
	}
	return nil
}

// step moves a session as far as its socket allows; false when it has come to its end. over says that the other side is closed: that is told
// once, with the last bytes, so that what is there is read to its end.
func (w *worker) step(s *session, fd int, over bool) bool {
	for {
		if err := write(fd, s); err != nil {
			w.lose(s, err)
			return false
		}
		n, drained, err := read(fd, s)
		taken := 0
		if err == nil && n > 0 {
			taken, err = s.take(&w.tally)
		}
		now := w.now()
		complete := w.took(s, taken, now)
		switch {
		case err != nil:
			w.lose(s, err)
			return false
		case complete:
			return w.send(s, fd, now)
		case drained && (!over || n == 0):
			return true
		}
	}
}

// send puts the session's next batch on its way; false when there is none, or the connection is lost.
func (w *worker) send(s *session, fd int, now int64) bool {
	if !w.compose(s, now) {
		s.closed = true
		return false
	}
	if err := write(fd, s); err != nil {
		w.lose(s, err)
		return false
	}
	return true
}

// write gives the socket what it takes of the session's batch.
func write(fd int, s *session) error {
	for len(s.pending()) > 0 {
		n, err := unix.Write(fd, s.pending())
		switch {
		case errors.Is(err, unix.EINTR):
		case errors.Is(err, unix.EAGAIN):
			return nil
		case err != nil:
			return fmt.Errorf("sending a request: %w", err)
		default:
			s.sent += n
		}
	}
	return nil
}

// read fills the session's buffer from the socket; drained is true when it left nothing behind there.
func read(fd int, s *session) (n int, drained bool, err error) {
	for {
		free := s.free()
		n, err := unix.Read(fd, free)
		switch {
		case errors.Is(err, unix.EINTR):
		case errors.Is(err, unix.EAGAIN):
			return 0, true, nil
		case err != nil:
			return 0, false, fmt.Errorf("reading a reply: %w", err)
		case n == 0:
			return 0, false, errClosed
		default:
			s.have += n
			return n, n < len(free), nil
		}
	}
}
