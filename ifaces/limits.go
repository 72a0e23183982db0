package ifaces

import "time"

// Limits of a beacon.
const (
	// MaxBeaconPayload is the longest payload of a beacon frame, in bytes: an announce of at most 128, the
	// card's IPv4 address, and room for a later version of either. Longer frames never leave the kernel.
	MaxBeaconPayload = 256

	// sendTimeout is how long Send waits for a card whose queue is full before the frame is given up.
	sendTimeout = 20 * time.Millisecond

	// maxReadFailures is how many reads in a row may fail, a card going down apart, before a beacon is deaf.
	maxReadFailures = 16

	// readRest is how long a reader rests after the first of them, twice as long after each further one up to 640 ms: 6 s in all, so that a
	// card in trouble is not taken for gone at once, and no processor is used up meanwhile.
	readRest = 10 * time.Millisecond
)

// Limits of a pattern.
const (
	maxPatternBytes = 1024 // bytes of text
	maxPatternTerms = 64   // names and globs
)

// Limits of a listing. A machine that runs thousands of containers has thousands of cards.
const (
	maxCards        = 1 << 15 // cards
	maxAddrsPerCard = 64      // IPv4 addresses of one card that are kept: the first, which are the primary ones
	maxNameBytes    = 255     // bytes of a card's name; Linux allows 15
)

// Limits of a netlink conversation.
const (
	// netlinkBuffer is the longest datagram read, in bytes. The kernel fills at most 32 KiB of a dump at a time.
	netlinkBuffer = 64 << 10

	dumpTimeout  = 2 * time.Second // time for one pair of dumps
	maxDumpTries = 4               // dumps begun anew because the cards changed meanwhile
)

// Times of Watch.
const (
	watchQuiet = 50 * time.Millisecond  // changed is called once no event came for this long
	watchDelay = 500 * time.Millisecond // and at the latest this long after the first event
	watchPoll  = 2 * time.Second        // period of listing where the system has no events
)
