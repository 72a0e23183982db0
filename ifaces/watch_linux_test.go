package ifaces

import (
	"context"
	"errors"
	"io"
	"os"
	"reflect"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/sys/unix"
)

// watching runs Watch in n and returns the channel of its calls, already past the first.
func watching(t *testing.T, n *namespace) <-chan struct{} {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	calls, ended := make(chan struct{}, 1), make(chan error, 1)
	changed := func() {
		select {
		case calls <- struct{}{}:
		default: // a hint is pending already
		}
	}
	busy := n.second(t)
	go busy.do(func() { ended <- Watch(ctx, changed) })
	t.Cleanup(func() {
		cancel()
		if err := receive(t, "Watch to end with its context", ended); err != nil {
			t.Errorf("Watch: %v", err)
		}
	})
	receive(t, "the first call, made when Watch listens", calls)
	return calls
}

// seen waits until a call of Watch has come after which the cards satisfy holds.
func seen(t *testing.T, what string, n *namespace, calls <-chan struct{}, holds func([]Interface) bool) {
	t.Helper()
	for {
		receive(t, what, calls)
		if holds(n.list(t)) {
			return
		}
	}
}

func TestWatchReportsAddressesAndCables(t *testing.T) {
	n := newNamespace(t)
	n.ip(t, `link add eth0 index 110 type veth peer name far index 111
		link set eth0 up
		link set far up
		`)
	n.card(t, "eth0", isRunning)
	calls := watching(t, n)

	n.ip(t, "address add 10.0.0.5/24 dev eth0\n")
	seen(t, "an address added", n, calls, func(c []Interface) bool { return len(c[1].Addrs) == 1 })
	n.ip(t, "address del 10.0.0.5/24 dev eth0\n")
	seen(t, "an address removed", n, calls, func(c []Interface) bool { return len(c[1].Addrs) == 0 })
	n.ip(t, "link set far down\n")
	seen(t, "a cable cut", n, calls, func(c []Interface) bool { return c[1].Flags&(Up|Running) == Up })
	n.ip(t, "link set far up\n")
	seen(t, "a cable back", n, calls, func(c []Interface) bool { return c[1].Flags&Running != 0 })
	n.ip(t, "link set eth0 down\n")
	seen(t, "a card down", n, calls, func(c []Interface) bool { return c[1].Flags&Up == 0 })
	n.ip(t, "link del eth0\n")
	seen(t, "a card removed", n, calls, func(c []Interface) bool { return len(c) == 1 })
}

func TestWatchEndsWithItsContext(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if err := Watch(ctx, func() {}); err != nil {
		t.Errorf("Watch with a context already done: %v", err)
	}
	ctx, cancel = context.WithCancel(context.Background())
	if err := Watch(ctx, cancel); err != nil { // the first call ends it
		t.Errorf("Watch ended by its context: %v", err)
	}
}

// script plays events at given times after its start, in the time of a synctest bubble, then fails.
type script struct {
	start    time.Time
	events   []scripted
	deadline time.Time
}

type scripted struct {
	at  time.Duration
	err error
}

var errScriptOver = errors.New("the script is over")

func (s *script) SetReadDeadline(t time.Time) error {
	s.deadline = t
	return nil
}

// Read sleeps in the bubble's time, which passes at once.
func (s *script) Read(b []byte) (int, error) {
	next := s.start.Add(s.events[0].at)
	if !s.deadline.IsZero() && s.deadline.Before(next) {
		time.Sleep(time.Until(s.deadline))
		return 0, os.ErrDeadlineExceeded
	}
	time.Sleep(time.Until(next))
	err := s.events[0].err
	s.events = s.events[1:]
	return len(b), err
}

// callsOf plays events and returns when follow called and how it ended.
func callsOf(t *testing.T, events []scripted) (calls []time.Duration, err error) {
	synctest.Test(t, func(t *testing.T) {
		s := &script{start: time.Now(), events: events}
		err = follow(s, func() { calls = append(calls, time.Since(s.start)) })
	})
	return calls, err
}

func TestWatchMakesOneCallOfABurst(t *testing.T) {
	ms := time.Millisecond
	var endless []scripted
	for at := time.Duration(0); at < 1190*ms; at += 10 * ms {
		endless = append(endless, scripted{at: at})
	}
	for name, tt := range map[string]struct {
		events []scripted
		want   []time.Duration
	}{
		"one event":       {[]scripted{{at: 10 * ms}}, []time.Duration{60 * ms}},
		"a burst":         {[]scripted{{at: 10 * ms}, {at: 50 * ms}, {at: 99 * ms}}, []time.Duration{149 * ms}},
		"two bursts":      {[]scripted{{at: 0}, {at: 10 * ms}, {at: 200 * ms}, {at: 210 * ms}}, []time.Duration{60 * ms, 260 * ms}},
		"no end":          {endless, []time.Duration{500 * ms, 1010 * ms, 1230 * ms}},
		"lost events":     {[]scripted{{at: 10 * ms, err: unix.ENOBUFS}}, []time.Duration{60 * ms}},
		"lost in a burst": {[]scripted{{at: 10 * ms}, {at: 20 * ms, err: unix.ENOBUFS}}, []time.Duration{70 * ms}},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := callsOf(t, append(tt.events, scripted{at: time.Hour, err: errScriptOver}))
			if !errors.Is(err, errScriptOver) || !reflect.DeepEqual(got, tt.want) {
				t.Errorf("calls at %v, want %v; ended by %v", got, tt.want, err)
			}
		})
	}
}

func TestWatchEndsWhenItsSocketFails(t *testing.T) {
	for name, events := range map[string][]scripted{
		"waiting":    {{err: io.ErrClosedPipe}},
		"in a burst": {{at: 0}, {at: 1, err: io.ErrClosedPipe}},
	} {
		if calls, err := callsOf(t, events); !errors.Is(err, io.ErrClosedPipe) || calls != nil {
			t.Errorf("%s: calls at %v, ended by %v", name, calls, err)
		}
	}
}
