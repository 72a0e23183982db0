// Package client talks to one covey node by the binary protocol (docs/PROTOCOL.md, "Client messages").
//
// A Client is one connection, safe for any number of goroutines, whose requests share it without waiting for each other: a program needs
// one. A call returns at the deadline of its context, and at most 20 ms after it was cancelled. Without either it waits for as long as the
// connection lasts. Where a node's machine is gone without a word, or takes nothing more, Dial's connections end after 30 s on Linux (those at rest
// within a minute), and elsewhere, like those given to New, when the system gives up sending: that may be a quarter of an hour.
//
// A connection that breaks fails all calls with an error that says so; the Client stays closed, and a Redialer has a new one. No request is
// ever sent twice. Of one that ended with ErrClosed, ErrProtocol, or its context's error, it is not known whether the node carried it out.
//
// The flow of a request:
//
//  1. The calling goroutine takes a slot (so many requests are in flight at most) and a call from the pool.
//  2. Under send.mu it gives the call the slot's next tag and appends the frame to the bytes to be sent.
//  3. The writer, one goroutine, takes all that was gathered meanwhile and writes it at once. A caller that is alone, as the
//     one before it was, writes its frame itself, if the connection is a socket.
//  4. The reader, one goroutine, finds the call by the tag of the reply, reads the body into the call's own memory
//     and wakes the caller. A caller that was alone for a while reads its reply itself, and the reader stands aside (aside.go).
//  5. The caller copies the value out and gives the call back. A caller whose context ends first leaves the call
//     to the reader, which drops it when the reply comes: no memory of the caller is ever written to after it returned.
//
// GetMany and SetMany (many.go) take as many slots as are free, put their requests under one lock, and are one caller in all of this.
package client
