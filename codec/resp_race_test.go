//go:build race

package codec

// respRace: the race detector is on, and it allocates.
const respRace = true
