package codec

import (
	"bytes"
	"encoding/binary"
	"errors"
	"math"
	"math/rand"
	"net/netip"
	"reflect"
	"testing"
	"testing/quick"
)

func TestWhatIsEncodedIsDecoded(t *testing.T) {
	for _, c := range cases() {
		h, ok, err := DecodeHeader(c.frame)
		if want := (Header{Kind: c.kind, Length: uint32(len(c.frame) - HeaderLen), Tag: c.tag}); !ok || err != nil || h != want {
			t.Errorf("%s: header %+v, %v, %v, want %+v", c.name, h, ok, err, want)
		}
		got, err := c.decode(c.frame[HeaderLen:])
		if err != nil || !reflect.DeepEqual(got, c.msg) {
			t.Errorf("%s: %v\n got %+v\nwant %+v", c.name, err, got, c.msg)
		}
	}
	a, err := DecodeAnnounce(AppendAnnounce(nil, exampleAnnounce))
	if err != nil || a != exampleAnnounce {
		t.Errorf("announce: %v\n got %+v\nwant %+v", err, a, exampleAnnounce)
	}
}

func TestTheLengthOfABodyIsExactlyWhatItsFixedPartAndItsCountsAskFor(t *testing.T) {
	says(t, "The length of a body is exactly what its fixed part and its counts ask for; anything shorter or longer is refused.")
	for _, c := range cases() {
		body := c.frame[HeaderLen:]
		end := len(body)
		if c.tail {
			end = int(kindBounds[c.kind].min)
		}
		for i := range end {
			if m, err := c.decode(body[:i:i]); err == nil {
				t.Errorf("%s cut at %d of %d is accepted: %+v", c.name, i, len(body), m)
			}
		}
		if m, err := c.decode(append(bytes.Clone(body), 0)); err == nil && !c.tail {
			t.Errorf("%s with a byte more is accepted: %+v", c.name, m)
		}
	}
}

func TestReservedBytesAndBitsAreRefused(t *testing.T) {
	says(t, "Reserved bytes and bits are written as zero and refused otherwise.")
	reserved := map[string][]struct {
		at    int
		masks []byte
	}{
		"Greeting":       {{0, []byte{8, 128}}, {124, []byte{1}}, {127, []byte{1}}, {greetingFixed + 14, []byte{1}}, {greetingFixed + 15, []byte{1}}},
		"Heartbeat":      {{5, []byte{4, 128}}, {heartbeatFixed + 14, []byte{2, 128}}, {heartbeatFixed + 15, []byte{1}}},
		"Partial":        {{4, []byte{1}}, {7, []byte{1}}, {partialFixed + 1, []byte{1}}, {partialFixed + 7, []byte{1}}},
		"Step":           {{41, []byte{1}}, {47, []byte{1}}},
		"Pull":           {{18, []byte{1}}, {19, []byte{1}}},
		"Records":        {{54, []byte{4, 128}}, {55, []byte{1}}},
		"Listing":        {{21, []byte{2, 128}}, {22, []byte{1}}, {23, []byte{1}}, {listingFixed, []byte{16, 128}}},
		"Digests":        {{9, []byte{2, 128}}, {12, []byte{1}}, {15, []byte{1}}},
		"Want":           {{12, []byte{1}}, {15, []byte{1}}},
		"Scrub":          {{12, []byte{1}}, {15, []byte{1}}},
		"Compared":       {{21, []byte{2, 128}}, {22, []byte{1}}, {23, []byte{1}}},
		"SetValue":       {{12, []byte{4, 128}}, {13, []byte{1}}, {15, []byte{1}}},
		"ValueResponse":  {{1, []byte{1}}, {3, []byte{1}}},
		"ReportResponse": {{1, []byte{1}}, {3, []byte{1}}},
	}
	for _, c := range cases() {
		for _, r := range reserved[c.name] {
			for _, mask := range r.masks {
				body := bytes.Clone(c.frame[HeaderLen:])
				body[r.at] |= mask
				if _, err := c.decode(body); !errors.Is(err, ErrReserved) {
					t.Errorf("%s with bit %02x at %d: %v", c.name, mask, r.at, err)
				}
			}
		}
	}
}

