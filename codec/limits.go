package codec

// Limits of the wire. Each is enforced by the decoders before anything is allocated or looped over.
const (
	// MaxKey is the longest key, in bytes.
	MaxKey = 64 << 10
	// MaxValue is the longest value, in bytes.
	MaxValue = 16 << 20
	// MaxFrame is the longest frame, in bytes with its header: one record with the longest key and value, and room for its head.
	MaxFrame = MaxValue + MaxKey + 4096
	// MaxTTL is the longest time to live of a SetValue, in milliseconds (8,900 years): an expiry time never wraps around.
	MaxTTL = 1 << 48
	// maxTime is the latest cluster time that a node tells, in milliseconds, of the year 2248: nanoseconds of it fit 63 bits, and it fits a stamp.
	maxTime = 1<<43 - 1

	// MaxGreetingPeers bounds the addresses that a greeting passes on.
	MaxGreetingPeers = 64
	// MaxLinked bounds the links that a heartbeat tells of, and with it the members of a mesh.
	MaxLinked = 1024
	// MaxFetchKeys bounds the keys of one Fetch.
	MaxFetchKeys = 1024
	// MaxFetchBytes bounds the run of keys of one Fetch, in bytes.
	MaxFetchBytes = 1 << 20
	// MaxDigestsNodes bounds the nodes of one Digests frame.
	MaxDigestsNodes = 1024
	// MaxDigestsLeaves bounds those that are leaves: their children are made from entries.
	MaxDigestsLeaves = 16
	// MaxListingEntries bounds the entries of one Listing; a longer leaf is split.
	MaxListingEntries = 4096
	// MaxScrubEntries bounds the entries of one Scrub.
	MaxScrubEntries = 256
	// MaxReport bounds the JSON of a ReportResponse, in bytes: 1,024 members at 4 KiB each.
	MaxReport = 4 << 20

	// MaxPassword bounds the password of an Auth, in bytes.
	MaxPassword = 512

	// RefValue is the longest value, in bytes, that a Stage copies; of a longer one it keeps key and version.
	RefValue = 64 << 10
	// SegmentBytes bounds a segment of a Stage, in bytes of encoded records. A single record never exceeds it:
	// the longest key and the longest copied value are 128 KiB, so the record's head comes on top.
	SegmentBytes = 128<<10 + recordHeadMax
	// segmentFull bounds a segment of more than one record: a receiver merges one in a slice of its time.
	segmentFull = 32 << 10
	// stageKeep is the largest buffer, in bytes, that a Stage keeps from turn to turn.
	stageKeep = 2 << 20
)

// bounds is the range of the length of a body, in bytes.
type bounds struct{ min, max uint32 }

// kindBounds holds the allowed body lengths of every known kind; a kind whose max is 0 is unknown.
var kindBounds = [256]bounds{
	KindGreeting:          {greetingFixed, greetingFixed + MaxGreetingPeers*peerAddrLen},
	KindBye:               {byeLen, byeLen},
	KindHeartbeat:         {heartbeatFixed, heartbeatFixed + MaxLinked*linkChangeLen},
	KindHeartbeatResponse: {heartbeatResponseLen, heartbeatResponseLen},
	KindBatch:             {batchFixed + recordFixed, MaxFrame - HeaderLen},
	KindAck:               {ackLen, ackLen},
	KindGap:               {gapLen, gapLen},
	KindPull:              {pullLen, pullLen},
	KindRecords:           {recordsFixed, MaxFrame - HeaderLen},
	KindFetch:             {fetchFixed + keyPrefix, fetchFixed + MaxFetchBytes},
	KindListing:           {listingFixed, listingFixed + MaxListingEntries*listingEntryMax},
	KindOffer:             {offerLen, offerLen},
	KindDigests:           {digestsFixed, digestsFixed + MaxDigestsNodes*DigestsNodeLen},
	KindWant:              {wantFixed, wantFixed + MaxListingEntries*8},
	KindAbsent:            {absentFixed + keyPrefix, absentFixed + MaxFetchBytes},
	KindStep:              {stepLen, stepLen},
	KindCompared:          {comparedLen, comparedLen},
	KindPartial:           {partialFixed, partialFixed + (shardMax+1)*PartialEntryLen},
	KindScrub:             {scrubFixed, scrubFixed + MaxScrubEntries*scrubEntryLen},
	KindGetValue:          {0, MaxKey},
	KindSetValue:          {setValueFixed, setValueFixed + MaxKey + MaxValue},
	KindDelete:            {0, MaxKey},
	KindValueResponse:     {responseFixed, responseFixed + MaxValue},
	KindReport:            {reportLen, reportLen},
	KindReportResponse:    {responseFixed, responseFixed + MaxReport},
	KindAuth:              {0, MaxPassword},
	KindIncrement:         {incrementFixed, incrementFixed + MaxKey},
	KindExpire:            {expireFixed, expireFixed + MaxKey},
	KindTimeToLive:        {0, MaxKey},
}
