// Package store is the sharded map of one node: entries with versions, expiry, tombstones, eviction and the fingerprint
// that tells two nodes whether they hold the same. It is pure: time comes in as an argument (now: cluster time in ms),
// it starts no goroutine and calls nothing outside but the hash. Any number of goroutines may use one Store.
//
// A write goes this way:
//
//  1. The caller hashes the key once (Store.Hash); the top bits of the hash choose the shard.
//  2. Under the shard's lock the key is found (index.go), and its expiry applied if it is due (settle).
//  3. The clock of the shard gives the write its version (R5, clock.go).
//  4. apply moves the registers: V with value, E with expiry time (R1, R2). It alone changes an entry, and it alone
//     keeps up what follows from one: the digest, the list, the sizes (shard.go).
//  5. The update to send is returned; nothing is called under the lock.
//  6. While the store is over its budget entries are evicted: a few here, then from all shards in turn (evict.go).
//
// A record of another node takes the same way through Merge, with its version in place of step 3 (merge.go). A read
// takes the read lock, appends the value to the caller's buffer and sets one bit (read.go).
//
// What time asks for is done by Sweep, which the node's ticker calls, in slices: due expiries, found by a timing wheel
// (expire.go); values of dead records and old tombstones, found at the head of lists (tombstone.go).
//
// # Rules
//
// Numbers are those of the rules of replication. R1, R2: merge.go, entry.go. R3: expire.go, tombstone.go. R4: flush.go. R5, R8: clock.go,
// merge.go. R13, R14: tombstone.go. R15: Lookup. R18: digest.go. R16, R17 (ghosts) and R27 (counters) are not here yet:
// an evicted entry is forgotten.
//
// The state of a key is a pair of registers, each of which only grows: V with what belongs to it, and E with the expiry
// time. The flush register covers either by itself: what is at or below it counts as never written. A key whose E is
// above the flush and whose V is not stays as a deletion at the zero version, so that the order in which flush, EXPIRE
// and SET come does not show.
package store
