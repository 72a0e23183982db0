package codec

import "encoding/binary"

// Kinds of a record's value. What they mean is package store's; here a kind is a byte.
const (
	KindString  = 1
	KindCounter = 2
	KindMessage = 3 // of PUBLISH: it is given to who listens, and stored nowhere

	recordKindMax = 0x7F
)

// Flags of a Record. They share a byte on the wire with the flags that say which blocks follow.
const (
	RecordDeleted    = 0x01 // a tombstone: no value
	RecordKeeps      = 0x02 // keeps the time to live; carries base (R2)
	RecordExpiryOnly = 0x04 // an EXPIRE or PERSIST: V is the version it saw; no value (R3)
	RecordFlush      = 0x08 // a FLUSHALL: no key, no value (R4)
	// RecordBare marks a whole record that expired so long ago that its value is gone (R3); all else of it is there.
	RecordBare = RecordDeleted | RecordExpiryOnly
	// RecordRef marks a record in a Stage whose value is looked up when it is sent. It is never on the wire.
	RecordRef = 0x80

	recordFlags   = RecordDeleted | RecordKeeps | RecordExpiryOnly | RecordFlush
	recordNoValue = RecordDeleted | RecordExpiryOnly | RecordFlush

	wireExpiry     = 0x10 // a block with expiry time and E follows
	wireExpirySame = 0x20 // E = V
	wireAt         = 0x40 // with wireExpirySame: the expiry time follows; without, it is 0
)

const (
	recordFixed = 32
	expiryLen   = 24
	// recordHeadMax is the longest part of a record before its key, in bytes.
	recordHeadMax = recordFixed + expiryLen + versionLen
)

// Record is one write, or the state of one entry. Its fields are those of store.Record, in the same order.
type Record struct {
	Key, Value []byte
	Kind       uint8
	Flags      uint8
	Content    uint32

	Stamp, Node         uint64 // V
	BaseStamp, BaseNode uint64 // base: the V of the last SET or DEL; meant with RecordKeeps

	ExpireAt, ExpireStamp, ExpireNode uint64 // the expiry register; ExpireAt 0: never
}

// wireFlags adds to flags the form of the expiry register. Each record has exactly one encoding.
func (r *Record) wireFlags(flags uint8) byte {
	f := flags & (recordFlags | RecordRef)
	switch {
	case r.ExpireStamp|r.ExpireNode|r.ExpireAt == 0:
	case r.ExpireStamp != r.Stamp || r.ExpireNode != r.Node:
		f |= wireExpiry
	case r.ExpireAt != 0:
		f |= wireExpirySame | wireAt
	default:
		f |= wireExpirySame
	}
	return f
}

// blocksLen is the length of the optional blocks that wire flags f announce.
func blocksLen(f byte) int {
	n := 0
	if f&wireExpiry != 0 {
		n = expiryLen
	}
	if f&wireAt != 0 {
		n += 8
	}
	if f&RecordKeeps != 0 {
		n += versionLen
	}
	return n
}

// parts returns the key and value that r has on the wire with these flags: they may say that it has none.
func (r *Record) parts(flags uint8) (key, value []byte) {
	key, value = r.Key, r.Value
	if flags&(recordNoValue|RecordRef) != 0 {
		value = nil
	}
	if flags&RecordFlush != 0 {
		key = nil
	}
	return key, value
}

// RecordLen returns the number of bytes that AppendRecord appends.
func RecordLen(r *Record) int {
	flags := r.Flags &^ RecordRef
	key, value := r.parts(flags)
	return recordFixed + blocksLen(r.wireFlags(flags)) + len(key) + len(value)
}

// AppendRecord appends r to a run of records. It takes no more than MaxKey and MaxValue from the caller; a value that
// the flags say is not there (a tombstone's) is left out, and RecordRef is taken off. It keeps nothing of r.
func AppendRecord(dst []byte, r *Record) []byte {
	return appendRecord(dst, r, r.Flags&^RecordRef)
}

