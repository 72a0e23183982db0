// Package generator sends requests to one node as fast as the node answers, and measures.
//
//  1. Plan.Check bounds what is asked for.
//  2. newTemplates formats the GET and the SET once. A batch is made by copying them and writing the digits of a key
//     over each copy: no request costs an allocation or a formatting.
//  3. A session is one connection without its socket: compose makes the next batch, take reads replies. At most one
//     batch is on its way; when its last reply is in, the next batch is made and leaves in one write.
//  4. A worker owns some sessions, their sockets, a random generator and a histogram. On Linux it is one thread on its
//     own epoll instance (drive_linux.go); elsewhere each connection has a goroutine (drive.go).
//  5. Run dials, starts the workers, waits, and merges their figures.
//
// The loop is closed: a connection that waits sends nothing, so latencies are those of a node that is as busy as this
// many connections can make it, not those of requests that arrive on their own.
package generator
