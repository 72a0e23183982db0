package store

import (
	"encoding/binary"
	"slices"
	"sync/atomic"
	"unsafe"

	"github.com/zeebo/xxh3"
)

// Flags of an entry beside Deleted and Keeps.
const (
	used    uint8 = 0x80 // the slot holds an entry
	counted uint8 = 0x40 // it is in the shard's fingerprint
	dead    uint8 = 0x20 // its expiry passed and was applied
	bare    uint8 = 0x10 // the value bytes are gone, Content remains

	gone = Deleted | dead | bare // what no read returns: counted as a tombstone
)

// entry is the state of one key. Guarded by the shard's lock, but for visited.
type entry struct {
	kv      []byte // the key, then the value; one allocation, owned by the entry
	hash    uint64
	v       Version
	base    Version // with Keeps
	e       Version
	at      uint64 // expiry register, cluster ms
	since   uint64 // cluster ms when it was deleted or died here
	keyLen  uint32
	content uint32
	next    uint32 // in the list, or the next free slot
	prev    uint32
	visited uint32 // atomic: a hit sets it under the read lock
	list    uint16
	kind    uint8
	flags   uint8
}

const entryBytes = int64(unsafe.Sizeof(entry{}))

func (e *entry) key() []byte   { return e.kv[:e.keyLen] }
func (e *entry) value() []byte { return e.kv[e.keyLen:] }

// cost is what the entry takes beside its slot.
func (e *entry) cost() int64 { return int64(cap(e.kv)) }

// expiry is the expiry time that counts (R2), 0 for never.
func (e *entry) expiry() uint64 {
	if e.at != 0 && (e.e.Compare(e.v) >= 0 || e.flags&Keeps != 0 && e.e.Compare(e.base) >= 0) {
		return e.at
	}
	return 0
}

// readable tells whether a read at now returns the entry: never once its expiry is reached (R3).
func (e *entry) readable(now uint64) bool {
	if e.flags&gone != 0 {
		return false
	}
	at := e.expiry()
	return at == 0 || at > now
}

// touch notes a hit. Under the read lock: the bit is the only thing a reader writes, and only when it changes.
func (e *entry) touch() {
	if atomic.LoadUint32(&e.visited) == 0 {
		atomic.StoreUint32(&e.visited, 1)
	}
}

// epoch is the first epoch in which the entry is what it is (R18).
func (e *entry) epoch() uint64 { return max(e.v.epoch(), e.e.epoch()) }

// take makes V, and all that belongs to it, that of r (R1).
func (e *entry) take(r *Record) {
	e.v, e.base, e.kind, e.content = r.Version(), Version{}, r.Kind, r.Content
	e.flags = used | r.Flags&Keeps
	if r.Flags&Keeps != 0 {
		e.base = Version{r.BaseStamp, r.BaseNode}
	}
	switch r.Flags & Bare {
	case Bare:
		e.flags |= bare
		e.fill(r.Key, nil)
	case Deleted:
		e.flags |= Deleted
		e.fill(r.Key, nil)
	default:
		e.fill(r.Key, r.Value)
	}
}

// fill puts key and value into the entry's one allocation, reusing it unless it is far too large. Grow rounds up to
// the allocator's size class, so cap is what the bytes really take.
func (e *entry) fill(key, value []byte) {
	n := len(key) + len(value)
	if c := cap(e.kv); c < n || c > 2*n+slackBytes {
		e.kv = slices.Grow([]byte(nil), n)
	}
	e.kv = append(append(e.kv[:0], key...), value...)
	e.keyLen = uint32(len(key))
}

// strip forgets the value.
func (e *entry) strip() {
	if cap(e.kv) > 2*int(e.keyLen)+slackBytes {
		e.kv = append(slices.Grow([]byte(nil), int(e.keyLen)), e.key()...)
	}
	e.kv = e.kv[:e.keyLen]
}

// record appends key and value to buf and returns the whole record; its slices alias the returned buf. The value of
// what has been dead for BareAfter is left out, swept or not.
func (e *entry) record(buf []byte, now uint64) (Record, []byte) {
	r, kv := e.registers(), e.kv
	if at := e.expiry(); at != 0 && at+BareAfter <= now && r.Flags&Deleted == 0 {
		r.Flags |= Bare
		kv = e.key()
	}
	start := len(buf)
	buf = append(buf, kv...)
	kv = buf[start:len(buf):len(buf)]
	r.Key, r.Value = kv[:e.keyLen:e.keyLen], kv[e.keyLen:]
	return r, buf
}

// registers returns the record without key and value.
func (e *entry) registers() Record {
	r := Record{
		Kind: e.kind, Flags: e.flags & (Deleted | Keeps), Content: e.content,
		Stamp: e.v.Stamp, Node: e.v.Node,
		ExpireAt: e.at, ExpireStamp: e.e.Stamp, ExpireNode: e.e.Node,
	}
	if e.flags&Keeps != 0 {
		r.BaseStamp, r.BaseNode = e.base.Stamp, e.base.Node
	}
	if e.flags&bare != 0 {
		r.Flags |= Bare
	}
	return r
}

// fingerprint is the entry's summand in a digest, made of stored fields alone (R18): key hash, V with its content
// hash, E and expiry time.
func (e *entry) fingerprint() uint64 {
	var b [52]byte
	binary.LittleEndian.PutUint64(b[0:], e.hash)
	binary.LittleEndian.PutUint64(b[8:], e.v.Stamp)
	binary.LittleEndian.PutUint64(b[16:], e.v.Node)
	binary.LittleEndian.PutUint64(b[24:], e.e.Stamp)
	binary.LittleEndian.PutUint64(b[32:], e.e.Node)
	binary.LittleEndian.PutUint64(b[40:], e.at)
	binary.LittleEndian.PutUint32(b[48:], e.content)
	return xxh3.Hash(b[:])
}

// Content is the content hash that breaks a tie of two equal versions (R1): the low 32 bits of xxh3 over the value,
// seeded by kind and deletion.
func Content(kind uint8, deleted bool, value []byte) uint32 {
	seed := uint64(kind) << 1
	if deleted {
		seed |= 1
	}
	return uint32(xxh3.HashSeed(value, seed))
}
