package peer

// Weakness names protections that a test switches off, to see that the simulator misses them: a check that cannot fail is
// no check.
type Weakness uint32

// Protections that can be missed.
const (
	WithoutRelay    Weakness = 1 << iota // R12: nothing is passed on
	WithoutRepair                        // R18, R19: roots that differ stay different
	WithoutSlew                          // R6: clocks drift apart
	WithoutGap                           // R10: a receiver believes that it has what a Gap says is left out
	WithoutContent                       // R1: the content hash of what is received is lost
	WithoutStep                          // R7: groups whose clocks are apart exchange records all the same
	WithoutMap                           // R7: a step moves the clock and maps no stamp
	WithoutDebt                          // R21: ready without a comparison with each donor
	EarlyFloor                           // R14: a node that still loads takes its donors' floor, and refuses what they send
	WithPartial                          // R16: roots count partial leaves
	WithoutGuard                         // R13: tombstones go for the budget whoever is away
	WithoutYouth                         // R13: the same from the start, if nobody is known to be away
	WithoutAsking                        // R17: what was evicted here is taken for absent
	AnyWitness                           // R14: a node that loads says what is absent, and is believed
	WithoutBye                           // R24: a node that closes a link says nothing
	WithoutVouching                      // R25: nobody speaks up for one without a link
	WithoutHosts                         // R7: everybody's word about the time counts, without a secret too
	AnyFloor                             // R16: a leaf becomes complete on the word of any complete peer
	WithoutRegain                        // R16: what was evicted and forgotten never comes again
)

// Weaken switches protections off, for tests alone; before Start.
func (n *Node) Weaken(w Weakness) { n.weak = w }
