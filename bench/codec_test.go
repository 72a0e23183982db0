package bench

import (
	"testing"

	"covey/codec"
)

// batchRecords is how many records the benchmarked batch has.
const batchRecords = 64

func newRecord() codec.Record {
	return codec.Record{
		Key: keys[1], Value: make([]byte, valueBytes), Kind: codec.KindString, Content: 1,
		Stamp: now << 16, Node: 1, ExpireStamp: now << 16, ExpireNode: 1,
	}
}

func BenchmarkCodecEncodeRecord(b *testing.B) {
	r := newRecord()
	var dst []byte
	b.SetBytes(int64(codec.RecordLen(&r)))
	b.ReportAllocs()
	for b.Loop() {
		dst = codec.AppendRecord(dst[:0], &r)
	}
}

func BenchmarkCodecDecodeRecord(b *testing.B) {
	r := newRecord()
	in := codec.AppendRecord(nil, &r)
	b.SetBytes(int64(len(in)))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := codec.DecodeRecord(in, &r); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkCodecStage is what a turn of a loop does with its updates before they go into the ring.
func BenchmarkCodecStage(b *testing.B) {
	r := newRecord()
	var s codec.Stage
	b.SetBytes(int64(batchRecords * codec.RecordLen(&r)))
	b.ReportAllocs()
	for b.Loop() {
		s.Reset()
		for range batchRecords {
			s.Add(&r)
		}
	}
}

// BenchmarkCodecDecodeBatch is what the receiver of a batch does before it merges.
func BenchmarkCodecDecodeBatch(b *testing.B) {
	r := newRecord()
	var run []byte
	for range batchRecords {
		run = codec.AppendRecord(run, &r)
	}
	frame := codec.AppendBatch(nil, codec.Batch{Stream: 1, First: 1, Count: batchRecords, Records: run})
	b.SetBytes(int64(len(frame)))
	b.ReportAllocs()
	for b.Loop() {
		h, _, err := codec.DecodeHeader(frame)
		if err != nil {
			b.Fatal(err)
		}
		m, err := codec.DecodeBatch(frame[codec.HeaderLen : codec.HeaderLen+h.Length])
		if err != nil {
			b.Fatal(err)
		}
		for rest := m.Records; len(rest) > 0; {
			n, err := codec.DecodeRecord(rest, &r)
			if err != nil {
				b.Fatal(err)
			}
			rest = rest[n:]
		}
	}
}

func BenchmarkCodecHeartbeat(b *testing.B) {
	m := codec.Heartbeat{Sequence: 1, Sent: 2, Clock: now, State: codec.StateReady, Epoch: 3, Root: 4, Head: 5}
	var dst []byte
	b.ReportAllocs()
	for b.Loop() {
		dst = codec.AppendHeartbeat(dst[:0], m)
		if _, err := codec.DecodeHeartbeat(dst[codec.HeaderLen:]); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkCodecSetValue is one binary SET as its node reads it, and the reply.
func BenchmarkCodecSetValue(b *testing.B) {
	in := codec.AppendSetValue(nil, 7, codec.SetValue{Key: keys[1], Value: make([]byte, valueBytes)})
	var out []byte
	b.SetBytes(int64(len(in)))
	b.ReportAllocs()
	for b.Loop() {
		h, _, err := codec.DecodeHeader(in)
		if err != nil {
			b.Fatal(err)
		}
		if _, err := codec.DecodeSetValue(in[codec.HeaderLen:]); err != nil {
			b.Fatal(err)
		}
		out = codec.AppendValueResponse(out[:0], h.Tag, codec.ValueResponse{})
	}
}
