// Package bench holds what is measured with go test -bench: the codec, the store, and one node over the loopback.
//
//  1. codec_test.go and resp_test.go: bytes to messages and back, beside nothing else.
//  2. store_test.go: the map, by one goroutine and by all, with keys as unevenly popular as real ones.
//  3. node_test.go: a whole node in this process, from socket to socket, by RESP and by the Go client. The benchmark itself
//     allocates nothing, so the allocations shown are the node's.
//
// The comparison with other caches is a module of its own, rivals, so that their dependencies are not covey's.
// results/README.md says how figures are kept. Nothing imports this package.
package bench
