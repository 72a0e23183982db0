// Package rivals compares covey's store with caches for Go that are used as libraries. It is a module of its own, so that
// their dependencies are not covey's.
//
//  1. A cache (cache.go) wraps each library in three calls. All get the same memory, keys and values.
//  2. Each benchmark (rivals_test.go) runs every cache by every processor at once: reads, writes, and nine reads to a
//     write, with keys as popular as a Zipf sequence makes them.
//
// What the figures leave out: covey's store gives each write a version, keeps tombstones and the fingerprints that
// repair compares, and never returns an entry past its expiry; none of the others does all of that, and some drop writes when
// they are busy (ristretto, otter: sets pass through a buffer). Misses show what a cache did not keep.
package rivals
