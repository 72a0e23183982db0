//go:build race

package store

// raceEnabled: the race detector is on. It reports reads without a lock of cells that lie on the Go heap.
const raceEnabled = true
