// Package store is the sharded map of one node: entries with versions, expiry, tombstones, eviction and the fingerprint
// that tells two nodes whether they hold the same. It is pure: time comes in as an argument (now: cluster time in ms),
// it starts no goroutine and calls nothing outside but the hash. Any number of goroutines may use one Store.
//
// A write goes this way:
//
//  1. The caller hashes the key once (Store.Hash); the top bits of the hash choose the shard. What is looked at first is
//     prefetched before the lock is taken (warm.go).
//  2. Under the shard's lock the key is found (index.go) and its entry loaded (layout.go), and its expiry applied if it
//     is due (settle).
//  3. The clock of the shard gives the write its version (R5, clock.go).
//  4. apply moves the registers: V with value, E with expiry time (R1, R2). It alone changes an entry, and it alone
//     keeps up what follows from one: the digest, the list, the sizes (shard.go). Where only a value of the same length
//     comes in the place of another, that is all done in one step (rewrite.go); of text that is Set, without loading the
//     entry (overwrite), as GetOrPin reads what most entries are (plain).
//  5. put writes the entry back: where it was, or to the end of its log (log.go, content.go).
//  6. trim moves on what moves in steps, and evicts while the store is over its budget: a few segments here; then reclaim
//     does from all shards in turn, values before ghosts before tombstones (evict.go).
//  7. The update to send is returned; nothing is called under the lock.
//
// A record of another node takes the same way through Merge, with its version in place of step 3 (merge.go). A read
// takes the read lock, appends the value to the caller's buffer and counts the hit in two bits (read.go).
//
// What time asks for is done by Sweep, which the node's ticker calls, in slices: due expiries, found by a timing wheel
// (expire.go); values of dead records and old tombstones, oldest first (tombstone.go).
//
// # Memory
//
// Entries lie in mapped memory that the collector knows nothing of (memory.go): no Go pointer an entry, so its work does
// not grow with their number.
//
//	shard   index    cells of 8 bytes, in the order of the hash: tag 27 bits, hits 2, place 35; load 0.7 to 0.875
//	        logs     trial, main, tombstones, ghosts: lists of segments of 1 to 32 KiB (1/64 of the shard's share)
//	        segment  entries one after another, as they came; the last takes new ones
//	        lists    rings through the entries that have an expiry: the wheel, and those that died
//	        sums     fingerprints of the shard and of its leaves, by epoch
//
//	entry   head 20: size 2, key length 2, flags 1, kind 1, node number 2, stamp 8, content hash 4
//	        expiry 24, only with one: time 8, links 12, moment of death 4
//	        E 10 and base 10, only where they differ from V
//	        key, value
//
// With its cell, 9.1 to 11.4 bytes, a plain entry takes 30 to 32 bytes beyond key and value. A large one keeps what is not
// a whole page here and the rest in a chain of pages of at most 4 KiB.
//
// Space comes back in three ways, each of bounded work: a segment that all entries left goes at once; eviction empties
// whole segments, the oldest of the trial log or of the main log (evict.go); where more than a quarter of a log was left,
// the emptiest of a few segments moves together with the next. Nothing moves but under the shard's lock, and nobody
// outside holds a place.
//
// # Rules
//
// Numbers are those of the rules of replication. R1, R2: merge.go, entry.go. R3: expire.go, tombstone.go. R4: flush.go. R5, R8: clock.go,
// merge.go. R7: step.go. R13, R14: tombstone.go. R15: Lookup. R16: ghost.go. R17: Certain. R18: digest.go, leaves.go. R27: join.go,
// counter.go, and what a kind of value is: kind.go.
//
// The state of a key is a pair of registers, each of which only grows: V with what belongs to it, and E with the expiry
// time. The flush register covers either by itself: what is at or below it counts as never written. A key whose E is
// above the flush and whose V is not stays as a deletion at the zero version, so that the order in which flush, EXPIRE
// and SET come does not show.
package store
