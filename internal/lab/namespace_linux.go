package lab

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"runtime"
	"strings"

	"golang.org/x/sys/unix"
)

// namespaceDir is where iproute2 keeps its named namespaces.
const namespaceDir = "/run/netns/"

// A namespace is a named network namespace with a thread of this process that stays inside of it until close. Children
// are forked by that thread: they are born in the namespace, and are killed when the thread ends (Pdeathsig).
type namespace struct {
	name  string
	calls chan func()
	ended chan struct{}
}

// enterNamespace starts the thread of an existing namespace.
func enterNamespace(name string) (*namespace, error) {
	n := &namespace{name: name, calls: make(chan func()), ended: make(chan struct{})}
	entered := make(chan error)
	go func() {
		// Never unlocked: the thread is in another namespace and must end with the goroutine.
		runtime.LockOSThread()
		defer close(n.ended)
		err := setNamespace(name)
		entered <- err
		if err != nil {
			return
		}
		for call := range n.calls {
			call()
		}
	}()
	return n, <-entered
}

// do runs f on the thread in the namespace; f must be short, for there is one such thread.
func (n *namespace) do(f func()) {
	done := make(chan struct{})
	n.calls <- func() {
		defer close(done)
		f()
	}
	<-done
}

// close ends the thread, and with it whatever it forked.
func (n *namespace) close() {
	close(n.calls)
	<-n.ended
}

// start starts a command in the namespace.
func (n *namespace) start(cmd *exec.Cmd) (err error) {
	n.do(func() { err = cmd.Start() })
	return err
}

// dial connects from inside the namespace, on a thread of its own, so that a host that does not answer blocks nobody.
func (n *namespace) dial(ctx context.Context, network, address string) (conn net.Conn, err error) {
	n.visit(func() {
		dialer := net.Dialer{Timeout: dialLimit}
		conn, err = dialer.DialContext(ctx, network, address)
	}, &err)
	return conn, err
}

// visit runs f on a new thread inside the namespace; *failed is set when it cannot be entered.
func (n *namespace) visit(f func(), failed *error) {
	done := make(chan struct{})
	go func() {
		runtime.LockOSThread() // never unlocked, as above
		defer close(done)
		if err := setNamespace(n.name); err != nil {
			*failed = err
			return
		}
		f()
	}()
	<-done
}

// setNamespace moves the calling thread into a named namespace.
func setNamespace(name string) error {
	fd, err := unix.Open(namespaceDir+name, unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return fmt.Errorf("namespace %s: %w", name, err)
	}
	defer unix.Close(fd)
	if err := unix.Setns(fd, unix.CLONE_NEWNET); err != nil {
		return fmt.Errorf("namespace %s: %w", name, err)
	}
	return nil
}

// ipBatch runs lines of `ip` in one process; namespace "" is for `ip netns` alone.
func ipBatch(namespace string, lines ...string) error {
	args := []string{"-b", "-"}
	if namespace != "" {
		args = append([]string{"-n", namespace}, args...)
	}
	cmd := exec.Command("ip", args...)
	cmd.Stdin = strings.NewReader(strings.Join(lines, "\n") + "\n")
	if text, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("ip: %w: %s\n%s", err, text, strings.Join(lines, "\n"))
	}
	return nil
}

// deleteNamespaces deletes the named ones and goes on after an error. One that another has deleted meanwhile is none.
func deleteNamespaces(names []string) error {
	var all error
	for _, name := range names {
		if text, err := exec.Command("ip", "netns", "delete", name).CombinedOutput(); err != nil {
			if _, gone := os.Stat(namespaceDir + name); errors.Is(gone, os.ErrNotExist) {
				continue
			}
			all = errors.Join(all, fmt.Errorf("%s: %w: %s", name, err, text))
		}
	}
	return all
}

// namespaceNames lists the named namespaces of the machine.
func namespaceNames() ([]string, error) {
	entries, err := os.ReadDir(namespaceDir)
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil
	}
	var names []string
	for _, entry := range entries {
		names = append(names, entry.Name())
	}
	return names, err
}
