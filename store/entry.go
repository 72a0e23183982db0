package store

import "math/bits"

// entry is the state of one key as load reads it from its place and put writes it back. It lives on the stack of an
// operation, under the shard's lock; key and value stay in the place.
type entry struct {
	hash     uint64 // of the key
	v        Version
	base     Version // with Keeps
	e        Version
	expireAt uint64 // expiry register, cluster ms
	since    uint32 // when it was deleted or died here: see local
	content  uint32
	kind     uint8
	flags    uint8
	ghost    bool // evicted: no key, no value
	wide     bool // its node ids are in full
	wanted   bool // it was asked for as a ghost: it belongs in the main log

	at       loc     // 0: not there yet
	cell     *uint64 // its cell of the index; nil: not looked up
	size     int     // bytes of its place
	body     int     // where in it key and value begin
	keyLen   int
	valueLen int
	page     uint32 // the first of a large entry
}

// expiry is the expiry time that counts (R2), 0 for never.
func (e *entry) expiry() uint64 {
	if e.expireAt != 0 && (e.e.Compare(e.v) >= 0 || e.flags&Keeps != 0 && e.e.Compare(e.base) >= 0) {
		return e.expireAt
	}
	return 0
}

// readable reports whether a read at now returns the entry: never once its expiry is reached (R3).
func (e *entry) readable(now uint64) bool {
	if e.flags&gone != 0 || e.ghost {
		return false
	}
	at := e.expiry()
	return at == 0 || at > now
}

// stands reports whether the entry is the ghost of one that could be read at now: others have it.
func (e *entry) stands(now uint64) bool {
	at := e.expiry()
	return e.ghost && e.flags&gone == 0 && (at == 0 || at > now)
}

// epoch is the first epoch in which the entry is what it is (R18).
func (e *entry) epoch() uint64 { return max(e.v.epoch(), e.e.epoch()) }

// local is a moment, in ms modulo 2^32, on a clock that no step moves (R7).
func (v *env) local(now uint64) uint32 { return uint32(now) - v.moved }

// age returns for how many ms the entry has been a tombstone or dead. What is kept of the moment tells up to 49 days, of which the last
// hour is that of a moment to come: of a call that was given its time before another that has changed the entry.
func (sh *shard) age(e *entry, now uint64) uint64 {
	age := sh.env.local(now) - e.since
	if age >= ageEnd {
		return 0
	}
	return uint64(age)
}

// take makes V, and all that belongs to it but the bytes, that of r (R1).
func (e *entry) take(r *Record) {
	e.v, e.base, e.kind, e.content, e.ghost = r.Version(), Version{}, r.Kind, r.Content, false
	e.flags = r.Flags & Keeps
	if r.Flags&Keeps != 0 {
		e.base = Version{r.BaseStamp, r.BaseNode}
	}
	switch r.Flags & Bare {
	case Bare:
		e.flags |= bare
	case Deleted:
		e.flags |= Deleted
	}
}

// registers returns the record without key and value.
func (e *entry) registers() Record {
	r := Record{
		Kind: e.kind &^ marked, Flags: e.flags & (Deleted | Keeps), Content: e.content,
		Stamp: e.v.Stamp, Node: e.v.Node,
		ExpireAt: e.expireAt, ExpireStamp: e.e.Stamp, ExpireNode: e.e.Node,
	}
	if e.flags&Keeps != 0 {
		r.BaseStamp, r.BaseNode = e.base.Stamp, e.base.Node
	}
	if e.flags&bare != 0 {
		r.Flags |= Bare
	}
	return r
}

// record appends key and value to buf and returns the whole record; its slices alias the returned buf. The value of
// what has been dead for BareAfter is left out, swept or not.
func (sh *shard) record(e *entry, buf []byte, now uint64) (Record, []byte) {
	r, n := e.registers(), e.keyLen+e.valueLen
	if at := e.expiry(); at != 0 && at <= now && now-at >= BareAfter && r.Flags&Deleted == 0 {
		r.Flags |= Bare
		n = e.keyLen
	}
	start := len(buf)
	buf = sh.read(buf, e, 0, n)
	kv := buf[start:len(buf):len(buf)]
	r.Key, r.Value = kv[:e.keyLen:e.keyLen], kv[e.keyLen:]
	return r, buf
}

// fingerprint is the entry's summand in a digest, made of stored fields alone (R18): key hash, V with its content
// hash, E and expiry time. Each write takes two, so they are mixed by four multiplications (fold, as in wyhash), not hashed
// as bytes.
func (e *entry) fingerprint() uint64 { return fingerprint(e.hash, e.content, e.v, e.e, e.expireAt) }

func fingerprint(hash uint64, content uint32, v, e Version, expireAt uint64) uint64 {
	seed := fold(hash^mix0, uint64(content)^mix1)
	p := fold(v.Stamp^mix2, v.Node^seed)
	x := fold(e.Stamp^mix3, e.Node^bits.RotateLeft64(seed, 32))
	return fold(p^mix0, x^expireAt)
}

// Odd constants without pattern: the golden ratio, and those of splitmix64 and rrmxmx.
const (
	mix0 = 0x9e3779b97f4a7c15
	mix1 = 0xbf58476d1ce4e5b9
	mix2 = 0x94d049bb133111eb
	mix3 = 0x9fb21c651e98df25
)

// fold multiplies to 128 bits and adds the halves without carry.
func fold(a, b uint64) uint64 {
	hi, lo := bits.Mul64(a, b)
	return hi ^ lo
}
