package loop

import "golang.org/x/sys/unix"

// bootNanos reads the clock that goes on while the machine sleeps (R6). It runs at the rate of Go's monotonic clock, which on this
// system stands still meanwhile: CLOCK_MONOTONIC would not, for it follows the corrections of the wall clock.
func bootNanos() int64 {
	var ts unix.Timespec
	if unix.ClockGettime(unix.CLOCK_MONOTONIC_RAW, &ts) != nil {
		return 0
	}
	return ts.Nano()
}

// threadSpent is not asked for here: no loop counts as busy, and the reserve is never asked.
func threadSpent() (spent int64, thread int) { return 0, 0 }
