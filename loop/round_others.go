//go:build !linux

package loop

import "golang.org/x/sys/unix"

// poller is of Linux alone: elsewhere all events come by the engine.
type poller struct{}

func pollerOf(int) *poller { return nil }

func (*poller) waits() bool { return true }

func (l *eventLoop) begins(*conn) bool { return false }

func (h *handler) rounds(*eventLoop) {}

// readNow reads what a socket has. 0: nothing, or it has ended or is broken, which the engine finds when it reads itself.
func readNow(fd int, to []byte) int {
	n, _ := unix.Read(fd, to)
	return max(n, 0)
}

// writeNow writes what a socket takes; what is wrong with it the engine finds.
func writeNow(fd int, b []byte) int {
	n, _ := unix.Write(fd, b)
	return max(n, 0)
}
