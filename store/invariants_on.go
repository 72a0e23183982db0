//go:build invariants

package store

// invariants makes every write and sweep check its shard: for tests, at some hundred times the cost.
const invariants = true
