package command

const (
	// settleWait is how long a blind write waits for the node's time to settle before it is
	// answered with LOADING, in milliseconds (R8).
	settleWait = 2_000

	// maxReply is the longest reply to KEYS, in bytes; a longer one is an error. It also bounds the replies to a transaction's commands, all
	// together: from there on they are errors.
	maxReply = 64 << 20

	// replyShare is the part of the store's budget that such a reply may have, if that is less: it is put together on the Go heap.
	replyShare = 4

	// maxScanCount is the highest COUNT that SCAN honours, in keys, so that a turn of a loop stays short. COUNT is a hint: fewer keys
	// are right, too.
	maxScanCount = 1_000

	// keysChunk is how many keys KEYS takes from the store at a time.
	keysChunk = 256

	// maxPattern is the longest glob pattern, in bytes.
	maxPattern = 1_024

	// matchWork bounds the work of comparing a pattern with one key, in bytes of the pattern that are looked at; 16 more are allowed
	// for each byte of the key. Each costs a nanosecond or two. Past it the command is answered with an error.
	matchWork = 64 << 10

	// walkWork bounds one turn of KEYS, and one call of SCAN, in the same unit: the comparisons, keyWork for each key, and callWork for
	// each call of the store, which may find nothing but tombstones. It is some 1,500 keys, or 0.2 ms.
	walkWork = 64 << 10
	keyWork  = 32
	callWork = 2 << 10

	// maxWords is how many arguments a command without a list of keys may have, its name included: each may cost a microsecond.
	maxWords = 1_024

	// maxPatterns is how many patterns CONFIG GET takes, and maxDescribed how many names COMMAND INFO: each has a microsecond or two of reply.
	maxPatterns  = 64
	maxDescribed = 128

	// listArgs and listBytes bound what a command with a list of keys does in one turn: that many arguments, or fewer when they, or the
	// replies to them, have that many bytes. The rest waits for the next turn.
	listArgs  = 1_024
	listBytes = 256 << 10

	// maxQueued and maxQueuedBytes bound what a connection queues between MULTI and EXEC: commands, and bytes of their arguments, each
	// with bulkOverhead on top.
	maxQueued      = 65_536
	maxQueuedBytes = 16 << 20
	bulkOverhead   = 16

	// maxQueuedWords is how many arguments one of these commands may have, its name included: each turn of a long list parses all anew.
	maxQueuedWords = 32 * listArgs

	// maxWatched and maxWatchedBytes bound the keys that a connection watches, and the keys of one WATCH, repeated ones included: how
	// many, and their bytes. EXEC compares each.
	maxWatched      = 1_024
	maxWatchedBytes = 256 << 10

	// watchCost is the memory that a watched key takes beside its own bytes, for what is noted of it and its place in the map; watchLeast is
	// that of the map itself. Both in bytes.
	watchCost  = 256
	watchLeast = 1_024

	// getexTries is how often GETEX tries again after another connection wrote the value between its two steps.
	getexTries = 4

	// maxScript is the longest script that is looked at, in bytes, and maxScripts how many EVALSHA may name: each takes some 60 bytes of the
	// node.
	maxScript  = 8 << 10
	maxScripts = 256

	// maxTogether is how many bytes one MSETNX may have, and maxWords how many words: it holds up others for as long as it takes.
	maxTogether = 256 << 10

	// maxFloat is the longest number that INCRBYFLOAT reads, in bytes; it is that of Redis. To read one and write a sum may take 0.4 ms.
	maxFloat = 5<<10 - 1

	// maxChannel is the longest name of a channel, and the longest pattern of channels, in bytes: each message is compared with all patterns.
	maxChannel = 1_024

	// maxSubscriptions is how many subscriptions the clients of a node have together, and maxListening how many one client has.
	// maxTopicBytes bounds the names of all channels and patterns that somebody listens to, and maxTopicPatterns how many patterns there are:
	// comparing one takes 20 ns as a rule, and 0.1 ms at worst.
	maxSubscriptions = 65_536
	maxListening     = 16_384
	maxTopicBytes    = 16 << 20
	maxTopicPatterns = 256

	// subscriptionCost is the memory of a subscription beside its name, in bytes.
	subscriptionCost = 256

	// namesWork bounds the work of PUBSUB CHANNELS, in bytes of the pattern that are looked at.
	namesWork = 4 << 20

	// maxMailbox is how many bytes of messages wait for one loop to give them to its listeners. crowdedWait is how long PUBLISH waits for room,
	// in ms.
	maxMailbox  = 8 << 20
	crowdedWait = 1_000

	// deliverAtOnce is how many listeners hear a message before the time is looked at, and keptHearers how large a list of them is kept.
	deliverAtOnce = 16
	keptHearers   = 1_024

	// maxName is the longest name that is set on a connection, in bytes.
	maxName = 128

	// quotedName and quotedArgs bound how much of an unknown command an error repeats, in bytes; they are those of
	// Redis.
	quotedName = 128
	quotedArgs = 128

	// maxGathered is how many commands are parsed before the first of them is carried out. Meanwhile the memory of their keys is
	// prefetched, some ten cache lines each, which all have to fit into the processor's first-level cache.
	maxGathered = 32

	// wordAround is what a word of a command has around it: '$', its length, and two ends of lines.
	wordAround = 7 // bytes

	// maxAimed is how many keys are prefetched at a time; an MGET alone may have more. It also bounds the arguments that are gathered.
	maxAimed = 128

	// maxWrong is the wrong password at which a connection is closed, and maxTried the command of any kind, if the right password has
	// not come before. The right one sets both counts back to 0.
	maxWrong = 3
	maxTried = 100

	// keptScratch is the most scratch memory a Turn keeps between commands, in bytes.
	keptScratch = 1 << 20
)
