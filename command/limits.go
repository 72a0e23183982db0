package command

const (
	// settleWait is how long a blind write waits for the node's time to settle before it is
	// answered with LOADING, in milliseconds (R8).
	settleWait = 2_000

	// maxReply is where the reply of KEYS ends in an error, and those to a transaction's commands begin to be errors, in bytes.
	maxReply = 64 << 20

	// maxScanCount is the highest COUNT that SCAN honours, in keys, so that a turn of a loop stays short. COUNT is a hint: fewer keys
	// are right, too.
	maxScanCount = 1_000

	// keysChunk is how many keys KEYS takes from the store at a time.
	keysChunk = 256

	// maxPattern is the longest glob pattern, in bytes.
	maxPattern = 1_024

	// matchWork is the work that comparing a pattern with one key may be, and 16 more for each byte of the key: bytes of the pattern
	// that are looked at, a nanosecond or two each. Past it the command ends in an error.
	matchWork = 64 << 10

	// walkWork is the work of one turn of KEYS, and of one call of SCAN: that of its comparisons, keyWork for each key beside it, and
	// callWork for each look into the store, which may meet nothing but tombstones. Some 1,500 keys, 0.2 ms.
	walkWork = 64 << 10
	keyWork  = 32
	callWork = 2 << 10

	// maxWords is how many arguments a command takes that has no list of keys, its name included: each may cost a microsecond.
	maxWords = 1_024

	// maxPatterns is how many patterns CONFIG GET takes, and maxDescribed how many names COMMAND INFO: each has a microsecond or two of reply.
	maxPatterns  = 64
	maxDescribed = 128

	// listArgs and listBytes are how much of its list a command with many keys does in one turn: so many arguments, or fewer when they,
	// or the replies to them, have so many bytes. The rest waits for the next turn.
	listArgs  = 1_024
	listBytes = 256 << 10

	// maxQueued and maxQueuedBytes bound what a connection queues between MULTI and EXEC: commands, and bytes of their words with
	// bulkOverhead for each.
	maxQueued      = 65_536
	maxQueuedBytes = 16 << 20
	bulkOverhead   = 16

	// maxQueuedWords is how many words one of these commands has, its name included: each turn of a long list parses it anew.
	maxQueuedWords = 32 * listArgs

	// maxWatched and maxWatchedBytes bound the keys that a connection watches, and those of one WATCH, repeated ones too: how many, and
	// their bytes. EXEC looks at each.
	maxWatched      = 1_024
	maxWatchedBytes = 256 << 10

	// watchCost is what a watched key costs beside its bytes: what is known of it, and room of the map; and watchLeast the first of them
	// beside that, in bytes.
	watchCost  = 256
	watchLeast = 1_024

	// getexTries is how often GETEX looks anew at a value that another connection wrote between its two steps.
	getexTries = 4

	// maxName is the longest name that is set on a connection, in bytes.
	maxName = 128

	// quotedName and quotedArgs bound what an error repeats of an unknown command, in bytes, as
	// Redis does.
	quotedName = 128
	quotedArgs = 128

	// maxGathered is how many commands are parsed before the first of them is carried out. The waits for the memory of their keys
	// overlap, and what these waits bring, some ten cache lines each, must fit into the processor's nearest cache.
	maxGathered = 32

	// wordAround is what a word of a command has around it: '$', its length, and two ends of lines.
	wordAround = 7 // bytes

	// maxAimed is how many of their keys are looked for ahead; an MGET may have many. As many arguments end a gathering.
	maxAimed = 128

	// maxWrong is how many wrong passwords a connection may send before it is closed, and maxTried how many commands of any kind
	// before it has sent the right one; with that both begin anew.
	maxWrong = 3
	maxTried = 100

	// keptScratch is the most scratch memory a Turn keeps between commands, in bytes.
	keptScratch = 1 << 20
)
