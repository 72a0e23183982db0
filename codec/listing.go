package codec

import "encoding/binary"

const (
	listingFixed = 24
	// ListingEntryLen is the length of an entry of a listing in bytes.
	ListingEntryLen = 56
)

// Flags of a listing's entry.
const (
	ListingGhost = 1 // the sender holds the version only, not the value (R16)
	ListingGone  = 2 // a tombstone or a dead record: no part of any digest (R13)

	listingFlags = ListingGhost | ListingGone

	listingPartial = 1
)

// ListingEntry is what the fingerprint of an entry is made of.
type ListingEntry struct {
	KeyHash  uint64
	V, E     Version
	ExpireAt uint64 // cluster time in ms; 0: never
	Content  uint32
	Flags    uint8
}

// Listing names all entries that the sender has of a part of the key hashes (R19). Those younger than the epoch are in it
// too: what is said of them counts for nothing.
type Listing struct {
	Epoch   uint64 // that is compared
	Prefix  uint64 // the first Bits of a key hash, then zeros
	Bits    uint8  // at most 64
	Partial bool   // the sender has forgotten ghosts of this part: what it leaves out may have been evicted there (R16)
	Count   uint32 // of entries, at most MaxListingEntries
	Entries []byte // a run of Count entries by key hash, made by AppendListingEntry and read by DecodeListingEntry
}

// AppendListing appends the frame of m.
func AppendListing(dst []byte, m Listing) []byte {
	dst, b := beginFrame(dst, KindListing, 0, listingFixed+len(m.Entries))
	le := binary.LittleEndian
	le.PutUint64(b, m.Epoch)
	le.PutUint64(b[8:], m.Prefix)
	le.PutUint32(b[16:], m.Count)
	le.PutUint32(b[20:], uint32(m.Bits)|uint32(bit(m.Partial, listingPartial))<<8)
	copy(b[listingFixed:], m.Entries)
	return dst
}

// DecodeListing reads the body of a Listing; Entries aliases it.
func DecodeListing(body []byte) (Listing, error) {
	if len(body) < listingFixed {
		return Listing{}, ErrLength
	}
	le := binary.LittleEndian
	if le.Uint32(body[20:])>>8&^listingPartial != 0 {
		return Listing{}, ErrReserved
	}
	m := Listing{
		Epoch: le.Uint64(body), Prefix: le.Uint64(body[8:]), Count: le.Uint32(body[16:]), Bits: body[20],
		Partial: body[21] != 0,
		Entries: body[listingFixed:len(body):len(body)],
	}
	if m.Bits > 64 || m.Prefix<<m.Bits != 0 {
		return Listing{}, ErrRange
	}
	if m.Count > MaxListingEntries || int(m.Count)*ListingEntryLen != len(m.Entries) {
		return Listing{}, ErrCount
	}
	return m, nil
}

// AppendListingEntry appends the ListingEntryLen bytes of e to a run of entries.
func AppendListingEntry(dst []byte, e ListingEntry) []byte {
	dst, b := extend(dst, ListingEntryLen)
	le := binary.LittleEndian
	le.PutUint64(b, e.KeyHash)
	putVersion(b[8:], e.V)
	putVersion(b[24:], e.E)
	le.PutUint64(b[40:], e.ExpireAt)
	le.PutUint32(b[48:], e.Content)
	le.PutUint32(b[52:], uint32(e.Flags))
	return dst
}

// DecodeListingEntry reads the first entry of a run into e; n is the number of bytes it took.
func DecodeListingEntry(b []byte, e *ListingEntry) (n int, err error) {
	if len(b) < ListingEntryLen {
		return 0, ErrLength
	}
	le := binary.LittleEndian
	if le.Uint32(b[52:])&^listingFlags != 0 {
		return 0, ErrReserved
	}
	*e = ListingEntry{
		KeyHash: le.Uint64(b), V: getVersion(b[8:]), E: getVersion(b[24:]), ExpireAt: le.Uint64(b[40:]),
		Content: le.Uint32(b[48:]), Flags: b[52],
	}
	return ListingEntryLen, nil
}