func TestFieldsOutOfRangeAreRefused(t *testing.T) {
	for _, s := range []string{
		"state, 1 byte: 0 seeking, 1 loading, 2 ready; others are refused.",
		"A range begins at 1 or above and does not end before it begins.",
		"A Batch of no record, or one whose numbers begin at 0 or pass 2^64, is refused.",
		"A Fetch of no key, of more than 1024, or whose run does not hold exactly count keys is refused.",
		"A SetValue with both NX and XX, or with a time to live above 2^48, is refused.",
		"An Increment with a time to live above 2^48 is refused.",
		"An Expire with a time to live above 2^48 is refused.",
		"1 members, 2 info, 3 verify; others are refused",
	} {
		says(t, s)
	}
	most := ^uint64(0)
	changes := map[string][]struct {
		at    int
		bytes []byte
	}{
		"Greeting":       {{3, u8(3)}, {1, u8(0)}, {1, u8(2)}},
		"Heartbeat":      {{4, u8(3)}, {heartbeatFixed + 12, u16(0)}},
		"Batch":          {{16, u32(0)}, {8, u64(0)}, {8, u64(most)}, {16, u32(2)}, {16, u32(1<<32 - 1)}},
		"Pull":           {{16, u16(256)}},
		"Records":        {{52, u16(256)}, {4, u32(0)}, {4, u32(2)}, {4, u32(1<<32 - 1)}},
		"Fetch":          {{4, u32(0)}, {4, u32(1)}, {4, u32(3)}, {4, u32(1025)}, {4, u32(1<<32 - 1)}, {8, u32(1<<32 - 1)}, {8, u32(MaxKey + 1)}},
		"Listing":        {{20, u8(65)}, {20, u8(19)}, {16, u32(0)}, {16, u32(2)}, {16, u32(1<<32 - 1)}, {16, u32(1<<32 - 50_000_000)}},
		"Digests":        {{8, u8(5)}, {10, u16(0)}, {10, u16(2)}, {10, u16(1025)}, {16, u32(256)}},
		"Want":           {{8, u32(0)}, {8, u32(1)}, {8, u32(3)}, {8, u32(1<<32 - 1)}},
		"Partial":        {{0, u16(0)}, {0, u16(3)}, {0, u16(512)}, {2, u16(0)}, {2, u16(2)}, {2, u16(257)}},
		"Absent":         {{16, u32(0)}, {16, u32(2)}, {16, u32(1025)}, {20, u32(1<<32 - 1)}, {20, u32(MaxKey + 1)}},
		"Scrub":          {{8, u32(0)}, {8, u32(1)}, {8, u32(3)}, {8, u32(1<<32 - 1)}},
		"Compared":       {{20, u8(0)}, {20, u8(4)}},
		"SetValue":       {{12, u8(SetNX | SetXX)}, {0, u64(MaxTTL + 1)}, {8, u32(9)}, {8, u32(MaxKey + 1)}, {8, u32(1<<32 - 1)}},
		"Increment":      {{8, u64(MaxTTL + 1)}, {8, u64(most)}},
		"Expire":         {{0, u64(MaxTTL + 1)}, {0, u64(most)}},
		"ValueResponse":  {{0, u8(6)}},
		"Report":         {{0, u8(0)}, {0, u8(4)}},
		"ReportResponse": {{0, u8(6)}},
	}
	for _, c := range cases() {
		for _, change := range changes[c.name] {
			body := bytes.Clone(c.frame[HeaderLen:])
			copy(body[change.at:], change.bytes)
			if m, err := c.decode(body); err == nil {
				t.Errorf("%s with % x at %d is accepted: %+v", c.name, change.bytes, change.at, m)
			}
		}
	}
	for count, good := range map[uint16]bool{MaxDigestsLeaves: true, MaxDigestsLeaves + 1: false} {
		nodes := make([]byte, int(count)*DigestsNodeLen)
		if _, err := DecodeDigests(AppendDigests(nil, Digests{Level: DigestsLeaves, Count: count, Nodes: nodes})[HeaderLen:]); (err == nil) != good {
			t.Errorf("%d leaves in a Digests frame: %v", count, err)
		}
	}
	if b, err := DecodeBatch(AppendBatch(nil, Batch{First: most - 1, Count: 1, Records: flushRun(1)})[HeaderLen:]); err != nil {
		t.Errorf("the highest sequence number: %+v, %v", b, err)
	}
}

