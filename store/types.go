package store

import (
	"cmp"
	"errors"
)

// Flags of a Record. They are the same bits as on the wire.
const (
	Deleted    uint8 = 1 // a tombstone: V is a deletion, there is no value
	Keeps      uint8 = 2 // the write kept the time to live; base is the V of the last SET or DEL (R2)
	ExpiryOnly uint8 = 4 // an EXPIRE or PERSIST: V is the version it saw, there is no value (R2, R3)
	Flush      uint8 = 8 // a FLUSHALL: V is the flush, there is no key (R4)

	// Bare marks a whole record whose value bytes are gone: it outlived its expiry by BareAfter (R3). V, E,
	// expiry time and content hash are all there, so it still beats what is older.
	Bare = Deleted | ExpiryOnly
)

// Record is one versioned write, or the whole state of one key (R1, R2). Its fields are those of codec.Record, in
// name, type and order, so that one converts to the other for nothing.
type Record struct {
	Key, Value []byte
	Kind       uint8
	Flags      uint8
	Content    uint32 // see Content
	Stamp      uint64 // V: ms of cluster time << 16 | counter (R5)
	Node       uint64
	BaseStamp  uint64 // base, with Keeps
	BaseNode   uint64
	ExpireAt   uint64 // the expiry register: cluster ms, 0 never
	// E, the version of the expiry register; equal to V when one write set both.
	ExpireStamp, ExpireNode uint64
}

// Version returns V.
func (r *Record) Version() Version { return Version{r.Stamp, r.Node} }

// Expiry returns E, the version of the expiry register.
func (r *Record) Expiry() Version { return Version{r.ExpireStamp, r.ExpireNode} }

// Ends returns the expiry that counts (R2) in a whole record, in cluster ms; 0: never.
func (r *Record) Ends() uint64 {
	if e := r.Expiry(); e.Compare(r.Version()) >= 0 || r.Flags&Keeps != 0 && e.Compare(Version{r.BaseStamp, r.BaseNode}) >= 0 {
		return r.ExpireAt
	}
	return 0
}

// expiryOnly tells an EXPIRE or PERSIST from a whole record, bare ones included.
func (r *Record) expiryOnly() bool { return r.Flags&Bare == ExpiryOnly }

// Version is a hybrid logical clock stamp and the node that gave it (R5). The zero Version is below all others.
type Version struct{ Stamp, Node uint64 }

// Compare returns -1, 0 or +1 as v is below, equal to or above o.
func (v Version) Compare(o Version) int {
	if c := cmp.Compare(v.Stamp, o.Stamp); c != 0 {
		return c
	}
	return cmp.Compare(v.Node, o.Node)
}

func (v Version) epoch() uint64 { return v.Stamp >> (stampBits + epochBits) }

func maxVersion(a, b Version) Version {
	if a.Compare(b) < 0 {
		return b
	}
	return a
}

// Options are the settings of a Store.
type Options struct {
	Shards   int    // lock shards, a power of two up to MaxShards; 0: DefaultShards
	Node     uint64 // id that local writes carry
	MaxBytes int64  // memory budget in bytes, 256 KiB and 16 KiB a lock shard at least; 0: DefaultBytes
	Seed     uint64 // of the key hash; the same on all nodes of a cluster (R18)
	Horizon  uint64 // ms that a tombstone is kept (R13); 0: DefaultHorizon
	Stream   uint64 // id of this start of the node, under which it contributes to counters (R9, R27); 0: Node

	blind uint64 // for tests: bits that every key hash lacks
	heap  bool   // for tests: no mapped memory, so that the race detector sees it
}

// Meta is what Get tells about an entry beside its value.
type Meta struct {
	Kind     uint8
	Version  Version
	ExpireAt uint64 // cluster ms; 0 never
}

// SetOptions are the conditions of a Set, as Redis has them.
type SetOptions struct {
	NX, XX   bool       // only when the key is absent, only when it is there
	KeepTTL  bool       // leave the time to live of an existing key as it is
	Get      bool       // append the value that was there
	If       *Condition // nil: whatever is there; not kept
	Sure     bool       // the peers were asked whether they have the key (R17): never ErrUnsure
	Kind     uint8      // of the value; 0: KindString. Not a kind that joins. A composite kind needs a composite key
	ExpireAt uint64     // cluster ms; 0 never
}

