package generator

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// ErrUnreachable is returned when no connection could be opened.
var ErrUnreachable = errors.New("no node answers")

// Run carries out a plan. answered, which may be nil, is raised as replies come. When ctx ends, the figures so far are
// returned with Partial set and no error; before all connections are open its error is. One that is lost costs the requests on
// their way, the others go on. A node that does not take the password is a *Denied.
func Run(ctx context.Context, p Plan, answered *atomic.Int64) (*Figures, error) {
	return runWith(ctx, p, answered, (*worker).drive)
}

// driver runs a worker's connections, which it owns, to their end, or until it is told to stop.
type driver func(w *worker, conns []net.Conn, stop *atomic.Bool) error

func runWith(ctx context.Context, p Plan, answered *atomic.Int64, drive driver) (*Figures, error) {
	if err := p.Check(); err != nil {
		return nil, err
	}
	if answered == nil {
		answered = new(atomic.Int64)
	}
	conns, err := dial(ctx, &p)
	if err != nil {
		return nil, err
	}
	var stop atomic.Bool
	defer context.AfterFunc(ctx, func() { stop.Store(true) })()

	workers := assign(&p, answered)
	started := time.Now()
	var running sync.WaitGroup
	failed := make([]error, len(workers))
	for i, w := range workers {
		mine := conns[:len(w.sessions)]
		conns = conns[len(w.sessions):]
		running.Go(func() { failed[i] = drive(w, mine, &stop) })
	}
	running.Wait()
	f := gather(workers)
	f.Elapsed = time.Since(started)
	f.Partial = f.Answered+f.Lost < p.Requests
	if ctx.Err() != nil {
		return f, nil
	}
	return f, errors.Join(failed...)
}

// dial opens the plan's connections, a few at a time so that no listener's queue runs over.
func dial(ctx context.Context, p *Plan) ([]net.Conn, error) {
	const atOnce = 64
	conns := make([]net.Conn, p.Connections)
	errs := make([]error, p.Connections)
	dialer := net.Dialer{Timeout: DialPatience}
	network := "tcp"
	if strings.HasPrefix(p.Addr, "/") {
		network = "unix"
	}
	var dialing sync.WaitGroup
	for first := range atOnce {
		dialing.Go(func() {
			for i := first; i < p.Connections; i += atOnce {
				if conns[i], errs[i] = dialer.DialContext(ctx, network, p.Addr); errs[i] != nil {
					return
				}
				if errs[i] = enter(ctx, conns[i], p); errs[i] != nil {
					return
				}
			}
		})
	}
	dialing.Wait()
	if failed := slices.IndexFunc(errs, func(err error) bool { return err != nil }); failed >= 0 {
		return nil, unopened(conns, errs, failed)
	}
	return conns, nil
}

// unopened closes the connections that were opened, and says why not all were: errs[failed] is the first reason.
func unopened(conns []net.Conn, errs []error, failed int) error {
	connected, entered := 0, 0
	for i, conn := range conns {
		if conn == nil {
			continue
		}
		conn.Close()
		connected++
		if errs[i] == nil {
			entered++
		}
	}
	err := errs[failed]
	switch {
	case errors.As(err, new(*Denied)):
		return err
	case connected == 0:
		return fmt.Errorf("%w: %w", ErrUnreachable, err)
	}
	return fmt.Errorf("only %d of %d connections could be opened: %w", entered, len(conns), err)
}

// assign makes the workers and shares the plan's connections and requests out among them.
func assign(p *Plan, answered *atomic.Int64) []*worker {
	threads := p.Threads
	if threads == 0 {
		threads = max(1, runtime.GOMAXPROCS(0)/2)
	}
	threads = min(threads, p.Connections, MaxThreads)
	t := newTemplates(p)
	epoch := time.Now()
	workers := make([]*worker, threads)
	var next int64
	for i := range workers {
		w := &worker{
			plan: p, templates: &t,
			random: rand.NewPCG(p.Seed, uint64(i)+1),
			next:   uint64(next), left: share(p.Requests, i, threads),
			epoch: epoch, latency: newLatency(), progress: answered,
		}
		next += w.left
		for range share(int64(p.Connections), i, threads) {
			w.sessions = append(w.sessions, newSession(p, &t))
		}
		workers[i] = w
	}
	return workers
}

// share is the i-th of n nearly equal parts of total.
func share(total int64, i, n int) int64 {
	part := total / int64(n)
	if int64(i) < total%int64(n) {
		part++
	}
	return part
}

// gather adds up what the workers measured.
func gather(workers []*worker) *Figures {
	f := &Figures{Latency: newLatency()}
	for _, w := range workers {
		w.publish()
		f.Answered += w.tally.answered
		f.Errors += w.tally.errors
		f.Misses += w.tally.misses
		f.Lost += w.tally.lost
		f.Latency.Merge(w.latency)
		if f.FirstError == "" {
			f.FirstError = w.tally.firstError
		}
	}
	return f
}
