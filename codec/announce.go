package codec

import "encoding/binary"

// Form tells an announce that is due from one that answers a stranger.
type Form uint8

// The forms of an announce.
const (
	FormAnnounce  Form = 1
	FormHandshake Form = 2
)

// String gives the form's name.
func (f Form) String() string {
	switch f {
	case FormAnnounce:
		return "announce"
	case FormHandshake:
		return "handshake"
	}
	return "unknown"
}

// AnnounceLen is the length of an announce in bytes.
const AnnounceLen = 80

const announceMagic = 'C' | 'O'<<8 | 'V'<<16 | 'Y'<<24

// Announce is the datagram of the beacon, and the payload of its Ethernet frame. It carries no address: the
// address of a node is the source of its datagram, or the four bytes that follow the announce in an Ethernet frame.
type Announce struct {
	Form               Form
	ProtoMin, ProtoMax uint8
	State              State
	Cluster            uint64 // tag: a hash of the cluster's name
	Node               uint64
	Incarnation        uint64
	Sequence           uint64 // of this announce within the incarnation: repeats are dropped by it
	Port               uint16 // TCP
	Lifetime           uint32 // milliseconds for which it may be believed; 0: the node leaves
	Auth               [32]byte
}

// AppendAnnounce appends the 80 bytes of a.
func AppendAnnounce(dst []byte, a Announce) []byte {
	dst, b := extend(dst, AnnounceLen)
	le := binary.LittleEndian
	le.PutUint32(b, announceMagic)
	b[4], b[5], b[6], b[7] = byte(a.Form), a.ProtoMin, a.ProtoMax, byte(a.State)
	le.PutUint64(b[8:], a.Cluster)
	le.PutUint64(b[16:], a.Node)
	le.PutUint64(b[24:], a.Incarnation)
	le.PutUint64(b[32:], a.Sequence)
	le.PutUint16(b[40:], a.Port)
	le.PutUint16(b[42:], 0)
	le.PutUint32(b[44:], a.Lifetime)
	copy(b[48:], a.Auth[:])
	return dst
}

// DecodeAnnounce reads a datagram, which must hold one announce and nothing else.
func DecodeAnnounce(b []byte) (Announce, error) {
	if len(b) != AnnounceLen {
		return Announce{}, ErrLength
	}
	a, _, err := DecodeAnnouncePrefix(b)
	return a, err
}

// DecodeAnnouncePrefix reads the announce at the start of b and returns its length n; what follows is the caller's:
// in an Ethernet frame the card's IPv4 address and padding.
func DecodeAnnouncePrefix(b []byte) (a Announce, n int, err error) {
	le := binary.LittleEndian
	if len(b) < AnnounceLen {
		return a, 0, ErrLength
	}
	if le.Uint32(b) != announceMagic {
		return a, 0, ErrMagic
	}
	if le.Uint16(b[42:]) != 0 {
		return a, 0, ErrReserved
	}
	a = Announce{
		Form: Form(b[4]), ProtoMin: b[5], ProtoMax: b[6], State: State(b[7]),
		Cluster: le.Uint64(b[8:]), Node: le.Uint64(b[16:]), Incarnation: le.Uint64(b[24:]), Sequence: le.Uint64(b[32:]),
		Port: le.Uint16(b[40:]), Lifetime: le.Uint32(b[44:]), Auth: [32]byte(b[48:AnnounceLen]),
	}
	if a.Form != FormAnnounce && a.Form != FormHandshake || a.State > stateMax || !protoRange(a.ProtoMin, a.ProtoMax) {
		return Announce{}, 0, ErrRange
	}
	return a, AnnounceLen, nil
}

func protoRange(lowest, highest uint8) bool { return lowest >= 1 && lowest <= highest }