func (o *SetOptions) kind() uint8 { return max(o.Kind, KindString) }

// reads reports whether what is written, or replied, depends on whether the key is there (R17).
func (o *SetOptions) reads() bool { return o.NX || o.XX || o.KeepTTL || o.Get || o.If != nil }

// allow reports whether a key that is there, with the value of e, or is not may be set.
func (o *SetOptions) allow(sh *shard, e *entry, there bool) bool {
	switch {
	case there && o.NX || !there && o.XX:
		return false
	case o.If == nil:
		return true
	case !there: // nothing has no value: it equals none
		return o.If.Differs
	}
	return o.If.met(sh, e)
}

// Condition is what a write asks of the value that is there: a compare-and-set on this node. Value is not kept.
type Condition struct {
	Value   []byte
	Differs bool // the value is to be another than Value
}

func (c *Condition) met(sh *shard, e *entry) bool { return sh.hasText(e, c.Value) != c.Differs }

// SetResult is the outcome of a Set.
type SetResult struct {
	Record  Record // the update to send, when Written; Key and Value alias the arguments of Set
	Written bool
	Existed bool
	Err     error // ErrTooLarge, ErrNoRoom, ErrUnsure
}

// ExpireCond are the conditions of an Expire; 0 is none. They combine as in Redis.
type ExpireCond uint8

const (
	ExpireNX ExpireCond = 1 << iota // only when the key has no expiry
	ExpireXX                        // only when it has one
	ExpireGT                        // only when the new one is later; no expiry counts as infinitely late
	ExpireLT                        // only when the new one is earlier
)

// Outcome says what became of a merged record.
type Outcome uint8

const (
	Applied    Outcome = iota // at least one of the two registers moved, or a missing value was filled in
	Older                     // what is here is newer: whoever sent it should be told (R15)
	Same                      // it was here already
	NeedRecord                // an expiry update of a version, or of a value, that is not here: ask the sender for the whole record (R3)
	Ahead                     // stamped more than MaxAhead ahead of now (R8)
	Flushed                   // V is at or below the flush register; at most the expiry was taken (R4)
	Refused                   // absent here and at or below the floor (R14), larger than the limits, or not what its kind says
	Joined                    // it was put together with what was here, of which the sender lacks a part: send it back (R27)
)

var outcomeNames = [...]string{"applied", "older", "same", "need record", "ahead", "flushed", "refused", "joined"}

func (o Outcome) String() string {
	if int(o) < len(outcomeNames) {
		return outcomeNames[o]
	}
	return "unknown outcome"
}

// Counts is a snapshot of the sizes and event counters of a Store.
type Counts struct {
	Keys           int   // live entries
	Bytes          int64 // keys, values, entries, index and fixed tables
	MaxBytes       int64
	Tombstones     int   // deleted and dead records
	TombstoneBytes int64 // part of Bytes
	Ghosts         int   // versions of evicted entries

	Evictions      uint64 // entries that lost their value for memory
	Forgotten      uint64 // ghosts, and young tombstones, forgotten: their leaves are partial since (R16)
	Expired        uint64 // entries that passed their expiry
	Purged         uint64 // tombstones forgotten
	PurgedEarly    uint64 // of those, newer than the last comparison with every member, and with a floor all the same (R13)
	DroppedByFloor uint64 // merged records refused by R14
	Ahead          uint64 // merged records dropped by R8
	Flushed        uint64 // merged records refused by R4
	Refused        uint64 // merged records over a size limit, or not what their kind says
}

// Errors of the write calls.
var (
	ErrTooLarge   = errors.New("the key or the value is larger than this cache takes; raise --max-memory or store less under one key")
	ErrNoRoom     = errors.New("the value has no room here beside large ones that are being read or written; try again in a moment, or raise --max-memory")
	ErrNotInteger = errors.New("value is not an integer or out of range")
	ErrKind       = errors.New("the key holds a value of another kind")
	ErrOverflow   = errors.New("increment or decrement would overflow")
	ErrUnsure     = errors.New("the value was evicted here, or may have been: only the peers know whether the key is there") // R17
)
