package command

const (
	// settleWait is how long a blind write waits for the node's time to settle before it is
	// answered with LOADING, in milliseconds (R8).
	settleWait = 2_000

	// maxReply is where the reply of one MGET, SCAN or KEYS ends in an error, in bytes: one
	// command must not fill the node's memory with copies of a large value.
	maxReply = 64 << 20

	// maxScanCount is the highest COUNT that SCAN honours, in keys: a turn of a loop stays short,
	// and the keys, 64 KiB at most, in memory.
	// COUNT is a hint, so less is right too.
	maxScanCount = 1_000

	// keysChunk is how many keys KEYS takes from the store at a time.
	keysChunk = 1_000

	// maxPattern is the longest glob pattern, in bytes: matching costs its length times the key's.
	maxPattern = 1_024

	// maxName is the longest name that is set on a connection, in bytes.
	maxName = 128

	// quotedName and quotedArgs bound what an error repeats of an unknown command, in bytes, as
	// Redis does.
	quotedName = 128
	quotedArgs = 128

	// maxGathered is how many commands are parsed before the first of them is carried out. As many waits for memory go on at
	// the same time, and what they bring, some ten lines each, must find room in the processor's nearest cache.
	maxGathered = 32

	// maxAimed is how many of their keys are looked for ahead; an MGET may have many. As many arguments end a gathering.
	maxAimed = 128

	// maxWrong is how many wrong passwords a connection may send before it is closed, and maxTried how many commands of any kind
	// before it has sent the right one.
	maxWrong = 3
	maxTried = 100

	// keptScratch is the most scratch memory a Turn keeps between commands, in bytes.
	keptScratch = 1 << 20
)
