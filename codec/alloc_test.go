package codec

import (
	"testing"

	"covey/internal/harness"
)

func TestNothingIsAllocatedToEncodeIntoARoomyBuffer(t *testing.T) {
	dst := make([]byte, 0, 4096)
	greeting := Greeting{Full: true, ProtoMin: 1, ProtoMax: 1, Peers: []PeerAddr{examplePeer, examplePeer}}
	links, run, key, value := make(LinkChanges, 160), flushRun(1), []byte("key"), make([]byte, 100)
	var sums [DigestsWidth]uint64
	expectNoAllocs(t, map[string]func(){
		"Announce":          func() { AppendAnnounce(dst, exampleAnnounce) },
		"Header":            func() { AppendHeader(dst, Header{Kind: KindBye, Length: 1}) },
		"Greeting":          func() { AppendGreeting(dst, greeting) },
		"Bye":               func() { AppendBye(dst, Bye{ReasonLeft}) },
		"Heartbeat":         func() { AppendHeartbeat(dst, Heartbeat{Links: links}) },
		"HeartbeatResponse": func() { AppendHeartbeatResponse(dst, HeartbeatResponse{}) },
		"Step":              func() { AppendStep(dst, Step{To: 1}) },
		"Partial":           func() { AppendPartial(dst, Partial{Leaves: 256}) },
		"Batch":             func() { AppendBatch(dst, Batch{First: 1, Count: 1, Records: run}) },
		"Ack":               func() { AppendAck(dst, Ack{}) },
		"Gap":               func() { AppendGap(dst, Gap{}) },
		"Offer":             func() { AppendOffer(dst, Offer{}) },
		"Pull":              func() { AppendPull(dst, Pull{}) },
		"Digests":           func() { AppendDigests(dst, Digests{Count: 1, Nodes: AppendDigestsNode(dst[2048:2048], 1, &sums)}) },
		"Want":              func() { AppendWant(dst, Want{}) },
		"Absent":            func() { AppendAbsent(dst, Absent{Count: 1, Keys: AppendKey(dst[2048:2048], key)}) },
		"Compared":          func() { AppendCompared(dst, Compared{}) },
		"Scrub":             func() { AppendScrub(dst, Scrub{Count: 1, Entries: AppendScrubEntry(dst[2048:2048], 1, 2)}) },
		"Records":           func() { FinishRecords(AppendRecord(BeginRecords(dst), &exampleRecord), 0, Records{Count: 1}) },
		"Fetch":             func() { AppendFetch(dst, Fetch{Count: 1, Keys: AppendKey(dst[2048:2048], key)}) },
		"Listing": func() {
			AppendListing(dst, Listing{Count: 1, Entries: AppendListingEntry(dst[2048:2048], exampleEntry)})
		},
		"GetValue":      func() { AppendGetValue(dst, 1, GetValue{Key: key}) },
		"SetValue":      func() { AppendSetValue(dst, 1, SetValue{Key: key, Value: value}) },
		"Delete":        func() { AppendDelete(dst, 1, Delete{Key: key}) },
		"ValueResponse": func() { FinishFrame(append(BeginValueResponse(dst, 1, StatusOK), value...), 0) },
		"Report":        func() { AppendReport(dst, 1, Report{TopicInfo}) },
		"Auth":          func() { AppendAuth(dst, 1, Auth{key}) },
		"Increment":     func() { AppendIncrement(dst, 1, Increment{Delta: 1, Key: key}) },
		"Expire":        func() { AppendExpire(dst, 1, Expire{Key: key}) },
		"TimeToLive":    func() { AppendTimeToLive(dst, 1, TimeToLive{key}) },
		"number":        func() { AppendNumber(dst, 1, 7) },
	})
}

