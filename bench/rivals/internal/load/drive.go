package load

import (
	"fmt"
	"math/rand/v2"
	"runtime"
	"runtime/debug"
	"time"

	"golang.org/x/sys/unix"

	"covey/bench/rivals/internal/report"
)

const (
	eventsAtOnce = 512
	readBuffer   = 256 << 10             // bytes; shared, so that it stays in the processor's cache
	drawnKeys    = 1 << 22               // of a group with favourites: more than a second's; after them come the same again
	longestWait  = 50 * time.Millisecond // for events; the window's end is looked for at least as often
)

// driver is one run.
type driver struct {
	plan     *Plan
	groups   []*group
	sessions []*session // by the number that their events bear
	buffer   []byte
	epoch    time.Time
	now      int64 // nanoseconds since epoch; read once for each event that matters
	from, to int64 // the window
	filling  int   // groups that fill and have not ended
	lastSeen int64 // when a reply last came
}

// drive carries a plan out on this thread.
func drive(p *Plan) (*Result, error) {
	if err := p.Check(); err != nil {
		return nil, err
	}
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	debug.SetGCPercent(-1) // nothing is allocated from here on but what the plan needs once
	// A wait for the time of the next request ends when it should, not 50 us later.
	if err := unix.Prctl(unix.PR_SET_TIMERSLACK, 1, 0, 0, 0); err != nil {
		return nil, fmt.Errorf("timer slack: %w", err)
	}
	d := &driver{plan: p, buffer: make([]byte, readBuffer), epoch: time.Now()}
	poll, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	if err != nil {
		return nil, fmt.Errorf("no epoll instance: %w", err)
	}
	defer unix.Close(poll)
	for i := range p.Groups {
		if err := d.open(poll, &p.Groups[i], uint64(i)); err != nil {
			return nil, fmt.Errorf("group %q: %w", p.Groups[i].Name, err)
		}
	}
	return d.measure(poll)
}

// open connects the sessions of a group and enrols them.
func (d *driver) open(poll int, plan *Group, stream uint64) error {
	w, err := newWire(plan.Wire, plan.ValueBytes)
	if err != nil {
		return err
	}
	g := &group{Group: plan, wire: w, random: rand.New(rand.NewPCG(d.plan.Seed, stream))}
	if plan.Zipf > 0 {
		g.draw()
	}
	if plan.Fill {
		d.filling++
	}
	d.groups = append(d.groups, g)
	for range plan.Connections {
		fd, err := connect(plan, w)
		if err != nil {
			return err
		}
		s := &session{group: g, fd: fd}
		on := unix.EpollEvent{Events: unix.EPOLLIN | unix.EPOLLOUT | unix.EPOLLRDHUP | unix.EPOLLET, Fd: int32(len(d.sessions))}
		if err := unix.EpollCtl(poll, unix.EPOLL_CTL_ADD, fd, &on); err != nil {
			return fmt.Errorf("a connection cannot be waited for: %w", err)
		}
		d.sessions = append(d.sessions, s)
		if !plan.Idle {
			s.prepare()
			g.free.push(s)
		}
	}
	return nil
}

// measure runs until the window has ended, or, where groups fill, until they are done.
func (d *driver) measure(poll int) (*Result, error) {
	d.look()
	fill := d.filling > 0
	d.from = d.now + int64(d.plan.Warm)
	d.to = d.from + int64(d.plan.Window)
	d.lastSeen = d.now
	for _, g := range d.groups {
		g.due = d.now
	}
	var begun *Result
	for events := make([]unix.EpollEvent, eventsAtOnce); ; {
		if begun == nil && d.now >= d.from {
			var err error
			if begun, err = d.readings(); err != nil {
				return nil, err
			}
		}
		if fill && d.filling == 0 || !fill && d.now >= d.to {
			break
		}
		if err := d.turn(poll, events); err != nil {
			return nil, err
		}
	}
	if begun == nil {
		begun = &Result{Server: make([]float64, len(d.plan.Pids))}
	}
	return d.result(begun)
}

