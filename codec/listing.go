package codec

import "encoding/binary"

const (
	listingFixed = 24
	// ListingEntryMin is the length, in bytes, of an entry of a listing whose two versions are one and that never expires.
	ListingEntryMin = 29
	listingEntryMax = ListingEntryMin + versionLen + 8
)

// Flags of a listing's entry.
const (
	ListingGhost = 1 // the sender holds the version only, not the value (R16)
	ListingGone  = 2 // a tombstone or a dead record: no part of any digest (R13)

	listingE      = 4 // an expiry version follows; without it E is V
	listingExpiry = 8 // an expiry time follows; without it there is none
	listingFlags  = ListingGhost | ListingGone | listingE | listingExpiry

	listingPartial = 1
)

// ListingEntry is what the fingerprint of an entry is made of.
type ListingEntry struct {
	KeyHash  uint64
	V, E     Version
	ExpireAt uint64 // cluster time in ms; 0: never
	Content  uint32
	Flags    uint8 // ListingGhost, ListingGone
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
	if m.Count > MaxListingEntries {
		return Listing{}, ErrCount // compared before the conversion: an int may have 32 bits
	}
	if n := int(m.Count); n*ListingEntryMin > len(m.Entries) || n*listingEntryMax < len(m.Entries) {
		return Listing{}, ErrCount
	}
	return m, nil
}

// AppendListingEntry appends e to a run of entries.
func AppendListingEntry(dst []byte, e ListingEntry) []byte {
	flags := e.Flags & (ListingGhost | ListingGone)
	if e.E != e.V {
		flags |= listingE
	}
	if e.ExpireAt != 0 {
		flags |= listingExpiry
	}
	dst, b := extend(dst, ListingEntryMin)
	le := binary.LittleEndian
	b[0] = flags
	le.PutUint64(b[1:], e.KeyHash)
	le.PutUint32(b[9:], e.Content)
	putVersion(b[13:], e.V)
	if flags&listingE != 0 {
		dst, b = extend(dst, versionLen)
		putVersion(b, e.E)
	}
	if flags&listingExpiry != 0 {
		dst = le.AppendUint64(dst, e.ExpireAt)
	}
	return dst
}

// DecodeListingEntry reads the first entry of a run into e; n is the number of bytes it took. What could be shorter is refused.
func DecodeListingEntry(b []byte, e *ListingEntry) (n int, err error) {
	if len(b) < ListingEntryMin {
		return 0, ErrLength
	}
	le, flags := binary.LittleEndian, b[0]
	if flags&^listingFlags != 0 {
		return 0, ErrReserved
	}
	*e = ListingEntry{KeyHash: le.Uint64(b[1:]), Content: le.Uint32(b[9:]), V: getVersion(b[13:]), Flags: flags & (ListingGhost | ListingGone)}
	e.E, n = e.V, ListingEntryMin
	if flags&listingE != 0 {
		if len(b) < n+versionLen {
			return 0, ErrLength
		}
		e.E, n = getVersion(b[n:]), n+versionLen
		if e.E == e.V {
			return 0, ErrRange
		}
	}
	if flags&listingExpiry != 0 {
		if len(b) < n+8 {
			return 0, ErrLength
		}
		e.ExpireAt, n = le.Uint64(b[n:]), n+8
		if e.ExpireAt == 0 {
			return 0, ErrRange
		}
	}
	return n, nil
}
