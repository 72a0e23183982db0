package store

import "math/bits"

// Every bound of this package, with its unit.
const (
	MaxKeyBytes   = 64 << 10 // bytes of a key
	MaxValueBytes = 16 << 20 // bytes of a value

	DefaultShards = 256
	MaxShards     = 256 // lock shards; the top 8 bits of a key hash name the shard of a digest (R18)

	DefaultBytes = 256 << 20 // bytes, when Options.MaxBytes is 0

	// MaxBytesLimit is the most that Options.MaxBytes may ask for: 256 GiB; where an address has 32 bits 256 MiB, for a store reserves
	// some six times its budget in addresses.
	MaxBytesLimit = 256 << (10 + 10*(bits.UintSize/64)) << 10
	minShardBytes = 16 << 10 // bytes of Options.MaxBytes a lock shard at least: room for its tables and some entries

	minBytes = MaxShards * leafShare // bytes of Options.MaxBytes at least: a shard of the digest has a leaf

	MaxAhead       = 10_000              // ms that a merged stamp may be ahead of now (R8)
	DefaultHorizon = 3_600_000           // ms that a tombstone is kept (R13)
	MaxHorizon     = 30 * 24 * 3_600_000 // ms of Options.Horizon at most; less than ageEnd, or no tombstone would ever be old enough
	ageEnd         = 1<<32 - 3_600_000   // ms that the age of a tombstone is below
	BareAfter      = 4_000               // ms that a dead record keeps its value (R3)

	stampBits = 16 // low bits of a stamp: the counter (R5)
	epochBits = 10 // an epoch is 1,024 ms (R18)

	epochsKept   = 8     // epochs whose fingerprints can still be asked for (R18)
	epochsWindow = 32    // epochsKept and what stamps up to MaxAhead ahead need; a power of two
	epochsBusy   = 20    // epochs of the window that stamps up to MaxAhead ahead can name at one time
	settleTime   = 2_000 // ms after its end that an epoch is compared (R18)

	stepWidth = 1_000 << stampBits // part of the time into which a step back squeezes what would be ahead (R7)

	maxLeafBits = 16   // bits of the key hash that name the leaf of a digest (R18)
	leafShare   = 1024 // bytes of the budget a leaf: a smaller store adds neighbouring leaves into one

	tombstoneShare  = 16     // a tombstone may take 1/16 of the budget
	ghostShare      = 16     // so may the ghosts
	tombstoneMost   = 4      // and 1/4 while members that are away, or may be, hold them back: past it the oldest go all the same
	sightSlack      = 10_000 // ms by which the time of a writing turn may lag; below tombstoneMinAge by MaxAhead or more
	tombstoneMinAge = 30_000 // ms that a full tombstone budget leaves a tombstone alone; must be over MaxAhead

	// Segments. A shard's share of the budget is about segmentShare of them, so that those half full cost little.
	minSegment   = 1 << 10  // bytes
	maxSegment   = 32 << 10 // bytes; the size of an entry in a segment has 15 bits
	segmentShare = 64
	segmentPages = 4         // a page of a large entry is a quarter of a segment, and at most
	maxPage      = 4 << 10   // bytes
	wholePages   = 128 << 10 // bytes of a shard's share from which on pages are as large as the system's
	spareShare   = 64        // units given back stay mapped up to 1/64 of the budget, to be taken again

	mapTables = 16 << 10 // bytes from which on the cells of an index are mapped

	tidyLook   = 8  // segments looked at for one that is worth emptying
	tidyMost   = 4  // segments emptied by one write
	evictTries = 12 // segments in a row in which a hit saves an entry, before one in which it does not

	maxNodeBits = 12 // node ids with a short number: 4,096; entries of others carry them in full
	minNodeBits = 6
	nodeShare   = 1024 // bytes of the budget a node id
	nodeProbes  = 16   // places a node id may have in the table

	noteShare = 64       // the keys that all shards note (noted.go) may take 1/64 of the budget,
	noteMost  = 64 << 10 // those of one shard as many bytes,
	keptNotes = 1 << 10  // of which so many are kept for the next
	noteHead  = 4        // bytes before a key

	roomyShare   = 4        // a store is roomy where a quarter of its budget, or more, is free
	roomFrom     = 64 << 10 // bytes of a value from which on what it needs is evicted before it is written,
	largeWrites  = 64       // and of which as many are written at one time: the region of pages has room for them beside the budget
	changeTries  = 4        // times that a change of a large value is made without the lock, before it is made under it
	MaxPieces    = 1_000    // pieces of a large value that are told at one time: a system call takes 1,024
	PinFrom      = 64 << 10 // bytes of a value from which on it may be read where it lies
	contentBlock = 16 << 10 // bytes of a value that are hashed at a time (Content); nodes have to agree on it
	draftShare   = 8        // of the budget may be values that have not come whole, and as much pinned, if not of the largest value,
	draftMost    = 4        // and 1/4 of it at most,
	heldEighths  = 3        // nor more of the largest entry: a quarter of it always has room beside both
	chargeShare  = 4        // what the caller holds beside the store may take 1/4 of the budget

	// Eviction (evict.go).
	shareUnit    = 1 << 32
	trialStart   = shareUnit / 10     // share of the trial log at first,
	trialLeast   = shareUnit / 40     // at least
	trialMost    = shareUnit / 10 * 9 // and at most
	timesMost    = 30                 // entries that a ghost moves the share by at most
	ghostsFew    = 4                  // where there are more ghosts than an entry for each so many, one moves it less
	lostLeast    = 64                 // entries lost, of which it is counted which log lost them
	creditShare  = 4                  // the trial log gives up so many segments for one more that a full main log takes
	creditMost   = 8                  // segments that it takes at once
	fillMost     = 4                  // segments that go from the trial log to a main log with room at once
	exploreEvery = 24                 // segments of the trial log, after which one of the main log is emptied besides

	ownVictims     = 13       // segments a write empties under its own lock before it turns to other shards
	gentlePasses   = 12       // rounds through all shards in which a hit saves an entry
	victimsPerLock = 32       // tombstones forgotten in another shard at one hold of its lock
	sweepSlice     = 64       // entries Sweep works on at one hold of a lock
	sweepCells     = 1024     // cells of an index moved at one hold of a lock
	giveCells      = 16 << 10 // cells moved at one hold of a lock that another shard's need took
	walkCells      = 1024     // cells of the index Range and Scan look at under one hold of a lock
	expectFrom     = 64       // entries that are told of before they come, for which an index grows at once
	walkAhead      = 8        // cells on: an entry that they prefetch

	lineBytes  = 64   // bytes of a processor's cache line
	entryLines = 3    // lines of an entry that are prefetched where it is not known how many it has,
	warmMost   = 2560 // or more bytes than these: a gathering's are to stay in the second cache until they are read

	wheelTickBits = 6 // a tick of the expiry wheel is 64 ms: 16 to an epoch
	wheelSlotBits = 6 // 64 buckets a level
	wheelLevels   = 4 // 4 s, 4 min, 4 h, 12 days; what is later waits in one list

	scratchKept = 64 << 10 // bytes of a scratch that is kept

	maxContributions  = 64  // of a counter: instead of one more the counter is written anew as a SET (R27)
	mostContributions = 128 // that a counter has after merges: two sides of a split; beyond it the oldest are forgotten

	DefaultScanCount = 10        // keys of a Scan that names no count
	MaxScanCount     = 100_000   // keys of one Scan
	scanBytes        = 256 << 10 // bytes of the keys of one Scan, and the last one
)

// RecordOverhead is the most bytes that an encoded record adds to its key and value; Range counts with it.
const RecordOverhead = 72
