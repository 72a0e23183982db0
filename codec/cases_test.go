package codec

import (
	"encoding/binary"
	"net/netip"
)

// The messages of the examples of docs/PROTOCOL.md. Each field has a value of its own, so that no two can be mixed up.
var (
	exampleAnnounce = Announce{
		Form: FormAnnounce, ProtoMin: 1, ProtoMax: 1, State: StateReady, Cluster: 0x0102030405060708, Node: node1,
		Incarnation: 0x21, Sequence: 3, Port: 9000, Lifetime: 15000,
	}
	exampleRecord = Record{
		Key: []byte("key"), Value: []byte("value"), Kind: KindString, Content: 0xDEADC0DE,
		Stamp: 0x11, Node: node1, ExpireAt: 0x21, ExpireStamp: 0x11, ExpireNode: node1,
	}
	exampleEntry = ListingEntry{KeyHash: 0x21, V: Version{0x31, 0x32}, E: Version{0x41, 0x42}, ExpireAt: 0x51, Content: 0x61, Flags: ListingGhost}
	examplePeer  = PeerAddr{Node: node2, Addr: netip.MustParseAddrPort("10.0.0.2:9000")}
)

const (
	node1 = 0x02fc00000001<<16 | 9000
	node2 = 0x02fc00000002<<16 | 9000
)

// frameCase is one message in all its forms.
type frameCase struct {
	name   string
	kind   Kind
	tag    uint32
	msg    any
	frame  []byte
	decode func(body []byte) (any, error) // runs are walked too
	fields map[string][]byte              // by the names of the byte table
	tail   bool                           // the body ends with bytes of any length, so that a shorter one may be whole
}

func u8(v uint8) []byte             { return []byte{v} }
func u16(v uint16) []byte           { return binary.LittleEndian.AppendUint16(nil, v) }
func u32(v uint32) []byte           { return binary.LittleEndian.AppendUint32(nil, v) }
func u64(v uint64) []byte           { return binary.LittleEndian.AppendUint64(nil, v) }
func ver(stamp, node uint64) []byte { return append(u64(stamp), u64(node)...) }

// flushRun is a run of one record: a FLUSHALL.
func flushRun(stamp uint64) []byte {
	return AppendRecord(nil, &Record{Flags: RecordFlush, Stamp: stamp, Node: node1})
}

func cases() []frameCase {
	return append(append(linkCases(), streamCases()...), append(copyCases(), clientCases()...)...)
}

