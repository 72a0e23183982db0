// Package archtest holds the rules of the house as a test, so that a change that breaks one fails with a sentence.
//
//  1. Every production file of the module is parsed, whatever system it is built for.
//  2. Imports run one way (docs/ARCHITECTURE.md, "The picture"); one package knows the engine, one the raw socket.
//  3. codec, store, peer and command are pure: no socket, clock, goroutine, randomness of their own or variable that changes.
//  4. Names keep to the word list (docs/ARCHITECTURE.md, "Words"), and a file fits a reader's head.
//
// Test files are free to import what they compare against. The package has no production code.
package archtest