func TestAReasonThatIsNotKnownIsNoError(t *testing.T) {
	says(t, "A reason that is not known is no error.")
	m, err := DecodeBye([]byte{200})
	if err != nil || m.Reason.String() != "unknown" {
		t.Errorf("%v, %v", m.Reason, err)
	}
	for r := ReasonLeft; r <= reasonMax; r++ {
		if r.String() == "unknown" {
			t.Errorf("reason %d has no name", r)
		}
	}
}

func TestAClockThatNobodysCanBeIsRefused(t *testing.T) {
	says(t, "A clock or a time of a Step that is later than 8796093022207 ms, in the year 2248, is refused.")
	for clock, want := range map[uint64]error{8796093022207: nil, 8796093022208: ErrRange, math.MaxUint64: ErrRange} {
		_, greeting := DecodeGreeting(AppendGreeting(nil, Greeting{ProtoMin: 1, ProtoMax: 1, Clock: clock})[HeaderLen:])
		_, beat := DecodeHeartbeat(AppendHeartbeat(nil, Heartbeat{Clock: clock})[HeaderLen:])
		_, response := DecodeHeartbeatResponse(AppendHeartbeatResponse(nil, HeartbeatResponse{Clock: clock})[HeaderLen:])
		_, from := DecodeStep(AppendStep(nil, Step{To: 1, Old: clock})[HeaderLen:])
		_, to := DecodeStep(AppendStep(nil, Step{To: 1, New: clock})[HeaderLen:])
		for _, err := range []error{greeting, beat, response, from, to} {
			if !errors.Is(err, want) {
				t.Errorf("%d: %v, want %v", clock, err, want)
			}
		}
	}
}

func TestInAGreetingThatIsNotFullTheFieldsAboutThePairAreZero(t *testing.T) {
	says(t, "In a greeting that is not full the fields about the pair (applied, applied stream, held, held dialer) are zero.")
	for name, g := range map[string]Greeting{
		"applied": {Applied: 1}, "applied stream": {AppliedStream: 1}, "held": {Held: 1}, "held dialer": {HeldDialer: 1},
	} {
		g.ProtoMin, g.ProtoMax = 1, 1
		if _, err := DecodeGreeting(AppendGreeting(nil, g)[HeaderLen:]); !errors.Is(err, ErrRange) {
			t.Errorf("%s set: %v", name, err)
		}
		g.Full = true
		if _, err := DecodeGreeting(AppendGreeting(nil, g)[HeaderLen:]); err != nil {
			t.Errorf("%s set in a full one: %v", name, err)
		}
	}
}

func TestAGreetingPassesOnAtMost64Addresses(t *testing.T) {
	says(t, "A greeting passes on at most 64 addresses.")
	peers := []PeerAddr{{Node: 1, Addr: netip.MustParseAddrPort("[2001:db8::1]:9000")}, {Node: 2}, {Node: 3, Addr: netip.MustParseAddrPort("[::ffff:10.0.0.3]:9000")}}
	for i := range 100 {
		peers = append(peers, PeerAddr{Node: uint64(i + 4), Addr: netip.AddrPortFrom(netip.AddrFrom4([4]byte{10, 0, 1, byte(i)}), 9000)})
	}
	frame := AppendGreeting([]byte("before"), Greeting{ProtoMin: 1, ProtoMax: 1, Peers: peers})[len("before"):]
	h, ok, err := DecodeHeader(frame)
	if !ok || err != nil || int(h.Length) != len(frame)-HeaderLen {
		t.Fatalf("%+v, %v", h, err)
	}
	into := Greeting{Peers: make([]PeerAddr, 3, 64)}
	if err := DecodeGreetingInto(frame[HeaderLen:], &into); err != nil || len(into.Peers) != 64 || into.Peers[0].Node != 3 || into.Peers[1] != peers[3] {
		t.Errorf("%d peers, %v", len(into.Peers), err)
	}
	if into.Peers[0].Addr != netip.MustParseAddrPort("10.0.0.3:9000") {
		t.Errorf("an IPv4 address written as IPv6 became %v", into.Peers[0].Addr)
	}
	binary.LittleEndian.PutUint16(frame[HeaderLen+6:], 65)
	if _, err := DecodeGreeting(append(frame[HeaderLen:], make([]byte, peerAddrLen)...)); !errors.Is(err, ErrLength) {
		t.Errorf("65 addresses: %v", err)
	}
}

