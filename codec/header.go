package codec

import (
	"encoding/binary"
	"slices"
)

// Magic is the first byte of every frame. It is no letter and no '*', so that it tells frames from RESP on the same port.
const Magic = 0xC5

// HeaderLen is the length of a frame's header in bytes.
const HeaderLen = 12

// FlagSkippable in a header says that a receiver which does not know the kind passes over the frame.
const FlagSkippable = 1

// Kind says what the body of a frame is.
type Kind uint8

// Frames between nodes.
const (
	KindGreeting          Kind = 0x01
	KindBye               Kind = 0x02
	KindHeartbeat         Kind = 0x03
	KindHeartbeatResponse Kind = 0x04
	KindBatch             Kind = 0x05
	KindAck               Kind = 0x06
	KindGap               Kind = 0x07
	KindPull              Kind = 0x08
	KindRecords           Kind = 0x09
	KindFetch             Kind = 0x0A
	KindListing           Kind = 0x0B
	KindOffer             Kind = 0x0C
	KindDigests           Kind = 0x0D
	KindWant              Kind = 0x0E
	KindAbsent            Kind = 0x0F
	KindStep              Kind = 0x10
	KindCompared          Kind = 0x11
	KindPartial           Kind = 0x12
	KindScrub             Kind = 0x13
)

// Frames between a client and a node.
const (
	KindGetValue       Kind = 0x20
	KindSetValue       Kind = 0x21
	KindDelete         Kind = 0x22
	KindValueResponse  Kind = 0x23
	KindReport         Kind = 0x24
	KindReportResponse Kind = 0x25
	KindAuth           Kind = 0x26
	KindIncrement      Kind = 0x27
	KindExpire         Kind = 0x28
	KindTimeToLive     Kind = 0x29
)

var kindNames = [256]string{
	KindGreeting: "Greeting", KindBye: "Bye", KindHeartbeat: "Heartbeat", KindHeartbeatResponse: "HeartbeatResponse",
	KindBatch: "Batch", KindAck: "Ack", KindGap: "Gap", KindPull: "Pull", KindRecords: "Records", KindFetch: "Fetch", KindListing: "Listing",
	KindOffer: "Offer", KindDigests: "Digests", KindWant: "Want", KindAbsent: "Absent", KindStep: "Step", KindCompared: "Compared",
	KindPartial: "Partial", KindScrub: "Scrub", KindGetValue: "GetValue", KindSetValue: "SetValue", KindDelete: "Delete",
	KindValueResponse: "ValueResponse", KindReport: "Report", KindReportResponse: "ReportResponse", KindAuth: "Auth",
	KindIncrement: "Increment", KindExpire: "Expire", KindTimeToLive: "TimeToLive",
}

// String gives the name of the kind, or "unknown".
func (k Kind) String() string {
	if s := kindNames[k]; s != "" {
		return s
	}
	return "unknown"
}

// Known reports whether this version of the protocol defines the kind.
func (k Kind) Known() bool { return kindBounds[k].max != 0 }

// Peer reports whether a known kind travels between nodes only.
func (k Kind) Peer() bool { return k.Known() && k < KindGetValue }

// Header is the head of a frame.
type Header struct {
	Kind   Kind
	Flags  uint8
	Length uint32 // of the body, in bytes
	Tag    uint32 // a client's number for its request, echoed in the reply; 0 between nodes
}

// DecodeHeader reads the header at the start of b. ok is false when b holds fewer than HeaderLen bytes; what is
// there is checked all the same, so that a stranger is told apart by its first byte. A header that it accepts has
// a length that is within the limits of its kind; an unknown kind is accepted when it is marked skippable
// (Kind.Known tells), and its body is to be discarded. With an error h holds what was read, for a reply with its tag.
func DecodeHeader(b []byte) (h Header, ok bool, err error) {
	if len(b) > 0 && b[0] != Magic {
		return h, false, ErrMagic
	}
	if len(b) < HeaderLen {
		return h, false, nil
	}
	h = Header{Kind: Kind(b[1]), Flags: b[2], Length: binary.LittleEndian.Uint32(b[4:]), Tag: binary.LittleEndian.Uint32(b[8:])}
	if h.Flags&^FlagSkippable != 0 || b[3] != 0 {
		return h, false, ErrReserved
	}
	lim := kindBounds[h.Kind]
	switch {
	case lim.max == 0 && h.Flags&FlagSkippable == 0:
		return h, false, ErrKind
	case lim.max == 0 && h.Length > MaxFrame-HeaderLen:
		return h, false, ErrTooLong
	case lim.max == 0:
		return h, true, nil
	case h.Length > lim.max:
		return h, false, ErrTooLong
	case h.Length < lim.min:
		return h, false, ErrLength
	case h.Tag != 0 && h.Kind < KindGetValue:
		return h, false, ErrTag
	}
	return h, true, nil
}

// AppendHeader appends a header as it stands; the body has to follow.
func AppendHeader(dst []byte, h Header) []byte {
	dst, b := extend(dst, HeaderLen)
	putHeader(b, h.Kind, h.Tag, int(h.Length))
	b[2] = h.Flags
	return dst
}

// FinishFrame patches the length of the frame whose header begins at dst[start:] and whose body is the rest of dst.
func FinishFrame(dst []byte, start int) []byte { return FinishFrameBefore(dst, start, 0) }

// FinishFrameBefore is FinishFrame for a frame that has more bytes of body to come behind dst.
func FinishFrameBefore(dst []byte, start, more int) []byte {
	binary.LittleEndian.PutUint32(dst[start+4:], uint32(len(dst)-start-HeaderLen+more))
	return dst
}

// putHeader writes a header into the first HeaderLen bytes of b.
func putHeader(b []byte, kind Kind, tag uint32, length int) {
	binary.LittleEndian.PutUint64(b, uint64(Magic)|uint64(kind)<<8|uint64(uint32(length))<<32)
	binary.LittleEndian.PutUint32(b[8:], tag)
}

// extend makes dst n bytes longer; tail is the new part, whose bytes are whatever was there: the caller writes all of it.
func extend(dst []byte, n int) (all, tail []byte) {
	dst = slices.Grow(dst, n)
	all = dst[:len(dst)+n]
	return all, all[len(dst):]
}

// beginFrame extends dst by a header and a body of n bytes; body is to be filled.
func beginFrame(dst []byte, kind Kind, tag uint32, n int) (all, body []byte) {
	all, tail := extend(dst, HeaderLen+n)
	putHeader(tail, kind, tag, n)
	return all, tail[HeaderLen:]
}
