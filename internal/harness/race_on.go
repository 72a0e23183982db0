//go:build race

package harness

// Race: the race detector is on. It allocates, and takes ten times as long.
const Race = true