func linkCases() []frameCase {
	greeting := Greeting{
		Full: true, Dialed: true, Stamped: true, Cluster: 0x0102030405060708, Node: node1, Incarnation: 0x21, Stream: 0x31,
		ProtoMin: 1, ProtoMax: 1, Port: 9000, State: StateReady, Clock: 0x41, Step: 0xB1, Floor: Version{0x51, 0x52}, Flush: Version{0x61, 0x62},
		Head: 0x71, Applied: 0x81, AppliedStream: 0x91, Dial: 0xC1, Held: 0xD1, HeldDialer: 0xA1, Peers: []PeerAddr{examplePeer},
	}
	heartbeat := Heartbeat{
		Sequence: 0x11, State: StateReady, Stamped: true, Sent: 0x21, Clock: 0x31, Floor: Version{0x41, 0x42}, Flush: Version{0x51, 0x52},
		Epoch: 0x61, Root: 0x71, Left: 0xA1, Head: 0x81, Step: 0x91, Anew: true,
		Links: LinkChanges(nil).Append(LinkChange{Node: node1, Addr: examplePeer.Addr}).Append(LinkChange{Node: node2, Gone: true}),
	}
	response := HeartbeatResponse{Sequence: 0x11, Step: 0x41, Sent: 0x21, Clock: 0x31}
	step := Step{From: 0x11, To: 0x21, Node: 0x31, Old: 0x41, New: 0x51, Least: 0x61, Phase: StepTaken}
	return []frameCase{
		{
			name: "Greeting", kind: KindGreeting, msg: greeting, frame: AppendGreeting(nil, greeting),
			decode: decoder(DecodeGreeting),
			fields: map[string][]byte{
				"flags": u8(7), "lowest protocol": u8(1), "highest protocol": u8(1), "state": u8(2), "port": u16(9000), "peers": u16(1),
				"cluster": u64(0x0102030405060708), "node": u64(node1), "incarnation": u64(0x21), "stream": u64(0x31), "clock": u64(0x41),
				"floor": ver(0x51, 0x52), "flush": ver(0x61, 0x62), "head": u64(0x71), "applied": u64(0x81), "applied stream": u64(0x91),
				"held dialer": u64(0xA1), "step": u32(0xB1), "dial": u32(0xC1), "held": u32(0xD1),
			},
		},
		{
			name: "Bye", kind: KindBye, msg: Bye{ReasonLeft}, frame: AppendBye(nil, Bye{ReasonLeft}),
			decode: decoder(DecodeBye),
			fields: map[string][]byte{"reason": u8(1)},
		},
		{
			name: "Heartbeat", kind: KindHeartbeat, msg: heartbeat, frame: AppendHeartbeat(nil, heartbeat),
			decode: decoder(DecodeHeartbeat),
			fields: map[string][]byte{
				"sequence": u32(0x11), "state": u8(2), "flags": u8(3), "links": u16(2), "sent": u64(0x21), "clock": u64(0x31),
				"floor": ver(0x41, 0x42), "flush": ver(0x51, 0x52), "epoch": u64(0x61), "root": u64(0x71), "head": u64(0x81), "step": u32(0x91), "left": u32(0xA1),
			},
		},
		{
			name: "HeartbeatResponse", kind: KindHeartbeatResponse, msg: response, frame: AppendHeartbeatResponse(nil, response),
			decode: decoder(DecodeHeartbeatResponse),
			fields: map[string][]byte{"sequence": u32(0x11), "step": u32(0x41), "sent": u64(0x21), "clock": u64(0x31)},
		},
		{
			name: "Step", kind: KindStep, msg: step, frame: AppendStep(nil, step),
			decode: decoder(DecodeStep),
			fields: map[string][]byte{"from": u32(0x11), "to": u32(0x21), "node": u64(0x31), "old": u64(0x41), "new": u64(0x51), "least": u64(0x61), "phase": u8(2)},
		},
	}
}

func streamCases() []frameCase {
	batch := Batch{Stream: 0x11, First: 0x21, Count: 1, Step: 0x31, Records: flushRun(0x41)}
	ack, gap := Ack{Stream: 0x11, Applied: 0x21, Received: 0x31}, Gap{Stream: 0x11, Head: 0x21, Stamp: 0x31}
	offer := Offer{Stream: 0x11, Node: 0x21, Incarnation: 0x31, Head: 0x41}
	return []frameCase{
		{
			name: "Offer", kind: KindOffer, msg: offer, frame: AppendOffer(nil, offer),
			decode: decoder(DecodeOffer),
			fields: map[string][]byte{"stream": u64(0x11), "node": u64(0x21), "incarnation": u64(0x31), "head": u64(0x41)},
		},
		{
			name: "Batch", kind: KindBatch, msg: batch, frame: AppendBatch(nil, batch), decode: decodeBatchWhole,
			fields: map[string][]byte{"stream": u64(0x11), "first": u64(0x21), "count": u32(1), "step": u32(0x31)},
		},
		{
			name: "Ack", kind: KindAck, msg: ack, frame: AppendAck(nil, ack),
			decode: decoder(DecodeAck),
			fields: map[string][]byte{"stream": u64(0x11), "applied": u64(0x21), "received": u64(0x31)},
		},
		{
			name: "Gap", kind: KindGap, msg: gap, frame: AppendGap(nil, gap),
			decode: decoder(DecodeGap),
			fields: map[string][]byte{"stream": u64(0x11), "head": u64(0x21), "stamp": u64(0x31)},
		},
	}
}

