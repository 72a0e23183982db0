package peer

import "time"

// Every bound of this package, with its unit. Those are exported that another package reads.
const (
	MaxMembers  = 1024           // members known at one time, dead and left ones included
	MaxLinks    = 2 * MaxMembers // links open at one time, those that still greet included
	maxGreeting = 128            // links from one other host that have not greeted yet
	MaxStreams  = 2 * MaxMembers // streams whose applied is remembered

	MaxTargets   = 2048           // addresses that may be dialed
	MaxHints     = 1024           // targets, above which no announce of a stranger and no word of a peer adds one
	MaxDialing   = 64             // dials under way at one time
	maxTold      = MaxDialing / 2 // of those, dials of addresses that only peers have told of: they may be of a network that cannot be reached from here
	MaxStrangers = 4              // of those, dials of addresses where no member, --peer or past member is known
	maxAddresses = 4              // addresses of one node that are remembered
	maxTries     = 6              // failed dials in a row after which a hint is forgotten; members and --peer never are
	maxHollow    = 64             // places of the ring where a peer got no value, that are known one by one
	maxPassed    = 256            // streams of others that are passed on to one peer
	offersAtOnce = 64             // of those, streams that may be new at one look
	maxHeard     = 4096           // starts of nodes whose last announce is remembered
	maxChanges   = 1024           // changes of members that wait to be drained; more are dropped
	ControlLimit = 256 << 10      // bytes of control frames that wait for one link
	keptControl  = 16 << 10       // capacity of control, in bytes, that is kept when no frame waits

	Window      = 4 << 20   // bytes of Batch and Records frames on their way on one link, unacknowledged
	answerSlice = 32 << 10  // bytes of answers that one flush of a link builds; 100 us
	pullLimit   = 32 << 10  // bytes of records that one Pull asks for; 200 us to merge
	streamFrom  = 256 << 10 // bytes of a stream that are sent from its beginning to a peer that has nothing of it; of a longer stream the peer copies what is held
	pullCredit  = 8         // Pulls that a node has outstanding at one donor
	maxHedged   = 16        // shards that are being pulled from more than one donor, because the first was slow
	fetchCredit = 4         // Fetches outstanding at one peer
	fetchKeys   = 256       // keys of one Fetch
	FetchBytes  = 512 << 10 // bytes of keys that wait to be fetched from one peer
	askCredit   = 4         // Fetches outstanding at one peer for the sake of clients (R17)
	maxAskAgain = 8         // times that a peer is asked once more for a value that was evicted before the command that wants it came to see it
	maxDoubts   = 4096      // clients that wait for such answers; up to twice as many doubts are queued on one link, those that are over included, until the next heartbeat
	mergeRun    = 32        // records that are decoded and then merged in one run
	MaxAnswers  = 32        // Pulls and Fetches of one peer that wait for their answer
	maxAhead    = 100       // records a minute too far ahead of time before the link is closed (R8)

	repairsAtOnce = 2        // repairs that a node begins at about one time
	RepairQueue   = 16 << 20 // bytes that a repair has queued on one link
	repairListing = 4 << 20  // bytes of listings of one round, about
	roundShards   = 64       // digest shards of one round: their 1,024 nodes of the level below fit one frame
	repairSlice   = 32 << 10 // bytes of records of one frame, about
	listedAtOnce  = 512      // entries of one listing; a part that has more is listed in 16
	partsFrom     = 12       // entries of a leaf, above which its 16 parts are compared before one is listed
	partsSlice    = 4 << 10  // entries that one flush of a link adds up for that; 200 us

	scrubShards = 16 // lock shards from which the entries of one Scrub are gathered

	lateBeats      = 4         // heartbeats after which a record that has not come counts as late, while the stream goes on: 2 s (R18)
	scrubBits      = 32        // first bits of the key hash that a Scrub names, and that an answer to it lists
	maxListBits    = 60        // first bits of the key hash by which a part is listed at most, before it is split once more
	partOverhead   = 24        // bytes that a listed part is counted with, for remembering it
	workOverhead   = 64        // bytes that a piece of work of a repair is counted with beside its own
	chunkBytes     = 256 << 10 // bytes of a chunk of the ring
	chunkBytesMin  = 4 << 10   // bytes of a chunk of a small ring
	chunkShare     = 8         // chunks of a small ring
	passedOverhead = 64        // bytes that a batch in the relay log is counted with beside its own
	slewRate       = 500       // ppm, ns for each ms: how fast a clock moves toward the others' (R6)
	slewFrom       = 2         // ms that the clocks must differ before it moves; they are measured no better
	StepFrom       = 2000      // ms that clocks may be apart before one group steps (R7)
	maxMarks       = 256       // moments at which the head of the own stream is known
	maxClimb       = 1024      // how far the number of the last step is raised at once because peers have a higher one
	loneClimb      = 16        // the same, when only peers on one host have a higher one
	loneClimbs     = 8         // how often a minute that is done
	maxYields      = 8         // how often a minute a node without a secret leaves a step to another group: 24 s of 60
	maxRekeys      = 4         // how often a minute a node takes another id because another node has it
	MaxSteps       = 16        // steps remembered: for batches on their way, and for nodes that were away
	stampBits      = 16        // low bits of a stamp: the counter (R5)
	maxFloorMarks  = 256       // moments at which the ends of the logs are known: 32 s of heartbeats, and hours before that more coarsely
	floorSlack     = 1000      // ms by which a write may be stamped earlier than such a moment though it is logged after it: its turn had begun
	rootsKept      = 8         // (epoch, root) pairs remembered of each member (R18)
	epochBits      = 10        // an epoch is 1,024 ms of cluster time (R18)
)

