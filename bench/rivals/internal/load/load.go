// Package load sends requests to a server as fast as it answers, or at a given rate, and measures. It is made to be lean: a
// comparison is one of servers only when what sends is not the limit.
//
//  1. A Plan is groups of connections, each with its protocol, mix, pipeline and values; all of them run on one thread with one
//     epoll instance (drive.go), without the Go scheduler, the collector or the netpoller taking part.
//  2. A wire (wire.go) formats requests once; a request costs a copy and the digits of its key. Replies are compared with the
//     bytes that they must be; an error or a wrong reply ends the run.
//  3. In a closed group a connection has a batch of requests on its way, and sends the next when the last reply is in. An open
//     group has a rate: requests come at random times whether or not a connection is free, and a latency counts from when its
//     request came, so what waits because the server is slow is not left out (coordinated omission).
//  4. What comes before the window (Plan.Warm) is not counted. At both ends of the window the processor time of the servers'
//     processes is read by the thread that measures.
//  5. Run does it in a process of its own (internal/apart), which Child is to make possible.
package load

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"covey/bench/rivals/internal/apart"
)

// Bounds of a plan.
const (
	MaxConnections = 12_000 // of all groups together
	MaxPipeline    = 10_000
	MaxKeys        = 1_000_000_000_000 // what twelve decimal digits can tell apart
	MaxValueBytes  = 16 << 20
	maxDuration    = 10 * time.Minute
	maxGroups      = 8

	// patience is how long a run waits for a first connection, and for any reply.
	patience = 10 * time.Second
)

// Group is connections that do the same.
type Group struct {
	Name        string
	Addr        string // host:port, IPv4; or the path of a Unix socket
	Wire        string // resp, frames or memcached
	Connections int
	Pipeline    int     // requests in one batch
	Sets        int     // of 100 requests; the rest are gets
	ValueBytes  int     // of every value
	Keys        int     // how many, key:000000000000 and up
	First       int     // the number of the first
	Zipf        float64 // 0: all keys alike
	Rate        float64 // requests a second that come at random times; 0: as fast as replies come
	Fill        bool    // set every key once, in order, and end; the plan's times do not count
	Idle        bool    // one PING (a miss in other protocols), then nothing
}

// Plan is one run.
type Plan struct {
	Groups []Group
	Warm   time.Duration // before the window
	Window time.Duration
	Pids   []int // of the servers, whose processor time is read
	Seed   uint64
}

// Figures are those of one group within the window.
type Figures struct {
	Name      string
	Requests  int64 // answered
	Misses    int64
	PerSecond float64
	P50       float64 // microseconds, as all that follow
	P99       float64
	P999      float64
	Max       float64
}

// Result is what a run measured.
type Result struct {
	Groups    []Figures
	Seconds   float64   // of the window
	Server    []float64 // processor seconds in the window, of each of Plan.Pids
	RSS       []int64   // resident bytes of each at the end of the window
	Generator float64   // and of what sent
	Started   float64   // Unix time at which the window began, seconds
}

// CPU is the processor time of all servers together, in seconds.
func (r *Result) CPU() float64 {
	sum := 0.0
	for _, s := range r.Server {
		sum += s
	}
	return sum
}

// Check says what is wrong with a plan.
func (p *Plan) Check() error {
	if len(p.Groups) == 0 || len(p.Groups) > maxGroups {
		return fmt.Errorf("a plan has 1 to %d groups, not %d", maxGroups, len(p.Groups))
	}
	if p.Warm < 0 || p.Warm > maxDuration || p.Window < 0 || p.Window > maxDuration {
		return fmt.Errorf("a run of %v and %v: each is at most %v", p.Warm, p.Window, maxDuration)
	}
	connections := 0
	for i := range p.Groups {
		if err := p.Groups[i].check(); err != nil {
			return fmt.Errorf("group %q: %w", p.Groups[i].Name, err)
		}
		connections += p.Groups[i].Connections
	}
	if connections > MaxConnections {
		return fmt.Errorf("%d connections; at most %d", connections, MaxConnections)
	}
	return nil
}

func (g *Group) check() error {
	switch {
	case g.Connections < 1:
		return errors.New("no connections")
	case g.Pipeline < 1 || g.Pipeline > MaxPipeline:
		return fmt.Errorf("a pipeline of %d; 1 to %d", g.Pipeline, MaxPipeline)
	case g.Sets < 0 || g.Sets > 100:
		return fmt.Errorf("%d sets of 100 requests", g.Sets)
	case g.ValueBytes < 1 || g.ValueBytes > MaxValueBytes:
		return fmt.Errorf("values of %d bytes; 1 to %d", g.ValueBytes, MaxValueBytes)
	case g.Keys < 1 || g.First < 0 || g.Keys > MaxKeys-g.First:
		return fmt.Errorf("%d keys from %d on; 1 to %d", g.Keys, g.First, MaxKeys)
	case g.Rate < 0, g.Zipf < 0:
		return errors.New("a rate or an exponent below 0")
	case g.Rate > 0 && g.Pipeline != 1:
		return errors.New("requests at a rate are sent one by one")
	}
	_, err := newWire(g.Wire, g.ValueBytes)
	return err
}

// Run carries a plan out in a process of its own.
func Run(ctx context.Context, p Plan) (*Result, error) {
	r := new(Result)
	return r, runTask(ctx, task{Plan: &p}, r)
}

// Child does what a program was started for by Run or RunWatch, and ends it; otherwise it does nothing.
func Child() {
	apart.Child(func(text string) (any, error) {
		var t task
		if err := json.Unmarshal([]byte(text), &t); err != nil {
			return nil, err
		}
		switch {
		case t.Plan != nil:
			return drive(t.Plan)
		case t.Watch != nil:
			return watch(t.Watch)
		}
		return nil, errors.New("nothing to do")
	})
}
