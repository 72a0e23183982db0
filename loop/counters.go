package loop

import (
	"sync/atomic"

	"covey/command"
)

// counters are what a node has seen come and refused: seldom. Written by any loop, read by reports.
type counters struct {
	connections  atomic.Int64  // open now, clients and peers
	accepted     atomic.Uint64 // connections opened since the start
	refused      atomic.Uint64 // connections over the limit
	dialed       atomic.Uint64 // links that nodes on other machines have opened
	denied       atomic.Uint64 // connections of hosts that a node without a secret does not serve
	otherSecrets atomic.Uint64 // announces and handshakes of nodes with another secret, or with none where this one has one
	badInput     atomic.Uint64 // connections closed for bytes that are no protocol of ours
	idleClosed   atomic.Uint64 // connections closed for saying nothing, or half a command
	overloads    atomic.Uint64 // clients closed for input or replies past their limit
	badAnnounce  atomic.Uint64 // datagrams and Ethernet frames that are no announce
	panics       atomic.Uint64 // handlers that panicked; each cost its connection
}

// workload is what one loop has carried out. It alone writes, once a turn: a line of memory that all loops wrote to would wander
// from processor to processor.
type workload struct {
	commands atomic.Uint64 // commands and client messages
	hits     atomic.Uint64 // keys that reads found
	misses   atomic.Uint64 // keys that reads did not find
	errors   atomic.Uint64 // errors replied to Redis clients
}

// carried adds up what all loops have carried out.
func (n *node) carried() (commands uint64, t command.Tally) {
	for l := range n.eachLoop() {
		one := &l.work
		commands += one.commands.Load()
		t.Hits += one.hits.Load()
		t.Misses += one.misses.Load()
		t.Errors += one.errors.Load()
	}
	return commands, t
}
