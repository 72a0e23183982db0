// Package client talks to one covey node by the binary protocol (docs/PROTOCOL.md, "Client messages").
//
// A Client is one connection. Any number of goroutines can share it, and their requests do not wait for each other, so a program needs only
// one. A call returns at the deadline of its context, and at most 20 ms after its context was cancelled; without either it waits for as long as
// the connection lasts. If the node's machine vanishes, or accepts no more data, Dial's connections end after 30 s on Linux (idle ones
// within a minute). On other systems, and for connections given to New, they end when the system gives up sending, which may take a quarter of an hour.
//
// When a connection breaks, all calls fail with an error that says so. The Client stays closed; a Redialer makes a new one. No request is
// ever sent twice. If a request ended with ErrClosed, ErrProtocol, or its context's error, the node may or may not have carried it out.
//
// The flow of a request:
//
//  1. The calling goroutine takes a slot, which bounds the requests in flight, and a call from the pool.
//  2. Under send.mu it gives the call the slot's next tag and appends the frame to the bytes to be sent.
//  3. The writer, one goroutine, writes all that was gathered meanwhile at once. If the connection is a socket, and only one request was in
//     flight this time and the last time, the caller writes its frame itself.
//  4. The reader, one goroutine, finds the call by the tag of the reply, reads the body into the call's own memory
//     and wakes the caller. A caller that has been alone for a while reads its replies itself, and the reader stands aside (aside.go).
//  5. The caller copies the value out and gives the call back. A caller whose context ends first leaves the call
//     to the reader, which drops it when the reply comes: no memory of the caller is ever written to after it returned.
//
// GetMany and SetMany (many.go) take as many slots as are free, put their requests under one lock, and are one caller in all of this.
package client
