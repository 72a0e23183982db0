package ifaces

import (
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// patience is how long a test waits for what the kernel does by itself before it fails.
const patience = 10 * time.Second

// namespace is a network namespace of a test's own, lived in by one locked thread. The kernel removes it when
// the thread has ended and its sockets are closed.
type namespace struct {
	thread int
	calls  chan func()
}

// newNamespace makes an empty network namespace that lasts as long as the test.
func newNamespace(t *testing.T) *namespace {
	t.Helper()
	if _, err := exec.LookPath("ip"); err != nil {
		missing(t, "the program ip (Debian package iproute2) is not installed")
	}
	n, err := startThread(t, func() error { return unix.Unshare(unix.CLONE_NEWNET) })
	if err != nil {
		missing(t, fmt.Sprintf("cannot make a network namespace (run as root): %v", err))
	}
	return n
}

// missing skips a test for what it needs. In CI nothing may be missing.
func missing(t *testing.T, what string) {
	t.Helper()
	if os.Getenv("CI") == "true" {
		t.Fatal(what)
	}
	t.Skip(what)
}

// second returns another thread in the same namespace, to be used while the first is busy.
func (n *namespace) second(t *testing.T) *namespace {
	t.Helper()
	s, err := startThread(t, func() error {
		fd, err := unix.Open(fmt.Sprintf("/proc/self/task/%d/ns/net", n.thread), unix.O_RDONLY|unix.O_CLOEXEC, 0)
		if err != nil {
			return err
		}
		defer unix.Close(fd)
		return unix.Setns(fd, unix.CLONE_NEWNET)
	})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// startThread starts a goroutine on a thread of its own that enters a namespace and then runs calls until the
// test has ended. The thread is never unlocked, so it ends with its goroutine.
func startThread(t *testing.T, enter func() error) (*namespace, error) {
	n := &namespace{calls: make(chan func())}
	entered, ended := make(chan error), make(chan struct{})
	go func() {
		defer close(ended)
		runtime.LockOSThread()
		n.thread = unix.Gettid()
		err := enter()
		entered <- err
		if err != nil {
			return
		}
		for call := range n.calls {
			call()
		}
	}()
	if err := <-entered; err != nil {
		return nil, err
	}
	t.Cleanup(func() {
		close(n.calls)
		<-ended
	})
	return n, nil
}

// do runs f in the namespace and waits for it. f must not end the test by itself.
func (n *namespace) do(f func()) {
	done := make(chan struct{})
	n.calls <- func() {
		defer close(done)
		f()
	}
	<-done
}

// ip runs one ip command a line in the namespace.
func (n *namespace) ip(t *testing.T, lines string) {
	t.Helper()
	var out []byte
	var err error
	n.do(func() {
		cmd := exec.Command("ip", "-batch", "-")
		cmd.Stdin = strings.NewReader(lines)
		out, err = cmd.CombinedOutput()
	})
	if err != nil {
		t.Fatalf("ip -batch: %v\n%s%s", err, lines, out)
	}
}

// list runs List in the namespace. Cards with an index of 2 to 99 are left out: some kernels put tunnels of
// their own into every namespace. Tests number their cards from 100.
func (n *namespace) list(t *testing.T) []Interface {
	t.Helper()
	var cards []Interface
	var err error
	n.do(func() { cards, err = List() })
	if err != nil {
		t.Fatal(err)
	}
	return slices.DeleteFunc(cards, func(c Interface) bool { return c.Index > 1 && c.Index < 100 })
}

// card returns the card called name once it satisfies ready.
func (n *namespace) card(t *testing.T, name string, ready func(Interface) bool) Interface {
	t.Helper()
	var found Interface
	waitFor(t, "card "+name+" to be ready", func() bool {
		for _, c := range n.list(t) {
			if c.Name == name && ready(c) {
				found = c
				return true
			}
		}
		return false
	})
	return found
}

func isRunning(c Interface) bool { return c.Flags&Running != 0 }

// waitFor asks for a condition again and again until it holds.
func waitFor(t *testing.T, what string, holds func() bool) {
	t.Helper()
	again := time.NewTicker(5 * time.Millisecond)
	defer again.Stop()
	for deadline := time.Now().Add(patience); !holds(); <-again.C {
		if time.Now().After(deadline) {
			t.Fatalf("waited %v for %s", patience, what)
		}
	}
}

// receive returns the next value of a channel.
func receive[T any](t *testing.T, what string, from <-chan T) (v T) {
	t.Helper()
	select {
	case v = <-from:
	case <-time.After(patience):
		t.Fatalf("waited %v for %s", patience, what)
	}
	return v
}

// twoHosts makes two namespaces joined by a cable: eth0 with 10.0.0.1/24 and 02:..:0a on the first, eth0 with
// 10.0.0.2/24 and 02:..:0b on the second.
func twoHosts(t *testing.T) (a, b *namespace) {
	t.Helper()
	a, b = newNamespace(t), newNamespace(t)
	a.ip(t, fmt.Sprintf(`link add eth0 index 100 address 02:00:00:00:00:0a type veth peer name eth0 index 100 address 02:00:00:00:00:0b netns %d
		address add 10.0.0.1/24 dev eth0
		link set eth0 up
		`, b.thread))
	b.ip(t, `address add 10.0.0.2/24 dev eth0
		link set eth0 up
		`)
	return a, b
}
