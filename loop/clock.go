package loop

import (
	"sync/atomic"
	"time"
)

// bootClock gives nanoseconds since the node's start on a clock that counts suspend.
//
// CLOCK_BOOTTIME costs a system call through x/sys, Go's monotonic clock does not: a turn reads
// the latter and adds the sleep that the ticker last measured.
type bootClock struct {
	start     time.Time    // with Go's monotonic reading
	boot      int64        // CLOCK_BOOTTIME at start, ns
	suspended atomic.Int64 // ns of sleep since start
}

func newBootClock() *bootClock {
	return &bootClock{start: time.Now(), boot: bootNanos()}
}

// now returns nanoseconds since the start. Safe for concurrent use.
func (b *bootClock) now() int64 {
	return int64(time.Since(b.start)) + b.suspended.Load()
}

// at is now at the moment when t was read, which has both clocks of one instant.
func (b *bootClock) at(t time.Time) int64 {
	return int64(t.Sub(b.start)) + b.suspended.Load()
}

// measure brings the count of slept time up to date; the ticker calls it.
func (b *bootClock) measure() {
	slept := bootNanos() - b.boot - int64(time.Since(b.start))
	if slept < b.suspended.Load() {
		return // the two reads are not one instant; time never goes back
	}
	b.suspended.Store(slept)
}

// wallAtStart is the wall clock when the count began, in ms since 1970.
func (b *bootClock) wallAtStart() int64 { return b.start.UnixMilli() }
