//go:build !invariants

package store

// invariants is set by the build tag of that name.
const invariants = false
