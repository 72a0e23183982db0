package tracking

const (
	// maxItems is how many pairs of a key and a client that has read it a node remembers. Past it keys are forgotten, and their clients
	// told that they changed.
	maxItems = 1 << 20

	// maxWaiting is how many bytes of messages wait for one client, or else one message. Past it they are forgotten, and the client is told
	// to forget everything. What one turn of another client's pipeline changes has room.
	maxWaiting = 128 << 10

	// MaxPrefixes is how many prefixes one client may name, and MaxPrefix how long one may be, in bytes: each length that occurs costs a
	// look for each key that changes.
	MaxPrefixes = 64
	MaxPrefix   = 1_024

	// keyCost is what a key with one client takes beside its bytes, setCost what it takes for the second, and itemCost for that and each
	// further one; prefixCost is what a prefix takes beside its bytes. All in bytes, with the maps that they are in.
	keyCost    = 112
	setCost    = 256
	itemCost   = 32
	prefixCost = 512

	// shardCount is how many locks share the keys; sweepShards is how many of them one Sweep looks through.
	shardCount  = 256
	sweepShards = 4

	// keptWaiting is the most room, in bytes, that a client keeps for its next messages.
	keptWaiting = 1 << 10
)
