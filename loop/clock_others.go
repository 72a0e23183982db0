//go:build !linux && !darwin

package loop

import "time"

var processStart = time.Now()

// bootNanos falls back to Go's monotonic clock, which on these systems may stop in sleep:
// the wall clock of the peers then pulls cluster time along.
func bootNanos() int64 { return int64(time.Since(processStart)) }

// threadSpent is not known here: no loop counts as busy, and the reserve is never asked.
func threadSpent() (spent int64, thread int) { return 0, 0 }
