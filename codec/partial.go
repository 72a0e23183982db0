package codec

import (
	"encoding/binary"
	"math/bits"
)

const (
	partialFixed = 8
	// PartialEntryLen is the length of an entry of a Partial in bytes.
	PartialEntryLen = 40
)

// LeafBits are the leaves of a shard of the digest, the first one lowest.
type LeafBits [4]uint64

// Partial says which leaves of the digest the sender has forgotten ghosts of, or copied from such a node (R16). What it says of
// a shard replaces what was said before on the link; of a shard that was not named no leaf is partial.
type Partial struct {
	Leaves  uint16 // of a shard, in the sender's store: a power of two up to 256
	Count   uint16 // of shards, at most 256
	Entries []byte // a run of Count entries by shard, made by AppendPartialEntry and read by DecodePartialEntry
}

// AppendPartial appends the frame of m.
func AppendPartial(dst []byte, m Partial) []byte {
	dst, b := beginFrame(dst, KindPartial, 0, partialFixed+len(m.Entries))
	le := binary.LittleEndian
	le.PutUint16(b, m.Leaves)
	le.PutUint16(b[2:], m.Count)
	le.PutUint32(b[4:], 0)
	copy(b[partialFixed:], m.Entries)
	return dst
}

// DecodePartial reads the body of a Partial; Entries aliases it.
func DecodePartial(body []byte) (Partial, error) {
	if len(body) < partialFixed {
		return Partial{}, ErrLength
	}
	le := binary.LittleEndian
	if le.Uint32(body[4:]) != 0 {
		return Partial{}, ErrReserved
	}
	m := Partial{Leaves: le.Uint16(body), Count: le.Uint16(body[2:]), Entries: body[partialFixed:len(body):len(body)]}
	if bits.OnesCount16(m.Leaves) != 1 || m.Leaves > 256 {
		return Partial{}, ErrRange
	}
	if m.Count > shardMax+1 || int(m.Count)*PartialEntryLen != len(m.Entries) {
		return Partial{}, ErrCount
	}
	return m, nil
}

// AppendPartialEntry appends the PartialEntryLen bytes of a shard to a run of entries.
func AppendPartialEntry(dst []byte, shard uint8, leaves *LeafBits) []byte {
	dst = binary.LittleEndian.AppendUint64(dst, uint64(shard))
	for _, word := range leaves {
		dst = binary.LittleEndian.AppendUint64(dst, word)
	}
	return dst
}

// DecodePartialEntry reads the first entry of a run; n is the number of bytes it took.
func DecodePartialEntry(b []byte, leaves *LeafBits) (shard uint8, n int, err error) {
	if len(b) < PartialEntryLen {
		return 0, 0, ErrLength
	}
	le := binary.LittleEndian
	if le.Uint64(b)>>8 != 0 {
		return 0, 0, ErrReserved
	}
	for i := range leaves {
		leaves[i] = le.Uint64(b[8+8*i:])
	}
	return b[0], PartialEntryLen, nil
}
