package loop

import "golang.org/x/sys/unix"

// bootNanos reads the clock that goes on while the machine sleeps (R6).
func bootNanos() int64 {
	var ts unix.Timespec
	if unix.ClockGettime(unix.CLOCK_BOOTTIME, &ts) != nil {
		return 0
	}
	return ts.Nano()
}

// threadSpent is how much processor time the calling thread has had, in ns, and which thread it is.
func threadSpent() (spent int64, thread int) {
	var ts unix.Timespec
	if unix.ClockGettime(unix.CLOCK_THREAD_CPUTIME_ID, &ts) != nil {
		return 0, -1
	}
	return ts.Nano(), unix.Gettid()
}
