package loop

import (
	"bufio"
	"fmt"
	"os"
	"strconv"
	"unsafe"

	"golang.org/x/sys/unix"
)

// poller is the epoll instance of one of the engine's loops, used beside the engine by that loop's goroutine. But for edges it is
// level-triggered: what one has looked at and left is there for the other.
type poller struct {
	fd     int
	edges  []unix.EpollEvent // what it tells only once: the engine's wake-up
	events [roundEvents]unix.EpollEvent
}

// wait returns what is ready, at once, or as soon as anything is within some ms. The call is raw on purpose: see rounds. A signal ends
// it, as that of a collection, which wants all goroutines to stop.
func (p *poller) wait(ms int) []unix.EpollEvent {
	n, _, errno := unix.RawSyscall6(unix.SYS_EPOLL_PWAIT, uintptr(p.fd), uintptr(unsafe.Pointer(&p.events)), roundEvents, uintptr(ms), 0, 0)
	if errno != 0 {
		return nil
	}
	return p.events[:n]
}

// waits reports whether anything is ready, or that is not known.
func (p *poller) waits() bool {
	if p == nil {
		return true
	}
	look := unix.PollFd{Fd: int32(p.fd), Events: unix.POLLIN}
	var now unix.Timespec
	n, _, _ := unix.RawSyscall6(unix.SYS_PPOLL, uintptr(unsafe.Pointer(&look)), 1, uintptr(unsafe.Pointer(&now)), 0, 0, 0)
	return n > 0
}

// leave leaves what is ready to the engine: all of it is still there, but that the edges among it are to be told anew.
func (p *poller) leave(came []unix.EpollEvent) {
	for i := range came {
		for _, e := range p.edges {
			if e.Fd == came[i].Fd {
				_ = unix.EpollCtl(p.fd, unix.EPOLL_CTL_MOD, int(e.Fd), &e)
			}
		}
	}
}

// readNow reads what a socket has. 0: nothing, or it has ended or is broken, which the engine finds when it reads itself.
func readNow(fd int, to []byte) int { return raw(unix.SYS_READ, fd, to) }

// writeNow writes what a socket takes; what is wrong with it the engine finds.
func writeNow(fd int, b []byte) int { return raw(unix.SYS_WRITE, fd, b) }

// raw is a system call on a socket that does not block, and of which the scheduler need not know.
func raw(trap uintptr, fd int, b []byte) int {
	n, _, errno := unix.RawSyscall(trap, uintptr(fd), uintptr(unsafe.Pointer(unsafe.SliceData(b))), uintptr(len(b)))
	if errno != 0 {
		return 0
	}
	return int(n)
}

// pollerOf returns the epoll instance of this process that watches a descriptor, which gnet does not tell; nil when there is no
// telling, and all events come by the engine.
func pollerOf(fd int) *poller {
	all, err := os.ReadDir("/proc/self/fdinfo")
	if err != nil {
		return nil
	}
	for _, one := range all {
		n, err := strconv.Atoi(one.Name())
		if err != nil {
			continue
		}
		if edges, watches := watched("/proc/self/fdinfo/"+one.Name(), fd); watches {
			return &poller{fd: n, edges: edges}
		}
	}
	return nil
}

// watched reads the description of an epoll instance, which has a line for each descriptor that it watches, as "tfd: 12 events: 19
// data: c ...": whether there is one of a descriptor, and those that are edge-triggered. With other data than the descriptor, which is what
// gnet's tag poll_opt makes of it, events could not be told apart.
func watched(path string, fd int) (edges []unix.EpollEvent, watches bool) {
	f, err := os.Open(path)
	if err != nil {
		return nil, false
	}
	defer func() { _ = f.Close() }()
	for lines := bufio.NewScanner(f); lines.Scan(); {
		var at int32
		var events uint32
		var with uint64
		if n, _ := fmt.Sscanf(lines.Text(), "tfd: %d events: %x data: %x", &at, &events, &with); n < 3 {
			continue
		}
		if with != uint64(at) {
			return nil, false
		}
		watches = watches || int(at) == fd
		if events&unix.EPOLLET != 0 {
			edges = append(edges, unix.EpollEvent{Events: events, Fd: at})
		}
	}
	return edges, watches
}
