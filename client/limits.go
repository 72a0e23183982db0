package client

import "time"

const (
	// DefaultAddr is the address of a node on the same machine.
	DefaultAddr = "127.0.0.1:9000"
	defaultPort = "9000"

	// DefaultInFlight is how many requests may wait for their replies at once, unless WithInFlight says otherwise.
	DefaultInFlight = 1024
	// MaxInFlight is the most that WithInFlight accepts: a slot is 16 bits of a tag.
	MaxInFlight = 1 << 16

	// DefaultDialTimeout bounds Dial and New, unless WithDialTimeout says otherwise.
	DefaultDialTimeout = 5 * time.Second

	// redialPause is the time between two dialings of a Redialer, at least.
	redialPause = 100 * time.Millisecond

	// vanishTime is for how long what was sent may go without an acknowledgement by the node's machine before the connection ends, on Linux. A
	// switch that starts anew takes half a minute at most to let packets through.
	vanishTime = 30 * time.Second

	// manyAtOnce is how many requests of a GetMany or SetMany are under way at once, and so the most values of one that are in memory.
	manyAtOnce = 128

	// gatherBytes bounds what is gathered for one write, in bytes; a single longer frame goes alone. Callers wait for room.
	gatherBytes = 1 << 20
	// directBytes is the most that a caller writes itself, in bytes: below what a socket without anything in it takes.
	directBytes = 16 << 10
	// loneStreak is how many requests in a row must have been alone before callers read their own replies.
	loneStreak = 8
	// asideTime is how long no request was made when the reader, which stood aside, reads again; at most twice that.
	asideTime = 100 * time.Millisecond
	// ownTime is how long a caller waits for its own reply at most (doc.go tells users), and half of it at least. After that the reader reads.
	ownTime = 20 * time.Millisecond
	// sentenceBytes bounds the sentence, in bytes, that is read from a reply that nobody waits for.
	sentenceBytes = 4 << 10
	// readBytes is the size of the read buffer.
	readBytes = 64 << 10
	// keepBytes is the largest buffer that a call, or the writer beyond gatherBytes, keeps for the next use.
	keepBytes = 64 << 10
)
