package peer

import (
	"runtime"
	"testing"
	"time"

	"covey/codec"
)

// FuzzFrame gives a link any frames, before or after the greetings: the node must neither panic nor pass its bounds.
func FuzzFrame(f *testing.F) {
	rec := codec.AppendRecord(nil, &codec.Record{Key: []byte("k"), Value: []byte("v"), Kind: codec.KindString, Stamp: 1 << 40, Node: 3})
	for _, frames := range [][]byte{
		codec.AppendHeartbeat(nil, codec.Heartbeat{Sequence: 1, State: codec.StateLoading, Anew: true, Links: codec.LinkChanges(nil).Append(codec.LinkChange{Node: 7})}),
		codec.AppendBatch(nil, codec.Batch{Stream: 1, First: 1, Count: 1, Records: rec}),
		codec.AppendBatch(nil, codec.Batch{Stream: 1, First: 9, Count: 1, Records: rec}),
		codec.AppendGap(codec.AppendPull(nil, codec.Pull{ID: 1, Shard: 3, Limit: 10}), codec.Gap{Stream: 1, Head: 1 << 60}),
		codec.AppendRecords(nil, codec.Records{ID: fetchBit | 1, Count: 1, Records: rec, Flush: codec.Version{Stamp: 1 << 50, Node: 1}}),
		codec.AppendBye(codec.AppendFetch(nil, codec.Fetch{ID: 1, Count: 1, Keys: codec.AppendKey(nil, []byte("k"))}), codec.Bye{Reason: codec.ReasonLeft}),
		codec.AppendBye(nil, codec.Bye{Reason: codec.ReasonRekeyed}),
		codec.AppendBatch(codec.AppendOffer(nil, codec.Offer{Stream: 9, Node: 4, Incarnation: 1, Head: 1 << 50}), codec.Batch{Stream: 9, First: 7, Count: 1, Records: rec}),
		codec.AppendAck(codec.AppendGap(nil, codec.Gap{Stream: 9, Head: 1 << 60}), codec.Ack{Stream: 9, Applied: 3}),
		codec.AppendDigests(nil, codec.Digests{Epoch: 1_700_003_600_000 >> epochBits, Count: 1, Nodes: codec.AppendDigestsNode(nil, 0, &[codec.DigestsWidth]uint64{3: 7})}),
		codec.AppendDigests(nil, codec.Digests{Epoch: 1_700_003_600_000>>epochBits - 1, Level: 3, Count: 1, Nodes: codec.AppendDigestsNode(nil, 0xabc, &[codec.DigestsWidth]uint64{1})}),
		codec.AppendListing(nil, codec.Listing{Epoch: 1_700_003_600_000 >> epochBits, Prefix: 5 << 60, Bits: 8, Count: 1, Entries: codec.AppendListingEntry(nil, codec.ListingEntry{KeyHash: 5<<60 | 1, V: codec.Version{Stamp: 1}})}),
		codec.AppendWant(nil, codec.Want{Count: 1, Hashes: make([]byte, 8)}),
		codec.AppendAbsent(codec.AppendRecords(nil, codec.Records{Count: 1, Records: rec}), codec.Absent{Floor: codec.Version{Stamp: 1 << 60}, Count: 1, Keys: codec.AppendKey(nil, []byte("k"))}),
	} {
		f.Add(frames, false)
	}
	hello := codec.Greeting{Dialed: true, Cluster: ClusterTag("bench"), Node: 5<<16 | 9000, Incarnation: 1, Stream: 77, ProtoMin: 1, ProtoMax: 1, Dial: 3}
	full := hello
	full.Full, full.State, full.Head = true, codec.StateReady, 1<<60
	same := full
	same.Node = 1<<16 | 9000 // the node's own id, of an older start
	first := hello
	first.Node = same.Node
	f.Add(codec.AppendGreeting(codec.AppendGreeting(nil, hello), full), true)
	f.Add(codec.AppendGreeting(codec.AppendGreeting(nil, first), same), true)
	f.Add(codec.AppendHeartbeat(codec.AppendGreeting(codec.AppendGreeting(nil, hello), full), codec.Heartbeat{State: codec.StateReady}), true)
	f.Fuzz(fuzzFrames)
}

// allocated returns the bytes that this process has ever allocated.
func allocated() uint64 {
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.TotalAlloc
}

func fuzzFrames(t *testing.T, data []byte, early bool) {
	b := newBench(t)
	x, y := b.add("x", 1<<16|9000, 0, 0), b.add("y", 2<<16|9000, 0, 0)
	x.setReadiness(codec.StateLoading) // nothing is pulled: that would take long
	y.setReadiness(codec.StateLoading)
	c := b.wire(x, y, 1)
	b.deliverAll()
	l := c.sides[0].link
	l.in.stream.id = 1 // so that made-up frames can be of the stream
	if early {
		s := &bside{conn: &bconn{name: "made up", deaf: true}, node: x, open: true}
		s.conn.sides = [2]*bside{s, {conn: s.conn, node: y, i: 1}}
		b.open(s, false, 0)
		l = s.link
	}
	before, came := allocated(), uint64(len(data))
	for len(data) > 0 {
		h, ok, err := codec.DecodeHeader(data)
		n := codec.HeaderLen + int(h.Length)
		if !ok || err != nil || n > len(data) || l.Frame(b.now, h, data[codec.HeaderLen:n]) != nil {
			break
		}
		data = data[n:]
	}
	if took := allocated() - before; took > 4*came+64<<10 {
		t.Fatalf("%d bytes were allocated for %d that came", took, came)
	}
	b.carryOut(x)
	for range 5 {
		b.now += int64(time.Second)
		x.Tick(b.now)
		b.carryOut(x)
		_ = l.Control(b.now, nil)
	}
	if len(l.control) > ControlLimit+codec.MaxFrame || len(l.out.asked) > MaxAnswers || len(l.in.wanted) > FetchBytes+codec.MaxKey ||
		l.out.repair.bytes > RepairQueue || len(l.in.others) > MaxStreams || len(x.streams) > MaxStreams {
		t.Fatal("a bound was passed")
	}
	if len(x.Members(nil)) > MaxMembers || x.Verify().Members < 1 {
		t.Fatal("the node has lost its mind")
	}
}
