// Package loop is covey's engine: the only package that knows gnet and the only one that
// writes a socket. It lends sockets, time and randomness to the pure packages around it.
//
// How a node lives, in steps:
//
//  1. Run lists the cards (ifaces), claims a TCP port, builds the store, the ring and the
//     peer.Node, and starts one gnet engine with a UDP and a TCP listener on every loop, and loops
//     without listeners to which connections move that are too much for those (reserve.go, span.go, move.go).
//  2. Each event loop is met by its first event; it gets a doorbell (bell.go), by which any
//     goroutine makes it look at a connection without allocating.
//  3. OnTraffic reads what is there and looks at the first byte: a frame of a peer (link.go), a
//     frame of a client, or RESP (client.go). What is not whole yet waits in conn.in (conn.go).
//  4. A client turn: parse up to 32 commands, begin the waits for the memory of their keys, run them
//     in order; the same for those behind them. Replies and updates are gathered; then the ring, then
//     the replies in one write, then every link that was at rest is flushed, or rung for. In this order: store
//     before ring before reply, so WAIT sees its own writes.
//  5. A peer turn: every frame goes to peer.Link; what it owes in return is flushed once. After a turn that the engine began the
//     loop looks by itself what else is ready, and lingers for what is next (round_linux.go).
//  6. OnTick runs on a goroutine of its own: peer.Node.Tick, expiry, announces, cards. It never
//     touches a connection; it rings doorbells.
//  7. Whoever has called into peer.Node drains its wishes (drain.go): dials (dial.go), closes,
//     announces, doorbells, one log line for each change of a member.
//  8. At the end of Run's context the node says left, flushes, and stops the engine.
//
// Who owns what: a connection, its buffers and its loop's scratch belong to that loop's
// goroutine. Others touch only the atomics named so, and loop.mu's queue.
package loop
