//go:build !race

package client_test

// underRace says that the race detector is on: it allocates, so allocations are not counted.
const underRace = false
