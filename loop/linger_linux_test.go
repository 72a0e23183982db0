package loop

import (
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// watched returns an epoll instance, and the ends of a pipe of which it watches the first.
func watched(t *testing.T) (epoll, read, write int) {
	t.Helper()
	epoll, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	if err != nil {
		t.Fatal(err)
	}
	var ends [2]int
	if err := unix.Pipe2(ends[:], unix.O_CLOEXEC|unix.O_NONBLOCK); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		for _, fd := range []int{epoll, ends[0], ends[1]} {
			_ = unix.Close(fd)
		}
	})
	if err := unix.EpollCtl(epoll, unix.EPOLL_CTL_ADD, ends[0], &unix.EpollEvent{Events: unix.EPOLLIN, Fd: int32(ends[0])}); err != nil {
		t.Fatal(err)
	}
	return epoll, ends[0], ends[1]
}

func TestThePollerIsFoundByWhatItWatches(t *testing.T) {
	first, a, _ := watched(t)
	second, b, other := watched(t)
	if got := pollerOf(a); got != first {
		t.Errorf("poller %d, want %d", got, first)
	}
	if got := pollerOf(b); got != second {
		t.Errorf("poller %d, want %d", got, second)
	}
	if got := pollerOf(other); got != -1 {
		t.Errorf("poller %d of a descriptor that nobody watches", got)
	}
}

func TestALoopLingersUntilThereIsAnEvent(t *testing.T) {
	epoll, read, write := watched(t)
	if ready(epoll, 0) {
		t.Fatal("ready before there is anything")
	}
	go func() { _, _ = unix.Write(write, []byte{1}) }()
	if !ready(epoll, time.Hour) {
		t.Fatal("an event was not seen")
	}
	if !ready(epoll, 0) {
		t.Fatal("the look took the event away")
	}

	// While events wait at every look, fewer are made; with the first that finds none all are again.
	l := &eventLoop{n: &node{cfg: Config{Linger: true}}, poller: epoll}
	looks := 0
	for turn := range 200 {
		if l.busy == 0 {
			looks++
		}
		l.linger()
		if l.busy > lingerLooks {
			t.Fatalf("turn %d: %d ends of turns without a look", turn, l.busy)
		}
	}
	if looks < 200/(lingerLooks+1) || looks > 16 {
		t.Errorf("%d looks at 200 turns", looks)
	}
	if _, err := unix.Read(read, make([]byte, 1)); err != nil {
		t.Fatal(err)
	}
	for l.busy > 0 {
		l.linger()
	}
	l.linger()
	if l.busy != 0 || l.looks != 0 {
		t.Errorf("%d and %d when nothing waits any more", l.busy, l.looks)
	}
}

// A node that serves finds the instances of its loops: else nothing lingers, and nobody is told.
func TestALoopOfANodeKnowsItsPoller(t *testing.T) {
	tn := startNode(t, testConfig(t, freePort(t)))
	c := dialRaw(t, tn.addr)
	if got := c.do("PING"); got != "+PONG" {
		t.Fatal(got)
	}
	hung := 0
	eventually(t, "a loop has a bell", func() bool {
		tn.n.loops.Range(func(_, v any) bool {
			if l := v.(*eventLoop); l.bell.fd.Load() >= 0 { // published after the poller
				hung++
				if l.poller < 0 {
					t.Error("a loop does not know its poller")
				}
			}
			return true
		})
		return hung > 0
	})
}
