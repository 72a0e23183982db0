package load

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"runtime"
	"runtime/debug"
	"time"

	"golang.org/x/sys/unix"

	"covey/bench/rivals/internal/apart"
)

// Watch is a plan of probes: a key is set on one server, and from the reply on it is asked for on another, again and again, until
// what was set is there. Both speak RESP. What it measures has one round trip to the other as its least.
type Watch struct {
	Writer, Reader string // host:port
	For            time.Duration
	Every          time.Duration // between two probes
}

const watchPatience = 20 * time.Second // for one probe

// task is what a child is told to do; one of the two is there.
type task struct {
	Plan  *Plan
	Watch *Watch
}

// RunWatch watches in a process of its own. The requests of the figures are probes.
func RunWatch(ctx context.Context, w Watch) (*Figures, error) {
	f := new(Figures)
	return f, runTask(ctx, task{Watch: &w}, f)
}

func runTask(ctx context.Context, t task, to any) error {
	text, err := json.Marshal(&t)
	if err != nil {
		return err
	}
	return apart.RunContext(ctx, string(text), to)
}

func watch(w *Watch) (*Figures, error) {
	runtime.LockOSThread()
	debug.SetGCPercent(-1)
	if w.For <= 0 || w.For > maxDuration {
		return nil, fmt.Errorf("probes for %v; at most %v", w.For, maxDuration)
	}
	plan := Group{Wire: "resp", ValueBytes: 1}
	protocol, err := newWire(plan.Wire, plan.ValueBytes)
	if err != nil {
		return nil, err
	}
	var fds [2]int
	for i, addr := range []string{w.Writer, w.Reader} {
		plan.Addr = addr
		if fds[i], err = connect(&plan, protocol); err != nil {
			return nil, err
		}
		defer unix.Close(fds[i])
		if err := unix.SetNonblock(fds[i], false); err != nil {
			return nil, err
		}
	}
	var latency histogram
	reply := make([]byte, maxSentence)
	begun := time.Now()
	for n := 0; time.Since(begun) < w.For; n++ {
		value := fmt.Sprintf("%012d", n)
		set := fmt.Appendf(nil, "*3\r\n$3\r\nSET\r\n$5\r\nprobe\r\n$12\r\n%s\r\n", value)
		if got, err := exchange(fds[0], set, reply); err != nil || string(got) != "+OK\r\n" {
			return nil, fmt.Errorf("setting a probe: %q, %w", got, err)
		}
		since := time.Now()
		want := fmt.Appendf(nil, "$12\r\n%s\r\n", value)
		for {
			got, err := exchange(fds[1], []byte("*2\r\n$3\r\nGET\r\n$5\r\nprobe\r\n"), reply)
			if err != nil || got[0] != '$' {
				return nil, fmt.Errorf("asking for a probe: %q, %w", got, err)
			}
			took := time.Since(since)
			if bytes.Equal(got, want) {
				latency.add(int64(took), 1)
				break
			}
			if took > watchPatience {
				return nil, fmt.Errorf("a probe was not there after %v", watchPatience)
			}
		}
		time.Sleep(w.Every)
	}
	us := func(q float64) float64 { return float64(latency.quantile(q)) / 1e3 }
	return &Figures{Name: "probes", Requests: latency.total, PerSecond: float64(latency.total) / time.Since(begun).Seconds(),
		P50: us(50), P99: us(99), P999: us(99.9), Max: float64(latency.max) / 1e3}, nil
}

// exchange sends one request and waits for its reply, of one line or two.
func exchange(fd int, request, reply []byte) ([]byte, error) {
	if _, _, err := rawWrite(fd, request); err != nil {
		return nil, fmt.Errorf("sending: %w", err)
	}
	for have := 0; ; {
		n, again, err := rawRead(fd, reply[have:])
		switch {
		case err != nil:
			return nil, err
		case again:
			return nil, fmt.Errorf("no reply came for %v", patience)
		case n == 0:
			return nil, errClosed
		}
		have += n
		lines := 1
		if reply[0] == '$' && have > 1 && reply[1] != '-' {
			lines = 2
		}
		if bytes.Count(reply[:have], []byte("\r\n")) >= lines {
			return reply[:have], nil
		}
	}
}
