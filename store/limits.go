package store

// Every bound of this package, with its unit.
const (
	MaxKeyBytes   = 64 << 10 // bytes of a key
	MaxValueBytes = 16 << 20 // bytes of a value

	DefaultShards = 256
	MaxShards     = 256 // lock shards; the top 8 bits of a key hash name the shard of a digest (R18)

	DefaultBytes  = 256 << 20 // bytes, when Options.MaxBytes is 0
	minShardBytes = 16 << 10  // bytes of Options.MaxBytes a lock shard at least: room for its tables and some entries

	MaxAhead       = 10_000    // ms that a merged stamp may be ahead of now (R8)
	DefaultHorizon = 3_600_000 // ms that a tombstone is kept (R13)
	BareAfter      = 4_000     // ms that a dead record keeps its value (R3)

	stampBits = 16 // low bits of a stamp: the counter (R5)
	epochBits = 10 // an epoch is 1,024 ms (R18)

	epochsKept   = 8     // epochs whose fingerprints can still be asked for (R18)
	epochsWindow = 32    // epochsKept and what stamps up to MaxAhead ahead need; a power of two
	settleTime   = 2_000 // ms after its end that an epoch is compared (R18)

	tombstoneShare  = 16     // a tombstone may take 1/16 of the budget
	tombstoneMinAge = 30_000 // ms that a full tombstone budget leaves a tombstone alone; must be over MaxAhead

	chunkEntries = 32  // entries the slots of a shard grow by
	slackBytes   = 128 // bytes that an entry's allocation may be larger than twice what it holds

	wheelTickBits  = 6    // a tick of the expiry wheel is 64 ms: 16 to an epoch
	wheelSlotBits  = 6    // 64 buckets a level
	wheelLevels    = 4    // 4 s, 4 min, 4 h, 12 days; what is later waits in one list
	ownVictims     = 16   // evictions a write does under its own lock before it turns to other shards
	victimsPerLock = 32   // evictions in another shard at one hold of its lock
	sweepSlice     = 64   // entries Sweep works on at one hold of a lock
	walkSlots      = 1024 // slots Range and Scan look at under one hold of a lock

	DefaultScanCount = 10      // keys of a Scan that names no count
	MaxScanCount     = 100_000 // keys of one Scan
)

// RecordOverhead is the most bytes that an encoded record adds to its key and value; Range counts with it.
const RecordOverhead = 72
