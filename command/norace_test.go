//go:build !race

package command

// raceOn: the race detector is on, and it allocates.
const raceOn = false
