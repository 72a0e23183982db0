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
