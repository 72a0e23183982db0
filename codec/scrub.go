package codec

import "encoding/binary"

const (
	scrubFixed    = 16
	scrubEntryLen = 6
)

// Scrub names entries that the sender holds in leaves that no root of the two counts (R16), in few bytes each. The receiver
// lists the parts in which it knows better.
type Scrub struct {
	Epoch   uint64 // all entries are as old as its end
	Count   uint32 // of entries, at most MaxScrubEntries
	Entries []byte // a run of Count entries, made by AppendScrubEntry and read by Entry
}

// AppendScrub appends the frame of m.
func AppendScrub(dst []byte, m Scrub) []byte {
	dst, b := beginFrame(dst, KindScrub, 0, scrubFixed+len(m.Entries))
	binary.LittleEndian.PutUint64(b, m.Epoch)
	binary.LittleEndian.PutUint64(b[8:], uint64(m.Count))
	copy(b[scrubFixed:], m.Entries)
	return dst
}

// DecodeScrub reads the body of a Scrub; Entries aliases it.
func DecodeScrub(body []byte) (Scrub, error) {
	if len(body) < scrubFixed {
		return Scrub{}, ErrLength
	}
	le := binary.LittleEndian
	if le.Uint32(body[12:]) != 0 {
		return Scrub{}, ErrReserved
	}
	m := Scrub{Epoch: le.Uint64(body), Count: le.Uint32(body[8:]), Entries: body[scrubFixed:len(body):len(body)]}
	if m.Count > MaxScrubEntries || int(m.Count)*scrubEntryLen != len(m.Entries) {
		return Scrub{}, ErrCount
	}
	return m, nil
}

// AppendScrubEntry appends an entry to a run: the first 32 bits of its key hash, and the last 16 of its fingerprint.
func AppendScrubEntry(dst []byte, hash uint32, print uint16) []byte {
	dst, b := extend(dst, scrubEntryLen)
	binary.LittleEndian.PutUint32(b, hash)
	binary.LittleEndian.PutUint16(b[4:], print)
	return dst
}

// Entry returns the i-th entry.
func (m *Scrub) Entry(i int) (hash uint32, print uint16) {
	b := m.Entries[i*scrubEntryLen:]
	return binary.LittleEndian.Uint32(b), binary.LittleEndian.Uint16(b[4:])
}
