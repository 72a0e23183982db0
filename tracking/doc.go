// Package tracking remembers which clients have read which keys (CLIENT TRACKING), and what they are to be told. It has no socket, clock
// or goroutine: the loop hands it what changed, and takes from it what a connection is to be sent.
//
// So that no client keeps a value that is not the node's any more:
//
//  1. A key is remembered before its value is read (Table.Remember).
//  2. Who changes a key tells the table after the change can be read (Table.Changed).
//  3. What a client is to be told waits until the connection's loop takes it (Client.Take), behind the replies to all commands that had
//     begun to read by then.
//
// Whoever has read the value from before a change was remembered before the change, and so is told behind its reply. To tell too much does
// no harm, and where there is no room a client is told to forget everything.
package tracking
