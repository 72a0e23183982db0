package codec

import (
	"bytes"
	"reflect"
	"testing"
)

// FuzzFrame: whatever bytes come, a decoder does not panic, reads no further than the frame, and what it accepts is
// what is encoded of the message that it read: there is one encoding of each.
func FuzzFrame(f *testing.F) {
	for _, c := range cases() {
		f.Add(c.frame)
	}
	f.Add(AppendHeader(nil, Header{Kind: 0x7F, Flags: FlagSkippable, Length: 5}))
	decoders := map[Kind]func([]byte) (any, error){}
	for _, c := range cases() {
		decoders[c.kind] = c.decode
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		h, ok, err := DecodeHeader(b)
		if err != nil || !ok {
			if ok || h != (Header{}) && err == nil {
				t.Fatalf("%+v, %v, %v", h, ok, err)
			}
			return
		}
		if h.Length > MaxFrame-HeaderLen {
			t.Fatalf("a length of %d is accepted", h.Length)
		}
		if !h.Kind.Known() || int(h.Length) > len(b)-HeaderLen {
			return
		}
		frame := b[: HeaderLen+int(h.Length) : HeaderLen+int(h.Length)]
		m, err := decoders[h.Kind](frame[HeaderLen:])
		if err != nil {
			return
		}
		again := encode(t, h.Tag, m)
		again[2] = h.Flags
		if !bytes.Equal(again, frame) {
			t.Fatalf("%v\n% x is accepted, but encoded as\n% x", h.Kind, frame, again)
		}
		if back, err := decoders[h.Kind](again[HeaderLen:]); err != nil || !reflect.DeepEqual(back, m) {
			t.Fatalf("%v: %v\n got %+v\nwant %+v", h.Kind, err, back, m)
		}
	})
}

// encode appends a message of any kind to nothing.
func encode(t *testing.T, tag uint32, m any) []byte {
	switch m := m.(type) {
	case Greeting:
		return AppendGreeting(nil, m)
	case Bye:
		return AppendBye(nil, m)
	case Heartbeat:
		return AppendHeartbeat(nil, m)
	case HeartbeatResponse:
		return AppendHeartbeatResponse(nil, m)
	case Partial:
		return AppendPartial(nil, m)
	case Step:
		return AppendStep(nil, m)
	case Batch:
		return AppendBatch(nil, m)
	case Ack:
		return AppendAck(nil, m)
	case Gap:
		return AppendGap(nil, m)
	case Digests:
		return AppendDigests(nil, m)
	case Want:
		return AppendWant(nil, m)
	case Absent:
		return AppendAbsent(nil, m)
	case Scrub:
		return AppendScrub(nil, m)
	case Compared:
		return AppendCompared(nil, m)
	case Offer:
		return AppendOffer(nil, m)
	case Pull:
		return AppendPull(nil, m)
	case Records:
		return AppendRecords(nil, m)
	case Fetch:
		return AppendFetch(nil, m)
	case Listing:
		return AppendListing(nil, m)
	case GetValue:
		return AppendGetValue(nil, tag, m)
	case SetValue:
		return AppendSetValue(nil, tag, m)
	case Delete:
		return AppendDelete(nil, tag, m)
	case ValueResponse:
		return AppendValueResponse(nil, tag, m)
	case Auth:
		return AppendAuth(nil, tag, m)
	case Increment:
		return AppendIncrement(nil, tag, m)
	case Expire:
		return AppendExpire(nil, tag, m)
	case TimeToLive:
		return AppendTimeToLive(nil, tag, m)
	case Report:
		return AppendReport(nil, tag, m)
	case ReportResponse:
		return AppendReportResponse(nil, tag, m)
	}
	t.Fatalf("no encoder for %T", m)
	return nil
}

// FuzzGreeting: a greeting read over an older one holds nothing of it.
func FuzzGreeting(f *testing.F) {
	f.Add(cases()[0].frame[HeaderLen:])
	f.Add(AppendGreeting(nil, Greeting{ProtoMin: 1, ProtoMax: 1})[HeaderLen:])
	f.Fuzz(func(t *testing.T, body []byte) {
		fresh, err := DecodeGreeting(body)
		used := Greeting{Full: true, Held: 9, Peers: []PeerAddr{examplePeer, examplePeer}}
		if errUsed := DecodeGreetingInto(body, &used); errUsed != err {
			t.Fatalf("%v into a fresh greeting, %v into a used one", err, errUsed)
		}
		if err != nil {
			return
		}
		if !reflect.DeepEqual(fresh, used) {
			t.Fatalf("fresh %+v\nused  %+v", fresh, used)
		}
		if len(fresh.Peers) > MaxGreetingPeers {
			t.Fatalf("%d peers", len(fresh.Peers))
		}
	})
}

// FuzzAnnounce: a datagram that is accepted is 80 bytes and has one encoding; as the start of an Ethernet frame it
// reads the same.
func FuzzAnnounce(f *testing.F) {
	b := AppendAnnounce(nil, exampleAnnounce)
	f.Add(b)
	f.Add(append(bytes.Clone(b), 10, 0, 0, 1, 0, 0))
	f.Fuzz(func(t *testing.T, b []byte) {
		a, n, err := DecodeAnnouncePrefix(b)
		if whole, errWhole := DecodeAnnounce(b); errWhole == nil && (err != nil || n != len(b) || whole != a) {
			t.Fatalf("whole %+v, prefix %+v, %v", whole, a, err)
		}
		if err != nil {
			return
		}
		if again := AppendAnnounce(nil, a); n != AnnounceLen || !bytes.Equal(again, b[:n]) {
			t.Fatalf("% x is accepted, but encoded as % x", b[:n], again)
		}
	})
}

// FuzzRecords: a run of records is walked to its end or refused, and encodes to itself; CheckRecords agrees.
func FuzzRecords(f *testing.F) {
	var run []byte
	for i := range recordForms {
		f.Add(AppendRecord(nil, &recordForms[i].r))
		run = AppendRecord(run, &recordForms[i].r)
	}
	f.Add(run)
	f.Fuzz(func(t *testing.T, run []byte) {
		var again []byte
		count, rest := uint32(0), run
		for len(rest) > 0 {
			var r Record
			n, err := DecodeRecord(rest, &r)
			if err != nil {
				if n != 0 || CheckRecords(run, count+1) == nil {
					t.Fatalf("record %d is refused after %d bytes, but CheckRecords accepts it", count, n)
				}
				return
			}
			if n < recordFixed || n != RecordLen(&r) || len(r.Key) > MaxKey || len(r.Value) > MaxValue {
				t.Fatalf("%d bytes for %+v, RecordLen %d", n, r, RecordLen(&r))
			}
			again, rest, count = AppendRecord(again, &r), rest[n:], count+1
		}
		if err := CheckRecords(run, count); err != nil {
			t.Fatalf("a run of %d records: %v", count, err)
		}
		if !bytes.Equal(again, run) {
			t.Fatalf("% x is accepted, but encoded as % x", run, again)
		}
	})
}
