package generator

import "time"

const (
	// MaxConnections is how many connections a run may open.
	MaxConnections = 10_000
	// MaxPipeline is how many requests may be on their way on one connection.
	MaxPipeline = 10_000
	// MaxThreads is how many workers a run may have.
	MaxThreads = 64
	// MaxRequests is how many requests one run may send.
	MaxRequests = 1_000_000_000_000
	// MaxKeyspace is how many different keys there are: what twelve decimal digits can tell apart.
	MaxKeyspace = 1_000_000_000_000
	// MaxValueBytes is the largest value, bytes; a node takes no larger one.
	MaxValueBytes = 16 << 20
	// MaxBatchBytes is how many bytes of requests all connections together may hold formatted.
	MaxBatchBytes = 1 << 30

	// DialPatience is how long opening one connection may take.
	DialPatience = 5 * time.Second
	// Patience is how long a run waits for any reply before it gives up.
	Patience = 10 * time.Second
	// pollEvery is how often a waiting worker looks whether it was told to stop.
	pollEvery = 100 * time.Millisecond

	// minInput and maxInput bound the read buffer that a session starts with, bytes; one long reply may enlarge it to
	// its own length.
	minInput = 1 << 10
	maxInput = 64 << 10
	// maxReply is the longest reply that is read, bytes: the largest value and what stands around it.
	maxReply = MaxValueBytes + 4<<10
	// replyOverhead is the room a reply needs beside its value, bytes.
	replyOverhead = 64

	// Latencies are kept from 1 us to 60 s, to three digits.
	minLatency    = int64(time.Microsecond)
	maxLatency    = int64(time.Minute)
	latencyDigits = 3
	// MaxSentence is how much of a node's first error is kept, bytes.
	MaxSentence = 256
)
