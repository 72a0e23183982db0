//go:build race

package store

// raceEnabled: the race detector is on. It sees who looks, without a lock, at cells that lie on the Go heap.
const raceEnabled = true