func copyCases() []frameCase {
	pull := Pull{ID: 0x11, Shard: 255, Cursor: 0x21, Limit: 256 << 10}
	records := Records{
		ID: 0x11, Shard: 255, Next: 0x21, Done: true, Complete: true, Count: 1, Step: 0x51,
		Floor: Version{0x31, 0x32}, Flush: Version{0x41, 0x42}, Records: flushRun(0x61),
	}
	fetch := Fetch{ID: 0x11, Count: 2, Keys: AppendKey(AppendKey(nil, []byte("key")), []byte{0xC5, '\n', 0})}
	listing := Listing{Epoch: 0x11, Prefix: 0xff02f << 44, Bits: 20, Partial: true, Count: 1, Entries: AppendListingEntry(nil, exampleEntry)}
	var sums [DigestsWidth]uint64
	for i := range sums {
		sums[i] = uint64(i + 1)
	}
	digests := Digests{Epoch: 0x11, Level: 2, Retry: true, Count: 1, Nodes: AppendDigestsNode(nil, 0x21, &sums)}
	want := Want{Epoch: 0x11, Count: 2, Hashes: append(u64(0x21), u64(0x31)...)}
	absent := Absent{Floor: Version{0x11, 0x12}, Count: 1, Keys: AppendKey(nil, []byte("key"))}
	compared := Compared{Epoch: 0x11, Newest: 0x21, ID: 0x31, Form: ComparedAnswer, Lost: true}
	partial := Partial{Leaves: 256, Count: 1, Entries: AppendPartialEntry(nil, 0xff, &LeafBits{0x21, 0x31, 0x41, 0x51})}
	scrub := Scrub{Epoch: 0x11, Count: 2, Entries: AppendScrubEntry(AppendScrubEntry(nil, 0x21, 0x31), 0x41, 0x51)}
	return []frameCase{
		{
			name: "Scrub", kind: KindScrub, msg: scrub, frame: AppendScrub(nil, scrub),
			decode: decoder(DecodeScrub),
			fields: map[string][]byte{"epoch": u64(0x11), "count": u32(2)},
		},
		{
			name: "Partial", kind: KindPartial, msg: partial, frame: AppendPartial(nil, partial), decode: decodePartialWhole,
			fields: map[string][]byte{"leaves": u16(256), "count": u16(1)},
		},
		{
			name: "Compared", kind: KindCompared, msg: compared, frame: AppendCompared(nil, compared),
			decode: decoder(DecodeCompared),
			fields: map[string][]byte{"epoch": u64(0x11), "newest": u64(0x21), "id": u32(0x31), "form": u8(2), "flags": u8(1)},
		},
		{
			name: "Digests", kind: KindDigests, msg: digests, frame: AppendDigests(nil, digests), decode: decodeDigestsWhole,
			fields: map[string][]byte{"epoch": u64(0x11), "level": u8(2), "flags": u8(1), "count": u16(1)},
		},
		{
			name: "Want", kind: KindWant, msg: want, frame: AppendWant(nil, want),
			decode: decoder(DecodeWant),
			fields: map[string][]byte{"epoch": u64(0x11), "count": u32(2)},
		},
		{
			name: "Absent", kind: KindAbsent, msg: absent, frame: AppendAbsent(nil, absent),
			decode: decoder(DecodeAbsent),
			fields: map[string][]byte{"floor": ver(0x11, 0x12), "count": u32(1)},
		},
		{
			name: "Pull", kind: KindPull, msg: pull, frame: AppendPull(nil, pull),
			decode: decoder(DecodePull),
			fields: map[string][]byte{"id": u32(0x11), "limit": u32(256 << 10), "cursor": u64(0x21), "shard": u16(255)},
		},
		{
			name: "Records", kind: KindRecords, msg: records, frame: AppendRecords(nil, records), decode: decodeRecordsWhole,
			fields: map[string][]byte{
				"id": u32(0x11), "count": u32(1), "next": u64(0x21), "floor": ver(0x31, 0x32), "flush": ver(0x41, 0x42), "step": u32(0x51),
				"shard": u16(255), "flags": u8(3),
			},
		},
		{
			name: "Fetch", kind: KindFetch, msg: fetch, frame: AppendFetch(nil, fetch),
			decode: decoder(DecodeFetch),
			fields: map[string][]byte{"id": u32(0x11), "count": u32(2)},
		},
		{
			name: "Listing", kind: KindListing, msg: listing, frame: AppendListing(nil, listing), decode: decodeListingWhole,
			fields: map[string][]byte{"epoch": u64(0x11), "prefix": u64(0xff02f << 44), "count": u32(1), "bits": u8(20), "flags": u8(1)},
		},
	}
}

