package codec

import (
	"encoding/binary"
	"net/netip"
)

const (
	greetingFixed = 128
	peerAddrLen   = 16

	greetingFull    = 1
	greetingDialed  = 2
	greetingStamped = 4
)

// PeerAddr is an address at which a node was last known: a hint to dial, no more.
type PeerAddr struct {
	Node uint64
	Addr netip.AddrPort // IPv4
}

// Greeting is the first frame on a link (R23). The dialer opens with one that is not Full: it does not know yet whom
// it talks to, so the fields about the pair (Applied, AppliedStream, Held, HeldDialer) are zero. The acceptor answers
// with a full one, and the dialer follows with its own full one.
type Greeting struct {
	Full    bool // the fields about the pair are meant
	Dialed  bool // the sender dialed this connection
	Stamped bool // the sender has stamped a version already (R6)

	Cluster            uint64
	Node               uint64
	Incarnation        uint64
	Stream             uint64
	ProtoMin, ProtoMax uint8
	Port               uint16 // TCP port that the sender listens on
	State              State

	Clock uint64 // cluster time of the sender, in ms
	Step  uint32 // number of the last step of the cluster's time (R7)
	Floor Version
	Flush Version

	Head          uint64 // of the sender's own stream
	Applied       uint64 // what the sender has applied of the receiver's stream
	AppliedStream uint64 // which stream that was

	Dial       uint32 // number of this connection, as its dialer counts them; the acceptor echoes it
	Held       uint32 // dial number of the link that the sender holds with the receiver; 0: none
	HeldDialer uint64 // id of the node that dialed that link

	Peers []PeerAddr // at most MaxGreetingPeers
}

// AppendGreeting appends the frame of g. Peers beyond MaxGreetingPeers, and those whose address is not IPv4, are left out.
func AppendGreeting(dst []byte, g Greeting) []byte {
	start := len(dst)
	dst, b := beginFrame(dst, KindGreeting, 0, greetingFixed)
	le := binary.LittleEndian
	b[0] = bit(g.Full, greetingFull) | bit(g.Dialed, greetingDialed) | bit(g.Stamped, greetingStamped)
	b[1], b[2], b[3] = g.ProtoMin, g.ProtoMax, byte(g.State)
	le.PutUint16(b[4:], g.Port)
	le.PutUint64(b[8:], g.Cluster)
	le.PutUint64(b[16:], g.Node)
	le.PutUint64(b[24:], g.Incarnation)
	le.PutUint64(b[32:], g.Stream)
	le.PutUint64(b[40:], g.Clock)
	putVersion(b[48:], g.Floor)
	putVersion(b[64:], g.Flush)
	le.PutUint64(b[80:], g.Head)
	le.PutUint64(b[88:], g.Applied)
	le.PutUint64(b[96:], g.AppliedStream)
	le.PutUint64(b[104:], g.HeldDialer)
	le.PutUint32(b[112:], g.Step)
	le.PutUint32(b[116:], g.Dial)
	le.PutUint32(b[120:], g.Held)
	le.PutUint32(b[124:], 0)
	dst, count := appendPeers(dst, g.Peers)
	le.PutUint16(dst[start+HeaderLen+6:], uint16(count))
	return FinishFrame(dst, start)
}

func appendPeers(dst []byte, peers []PeerAddr) ([]byte, int) {
	count := 0
	for _, p := range peers {
		if count == MaxGreetingPeers {
			break
		}
		ip := p.Addr.Addr().Unmap()
		if !ip.Is4() {
			continue
		}
		var b []byte
		dst, b = extend(dst, peerAddrLen)
		ip4 := ip.As4()
		binary.LittleEndian.PutUint64(b, p.Node)
		copy(b[8:12], ip4[:])
		binary.LittleEndian.PutUint16(b[12:], p.Addr.Port())
		binary.LittleEndian.PutUint16(b[14:], 0)
		count++
	}
	return dst, count
}

// DecodeGreeting reads the body of a greeting. Peers is allocated; DecodeGreetingInto reuses it.
func DecodeGreeting(body []byte) (g Greeting, err error) {
	err = DecodeGreetingInto(body, &g)
	return g, err
}

// DecodeGreetingInto reads the body of a greeting into g, whose Peers is overwritten from its start and grown as needed.
// Nothing in g aliases body. After an error g holds no meaning.
func DecodeGreetingInto(body []byte, g *Greeting) error {
	if len(body) < greetingFixed {
		return ErrLength
	}
	le, b := binary.LittleEndian, body
	count := int(le.Uint16(b[6:]))
	if count > MaxGreetingPeers || len(b) != greetingFixed+count*peerAddrLen {
		return ErrLength
	}
	if b[0]&^(greetingFull|greetingDialed|greetingStamped) != 0 || le.Uint32(b[124:]) != 0 {
		return ErrReserved
	}
	peers := g.Peers[:0]
	*g = Greeting{
		Full: b[0]&greetingFull != 0, Dialed: b[0]&greetingDialed != 0, Stamped: b[0]&greetingStamped != 0,
		ProtoMin: b[1], ProtoMax: b[2], State: State(b[3]), Port: le.Uint16(b[4:]),
		Cluster: le.Uint64(b[8:]), Node: le.Uint64(b[16:]), Incarnation: le.Uint64(b[24:]), Stream: le.Uint64(b[32:]),
		Clock: le.Uint64(b[40:]), Floor: getVersion(b[48:]), Flush: getVersion(b[64:]),
		Head: le.Uint64(b[80:]), Applied: le.Uint64(b[88:]), AppliedStream: le.Uint64(b[96:]), HeldDialer: le.Uint64(b[104:]),
		Step: le.Uint32(b[112:]), Dial: le.Uint32(b[116:]), Held: le.Uint32(b[120:]),
	}
	if g.State > stateMax || g.Clock > maxTime || !protoRange(g.ProtoMin, g.ProtoMax) {
		return ErrRange
	}
	if !g.Full && (g.Applied|g.AppliedStream|g.HeldDialer != 0 || g.Held != 0) {
		return ErrRange
	}
	for b = b[greetingFixed:]; len(b) > 0; b = b[peerAddrLen:] {
		if le.Uint16(b[14:]) != 0 {
			return ErrReserved
		}
		addr := netip.AddrPortFrom(netip.AddrFrom4([4]byte(b[8:12])), le.Uint16(b[12:]))
		peers = append(peers, PeerAddr{Node: le.Uint64(b), Addr: addr})
	}
	if len(peers) > 0 {
		g.Peers = peers
	}
	return nil
}

func bit(set bool, mask byte) byte {
	if set {
		return mask
	}
	return 0
}
