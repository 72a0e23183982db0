// Package command carries out the commands of clients: a parsed command and the store go in, reply bytes and encoded
// updates come out. It knows Redis' commands (RESP) and the binary client messages. It has no socket, clock, goroutine
// or global state: time comes as Turn.Now, and what only the node knows comes through Host.
//
// The way of a command:
//
//  1. Turn.RESP looks the name up in the table (table.go), without allocating, and checks arity and key lengths.
//  2. The gate of its entry decides (gate.go): always answered; only on a ready node (reads, and whatever reads in order
//     to write, R17); or a blind write, which waits until the time is settled (R8).
//  3. Its function calls the store and appends the reply to out.
//  4. An update the store returns is encoded into the turn's Stage at once; Client.Dirty says so. At the end of the turn
//     the loop hands the Stage to the ring and only then writes the replies: store before ring before reply.
//  5. The verdict tells the loop how to go on: Done, Close after the reply, or Wait, where nothing was done or replied
//     and the same command is to be run again.
//
// Between MULTI and EXEC a command that gets as far as its function is queued instead (transaction.go).
//
// Turn.Frame does the same for the binary messages, of which there are no transactions.
//
// Rules: R3 (a write of the past deletes; DEL of an absent key is blind on a node that is not ready), R4 (FLUSHALL),
// R8 (no write before the time is settled; EXPIREAT converts by the wall clock), R11 (WAIT), R17 (what needs a ready
// node).
//
// Replies and error texts are those of Redis 7.0; docs/COMPATIBILITY.md lists every difference, and the tests compare
// with a real redis-server.
package command
