package client

import (
	"context"
	"errors"
	"net"
	"os"
	"runtime"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"covey/codec"
)

// onLoneNetwork runs f on a thread in a network of its own, which has a loopback and nothing else; set turns that on or off. What
// f dials is on that network for good.
func onLoneNetwork(t *testing.T, f func(set func(on bool))) {
	t.Helper()
	done := make(chan error)
	go func() {
		runtime.LockOSThread() // for good: the thread ends with the goroutine, and the network with what is open on it
		err := unix.Unshare(unix.CLONE_NEWNET)
		if err == nil {
			f(func(on bool) {
				if err := setLoopback(on); err != nil {
					t.Error(err)
				}
			})
		}
		done <- err
	}()
	if err := <-done; err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatal(err)
		}
		t.Skipf("cannot make a network namespace (run as root): %v", err)
	}
}

func setLoopback(on bool) error {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	lo, err := unix.NewIfreq("lo")
	if err != nil {
		return err
	}
	if on {
		lo.SetUint16(unix.IFF_UP)
	}
	return unix.IoctlIfreq(fd, unix.SIOCSIFFLAGS, lo)
}

// A machine that loses its power, or a cable that is pulled, says nothing: without a limit of its own a call would wait until TCP gives up,
// a quarter of an hour.
func TestACallWithoutADeadlineEndsWhenTheMachineHasVanished(t *testing.T) {
	onLoneNetwork(t, func(set func(on bool)) {
		set(true)
		ln, err := net.Listen("tcp4", "127.0.0.1:0")
		if err != nil {
			t.Error(err)
			return
		}
		defer ln.Close()
		c, err := Dial(context.Background(), ln.Addr().String(), func(s *settings) error { s.vanish = 500 * time.Millisecond; return nil })
		if err != nil {
			t.Error(err)
			return
		}
		defer c.Close()
		set(false)
		ended := make(chan error, 1)
		go func() { _, err := c.Get(context.Background(), []byte("k")); ended <- err }()
		select {
		case err := <-ended:
			if !errors.Is(err, ErrClosed) || !errors.Is(err, unix.ETIMEDOUT) {
				t.Errorf("it ended with %v", err)
			}
		case <-time.After(20 * time.Second):
			t.Error("the call still waits")
		}
	})
}

func TestDialBoundsHowLongAMachineMayHaveVanished(t *testing.T) {
	addr, _ := silence(t)
	c, err := Dial(t.Context(), addr)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	raw, err := c.conn.(*net.TCPConn).SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	got := 0
	_ = raw.Control(func(fd uintptr) { got, err = unix.GetsockoptInt(int(fd), unix.IPPROTO_TCP, unix.TCP_USER_TIMEOUT) })
	if err != nil || time.Duration(got)*time.Millisecond != vanishTime {
		t.Errorf("TCP_USER_TIMEOUT is %d ms, %v", got, err)
	}
}

// A node that is stopped, on a machine that goes on, takes what its buffers hold and no more. Then a call that has still to send ends too.
func TestACallWithoutADeadlineEndsWhenNothingMoreIsTaken(t *testing.T) {
	addr, _ := silence(t)
	c, err := Dial(t.Context(), addr, func(s *settings) error { s.vanish = 200 * time.Millisecond; return nil })
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	value := make([]byte, codec.MaxValue)
	var calls sync.WaitGroup
	for range 4 {
		calls.Go(func() {
			if err := c.Set(context.Background(), []byte("k"), value, SetOptions{}); !errors.Is(err, ErrClosed) { // which call is told the reason depends on who asks the socket first
				t.Errorf("it ended with %v", err)
			}
		})
	}
	calls.Wait()
}