func TestNothingIsAllocatedToDecode(t *testing.T) {
	announce := AppendAnnounce(nil, exampleAnnounce)
	into := Greeting{Peers: make([]PeerAddr, 0, MaxGreetingPeers)}
	bodies := map[string][]byte{}
	for _, c := range cases() {
		bodies[c.name] = c.frame[HeaderLen:]
	}
	frame := AppendBye(nil, Bye{ReasonLeft})
	var failed error
	note := func(err error) {
		if err != nil {
			failed = err
		}
	}
	expectNoAllocs(t, map[string]func(){
		"Header":            func() { _, _, err := DecodeHeader(frame); note(err) },
		"Announce":          func() { _, err := DecodeAnnounce(announce); note(err) },
		"Greeting":          func() { note(DecodeGreetingInto(bodies["Greeting"], &into)) },
		"Bye":               func() { _, err := DecodeBye(bodies["Bye"]); note(err) },
		"Heartbeat":         func() { m, err := DecodeHeartbeat(bodies["Heartbeat"]); note(err); m.Links.At(0) },
		"HeartbeatResponse": func() { _, err := DecodeHeartbeatResponse(bodies["HeartbeatResponse"]); note(err) },
		"Batch": func() {
			m, err := DecodeBatch(bodies["Batch"])
			note(err)
			note(CheckRecords(m.Records, m.Count))
			for run := m.Records; len(run) > 0; {
				var r Record
				n, err := DecodeRecord(run, &r)
				note(err)
				run = run[n:]
			}
		},
		"Ack": func() { _, err := DecodeAck(bodies["Ack"]); note(err) },
		"Gap": func() { _, err := DecodeGap(bodies["Gap"]); note(err) },
		"Digests": func() {
			m, err := DecodeDigests(bodies["Digests"])
			note(err)
			var sums [DigestsWidth]uint64
			_, _, err = DecodeDigestsNode(m.Nodes, m.Level, &sums)
			note(err)
		},
		"Want":     func() { _, err := DecodeWant(bodies["Want"]); note(err) },
		"Compared": func() { _, err := DecodeCompared(bodies["Compared"]); note(err) },
		"Scrub":    func() { m, err := DecodeScrub(bodies["Scrub"]); note(err); m.Entry(1) },
		"Absent":   func() { _, err := DecodeAbsent(bodies["Absent"]); note(err) },
		"Step":     func() { _, err := DecodeStep(bodies["Step"]); note(err) },
		"Partial":  func() { _, err := DecodePartial(bodies["Partial"]); note(err) },
		"Offer":    func() { _, err := DecodeOffer(bodies["Offer"]); note(err) },
		"Pull":     func() { _, err := DecodePull(bodies["Pull"]); note(err) },
		"Records":  func() { _, err := DecodeRecords(bodies["Records"]); note(err) },
		"Fetch":    func() { m, err := DecodeFetch(bodies["Fetch"]); note(err); _, _, err = DecodeKey(m.Keys); note(err) },
		"Listing": func() {
			m, err := DecodeListing(bodies["Listing"])
			note(err)
			var e ListingEntry
			_, err = DecodeListingEntry(m.Entries, &e)
			note(err)
		},
		"GetValue":      func() { _, err := DecodeGetValue(bodies["GetValue"]); note(err) },
		"SetValue":      func() { _, err := DecodeSetValue(bodies["SetValue"]); note(err) },
		"Delete":        func() { _, err := DecodeDelete(bodies["Delete"]); note(err) },
		"ValueResponse": func() { _, err := DecodeValueResponse(bodies["ValueResponse"]); note(err) },
		"Report":        func() { _, err := DecodeReport(bodies["Report"]); note(err) },
		"Auth":          func() { _, err := DecodeAuth(bodies["Auth"]); note(err) },
		"Increment":     func() { _, err := DecodeIncrement(bodies["Increment"]); note(err) },
		"Expire":        func() { _, err := DecodeExpire(bodies["Expire"]); note(err) },
		"TimeToLive":    func() { _, err := DecodeTimeToLive(bodies["TimeToLive"]); note(err) },
	})
	if failed != nil {
		t.Error(failed)
	}
}

func TestNothingIsAllocatedForATurnOfAStage(t *testing.T) {
	var s Stage
	bytes := 0
	turn := func() {
		for range 100 {
			s.Add(&exampleRecord)
		}
		for seg := range s.Segments() {
			bytes += len(seg.Records)
		}
		s.Reset()
	}
	turn()
	expectNoAllocs(t, map[string]func(){"a turn": turn})
	if bytes == 0 {
		t.Error("the stage was empty")
	}
}

func TestNothingIsAllocatedToRefuse(t *testing.T) {
	noise := make([]byte, 4096)
	for i := range noise {
		noise[i] = 0xA5
	}
	expectNoAllocs(t, map[string]func(){
		"Header":   func() { DecodeHeader(noise) },
		"Announce": func() { DecodeAnnounce(noise[:AnnounceLen]) },
		"Batch":    func() { DecodeBatch(noise) },
		"Records":  func() { CheckRecords(noise, 1<<32-1) },
		"Fetch":    func() { DecodeFetch(noise) },
	})
}

func expectNoAllocs(t *testing.T, all map[string]func()) {
	t.Helper()
	if harness.Race {
		t.Skip("the race detector allocates")
	}
	for name, f := range all {
		if got := testing.AllocsPerRun(200, f); got != 0 {
			t.Errorf("%s: %v allocations", name, got)
		}
	}
}