// turn sends what may be sent, waits, and takes what came.
func (d *driver) turn(poll int, events []unix.EpollEvent) error {
	wait := longestWait
	for _, g := range d.groups {
		next, err := d.start(g)
		if err != nil {
			return fmt.Errorf("group %q: %w", g.Name, err)
		}
		wait = min(wait, next)
	}
	n, err := epollWait(poll, events, wait)
	if err != nil {
		return fmt.Errorf("waiting for replies: %w", err)
	}
	d.look()
	for i := range events[:n] {
		s := d.sessions[events[i].Fd]
		if err := d.step(s); err != nil {
			return fmt.Errorf("group %q: %w", s.group.Name, err)
		}
	}
	if n == 0 && d.now-d.lastSeen > int64(patience) {
		return fmt.Errorf("no reply came for %v", patience)
	}
	return nil
}

// start gives free sessions of a group their next batch. It returns how long there is nothing more to send.
func (d *driver) start(g *group) (time.Duration, error) {
	for g.free.count > 0 {
		if g.Rate > 0 && g.due > d.now {
			return time.Duration(g.due - d.now), nil
		}
		s := g.free.pop()
		if !g.compose(s, d.now) {
			if g.ended++; g.ended == g.Connections {
				d.filling--
			}
			continue
		}
		if err := s.write(); err != nil {
			return 0, err
		}
	}
	return longestWait, nil
}

// step takes what a session's socket has.
func (d *driver) step(s *session) error {
	if s.sent < len(s.out) {
		if err := s.write(); err != nil {
			return err
		}
	}
	for {
		n, more, err := s.read(d.buffer)
		if err != nil {
			return err
		}
		if n > 0 && !s.group.Idle {
			d.look()
			if err := d.take(s, d.buffer[:n]); err != nil {
				return err
			}
		}
		if !more {
			return nil
		}
	}
}

// take counts the replies in what a session has read, and frees a session whose last reply is in.
func (d *driver) take(s *session, in []byte) error {
	taken, misses, err := s.take(in)
	if err != nil || taken == 0 {
		return err
	}
	d.lastSeen = d.now
	g := s.group
	if d.now >= d.from && d.now < d.to {
		g.latency.add(d.now-s.since, int64(taken))
		g.answered += int64(taken)
		g.misses += int64(misses)
	}
	if s.due == 0 {
		g.free.push(s)
		// At once: what is next leaves before other events are looked at, as a client does that waits for this reply alone.
		_, err = d.start(g)
	}
	return err
}

func (d *driver) look() { d.now = int64(time.Since(d.epoch)) }

// readings are the processors' times now.
func (d *driver) readings() (*Result, error) {
	r := &Result{Started: float64(time.Now().UnixNano()) / 1e9}
	for _, pid := range d.plan.Pids {
		used, err := report.Processor(pid)
		if err != nil {
			return nil, err
		}
		r.Server = append(r.Server, used.Seconds())
	}
	var now unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_PROCESS_CPUTIME_ID, &now); err != nil {
		return nil, err
	}
	r.Generator = time.Duration(now.Nano()).Seconds()
	return r, nil
}

// result is what was measured since begun.
func (d *driver) result(begun *Result) (*Result, error) {
	r, err := d.readings()
	if err != nil {
		return nil, err
	}
	r.Seconds = float64(d.now-d.from) / 1e9
	r.Generator -= begun.Generator
	r.Started = begun.Started
	for i, pid := range d.plan.Pids {
		r.Server[i] -= begun.Server[i]
		now, _, err := report.RSS(pid)
		if err != nil {
			return nil, err
		}
		r.RSS = append(r.RSS, now)
	}
	d.countWaiting()
	for _, g := range d.groups {
		us := func(q float64) float64 { return float64(g.latency.quantile(q)) / 1e3 }
		r.Groups = append(r.Groups, Figures{
			Name: g.Name, Requests: g.answered, Misses: g.misses, PerSecond: float64(g.answered) / max(r.Seconds, 1e-9),
			P50: us(50), P99: us(99), P999: us(99.9), Max: float64(g.latency.max) / 1e3,
		})
	}
	return r, nil
}

// countWaiting adds what came at a rate within the window and has no reply at its end: it took at least until then.
func (d *driver) countWaiting() {
	for _, s := range d.sessions {
		if s.group.Rate > 0 && s.due > 0 {
			s.group.latency.add(d.now-s.since, 1)
		}
	}
	for _, g := range d.groups {
		for g.Rate > 0 && g.due < d.to {
			g.latency.add(d.now-g.due, 1)
			g.next()
		}
	}
}
