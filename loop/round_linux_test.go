package loop

import (
	"encoding/binary"
	"fmt"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// instance returns an epoll instance, and the ends of a pipe of which it watches the first.
func instance(t *testing.T) (epoll, read, write int) {
	t.Helper()
	epoll, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	if err != nil {
		t.Fatal(err)
	}
	var ends [2]int
	if err := unix.Pipe2(ends[:], unix.O_CLOEXEC|unix.O_NONBLOCK); err != nil {
		t.Fatal(err)
	}
	closeAtEnd(t, epoll, ends[0], ends[1])
	watch(t, epoll, ends[0], unix.EPOLLIN)
	return epoll, ends[0], ends[1]
}

func closeAtEnd(t *testing.T, fds ...int) {
	t.Cleanup(func() {
		for _, fd := range fds {
			_ = unix.Close(fd)
		}
	})
}

func watch(t *testing.T, epoll, fd int, events uint32) {
	t.Helper()
	if err := unix.EpollCtl(epoll, unix.EPOLL_CTL_ADD, fd, &unix.EpollEvent{Events: events, Fd: int32(fd)}); err != nil {
		t.Fatal(err)
	}
}

func TestThePollerIsFoundByWhatItWatches(t *testing.T) {
	first, a, _ := instance(t)
	second, b, other := instance(t)
	for fd, want := range map[int]int{a: first, b: second} {
		if got := pollerOf(fd); got == nil || got.fd != want || len(got.edges) != 0 {
			t.Errorf("poller %+v, want %d", got, want)
		}
	}
	if got := pollerOf(other); got != nil {
		t.Errorf("poller %d of a descriptor that nobody watches", got.fd)
	}
}

func TestALoopLingersUntilThereIsAnEvent(t *testing.T) {
	_, read, write := instance(t)
	p := pollerOf(read)
	if len(p.wait(0)) > 0 {
		t.Fatal("ready before there is anything")
	}
	go func() { _, _ = unix.Write(write, []byte{1}) }()
	const hour = int(time.Hour / time.Millisecond)
	came := p.wait(hour)
	for range 1000 {
		if len(came) > 0 {
			break
		}
		came = p.wait(hour) // a signal ended the wait
	}
	if len(came) != 1 || int(came[0].Fd) != read || came[0].Events != unix.EPOLLIN {
		t.Fatalf("%v instead of an event", came)
	}
	if len(p.wait(0)) != 1 {
		t.Fatal("the look took the event away")
	}
}

// What is told only once, and not of a connection, is told again to the engine: else it would never wake up.
func TestAnEdgeIsLeftToTheEngine(t *testing.T) {
	epoll, read, _ := instance(t)
	wake, err := unix.Eventfd(0, unix.EFD_NONBLOCK|unix.EFD_CLOEXEC)
	if err != nil {
		t.Fatal(err)
	}
	closeAtEnd(t, wake)
	watch(t, epoll, wake, unix.EPOLLIN|unix.EPOLLPRI|unix.EPOLLET|unix.EPOLLRDHUP)
	if _, err := unix.Write(wake, binary.NativeEndian.AppendUint64(nil, 1)); err != nil {
		t.Fatal(err)
	}
	p := pollerOf(read)
	for range 3 {
		came := p.wait(0)
		if len(came) != 1 || int(came[0].Fd) != wake {
			t.Fatalf("%v instead of the edge", came)
		}
		p.leave(came)
	}
	if p.wait(0); len(p.wait(0)) > 0 {
		t.Error("it is no edge, and the test shows nothing")
	}
}

// When rounds were ended for the engine's sake it has one batch of events without any.
func TestTheEngineHasABatchForItself(t *testing.T) {
	l := &eventLoop{}
	a, b, c := &conn{l: l}, &conn{l: l}, &conn{l: l}
	for _, x := range []*conn{a, a, b} {
		if !l.begins(x) {
			t.Fatal("nothing ended rounds, and none begin")
		}
	}
	for range 3 {
		l.batch, l.inBatch = l.batch+1, true
		for i, x := range []*conn{a, b, c, a, b, a} {
			if begins := l.begins(x); begins != (i >= 3) {
				t.Fatalf("at event %d rounds begin: %v", i, begins)
			}
		}
	}
}

// A loop finds the engine's instance, and its wake-up among the edges; it serves what is ready by itself, of whatever kind, and what
// is the engine's goes on meanwhile: connections come, end, and do not read.
func TestALoopServesWhatIsReady(t *testing.T) {
	tn := startNode(t, testConfig(t, freePort(t)))
	var all []*rawClient
	for range 8 {
		all = append(all, dialRaw(t, tn.addr))
	}
	for i := range 200 {
		for k, c := range all {
			if _, err := fmt.Fprintf(c, "SET key:%d %d\r\nGET key:%d\r\n", k, i, k); err != nil {
				t.Fatal(err)
			}
		}
		for _, c := range all {
			if ok, got := c.reply(), c.reply(); ok != "+OK" || got != fmt.Sprint(i) {
				t.Fatalf("%q, %q at %d", ok, got, i)
			}
		}
		if i%20 == 0 {
			late := dialRaw(t, tn.addr)
			if got := late.do("QUIT"); got != "+OK" {
				t.Fatal(got)
			}
			if !late.closedByNode() {
				t.Fatal("it is still there")
			}
		}
	}
	for l := range tn.n.eachLoop() {
		if l.bell.fd.Load() >= 0 && (l.poller == nil || len(l.poller.edges) != 1) { // published after the poller
			t.Errorf("a loop does not know its poller: %+v", l.poller)
		}
	}
}