// minute is what a budget is for, in ns of the boot-time clock.
const minute = int64(time.Minute)

// The times of the node, on its boot-time clock.
const (
	TickInterval = 50 * time.Millisecond  // between two calls of Tick
	TickSlack    = 2 * TickInterval       // between two Ticks, that is nobody's fault
	lateGrace    = deadAfter              // of a silence, that a node whose Ticks are late time and again forgives in all
	tickLate     = 250 * time.Millisecond // a Tick later than this after the last excuses others' silence by the lateness

	announceInterval = 5 * time.Second // between announces, +-20 %
	announceLifetime = 3 * announceInterval
	announceSpread   = 0.2                  // part of the interval that jitters
	addressAge       = 6 * announceInterval // after which a member's other address, from which nothing came, is forgotten
	handshakeGap     = time.Second          // at least, between two handshakes

	HeartbeatInterval = 500 * time.Millisecond
	Pace              = 500 * time.Microsecond  // since the last flush of records that are not acknowledged, before the next
	relayDelay        = time.Second             // that a new link is given to list all its peers before streams are passed on to it
	relayRest         = 400 * time.Millisecond  // between two such looks where there are more than maxPassed streams
	relayLook         = 5 * time.Second         // after which it is looked again what is passed on to a link, though nothing was seen to change
	relayLinger       = 10 * time.Second        // that batches are kept for a peer whose link has ended
	stepDelay         = time.Second             // that a link with another group is given before one proposes to step: they are still linking
	stepWait          = 500 * time.Millisecond  // that a proposal is given to reach all
	stepYield         = 3 * time.Second         // that another group is given to take the step it has proposed
	stepPatience      = 5 * time.Second         // after which the larger group proposes, if the smaller does not
	hostMemory        = 10 * time.Second        // for which a host counts for this node's time after its last link
	wallTrust         = 24 * time.Hour          // from its wall clock, within which a node steps to a time of fewer hosts
	stepRest          = time.Minute             // after a step, before one to a time of fewer hosts
	heldPatience      = 5 * time.Second         // that a held link is waited for: to be asked (R17), and to be copied from (R21)
	stepLook          = 250 * time.Millisecond  // between two comparisons of groups
	repairMin         = 500 * time.Millisecond  // before two whose roots differ compare again
	repairMax         = time.Minute             // the same, when comparing again and again has not made them equal
	repairPause       = time.Second             // that the node which follows leaves to the one that leads
	latePause         = time.Second             // after records came that were late, before roots that differ make anybody compare
	lateLimit         = time.Minute             // for which such records put repairs off at most, in one run
	lateRest          = 10 * time.Second        // after that, in which they put nothing off
	repairPatience    = 5 * time.Second         // without a frame of a comparison, after which it is given up
	suspectAfter      = 1500 * time.Millisecond // of silence (R25)
	deadAfter         = 3 * time.Second         // of silence
	vouchAge          = 1500 * time.Millisecond // for which another's list of links counts
	vouchWait         = 750 * time.Millisecond  // for others to speak up after a link was lost

	messageLife = 10 * time.Second // after which a message (PUBLISH) that comes is not delivered

	ScrubPass       = time.Hour       // in which what is held of partial leaves is named once, on each link
	partialInterval = 5 * time.Second // at least, between two times that a node tells which of its leaves are partial
	askPatience     = 10 * deadAfter  // for a peer to answer at all, before its link is ended: on a slow network 4 MiB may be before the answer
	AskTimeout      = time.Second     // for all peers to say what they have under a key (R17)

	GreetingTimeout = 5 * time.Second         // for both greetings
	greetingSlow    = time.Second             // for both, after which they do not tell the other's time: a heartbeat has to (R6)
	byeTimeout      = time.Second             // for the other side to close after its Bye
	DialTimeout     = 1500 * time.Millisecond // for a TCP connect; the loop applies it
	StrangerRest    = time.Second             // at least, between two dials of a stranger's address
	dialCourtesy    = 100 * time.Millisecond  // that the higher id leaves to the lower one's dial
	backoffMin      = 100 * time.Millisecond
	backoffMax      = 5 * time.Second
	pastRetry       = time.Minute // between dials of an address that was a member's before this start, and that maxTries dials found nobody at
	selfRetry       = time.Minute // before a --peer address that was this node itself is dialed again

	seekTime        = time.Second      // R22: for others to be heard and greeted
	seekLimit       = 5 * time.Second  // after which a seeking node waits for no more announcers, however many there are
	slowPull        = 2 * time.Second  // without a record of a shard, after which it is pulled from another donor too
	slowShard       = 10 * slowPull    // after which it is, though records come
	donorPatience   = time.Minute      // that a loading node waits for the others once one donor has given all
	hasteLimit      = time.Hour        // for which a node that was ready before that takes no absence for certain
	loadingPatience = 10 * time.Second // that a seeking node waits for peers that are loading
	defaultHorizon  = time.Hour        // that dead and left members are remembered
)