func TestAHeartbeatTellsOfAtMost1024Links(t *testing.T) {
	var links LinkChanges
	for i := range MaxLinked + 10 {
		links = links.Append(LinkChange{Node: uint64(i) << 32, Addr: examplePeer.Addr, Gone: i%2 == 0})
	}
	m, err := DecodeHeartbeat(AppendHeartbeat(nil, Heartbeat{Links: links})[HeaderLen:])
	if want := (LinkChange{Node: 7 << 32, Addr: examplePeer.Addr}); err != nil || m.Links.Len() != MaxLinked || m.Links.At(7) != want || !m.Links.At(8).Gone {
		t.Errorf("%d changes, the seventh %+v, %v", m.Links.Len(), m.Links.At(7), err)
	}
	six := LinkChange{Node: 1, Addr: netip.MustParseAddrPort("[fe80::1]:9000")}
	if got := LinkChanges(nil).Append(six).At(0); got != (LinkChange{Node: 1}) {
		t.Errorf("an address that is not IPv4 comes as %+v", got)
	}
}

func TestAnyMessageOfANodeComesThrough(t *testing.T) {
	checkProperties(t, map[string]any{
		"Greeting": func(g greetingFields, full bool, peers []uint64) bool {
			m := g.message(full, peers)
			return same(AppendGreeting(dst(), m), m, decoder(DecodeGreeting))
		},
		"Heartbeat": func(m Heartbeat, ids []uint64) bool {
			m.State, m.Clock, m.Links = m.State%3, m.Clock&maxTime, LinkChanges{}
			for _, id := range ids {
				m.Links = m.Links.Append(LinkChange{Node: id, Gone: id%3 == 0})
			}
			return same(AppendHeartbeat(dst(), m), m, decoder(DecodeHeartbeat))
		},
		"HeartbeatResponse": func(m HeartbeatResponse) bool {
			m.Clock &= maxTime
			return same(AppendHeartbeatResponse(dst(), m), m, decoder(DecodeHeartbeatResponse))
		},
		"Step": func(m Step) bool {
			m.From &= MaxStep/2 - 1
			m.To = m.From + 1 + m.To&(MaxStep/2-1)
			m.Old, m.New, m.Phase = m.Old&maxTime, m.New&maxTime, m.Phase%3
			return same(AppendStep(dst(), m), m, decoder(DecodeStep))
		},
		"Ack": func(m Ack) bool {
			return same(AppendAck(dst(), m), m, decoder(DecodeAck))
		},
		"Gap": func(m Gap) bool {
			return same(AppendGap(dst(), m), m, decoder(DecodeGap))
		},
		"Offer": func(m Offer) bool {
			return same(AppendOffer(dst(), m), m, decoder(DecodeOffer))
		},
		"Pull": func(m Pull) bool {
			m.Shard &= 255
			return same(AppendPull(dst(), m), m, decoder(DecodePull))
		},
	})
}

func TestAnyMessageOfAClientComesThrough(t *testing.T) {
	checkProperties(t, map[string]any{
		"SetValue": func(m SetValue, tag uint32) bool {
			m.Flags, m.TTL = m.Flags%3, m.TTL%(MaxTTL+1)
			return same(AppendSetValue(dst(), tag, m), m, decoder(DecodeSetValue))
		},
		"Increment": func(m Increment, tag uint32) bool {
			m.TTL %= MaxTTL + 1
			return same(AppendIncrement(dst(), tag, m), m, decoder(DecodeIncrement))
		},
		"Expire": func(m Expire, tag uint32) bool {
			m.TTL %= MaxTTL + 1
			return same(AppendExpire(dst(), tag, m), m, decoder(DecodeExpire))
		},
		"number": func(n int64, tag uint32) bool {
			return same(AppendNumber(dst(), tag, n), n, func(b []byte) (any, error) {
				m, err := DecodeValueResponse(b)
				if err != nil || m.Status != StatusOK {
					return nil, ErrRange
				}
				return DecodeNumber(m.Value)
			})
		},
		"ValueResponse": func(m ValueResponse, tag uint32) bool {
			m.Status %= statusMax + 1
			return same(AppendValueResponse(dst(), tag, m), m, decoder(DecodeValueResponse))
		},
	})
}

