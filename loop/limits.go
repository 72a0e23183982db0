package loop

import (
	"time"

	"covey/codec"
	"covey/peer"
	"covey/seal"
	"covey/store"
)

// Every bound of this package, with its unit and the reason for it.
const (
	// maxConns is the most connections that a node serves at once, and maxCalled the most that it has made by itself: links. Both
	// are lowered to what the descriptor limit allows: gnet shuts the engine down when accept runs out of descriptors, so
	// the node must refuse before that; and clients that take all they may get leave it its links.
	maxConns  = 12_288
	maxCalled = peer.MaxLinks

	// maxSourceConns is how many of them one address may have, this machine's own apart: its programs share one.
	maxSourceConns = 1_024

	// baseDescriptors are kept for the standard streams, the name of the port, beacons, netlink, the
	// HTTP listener, resolvers, logs, and the second ones of connections that loops take from the engine;
	// loopDescriptors for each loop: two listeners, a poller and
	// its wake-up, a doorbell's two ends (measured: 6).
	baseDescriptors = 26
	loopDescriptors = 6

	// What is left is shared: dials and probes take a part each, within bounds; the rest serves connections.
	dialShare, minDials, maxDials    = 8, 2, peer.MaxDialing
	probeShare, minProbes, maxProbes = 16, 2, 16
	calledShare                      = 4

	// minConns is the least that a node is of any use with.
	minConns = 8

	// readBuffer is how much is read from a socket at a time, in bytes. That bounds a turn of small commands, to some 400, so that a
	// client which sends thousands at a time does not hold up others for longer. readMost bounds any other turn: when the buffer was
	// full and the turn has carried out fewer than fewCommands, more is read.
	readBuffer  = 16 << 10
	readMost    = 64 << 10
	fewCommands = 128

	// maxTurnReply is how many bytes of replies are gathered before they are written inside
	// a turn; a turn of large GETs must not build gigabytes before it writes.
	maxTurnReply = 1 << 20

	// turnReply is how many bytes of replies end a client's turn, the last of them on top.
	turnReply = 256 << 10

	// maxQueuedReply is how many unsent bytes a client may have before its next commands wait.
	maxQueuedReply = 1 << 20

	// maxUnheard is how many bytes of messages a client that listens may leave unread, and maxPushBytes how many are gathered for all of them
	// before they are written, writesAtOnce to a connection each before the time is looked at. keepPushes is how large a buffer a connection
	// keeps for its next messages.
	maxUnheard   = 8 << 20
	maxPushBytes = 1 << 20
	writesAtOnce = 16
	keepPushes   = 512

	// largeReply is the room of a loop's replies, in bytes of addresses: what a turn gathers at most before it writes,
	// and one reply with the longest value on top of it.
	largeReply = maxTurnReply + codec.MaxFrame

	// behindFrame is what may come behind a large frame or command with the last bytes of it, in bytes: of a sealed link what was read
	// and the record that had begun before. A slab without room for that would be copied whole for its end.
	behindFrame = readMost + 2*seal.MaxPlain

	// keepSlab is how much of its slab a loop may have written for one reply and keep, in bytes: so much memory stays its own.
	keepSlab = 2 << 20

	// keptFrame is the room of the slab that a loop keeps for a large frame or command on its way in, in bytes, until a sweepInterval
	// has passed without one. To get the pages of each anew takes longer than to copy what comes into them.
	keptFrame = keepSlab + behindFrame

	// maxOwed is how many unsent bytes of a large reply the engine gets at a time; the rest waits in its slab. The loop
	// looks again at every tickBusy, so this and the socket's own buffer bound the speed of one client: 800 MB/s.
	// Of a value that is pinned it gets less, for what it gets is a copy, and the pages are there.
	maxOwed    = 4 << 20
	maxOwedPin = 1 << 20

	// turnPay is how much of large replies is written in one turn, in bytes: some 80 us. quietPay is how much if nothing else is ready
	// when it begins: less at a time wakes the readers up more often, which costs more than all else.
	turnPay  = 256 << 10
	quietPay = 1 << 20

	// While clients with small commands are about, a turn writes no more than carefulPay of what is owed and reads no more than carefulFetch of
	// a large value, in bytes: 15 to 20 us, for which such a client may have to wait. They are about for carefulFor after their last turn.
	carefulPay   = 64 << 10
	carefulFetch = 64 << 10
	carefulFor   = 10 * time.Millisecond

	// sealStep is how much is sealed at a time, in bytes.
	sealStep = 256 << 10

	// maxWaitingInput is how many unparsed bytes a client may pile up, in bytes beyond the one
	// command it is sending: past it the connection is closed, for gnet cannot stop reading.
	maxWaitingInput = 32 << 20

	// heldShare: all connections together may hold max-memory / heldShare of commands, frames and replies that are under way, in
	// bytes, and minHeld at least: the largest value on its way in and out, and the small change of others. It is inside of
	// max-memory as far as the store can make room for it (store.Charge). Past it the connection goes that holds most.
	heldShare = 10
	minHeld   = 2*codec.MaxFrame + 8<<20

	// heldPeer is what a peer's connection counts for at most, in bytes, when the connection that holds most is looked for.
	heldPeer = 1 << 20

	// heavyFrom is how much a connection must hold, in bytes, to be considered at all: more than small commands and replies ever take.
	heavyFrom = 32 << 10

	// maxQueuedPeer is how many unsent bytes a link may have before it is written to again: the
	// window is the peer's promise, this is what it cannot break.
	maxQueuedPeer = peer.Window

	// maxWaitingPeer is how many bytes of whole frames a peer may pile up: what it may have on its way, one frame that begins
	// there, and what one read brings. Past it the link is closed.
	maxWaitingPeer = peer.Window + codec.MaxFrame + 4<<20

	// sliceTime is for how long one turn goes on before others get theirs, where it is bounded by time: with frames of a peer, commands
	// that walk through the store or have very many keys, and input that piled up while a command waited. (Any other turn is bounded by
	// what one read brings.) The clock is read every sliceBytes of input; one frame of records is about 32 KiB.
	sliceTime  = 200 * time.Microsecond
	sliceBytes = 8 << 10

	// minGrow is the smallest step by which an assembly buffer grows, in bytes.
	minGrow = 16 << 10

	// slabFrom is how much of a large command or frame must have come before it gets the addresses of all that it claims, in bytes.
	slabFrom = 32 << 10

	// fetchBytes is how much of a large value is read right into its place in one turn, beside the readBuffer that may have been read:
	// some 60 us, for less at a time costs more wake-ups of both sides. behindBytes is how much of what is behind the value comes
	// with its last bytes.
	fetchBytes  = 256 << 10
	behindBytes = 512

	// keepDrafts is how many drafts a loop keeps for the next large values, and keepPins how many pins. A draft that is not in use has
	// up to a page of memory, and room for a block of the content hash, 16 KiB.
	keepDrafts = 8
	keepPins   = 8

	// keepBuffer is the capacity above which a buffer is a slab, and given back when it is idle, in bytes.
	keepBuffer = 256 << 10

	// maxFlush is what one flush of a link writes before other connections get their turn, in bytes.
	maxFlush = 256 << 10

	// maxShortReply is up to how many bytes of replies wait for the links at rest to be written to; longer ones leave before.
	maxShortReply = 4 << 10

	// firstByteTimeout closes a connection that has not said, so long after it was accepted, what it speaks: one from another machine, or to
	// a node with a secret.
	firstByteTimeout = 5 * time.Second

	// authTimeout closes a client that has not authenticated so long after it has connected to a node with a secret, or has said RESET; and
	// maxUnproved is what it may send till then that is no whole command, in bytes.
	authTimeout = time.Minute
	maxUnproved = 16 << 10

	// frameTimeout closes a connection that began a frame or a command and does not finish it: without a byte for that long, or
	// with fewer than slowestFrame bytes a second since. A client that sends a byte now and then is no better than one that sends none.
	frameTimeout = 30 * time.Second
	slowestFrame = 16 << 10

	// stuckTimeout closes a client that is owed a pinned value and has not taken a byte for so long, if a value of another could not be
	// pinned meanwhile: that one is copied, and may cost its connection (heldShare) because of one that does not read.
	stuckTimeout = 30 * time.Second

	// keepAlive is how long an accepted connection rests before the kernel asks whether the other machine is still there:
	// one that vanished without a word would hold its connection for ever.
	keepAlive = time.Minute

	// sweepInterval is how often each loop looks for such connections.
	sweepInterval = time.Second

	// sweepAtOnce is how many of them it looks at between two turns: less than 0.1 ms.
	sweepAtOnce = 256

	// tickInterval is the ticker's beat: detection, heartbeats, expiry.
	tickInterval = 50 * time.Millisecond

	// roundsFor is for how long a loop goes on by itself after an event of the engine (rounds), and roundEvents how many events it takes
	// at a time. lingerFor is how long it waits for the next one without Go's scheduler knowing. If more than fewEvents were left when it
	// ended, the engine handles its next batch alone.
	roundsFor   = 5 * time.Millisecond
	roundEvents = 128
	fewEvents   = 2
	lingerFor   = 5 * time.Millisecond

	// spanTime is how long a span lasts, in which a loop counts the work of its connections. workBytes is how many bytes are as much work as
	// a command. A connection counts as a pipeline if it does pipelineTurn of work in a turn: a pipeline of 64, or one of 16 with values of 1 KiB.
	spanTime     = 50 * time.Millisecond
	workBytes    = 512
	pipelineTurn = 40

	// A span is full when the loop had fullSpan percent of a processor in it. After fullSpans of them in a row it gives away up to
	// maxMoves connections, and then none for restSpans spans. maxMoving may be on their way at a time, each with two more descriptors
	// than at rest, and maxHomeward of a loop in reserve wait for that without an event of theirs; those beyond are found by its next sweep.
	// With fewer than reserveDescriptors there is no reserve.
	maxMoving          = 8
	maxHomeward        = 256
	reserveDescriptors = 1024

	fullSpan  = 80
	fullSpans = 2
	restSpans = 4
	maxMoves  = 256

	// A connection goes home when it was no pipeline in calmSpans spans of its loop in reserve in a row. If the loop uses less than idleSpan
	// percent of a processor, and home has room for that, none of its connections counts as one. reserveRest is how long the reserve
	// must have had no connection before its processors are taken away.
	calmSpans   = 5
	idleSpan    = 20
	reserveRest = 2 * time.Second

	// keepReplies is for how long short replies are kept back in a round, to be written together, and keptBytes how many bytes of them.
	// Both are checked between turns only.
	keepReplies = 200 * time.Microsecond
	keptBytes   = 64 << 10

	// tickBusy is the ticker's beat while a connection waits for something only a clock can tell:
	// a drained socket (gnet has no callback for it) or the time-out of WAIT.
	tickBusy = 5 * time.Millisecond

	// slowLook is how often it is decided whether the reader of a parked connection is slow (gauge). It is if fewer than slowDrain bytes
	// were sent in that time: with maxQueuedReply queued, what is left lasts for two of tickInterval or more.
	slowLook  = 2 * tickInterval
	slowDrain = maxQueuedReply

	// sweepParts: a tick sees to one part in so many of the store's shards, to each twice a second, and sweepBudget is how many records it may
	// look at for expiry there. All shards at once would keep a processor, and with it perhaps a loop, for 0.2 to 0.3 ms twenty times a second
	// where nothing is to be done (measured).
	sweepParts  = 10
	sweepBudget = 20_000

	// drainTimeout bounds the wait at SIGTERM for peers to acknowledge what was written here, and
	// leaveTimeout that for the good-byes to be sent. dialGrace bounds the wait for what gnet may never answer for, twice: for
	// dials, and then for connections on their way to or from the reserve. All four stay below the 2 s in which a node is to be gone.
	drainTimeout = 1000 * time.Millisecond
	leaveTimeout = 600 * time.Millisecond
	dialGrace    = 150 * time.Millisecond

	// endedWait is how long all WAITs together may wait of a client that has ended its side: longer than any other command waits.
	endedWait = 3 * time.Second

	// closeTimeout bounds how long a link that is to close waits for its last bytes to be sent and read, and a client's connection for its
	// last bytes to be read.
	closeTimeout = time.Second

	// maxHeard is how many announces, or what else comes as a datagram, are looked at from tick to tick: ten times what the
	// largest mesh sends when all of it starts at once.
	maxHeard = 500

	// maxChangeLines is how many lines about members' changes are logged at once, twice what the largest mesh can cause, and
	// changeLineEvery the time after which one more may be: a host that links up again and again under other names must not fill a disk.
	maxChangeLines  = 2 * peer.MaxMembers
	changeLineEvery = 50 * time.Millisecond

	// maxStrangers is how many addresses of nodes of another cluster or secret are remembered for the log. A line about one is written
	// once it was heard for strangerAfter, and again after strangerEvery.
	maxStrangers  = 64
	strangerAfter = 3 * time.Second
	strangerEvery = time.Hour

	// warnInterval is the least between two warnings about peers' breaches; the others are counted.
	warnInterval = time.Second

	// wallOff is by how many ms the wall clock may be off the cluster's time before that is said (R6).
	wallOff = 250

	// wallSlack is how far the rounded distance of the wall clock from the cluster's time (wallOffset) may be off before it is rounded anew:
	// more than rounding makes, so that it does not change at each look.
	wallSlack = 750 * time.Microsecond

	// bootTimeout bounds the wait for gnet's first tick.
	bootTimeout = 5 * time.Second

	// cardPoll is how often the cards are listed again although nothing told of a change.
	cardPoll = 2 * time.Second

	// portTries is how many ports after the default are tried when it is taken.
	portTries = 64

	// maxUnixPath bounds --unix, in bytes: what the systems' socket addresses have room for.
	maxUnixPath = 103

	// unixMode are the rights of the Unix socket: as with the TCP port any user of the machine may connect.
	unixMode = 0o666

	// unixDescriptors are kept for it: the listener, and both descriptors of a connection on its way to the engine.
	unixDescriptors = 3

	// unixPatience is how long the node waits for whoever may listen at the path of its Unix socket; unixRest is how long it rests after
	// a connection to it that it could not take.
	unixPatience = time.Second
	unixRest     = 100 * time.Millisecond

	// maxLoops bounds --loops.
	maxLoops = 256

	// minMemory is the least --max-memory, in bytes, and MaxMemory the most: what a store can be.
	minMemory = 8 << 20
	MaxMemory = store.MaxBytesLimit

	// maxClusterName bounds --cluster, in bytes.
	maxClusterName = 64

	// minHorizon keeps --horizon above the time that detection and repair take, and maxHorizon below what a store can tell of the age of a deletion.
	minHorizon = 10 * time.Second
	maxHorizon = store.MaxHorizon * time.Millisecond

	// maxStaticPeers bounds --peer: the others are found through them.
	maxStaticPeers = 64

	// maxRefusal is how much of the sentence with which another node turns this one away is logged, in bytes.
	maxRefusal = 300

	// maxNameAddrs is how many addresses of one name of --peer are dialed: of a name with more, the first.
	maxNameAddrs = 8

	// nameTimeout bounds one look-up of a name, nameRest is the time between two while a node of the name is linked, and
	// nameRetry while none is.
	nameTimeout = 2 * time.Second
	nameRest    = time.Minute
	nameRetry   = 5 * time.Second

	// maxPast is how many addresses the state folder remembers, maxPastFile how many bytes of its file are read,
	// maxPastAge how long an address is remembered at which nobody was seen.
	maxPast     = 128
	maxPastFile = 64 << 10
	maxPastAge  = 30 * 24 * time.Hour

	// pastInterval is how often the state folder's file is brought up to date, if members have changed; pastRest how often if
	// they have not: what was seen is as old as that at most.
	pastInterval = 2 * time.Second
	pastRest     = time.Hour

	// readyPatience is how long a start may take before the node says what it is waiting for.
	readyPatience = 1500 * time.Millisecond

	// trackingShare is the part of max-memory that the keys which clients have read, if they track, may take with the messages that wait for
	// them: max-memory / trackingShare. It counts against the store's budget (store.Charge).
	trackingShare = 32

	// ringShare is the part of max-memory that the ring takes: max-memory / ringShare.
	ringShare = 64
)