func clientCases() []frameCase {
	get, del := GetValue{Key: []byte("key")}, Delete{Key: []byte("key")}
	set := SetValue{Flags: SetNX, TTL: 30_000, Key: []byte("key"), Value: []byte("value")}
	increment, expire, ttl := Increment{Delta: -5, TTL: 30_000, Key: []byte("key")}, Expire{TTL: 30_000, Key: []byte("key")}, TimeToLive{Key: []byte("key")}
	value, report := ValueResponse{Status: StatusOK, Value: []byte("value")}, ReportResponse{Status: StatusOK, JSON: []byte("[]")}
	return []frameCase{
		{
			name: "GetValue", kind: KindGetValue, tag: 7, msg: get, frame: AppendGetValue(nil, 7, get), tail: true,
			decode: decoder(DecodeGetValue),
		},
		{
			name: "SetValue", kind: KindSetValue, tag: 8, msg: set, frame: AppendSetValue(nil, 8, set), tail: true,
			decode: decoder(DecodeSetValue),
			fields: map[string][]byte{"ttl": u64(30_000), "key length": u32(3), "flags": u8(1)},
		},
		{
			name: "Delete", kind: KindDelete, tag: 9, msg: del, frame: AppendDelete(nil, 9, del), tail: true,
			decode: decoder(DecodeDelete),
		},
		{
			name: "ValueResponse", kind: KindValueResponse, tag: 7, msg: value, frame: AppendValueResponse(nil, 7, value), tail: true,
			decode: decoder(DecodeValueResponse),
			fields: map[string][]byte{"status": u8(0)},
		},
		{
			name: "Report", kind: KindReport, tag: 10, msg: Report{TopicMembers}, frame: AppendReport(nil, 10, Report{TopicMembers}),
			decode: decoder(DecodeReport),
			fields: map[string][]byte{"topic": u8(1)},
		},
		{
			name: "ReportResponse", kind: KindReportResponse, tag: 10, msg: report, frame: AppendReportResponse(nil, 10, report), tail: true,
			decode: decoder(DecodeReportResponse),
			fields: map[string][]byte{"status": u8(0)},
		},
		{
			name: "Auth", kind: KindAuth, tag: 11, msg: Auth{[]byte("password")}, frame: AppendAuth(nil, 11, Auth{[]byte("password")}), tail: true,
			decode: decoder(DecodeAuth),
		},
		{
			name: "Increment", kind: KindIncrement, tag: 12, msg: increment, frame: AppendIncrement(nil, 12, increment), tail: true,
			decode: decoder(DecodeIncrement),
			fields: map[string][]byte{"delta": u64(^uint64(4)), "ttl": u64(30_000)},
		},
		{
			name: "Expire", kind: KindExpire, tag: 13, msg: expire, frame: AppendExpire(nil, 13, expire), tail: true,
			decode: decoder(DecodeExpire),
			fields: map[string][]byte{"ttl": u64(30_000)},
		},
		{
			name: "TimeToLive", kind: KindTimeToLive, tag: 14, msg: ttl, frame: AppendTimeToLive(nil, 14, ttl), tail: true,
			decode: decoder(DecodeTimeToLive),
		},
	}
}

func decodeBatchWhole(b []byte) (any, error) {
	m, err := DecodeBatch(b)
	if err == nil {
		err = CheckRecords(m.Records, m.Count)
	}
	return m, err
}

func decodeRecordsWhole(b []byte) (any, error) {
	m, err := DecodeRecords(b)
	if err == nil {
		err = CheckRecords(m.Records, m.Count)
	}
	return m, err
}

func decodeDigestsWhole(b []byte) (any, error) {
	m, err := DecodeDigests(b)
	for run := m.Nodes; err == nil && len(run) > 0; {
		var sums [DigestsWidth]uint64
		_, run, err = DecodeDigestsNode(run, m.Level, &sums)
	}
	return m, err
}

