package loop

import (
	"bufio"
	"fmt"
	"os"
	"runtime"
	"strconv"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// linger waits for the next event inside a turn that has ended, lingerFor at most, without telling Go's scheduler. It is told when
// a goroutine waits in gnet's epoll_wait, and its monitor thread then takes the processor (P) from it, has another thread
// look for work, and goes to sleep; the next event has to wake all of them: two thirds of what a lone request costs. While a loop
// lingers the P counts as busy and the monitor naps for longer and longer.
//
// What it costs is bounded: another goroutine that becomes ready meanwhile, as the ticker, may wait for lingerFor; those that were
// ready before run first. A task that gnet fetched together with this turn's event waits as long; nothing of a client is one. It is
// for a process that is a node and nothing else: clients in the same one would wait as the ticker does.
func (l *eventLoop) linger() {
	if !l.n.cfg.Linger || l.poller < 0 || l.n.waiting.Load() > 0 || l.n.leaving.Load() {
		return
	}
	if l.busy > 0 { // events were waiting at the last looks: one more would tell the same
		l.busy--
		return
	}
	if ready(l.poller, 0) {
		l.busy, l.looks = l.looks, min(2*l.looks+1, lingerLooks)
		return
	}
	l.looks = 0
	runtime.Gosched()
	ready(l.poller, lingerFor)
}

// ready waits for a descriptor to be readable, and reports whether it is. The call is raw on purpose: see linger. A signal ends it, as
// that of a collection, which wants all goroutines to stop.
func ready(fd int, most time.Duration) bool {
	p := unix.PollFd{Fd: int32(fd), Events: unix.POLLIN}
	t := unix.NsecToTimespec(int64(most))
	n, _, _ := unix.RawSyscall6(unix.SYS_PPOLL, uintptr(unsafe.Pointer(&p)), 1, uintptr(unsafe.Pointer(&t)), 0, 0, 0)
	return n > 0
}

// pollerOf returns the epoll instance of this process that watches a descriptor, which gnet does not tell; -1 when there is no
// telling, and nothing lingers.
func pollerOf(fd int) int {
	all, err := os.ReadDir("/proc/self/fdinfo")
	if err != nil {
		return -1
	}
	for _, one := range all {
		if watches("/proc/self/fdinfo/"+one.Name(), fd) {
			if n, err := strconv.Atoi(one.Name()); err == nil {
				return n
			}
		}
	}
	return -1
}

// watches reports whether the description of an epoll instance names a descriptor, in a line as "tfd: 12 events: 19 ...".
func watches(path string, fd int) bool {
	f, err := os.Open(path)
	if err != nil {
		return false
	}
	defer func() { _ = f.Close() }()
	for lines := bufio.NewScanner(f); lines.Scan(); {
		var watched int
		if n, _ := fmt.Sscanf(lines.Text(), "tfd: %d", &watched); n == 1 && watched == fd {
			return true
		}
	}
	return false
}
