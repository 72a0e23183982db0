// Package seal is what a secret changes: the handshake that comes before any other byte on a link, the records in which a
// link's bytes travel, the authenticator of an announce, and the door before a client's commands. docs/PROTOCOL.md has the
// bytes, docs/SECURITY.md what they are for.
//
// It is pure: bytes, randomness and time come in as arguments, bytes go out; no socket, no clock, no goroutine.
//
// A link, in steps:
//
//  1. The dialer sends what Dial makes: a magic byte, a version, and the first message of Noise NNpsk0, which proves that it
//     knows the secret.
//  2. Accept tries every secret that counts. It answers with the second message, which proves the same to the dialer, and
//     both have a Session of keys that nobody can compute later, whoever learns the secret (both sides' ephemeral keys are in them).
//  3. Every write is sealed by Sealer.Append into records of at most MaxPlain bytes; Opener.Append takes them in any pieces.
//     Nothing is allocated for a record.
//
// An accepted session is proved by its first record: only who took part in this very handshake can seal one. What was
// recorded of another session ends there.
//
// Two secrets may count at a time, so that a new one is brought in without an interruption: the first of a list is the one
// that a node speaks with, all of them are understood.
package seal
