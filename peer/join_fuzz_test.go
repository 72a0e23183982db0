package peer

import (
	"testing"
	"time"

	"covey/codec"
)

// FuzzJoin is a donor that answers a joining node with anything: frames of a copy that were asked for or not, twice, of other
// shards, cut off. The node must neither panic nor pass its bounds, nor ask for more than it may at one time.
func FuzzJoin(f *testing.F) {
	rec := codec.AppendRecord(nil, &codec.Record{Key: []byte("k"), Value: []byte("v"), Kind: codec.KindString, Stamp: 1 << 40, Node: 3})
	answer := func(id uint32, shard uint16, m codec.Records) []byte {
		m.ID, m.Shard = id, shard
		return codec.AppendRecords(nil, m)
	}
	full := codec.Records{Done: true, Complete: true, Count: 1, Records: rec}
	f.Add(answer(1, 0, full), uint64(0))
	f.Add(answer(1, 255, codec.Records{Next: 9, Count: 1, Records: rec}), uint64(3))
	f.Add(append(answer(1, 7, full), answer(1, 7, full)...), uint64(1)<<50)
	f.Add(codec.AppendGap(answer(2, 1, codec.Records{Done: true, Floor: codec.Version{Stamp: 1 << 60, Node: 1}, Flush: codec.Version{Stamp: 1 << 60}}), codec.Gap{Stream: 77, Head: 1 << 60}), uint64(1)<<60)
	f.Add(codec.AppendBatch(nil, codec.Batch{Stream: 77, First: 1, Count: 1, Records: rec}), uint64(1))
	f.Add(codec.AppendHeartbeat(codec.AppendPartial(nil, codec.Partial{}), codec.Heartbeat{State: codec.StateLoading}), uint64(0))
	f.Fuzz(func(t *testing.T, data []byte, head uint64) {
		b := newBench(t)
		x, y := b.add("x", 1<<16|9000, 0, 0), b.add("y", 2<<16|9000, 0, 0)
		s := &bside{conn: &bconn{name: "made up", deaf: true}, node: x, open: true}
		s.conn.sides = [2]*bside{s, {conn: s.conn, node: y, i: 1}}
		b.open(s, false, 0)
		l := s.link
		hello := codec.Greeting{Dialed: true, Cluster: ClusterTag("bench"), Node: 5<<16 | 9000, Incarnation: 1, Stream: 77, ProtoMin: 1, ProtoMax: 1, Dial: 3}
		whole := hello
		whole.Full, whole.State, whole.Head = true, codec.StateReady, head
		data = append(codec.AppendGreeting(codec.AppendGreeting(nil, hello), whole), data...)
		speak := func() {
			b.carryOut(x)
			_ = l.Control(b.now, nil)
			for range 4 {
				if _, _, more := l.Data(b.now, nil); !more {
					break
				}
			}
		}
		for len(data) > 0 {
			h, ok, err := codec.DecodeHeader(data)
			n := codec.HeaderLen + int(h.Length)
			if !ok || err != nil || n > len(data) || l.Frame(b.now, h, data[codec.HeaderLen:n]) != nil {
				break
			}
			data = data[n:]
			speak()
		}
		for range 5 {
			b.now += int64(time.Second)
			x.Tick(b.now)
			speak()
		}
		asked := 0
		for _, slot := range l.pulls.slots {
			if slot.id != 0 {
				asked++
			}
		}
		if asked > pullCredit || len(l.control) > ControlLimit+codec.MaxFrame || len(l.in.wanted) > FetchBytes+codec.MaxKey || len(x.streams) > MaxStreams {
			t.Fatal("a bound was passed")
		}
		if len(x.Members(nil)) > MaxMembers || len(x.dialing.order) > MaxTargets {
			t.Fatal("the node has lost its mind")
		}
	})
}
