package client

import (
	"net"
	"time"

	"golang.org/x/sys/unix"
)

// noticeGone has the system end the connection once what was sent, or a probe of one at rest, was not acknowledged for that long. A node's
// kernel acknowledges also while the node itself is stopped or busy, until its buffer is full: what takes nothing for that long counts as gone,
// though the kernel answers. It is best effort: where it fails the system's own time counts.
func noticeGone(conn net.Conn, after time.Duration) {
	tcp, ok := conn.(*net.TCPConn)
	if !ok {
		return
	}
	raw, err := tcp.SyscallConn()
	if err != nil {
		return
	}
	_ = raw.Control(func(fd uintptr) {
		_ = unix.SetsockoptInt(int(fd), unix.IPPROTO_TCP, unix.TCP_USER_TIMEOUT, int(after.Milliseconds()))
	})
}
