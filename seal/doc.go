// Package seal is everything that needs the secret: the handshake before any other byte on a link, the records in which a
// link's bytes are sealed, the authenticator of an announce, and the check of clients' passwords (Door). docs/PROTOCOL.md has the
// bytes, docs/SECURITY.md what they protect against.
//
// It is pure: bytes, randomness and time come in as arguments, bytes go out; no socket, no clock, no goroutine.
//
// A link, in steps:
//
//  1. The dialer sends what Dial makes: a magic byte, a version, and the first message of Noise NNpsk0, which proves that it
//     knows the secret.
//  2. Accept tries every valid secret. It answers with the second message, which proves the same to the dialer. Both then have
//     a Session, whose keys contain both sides' ephemeral keys: nobody who learns the secret later can compute them.
//  3. Every write is sealed by Sealer.Append into records of at most MaxPlain bytes; Opener.Append takes them in any pieces.
//     Nothing is allocated for a record.
//
// The acceptor trusts a session only when its first record has opened: only a participant of this very handshake can seal
// one, so a replayed recording of another session ends there.
//
// Two secrets may be valid at a time, so that one can replace the other without an interruption: a node uses the first of
// the list and accepts all.
package seal
