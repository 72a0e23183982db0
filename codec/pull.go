package codec

import "encoding/binary"

const (
	pullLen      = 20
	recordsFixed = 56
	fetchFixed   = 8
	keyPrefix    = 4

	recordsDone     = 1
	recordsComplete = 2

	shardMax = 255 // a shard of the digest is the top 8 bits of the key hash (R18)
)

// RecordsHeadLen is the length, in bytes, of what precedes the records in a Records frame.
const RecordsHeadLen = HeaderLen + recordsFixed

// Pull asks for a part of a shard; exactly one Records frame answers it. The donor keeps nothing between two pulls.
type Pull struct {
	ID     uint32
	Shard  uint16 // top 8 bits of the key hash: 0..255
	Cursor uint64 // 0, or Next of the answer before
	Limit  uint32 // bytes of records that the answer may hold; one record is sent even if it is longer
}

// AppendPull appends the frame of m.
func AppendPull(dst []byte, m Pull) []byte {
	dst, b := beginFrame(dst, KindPull, 0, pullLen)
	le := binary.LittleEndian
	le.PutUint32(b, m.ID)
	le.PutUint32(b[4:], m.Limit)
	le.PutUint64(b[8:], m.Cursor)
	le.PutUint32(b[16:], uint32(m.Shard))
	return dst
}

// DecodePull reads the body of a Pull.
func DecodePull(body []byte) (Pull, error) {
	if len(body) != pullLen {
		return Pull{}, ErrLength
	}
	le := binary.LittleEndian
	if le.Uint16(body[18:]) != 0 {
		return Pull{}, ErrReserved
	}
	m := Pull{ID: le.Uint32(body), Limit: le.Uint32(body[4:]), Cursor: le.Uint64(body[8:]), Shard: le.Uint16(body[16:])}
	if m.Shard > shardMax {
		return Pull{}, ErrRange
	}
	return m, nil
}

// Records answers a Pull or a Fetch, or comes of a repair; its records are outside of any stream.
type Records struct {
	ID       uint32 // of the Pull or the Fetch; 0: of a repair
	Shard    uint16 // of the Pull; 0 in answer to a Fetch
	Next     uint64 // cursor to go on with; 0 when Done
	Done     bool   // nothing is left
	Complete bool   // the donor's leaves of this shard are complete (R16)
	Count    uint32
	Step     uint32 // R7
	Floor    Version
	Flush    Version
	Records  []byte // a run of Count encoded records
}

// AppendRecords appends the frame of m, records included.
func AppendRecords(dst []byte, m Records) []byte {
	start := len(dst)
	dst = append(BeginRecords(dst), m.Records...)
	return FinishRecords(dst, start, m)
}

// BeginRecords appends room for the first RecordsHeadLen bytes of a Records frame. The caller remembers len(dst) from
// before as the start, appends records with AppendRecord (within MaxFrame altogether), and ends with FinishRecords.
func BeginRecords(dst []byte) []byte {
	dst, _ = extend(dst, RecordsHeadLen)
	return dst
}

// FinishRecords writes header and fields of the frame begun at dst[start:], whose records reach to the end of dst.
// m.Count must be their number; m.Records is not looked at.
func FinishRecords(dst []byte, start int, m Records) []byte {
	b := dst[start:]
	putHeader(b, KindRecords, 0, len(b)-HeaderLen)
	b = b[HeaderLen:]
	le := binary.LittleEndian
	le.PutUint32(b, m.ID)
	le.PutUint32(b[4:], m.Count)
	le.PutUint64(b[8:], m.Next)
	putVersion(b[16:], m.Floor)
	putVersion(b[32:], m.Flush)
	le.PutUint32(b[48:], m.Step)
	le.PutUint16(b[52:], m.Shard)
	b[54], b[55] = bit(m.Done, recordsDone)|bit(m.Complete, recordsComplete), 0
	return dst
}

// DecodeRecords reads the body of a Records frame. Records aliases body; see DecodeBatch on what is checked.
func DecodeRecords(body []byte) (Records, error) {
	if len(body) < recordsFixed {
		return Records{}, ErrLength
	}
	le, b := binary.LittleEndian, body
	if b[54]&^(recordsDone|recordsComplete) != 0 || b[55] != 0 {
		return Records{}, ErrReserved
	}
	m := Records{
		ID: le.Uint32(b), Count: le.Uint32(b[4:]), Next: le.Uint64(b[8:]), Floor: getVersion(b[16:]), Flush: getVersion(b[32:]),
		Step: le.Uint32(b[48:]), Shard: le.Uint16(b[52:]), Done: b[54]&recordsDone != 0, Complete: b[54]&recordsComplete != 0,
		Records: b[recordsFixed:len(b):len(b)],
	}
	if m.Shard > shardMax {
		return Records{}, ErrRange
	}
	if !roomFor(m.Count, m.Records) {
		return Records{}, ErrCount
	}
	return m, nil
}

// Fetch asks for records by key (R3); exactly one Records frame with the same ID answers it. Keys that do not fit the
// answer, or of which the other has nothing, are left out of it.
type Fetch struct {
	ID    uint32
	Count uint32 // 1..MaxFetchKeys
	Keys  []byte // a run of Count keys, made by AppendKey and read by DecodeKey; at most MaxFetchBytes
}

// AppendFetch appends the frame of m.
func AppendFetch(dst []byte, m Fetch) []byte {
	dst, b := beginFrame(dst, KindFetch, 0, fetchFixed+len(m.Keys))
	binary.LittleEndian.PutUint32(b, m.ID)
	binary.LittleEndian.PutUint32(b[4:], m.Count)
	copy(b[fetchFixed:], m.Keys)
	return dst
}

// DecodeFetch reads the body of a Fetch and checks that Keys, which aliases it, holds exactly Count keys.
func DecodeFetch(body []byte) (Fetch, error) {
	if len(body) < fetchFixed || len(body) > fetchFixed+MaxFetchBytes {
		return Fetch{}, ErrLength
	}
	le := binary.LittleEndian
	m := Fetch{ID: le.Uint32(body), Count: le.Uint32(body[4:]), Keys: body[fetchFixed:len(body):len(body)]}
	if m.Count == 0 || m.Count > MaxFetchKeys {
		return Fetch{}, ErrRange
	}
	if err := checkKeys(m.Keys, m.Count); err != nil {
		return Fetch{}, err
	}
	return m, nil
}

// checkKeys reads a run of keys to its end: it must hold exactly count.
func checkKeys(run []byte, count uint32) error {
	for range count {
		_, n, err := DecodeKey(run)
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

// AppendKey appends key, preceded by its length, to a run of keys.
func AppendKey(dst, key []byte) []byte {
	dst = binary.LittleEndian.AppendUint32(dst, uint32(len(key)))
	return append(dst, key...)
}

// DecodeKey reads the first key of a run; n is the number of bytes it took. key aliases b.
func DecodeKey(b []byte) (key []byte, n int, err error) {
	if len(b) < keyPrefix {
		return nil, 0, ErrLength
	}
	size := binary.LittleEndian.Uint32(b)
	if size > MaxKey || int(size) > len(b)-keyPrefix {
		return nil, 0, ErrLength
	}
	n = keyPrefix + int(size)
	return b[keyPrefix:n:n], n, nil
}
