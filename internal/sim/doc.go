// Package sim runs whole nodes, the real state machine on the real store, in one goroutine under virtual time and a seed.
//
//  1. A World holds hosts, a queue of events by time, and a network that delays, loses and doubles what it carries.
//  2. A Host is what package loop is to the state machine: it carries out wishes, ticks, hands over frames, flushes links.
//  3. A connection is two pipes that keep their order, as TCP does. A cut holds back what is in them; a crash ends them. In a world with
//     secrets it begins with the handshake of package seal, and carries its records (sealed.go).
//  4. A Plan is what a seed makes: machines, clocks, a mesh, and all steps that clients and bad luck will take.
//  5. The ledger has every write that a client was told is done, and the registers of every node as of the last look. Its
//     checks run along the way (watch.go) and, when all is healed and quiet, at the end (check.go, final.go).
//  6. A plan that fails is made smaller, step by step, and told as a transcript (shrink.go).
//
// The same seed gives the same run, event by event.
package sim
