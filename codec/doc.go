// Package codec turns messages into bytes and back: the frames between nodes and between a client and a node, the
// announce of the beacon, and (resp*.go, reply*.go) the protocol of Redis. docs/PROTOCOL.md is its specification.
//
// It is pure: no I/O, no clock, no goroutine, no state but that of a Stage and of a RESP parser.
//
// The flow of bytes in:
//
//  1. The first byte of a connection decides: Magic is a frame's, anything else goes to the RESP parser.
//  2. DecodeHeader reads the 12 bytes of a header and refuses what its kind does not allow, so that the length is
//     bounded before the body is waited for.
//  3. The decoder of the kind reads the body in place: slices alias it, nothing is copied or allocated. Lengths must
//     be exact, counts fit the bytes that are there, reserved bits are zero.
//  4. Runs (records, keys, entries) are walked with DecodeRecord, DecodeKey and DecodeListingEntry:
//     for len(run) > 0 { n, err := DecodeRecord(run, &r); ...; run = run[n:] }. CheckRecords checks a run beforehand.
//
// The flow of bytes out:
//
//  1. A command's update is encoded once, by Stage.Add (R9: in the order of the stream).
//  2. At the end of the turn the ring copies the Stage's segments behind heads made by AppendBatchHeader.
//  3. Every other message is appended whole by its Append function: the caller owns dst, as with the built-in append,
//     and with enough capacity nothing is allocated. BeginRecords and BeginValueResponse leave the payload to the
//     caller, so that it is copied once.
//
// The formats carry the fields of the rules R1 to R4 (record), R6 to R8 (clocks and steps), R9 to R12 (streams), R14
// to R16 (floor, ghosts), R18 to R19 (digest, listing), R21 (state), R23 to R25 (greeting, bye, heartbeat).
package codec
