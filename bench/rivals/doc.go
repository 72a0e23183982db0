// Package rivals compares covey's store with caches and maps for Go that are used as libraries, and with redis-server
// for memory. It is a module of its own, so that their dependencies are not covey's.
//
//  1. internal/cache puts each library behind the same few calls; internal/trace makes keys and the order they are asked
//     for; internal/report prints what was compared, where and when.
//  2. compare_test.go measures time with go test -bench; cmd/compare runs it six times, the caches in turn, and prints
//     benchstat's tables and the ratios.
//  3. cmd/hitratio plays traces to each cache, beside the optimum. cmd/memory fills each in a process of its own and
//     looks at its memory and its garbage collections. cmd/churn writes and deletes values of all sizes for minutes and
//     holds the memory of the process against the budget. cmd/stalled has clients stop half-way through values of 16 MiB.
//     cmd/growth times every single Set on the way to ten million.
//  4. cmd/wire measures a node as clients see it, beside redis-server, memcached and valkey; cmd/clients the Go client beside
//     others for Redis. internal/server starts them, internal/load sends the requests.
//
// What the figures leave out: covey's store gives each write a version, keeps tombstones and the fingerprints that
// repair compares, and never returns an entry past its expiry; none of the others does all of that, and some drop
// writes when they are busy (ristretto, otter: sets pass through a buffer). Misses show what a cache did not keep.
package rivals
