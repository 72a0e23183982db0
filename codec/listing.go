package codec

import "encoding/binary"

const (
	listingFixed = 20
	// ListingEntryLen is the length of an entry of a listing in bytes.
	ListingEntryLen = 56

	leafMax  = 255 // a leaf is the next 8 bits of the key hash after the shard (R18)
	splitMax = 16
)

// Flags of a listing's entry.
const (
	ListingGhost = 1 // the sender holds the version only, not the value (R16)

	listingFlags = ListingGhost
)

// ListingEntry is what the fingerprint of an entry is made of.
type ListingEntry struct {
	KeyHash  uint64
	V, E     Version
	ExpireAt uint64 // cluster time in ms; 0: never
	Content  uint32
	Flags    uint8
}

// Listing names the entries of a leaf as of the end of an epoch (R19).
type Listing struct {
	Epoch   uint64
	Shard   uint16 // top 8 bits of the key hash
	Leaf    uint16 // the next 8 bits
	Split   uint8  // 0: the whole leaf; 1..16: the part whose next 4 bits of the key hash are Split-1
	Count   uint32 // of entries, at most MaxListingEntries
	Entries []byte // a run of Count entries, made by AppendListingEntry and read by DecodeListingEntry
}

// AppendListing appends the frame of m.
func AppendListing(dst []byte, m Listing) []byte {
	dst, b := beginFrame(dst, KindListing, 0, listingFixed+len(m.Entries))
	le := binary.LittleEndian
	le.PutUint64(b, m.Epoch)
	le.PutUint32(b[8:], m.Count)
	le.PutUint16(b[12:], m.Shard)
	le.PutUint16(b[14:], m.Leaf)
	le.PutUint32(b[16:], uint32(m.Split))
	copy(b[listingFixed:], m.Entries)
	return dst
}

// DecodeListing reads the body of a Listing; Entries aliases it.
func DecodeListing(body []byte) (Listing, error) {
	if len(body) < listingFixed {
		return Listing{}, ErrLength
	}
	le := binary.LittleEndian
	if le.Uint32(body[16:])>>8 != 0 {
		return Listing{}, ErrReserved
	}
	m := Listing{
		Epoch: le.Uint64(body), Count: le.Uint32(body[8:]), Shard: le.Uint16(body[12:]), Leaf: le.Uint16(body[14:]),
		Split: body[16], Entries: body[listingFixed:len(body):len(body)],
	}
	if m.Shard > shardMax || m.Leaf > leafMax || m.Split > splitMax {
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
