package store

// Weakness names protections that a test switches off, to see that the simulator misses them: a check that cannot fail is
// no check.
type Weakness uint32

// Protections that can be missed.
const (
	OneRegister   Weakness = 1 << iota // R2: an EXPIRE writes the value that it saw once more, as its own
	ForgetExpired                      // R3: what has expired leaves nothing
	WithoutBound                       // R8: stamps far ahead of time are taken
	WithoutFloor                       // R14: what is absent and below the floor is taken
	WithoutGhosts                      // R16: what is evicted leaves nothing
	OpenEpochs                         // R18: what is compared is the state as it is, writes on their way included
)

// Weaken switches protections off, for tests alone; before the first call of another method.
func (s *Store) Weaken(w Weakness) { s.env.weak = w }

// misses reports whether a protection is off. It is asked where a rule is about to act, and on no operation's usual way.
func (v *env) misses(w Weakness) bool { return v.weak&w != 0 }

// again makes the record of an EXPIRE a SET of the value that it saw.
func (sh *shard) again(e *entry, r *Record) {
	r.Key, r.Value, r.Flags = sh.read(nil, e, 0, e.keyLen), sh.read(nil, e, e.keyLen, e.keyLen+e.valueLen), 0
	r.Stamp, r.Node = r.ExpireStamp, r.ExpireNode
}