// checkProperties holds each property against random messages.
func checkProperties(t *testing.T, properties map[string]any) {
	t.Helper()
	seed := rand.Int63()
	t.Logf("seed %d", seed)
	conf := &quick.Config{MaxCount: 2000, Rand: rand.New(rand.NewSource(seed))}
	for name, property := range properties {
		if err := quick.Check(property, conf); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// before is what a message is encoded behind: Append functions leave it as it is.
const before = 3

func dst() []byte { return make([]byte, before, before+1) }

// same reports whether the frame behind the first bytes decodes to the message that it was made of.
func same(frame []byte, want any, decode func([]byte) (any, error)) bool {
	frame = frame[before:]
	h, ok, err := DecodeHeader(frame)
	if !ok || err != nil || int(h.Length) != len(frame)-HeaderLen {
		return false
	}
	got, err := decode(frame[HeaderLen:])
	return err == nil && reflect.DeepEqual(got, want)
}

// greetingFields is what testing/quick can fill of a greeting.
type greetingFields struct {
	Dialed, Stamped                                                                     bool
	Cluster, Node, Incarnation, Stream, Clock, Head, Applied, AppliedStream, HeldDialer uint64
	Port                                                                                uint16
	State                                                                               State
	Step, Dial, Held                                                                    uint32
	Floor, Flush                                                                        Version
}

func (f greetingFields) message(full bool, peers []uint64) Greeting {
	g := Greeting{
		Full: full, Dialed: f.Dialed, Stamped: f.Stamped, Cluster: f.Cluster, Node: f.Node, Incarnation: f.Incarnation, Stream: f.Stream,
		ProtoMin: 1, ProtoMax: 2, Port: f.Port, State: f.State % 3, Clock: f.Clock & maxTime, Step: f.Step, Floor: f.Floor, Flush: f.Flush, Head: f.Head,
		Dial: f.Dial,
	}
	if full {
		g.Applied, g.AppliedStream, g.Held, g.HeldDialer = f.Applied, f.AppliedStream, f.Held, f.HeldDialer
	}
	for _, p := range peers {
		ip := [4]byte{byte(p), byte(p >> 8), byte(p >> 16), byte(p >> 24)}
		g.Peers = append(g.Peers, PeerAddr{Node: p, Addr: netip.AddrPortFrom(netip.AddrFrom4(ip), uint16(p>>32))})
	}
	return g
}

func TestARecordsFrameIsFinishedInPlace(t *testing.T) {
	m := Records{ID: 1, Shard: 2, Next: 3, Done: true, Step: 4, Floor: Version{5, 6}, Flush: Version{7, 8}}
	dst := AppendBye(nil, Bye{ReasonLeft})
	start := len(dst)
	dst = BeginRecords(dst)
	for i := range 3 {
		dst = AppendRecord(dst, &Record{Key: []byte("key"), Value: make([]byte, i), Kind: KindString, Stamp: uint64(i + 1)})
		m.Count++
	}
	dst = FinishRecords(dst, start, m)
	h, ok, err := DecodeHeader(dst[start:])
	if !ok || err != nil || int(h.Length) != len(dst)-start-HeaderLen {
		t.Fatalf("%+v, %v, %v", h, ok, err)
	}
	got, err := decodeRecordsWhole(dst[start+HeaderLen:])
	m.Records = dst[start+RecordsHeadLen:]
	if err != nil || !reflect.DeepEqual(got, m) {
		t.Errorf("%v\n got %+v\nwant %+v", err, got, m)
	}
}

func TestAValueResponseIsFinishedInPlace(t *testing.T) {
	dst := AppendBye(nil, Bye{ReasonLeft})
	start := len(dst)
	dst = BeginValueResponse(dst, 9, StatusOK)
	dst = FinishFrame(append(dst, "value"...), start)
	if want := AppendValueResponse(nil, 9, ValueResponse{Value: []byte("value")}); !bytes.Equal(dst[start:], want) {
		t.Errorf("% x, want % x", dst[start:], want)
	}
}

func TestDecodedSlicesCannotGrowIntoTheBody(t *testing.T) {
	set := AppendSetValue(nil, 1, SetValue{Key: []byte("key"), Value: []byte("value")})
	m, err := DecodeSetValue(set[HeaderLen:])
	if err != nil {
		t.Fatal(err)
	}
	_ = append(m.Key, "XXX"...)
	if string(m.Value) != "value" {
		t.Errorf("appending to the key changed the value to %q", m.Value)
	}
}

func TestANumberHasEightBytes(t *testing.T) {
	for _, n := range []int{0, 7, 9} {
		if _, err := DecodeNumber(make([]byte, n)); !errors.Is(err, ErrLength) {
			t.Errorf("%d bytes: %v", n, err)
		}
	}
}
