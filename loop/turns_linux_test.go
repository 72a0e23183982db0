package loop

import (
	"fmt"
	"runtime"
	"slices"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// pace is how much processor time each turn took in which a loop worked for a peer, ns. Each loop has a thread of its own
// meanwhile, or what else ran on its thread would count as its own.
type pace struct {
	mu    sync.Mutex
	turns []int64
	begun map[*eventLoop]int64
}

// watchTurns notes the turns of all nodes that start from now on, until end.
func watchTurns() *pace {
	p := &pace{begun: map[*eventLoop]int64{}}
	turnHook = p.note
	return p
}

func (p *pace) note(l *eventLoop, begins bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	var spent unix.Timespec
	if _, known := p.begun[l]; !known {
		runtime.LockOSThread() // until its goroutine ends
	}
	_ = unix.ClockGettime(unix.CLOCK_THREAD_CPUTIME_ID, &spent)
	if begins {
		p.begun[l] = spent.Nano()
	} else if b := p.begun[l]; b != 0 {
		p.turns = append(p.turns, spent.Nano()-b)
	}
}

// forget begins anew.
func (p *pace) forget() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.turns = p.turns[:0]
}

// end is called when all nodes have stopped.
func (p *pace) end() {
	turnHook = nil
	slices.Sort(p.turns)
}

// at returns the time that a share of the turns did not exceed.
func (p *pace) at(share float64) time.Duration {
	if len(p.turns) == 0 {
		return 0
	}
	return time.Duration(p.turns[int(float64(len(p.turns)-1)*share)])
}

func (p *pace) String() string {
	return fmt.Sprintf("%d turns: median %v, p99 %v, p99.9 %v, longest %v", len(p.turns), p.at(0.5), p.at(0.99), p.at(0.999), p.at(1))
}
