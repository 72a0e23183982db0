package load

import (
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// connect opens a connection that does not block. An idle one has said something and had a reply first, so that the server
// knows what it speaks.
func connect(plan *Group, w *wire) (int, error) {
	fd, to, err := socket(plan.Addr)
	if err != nil {
		return 0, err
	}
	err = unix.SetsockoptTimeval(fd, unix.SOL_SOCKET, unix.SO_RCVTIMEO, &unix.Timeval{Sec: int64(patience / time.Second)})
	if err == nil {
		err = dial(fd, to)
	}
	if err == nil && plan.Idle {
		err = greet(fd, w)
	}
	if err == nil {
		err = unix.SetNonblock(fd, true)
	}
	if err != nil {
		unix.Close(fd)
		return 0, fmt.Errorf("connecting to %s: %w", plan.Addr, err)
	}
	return fd, nil
}

// socket makes a socket for an address, or for the path of a Unix socket.
func socket(addr string) (fd int, to unix.Sockaddr, err error) {
	if strings.HasPrefix(addr, "/") {
		fd, err = unix.Socket(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
		return fd, &unix.SockaddrUnix{Name: addr}, err
	}
	at, err := netip.ParseAddrPort(addr)
	if err != nil || !at.Addr().Is4() {
		return 0, nil, fmt.Errorf("%q is not an IPv4 address and a port", addr)
	}
	if fd, err = unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0); err != nil {
		return 0, nil, err
	}
	err = errors.Join(
		unix.SetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_NODELAY, 1),
		// At its end a connection is gone, without a time in which its port cannot be had again: thousands of them are made.
		unix.SetsockoptLinger(fd, unix.SOL_SOCKET, unix.SO_LINGER, &unix.Linger{Onoff: 1}),
	)
	if err != nil {
		unix.Close(fd)
	}
	return fd, &unix.SockaddrInet4{Addr: at.Addr().As4(), Port: int(at.Port())}, err
}

// dial connects. A signal, as the Go scheduler sends them, ends a wait for a busy server: the same call goes on with it.
func dial(fd int, to unix.Sockaddr) error {
	for {
		switch err := unix.Connect(fd, to); err {
		case unix.EINTR:
		case unix.EISCONN:
			return nil
		default:
			return err
		}
	}
}

func greet(fd int, w *wire) error {
	if _, _, err := rawWrite(fd, w.greet); err != nil {
		return err
	}
	n, again, err := rawRead(fd, make([]byte, maxSentence))
	switch {
	case again:
		return fmt.Errorf("no reply to a greeting came for %v", patience)
	case err == nil && n == 0:
		return errClosed
	}
	return err
}

// The calls below do not tell the Go scheduler: the thread is this run's alone, and nothing else has to run on it.

func rawRead(fd int, b []byte) (n int, again bool, err error) { return raw(unix.SYS_READ, fd, b) }

func rawWrite(fd int, b []byte) (n int, again bool, err error) { return raw(unix.SYS_WRITE, fd, b) }

func raw(call uintptr, fd int, b []byte) (n int, again bool, err error) {
	for {
		r, _, errno := unix.RawSyscall(call, uintptr(fd), uintptr(unsafe.Pointer(unsafe.SliceData(b))), uintptr(len(b)))
		switch errno {
		case 0:
			return int(r), false, nil
		case unix.EINTR:
		case unix.EAGAIN:
			return 0, true, nil
		default:
			return 0, false, errno
		}
	}
}

// epollWait waits for events, for so long at most.
func epollWait(poll int, events []unix.EpollEvent, wait time.Duration) (int, error) {
	timeout := unix.NsecToTimespec(int64(max(wait, 0)))
	n, _, errno := unix.RawSyscall6(unix.SYS_EPOLL_PWAIT2, uintptr(poll), uintptr(unsafe.Pointer(unsafe.SliceData(events))), uintptr(len(events)),
		uintptr(unsafe.Pointer(&timeout)), 0, 0)
	switch errno {
	case 0:
		return int(n), nil
	case unix.EINTR:
		return 0, nil
	}
	return 0, errno
}
