// Package peer is a node's mind as a pure state machine: which members there are, whether they live, which addresses
// are dialed, what is copied, and how much of this node's stream each peer has. It knows no socket, clock or goroutine: package loop hands it
// time, announces, frames and events, and carries out what it wishes; package sim does the same in memory, under a seed.
//
// The way of a link:
//
//  1. An announce, a greeting's hint or --peer makes a target; the node wishes for a dial (announce.go, dial.go).
//  2. Dialer and acceptor greet: Greeting, full Greeting, full Greeting (greeting.go; R23, R26). The first one settles
//     the time of a node that has not stamped yet (owntime.go; R6, R8).
//  3. Of all links with one node one is chosen, the same on both sides; the others get Bye(duplicate) (choose.go; R23).
//  4. The own stream flows from the ring, from where the other is, or from a Gap on (ring.go, cursor.go, sender.go; R9,
//     R10). Batches are merged, and acknowledged once a turn (receiver.go).
//     Peers that do not hear another node get its batches from here (relay.go, pass.go; R12): each tells with whom it is linked,
//     which vouches (R25), and tells of members that come later (listed.go).
//  5. A node that is not complete pulls shards from its donors until it may call itself ready (join.go, donor.go, ready.go;
//     R21, R22). An update whose version is not here is fetched (receiver.go; R3).
//  6. Heartbeats measure, tell roots and vouch; silence makes a member suspect and dead; a close without a Bye makes it
//     dead at once (detect.go, verify.go; R20, R24, R25). Then the member is dialed again.
//  7. Two ready nodes whose roots of a closed epoch differ descend to what differs, and mend it (repair.go, mend.go; R18,
//     R19, R14, R15, R16).
//
// The way of an update: the loop's Stage -> Ring.Append, once a turn -> Link.Notify -> Link.Data on each link's own loop
// -> socket -> Link.Frame -> store.Merge. Node never sees it: no lock of its own, no map, no clock read, no allocation.
//
//  8. Groups whose clocks are apart exchange nothing until the smaller has stepped to the other's time (step.go, groups.go;
//     R7).
//
// Rules kept here, beside those named above: R4 (a flush register travels in greeting, heartbeat and join), R8 (a record
// ahead of time is dropped; many cost the link), R11 (Acked). R10 closes a gap by pulling all that the other holds.
//
// Who guards what: Node.mu all of Node but its atomics, and of Link what stands under that heading; Ring.mu the ring;
// relay.mu the log of what is passed on; the loop of a connection the sender, the receiver and the repair of its Link.
// Node.mu may be held when one of the others is taken, never the other way round; the store is asked with none held.
package peer
