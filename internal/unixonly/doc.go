// Package unixonly is imported by what needs a system of the Unix family: sockets as descriptors that can be read, written, duplicated
// and waited for by the loop itself. For any other system the build ends here, in a sentence that says what to do there. Without it
// the compiler would list the calls that are missing.
//
// gnet does have an engine for Windows. It gives each connection a goroutine that blocks, its Write waits for as long as a socket is
// full, and so would the loop with all its other connections; nothing would tell how much a slow client is owed. That is not a node.
package unixonly