func decodePartialWhole(b []byte) (any, error) {
	m, err := DecodePartial(b)
	for run := m.Entries; err == nil && len(run) > 0; {
		var leaves LeafBits
		var n int
		_, n, err = DecodePartialEntry(run, &leaves)
		run = run[n:]
	}
	return m, err
}

// decoder is a decoder of the package as one of a frameCase, which knows nothing of its message.
func decoder[M any](decode func([]byte) (M, error)) func([]byte) (any, error) {
	return func(b []byte) (any, error) { return decode(b) }
}

func decodeListingWhole(b []byte) (any, error) {
	m, err := DecodeListing(b)
	for run := m.Entries; err == nil && len(run) > 0; {
		var e ListingEntry
		var n int
		n, err = DecodeListingEntry(run, &e)
		run = run[n:]
	}
	return m, err
}

// plainCase is what has a byte table but is no frame of its own.
type plainCase struct {
	bytes   []byte
	fields  map[string][]byte
	example bool
}

func plainCases() map[string]plainCase {
	return map[string]plainCase{
		"Header": {
			bytes:  AppendHeader(nil, Header{Kind: KindGetValue, Flags: FlagSkippable, Length: 0x11, Tag: 0x21}),
			fields: map[string][]byte{"magic": u8(0xC5), "kind": u8(0x20), "flags": u8(1), "length": u32(0x11), "tag": u32(0x21)},
		},
		"Announce": {
			bytes: AppendAnnounce(nil, exampleAnnounce), example: true,
			fields: map[string][]byte{
				"magic": []byte("COVY"), "form": u8(1), "lowest protocol": u8(1), "highest protocol": u8(1), "state": u8(2),
				"cluster": u64(0x0102030405060708), "node": u64(node1), "incarnation": u64(0x21), "sequence": u64(3), "port": u16(9000),
				"lifetime": u32(15000), "authenticator": make([]byte, 32),
			},
		},
		"Greeting 2": {
			bytes:  func() []byte { b, _ := appendPeers(nil, []PeerAddr{examplePeer}); return b }(),
			fields: map[string][]byte{"node": u64(node2), "ip": {10, 0, 0, 2}, "port": u16(9000)},
		},
		"Heartbeat 2": {
			bytes:  LinkChanges(nil).Append(LinkChange{Node: node2, Addr: examplePeer.Addr, Gone: true}),
			fields: map[string][]byte{"node": u64(node2), "ip": {10, 0, 0, 2}, "port": u16(9000), "gone": u8(1)},
		},
		"Record": {
			bytes: AppendRecord(nil, &exampleRecord), example: true,
			fields: map[string][]byte{
				"flags": u8(0x60), "kind": u8(1), "key length": u32(3), "value length": u32(5), "content": u32(0xDEADC0DE), "version": ver(0x11, node1),
			},
		},
		"Counter": {
			bytes: exampleCounter(), example: true,
			fields: map[string][]byte{"reset": ver(0x11, node1), "content": u32(0xDEADC0DE), "form": u32(1), "number": u64(7)},
		},
		"Counter 2": {
			bytes:  exampleCounter()[32:],
			fields: map[string][]byte{"stream": u64(0x21), "first": u64(0x31), "order": u64(0x41), "sum": u64(^uint64(1))},
		},
		"Scrub 2": {
			bytes:  AppendScrubEntry(nil, 0x21, 0x31),
			fields: map[string][]byte{"hash": u32(0x21), "print": u16(0x31)},
		},
		"Listing 2": {
			bytes: AppendListingEntry(nil, exampleEntry),
			fields: map[string][]byte{
				"key hash": u64(0x21), "version": ver(0x31, 0x32), "expiry version": ver(0x41, 0x42), "expiry time": u64(0x51),
				"content": u32(0x61), "flags": u8(1 | 4 | 8),
			},
		},
	}
}

// exampleCounter is the value of a counter. What it means is package store's, whose tests read the same example.
func exampleCounter() []byte {
	b := append(ver(0x11, node1), append(u32(0xDEADC0DE), u32(1)...)...)
	for _, n := range []uint64{7, 0x21, 0x31, 0x41, ^uint64(1)} {
		b = append(b, u64(n)...)
	}
	return b
}
