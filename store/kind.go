package store

import (
	"bytes"
	"encoding/binary"
)

// Kinds of value. A kind is a byte that goes with V and into the content hash; what it means is said here and nowhere else:
// a new one is a constant and a row of kinds.
const (
	KindString  uint8 = 1
	KindCounter uint8 = 2 // R27

	// Composite is set in kinds whose entries lie under a key and a field: both together are the key of the entry
	// (ComposeKey). They are never found under a plain key, whatever its bytes, nor does a plain entry under theirs.
	Composite uint8 = 0x40

	kindEnd = 0x80 // kinds are below it
	// marked is set in the kind of an entry, never of a record: what this node has contributed to it is all there (join.go).
	marked uint8 = 0x80
)

// kind is what the store knows of a kind of value. The bytes of a kind with a join begin with its origin (join.go).
type kind struct {
	typ   string                         // what TYPE says; "": there is no such kind
	valid func(value []byte) bool        // whether a value is one of this kind; nil: any bytes are
	text  func(dst, value []byte) []byte // appends a value as the string that it reads as; nil: its bytes are

	// join appends to dst, behind the origin of the two, what is behind the origin of two values that have the same, put
	// together: in any order and as often as it comes the same (R27). nil: the last writer wins.
	join func(dst, a, b []byte) []byte
	// begin appends what is behind the origin of a value that goes on from a string, nil for nothing. The error says that it
	// cannot, as from any of more than longest bytes (0: there is no such bound): of those it is given one byte more.
	begin   func(dst, text []byte) ([]byte, error)
	longest int
	// full tells of a value, and what it was before a contribution, that it is to be written anew, as the string that it
	// reads as. nil: never.
	full func(old, value []byte) bool
}

var kinds = [kindEnd]kind{
	KindString:  {typ: "string"},
	KindCounter: {typ: "string", valid: validCounter, text: counterText, join: joinCounters, begin: beginCounter, longest: maxNumberBytes, full: fullCounter},
}

// TypeName returns what TYPE says of a kind.
func TypeName(kind uint8) string { return kinds[kind%kindEnd].typ }

// joins tells the kinds of which two values are put together.
func joins(kind uint8) bool { return kinds[kind%kindEnd].join != nil }

// fine reports whether a record is what its kind says. What has no value needs no kind but in a composite key.
func (r *Record) fine() bool {
	if r.Kind >= kindEnd {
		return false
	}
	if r.Kind&Composite != 0 {
		if _, _, ok := SplitKey(r.Key); !ok {
			return false
		}
	}
	k := &kinds[r.Kind]
	switch {
	case r.expiryOnly() || r.Flags&Bare == Deleted:
		return true
	case k.typ == "" || k.join != nil && r.Flags&Keeps == 0:
		return false
	case r.Flags&Bare == Bare:
		return true
	case k.join != nil:
		o, ok := readOrigin(r.Value)
		if !ok || o.reset != (Version{r.BaseStamp, r.BaseNode}) {
			return false
		}
	}
	return k.valid == nil || k.valid(r.Value)
}

// keyLenBytes is what ComposeKey adds.
const keyLenBytes = 4

// ComposeKey appends the key of the entry that lies under a key and a field: the length of the key in 4 bytes, little-endian,
// the key, the field. All of it is at most MaxKeyBytes.
func ComposeKey(dst, key, field []byte) []byte {
	dst = binary.LittleEndian.AppendUint32(dst, uint32(len(key)))
	return append(append(dst, key...), field...)
}

// SplitKey takes a composite key apart. key and field alias it.
func SplitKey(composed []byte) (key, field []byte, ok bool) {
	if len(composed) < keyLenBytes {
		return nil, nil, false
	}
	n, rest := binary.LittleEndian.Uint32(composed), composed[keyLenBytes:]
	if uint64(n) > uint64(len(rest)) {
		return nil, nil, false
	}
	return rest[:n:n], rest[n:], true
}

// GetField is Get for a composite key.
func (s *Store) GetField(dst, composed []byte, hash, now uint64) (out []byte, m Meta, ok bool) {
	sh := s.shardOf(hash)
	sh.rlock(now)
	defer sh.mu.RUnlock()
	var e entry
	if !sh.findKind(&e, composed, hash, Composite) || !e.readable(now) {
		return dst, m, false
	}
	hit(e.cell)
	return sh.text(dst, &e), e.meta(), true
}

func (e *entry) meta() Meta { return Meta{e.kind &^ marked, e.v, e.expiry()} }

// text appends the value of an entry as a string.
func (sh *shard) text(dst []byte, e *entry) []byte {
	if e.kind == KindString {
		return sh.read(dst, e, e.keyLen, e.keyLen+e.valueLen)
	}
	return sh.textOf(dst, e)
}

func (sh *shard) textOf(dst []byte, e *entry) []byte {
	k := &kinds[e.kind&^marked]
	if k.text == nil {
		return sh.read(dst, e, e.keyLen, e.keyLen+e.valueLen)
	}
	scratch := sh.env.borrow()
	dst = k.text(dst, sh.value(e, scratch))
	sh.env.repay(scratch)
	return dst
}

// hasText reports whether text would append want.
func (sh *shard) hasText(e *entry, want []byte) bool {
	if e.kind == KindString || kinds[e.kind&^marked].text == nil {
		return e.valueLen == len(want) && sh.hasBytes(e, e.keyLen, want)
	}
	scratch := sh.env.borrow()
	scratch.text = sh.textOf(scratch.text[:0], e)
	same := bytes.Equal(scratch.text, want)
	sh.env.repay(scratch)
	return same
}

// textLen returns how many bytes text appends.
func (sh *shard) textLen(e *entry) int {
	if kinds[e.kind&^marked].text == nil {
		return e.valueLen
	}
	scratch := sh.env.borrow()
	scratch.text = sh.textOf(scratch.text[:0], e)
	n := len(scratch.text)
	sh.env.repay(scratch)
	return n
}

// value returns the value of an entry: where it lies, good until the next change, or that of a large entry in scratch.
func (sh *shard) value(e *entry, scratch *scratch) []byte {
	if e.page == 0 {
		return sh.mem[int(e.at)+e.body:][e.keyLen : e.keyLen+e.valueLen : e.keyLen+e.valueLen]
	}
	scratch.value = sh.read(scratch.value[:0], e, e.keyLen, e.keyLen+e.valueLen)
	return scratch.value
}

// head is value of an entry, or as much of its beginning as a value of a kind that is to go on from it looks at: what one of 16 MiB is not
// is told without a copy of it.
func (sh *shard) head(e *entry, kind uint8, scratch *scratch) []byte {
	if longest := kinds[kind].longest; longest > 0 && e.valueLen > longest && !e.joins() {
		scratch.value = sh.read(scratch.value[:0], e, e.keyLen, e.keyLen+longest+1)
		return scratch.value
	}
	return sh.value(e, scratch)
}

// scratch is memory for one operation on a kind that is not kept as it is read. Those not in use lie in a pool of the store.
type scratch struct{ value, text, joined []byte }

func (v *env) borrow() *scratch {
	if s, ok := v.scratch.Get().(*scratch); ok {
		return s
	}
	return new(scratch)
}

func (v *env) repay(s *scratch) {
	if cap(s.value)+cap(s.text)+cap(s.joined) <= scratchKept {
		v.scratch.Put(s)
	}
}