func appendRecord(dst []byte, r *Record, flags uint8) []byte {
	f := r.wireFlags(flags)
	key, value := r.parts(flags)
	dst, b := extend(dst, recordFixed+blocksLen(f)+len(key)+len(value))
	le := binary.LittleEndian
	le.PutUint64(b[24:], r.Node)
	le.PutUint64(b, uint64(f)|uint64(r.Kind)<<8|uint64(len(key))<<32)
	le.PutUint64(b[8:], uint64(uint32(len(value)))|uint64(r.Content)<<32)
	le.PutUint64(b[16:], r.Stamp)
	b = b[recordFixed:]
	if f&wireExpiry != 0 {
		put3(b, r.ExpireAt, r.ExpireStamp, r.ExpireNode)
		b = b[expiryLen:]
	}
	if f&wireAt != 0 {
		le.PutUint64(b, r.ExpireAt)
		b = b[8:]
	}
	if f&RecordKeeps != 0 {
		le.PutUint64(b[8:], r.BaseNode)
		le.PutUint64(b, r.BaseStamp)
		b = b[versionLen:]
	}
	n := copy(b, key)
	copy(b[n:], value)
	return dst
}

// DecodeRecord reads the first record of a run into r; n is the number of bytes it took. Key and Value alias b. All
// fields of r are written. The error is ErrRecord: the record is malformed, or not all of it is there.
func DecodeRecord(b []byte, r *Record) (n int, err error) {
	return decodeRecord(b, r, recordFlags)
}

// DecodeStaged reads the first record of a segment of a Stage: one that may be held by reference (RecordRef in r.Flags,
// no value).
func DecodeStaged(b []byte, r *Record) (n int, err error) {
	return decodeRecord(b, r, recordFlags|RecordRef)
}

func decodeRecord(b []byte, r *Record, allowed byte) (int, error) {
	if len(b) < recordFixed {
		return 0, ErrRecord
	}
	le := binary.LittleEndian
	f, kind := b[0], b[1]
	keyLen, valueLen := le.Uint32(b[4:]), le.Uint32(b[8:])
	if f&^(allowed|wireExpiry|wireExpirySame|wireAt) != 0 || le.Uint16(b[2:]) != 0 || keyLen > MaxKey || valueLen > MaxValue {
		return 0, ErrRecord
	}
	if !kindFits(f, kind) || f&(recordNoValue|RecordRef) != 0 && valueLen != 0 || f&RecordFlush != 0 && keyLen != 0 {
		return 0, ErrRecord
	}
	blocks := recordFixed + blocksLen(f)
	n := blocks + int(keyLen) + int(valueLen)
	if n > len(b) {
		return 0, ErrRecord
	}
	*r = Record{
		Kind: kind, Flags: f & allowed, Content: le.Uint32(b[12:]), Stamp: le.Uint64(b[16:]), Node: le.Uint64(b[24:]),
		Key: b[blocks : blocks+int(keyLen) : blocks+int(keyLen)], Value: b[blocks+int(keyLen) : n : n],
	}
	if f&^(RecordDeleted|RecordFlush) != 0 {
		r.readBlocks(b[recordFixed:], f)
		if r.wireFlags(r.Flags) != f {
			return 0, ErrRecord
		}
	}
	return n, nil
}

// readBlocks reads the optional blocks that f announces; b is long enough for them.
func (r *Record) readBlocks(b []byte, f byte) {
	le := binary.LittleEndian
	if f&wireExpiry != 0 {
		r.ExpireAt, r.ExpireStamp, r.ExpireNode = get3(b)
		b = b[expiryLen:]
	}
	if f&wireExpirySame != 0 {
		r.ExpireStamp, r.ExpireNode = r.Stamp, r.Node
	}
	if f&wireAt != 0 {
		r.ExpireAt = le.Uint64(b)
		b = b[8:]
	}
	if f&RecordKeeps != 0 {
		r.BaseStamp, r.BaseNode = le.Uint64(b), le.Uint64(b[8:])
	}
}

// kindFits reports whether a record with flags f may be of this kind: what has no value needs none.
func kindFits(f, kind byte) bool {
	return kind <= recordKindMax && (kind != 0 || f&recordNoValue != 0)
}

// CheckRecords checks that run holds exactly count well-formed records and nothing else. Its cost is a few nanoseconds
// a record; a receiver that checks before it merges never applies half of a frame.
func CheckRecords(run []byte, count uint32) error {
	var r Record
	for range count {
		n, err := DecodeRecord(run, &r)
		if err != nil {
			return err
		}
		run = run[n:]
	}
	if len(run) != 0 {
		return ErrCount
	}
	return nil
}
