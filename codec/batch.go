package codec

import (
	"encoding/binary"
	"math"
)

const (
	batchFixed = 24
	ackLen     = 24
	gapLen     = 24
	offerLen   = 32
)

// BatchHeadLen is the length, in bytes, of what precedes the records in the frame of a Batch.
const BatchHeadLen = HeaderLen + batchFixed

// Batch carries writes of one stream, in its order (R9). Sequence numbers begin at 1.
type Batch struct {
	Stream  uint64
	First   uint64 // sequence number of the first record
	Count   uint32 // of records, at least 1; their numbers are First .. First+Count-1
	Step    uint32 // R7
	Records []byte // a run of encoded records
}

// AppendBatch appends the frame of m, records included.
func AppendBatch(dst []byte, m Batch) []byte {
	dst = AppendBatchHeader(dst, m.Stream, m.First, m.Count, m.Step, len(m.Records))
	return append(dst, m.Records...)
}

// AppendBatchHeader appends the first BatchHeadLen bytes of a Batch frame; recordBytes bytes of encoded records follow.
func AppendBatchHeader(dst []byte, stream, first uint64, count, step uint32, recordBytes int) []byte {
	dst, b := extend(dst, BatchHeadLen)
	putHeader(b, KindBatch, 0, batchFixed+recordBytes)
	b = b[HeaderLen:]
	binary.LittleEndian.PutUint64(b, stream)
	binary.LittleEndian.PutUint64(b[8:], first)
	binary.LittleEndian.PutUint32(b[16:], count)
	binary.LittleEndian.PutUint32(b[20:], step)
	return dst
}

// DecodeBatch reads the body of a Batch. Records aliases body; its bytes are checked for room for Count records, each
// record by DecodeRecord, the whole run by CheckRecords.
func DecodeBatch(body []byte) (Batch, error) {
	if len(body) < batchFixed {
		return Batch{}, ErrLength
	}
	le := binary.LittleEndian
	m := Batch{
		Stream: le.Uint64(body), First: le.Uint64(body[8:]), Count: le.Uint32(body[16:]), Step: le.Uint32(body[20:]),
		Records: body[batchFixed:len(body):len(body)],
	}
	if m.Count == 0 || m.First == 0 || m.First > math.MaxUint64-uint64(m.Count) {
		return Batch{}, ErrRange
	}
	if !roomFor(m.Count, m.Records) {
		return Batch{}, ErrCount
	}
	return m, nil
}

// roomFor reports whether run can hold count records: none in none, else at least recordFixed bytes each.
func roomFor(count uint32, run []byte) bool {
	return uint64(count)*recordFixed <= uint64(len(run)) && (count == 0) == (len(run) == 0)
}

// Ack says how far the sender has come with a stream and with the bytes of this link: the flow control of records.
type Ack struct {
	Stream   uint64
	Applied  uint64 // the sender's applied of Stream
	Received uint64 // bytes of Batch and Records frames, headers included, taken from this link since it opened
}

// AppendAck appends the frame of m.
func AppendAck(dst []byte, m Ack) []byte {
	dst, b := beginFrame(dst, KindAck, 0, ackLen)
	put3(b, m.Stream, m.Applied, m.Received)
	return dst
}

// DecodeAck reads the body of an Ack.
func DecodeAck(body []byte) (Ack, error) {
	if len(body) != ackLen {
		return Ack{}, ErrLength
	}
	x, y, z := get3(body)
	return Ack{Stream: x, Applied: y, Received: z}, nil
}

// Gap says that the sender cannot send Stream from where the receiver is (R10).
type Gap struct {
	Stream uint64
	Head   uint64 // the sequence number that the stream goes on after
	Stamp  uint64 // the highest stamp among what is left out
}

// AppendGap appends the frame of m.
func AppendGap(dst []byte, m Gap) []byte {
	dst, b := beginFrame(dst, KindGap, 0, gapLen)
	put3(b, m.Stream, m.Head, m.Stamp)
	return dst
}

// DecodeGap reads the body of a Gap.
func DecodeGap(body []byte) (Gap, error) {
	if len(body) != gapLen {
		return Gap{}, ErrLength
	}
	x, y, z := get3(body)
	return Gap{Stream: x, Head: y, Stamp: z}, nil
}

// Offer says how much the sender has of a stream of another node, which it is about to pass on (R12). A receiver that
// has less says so by an Ack of that stream.
type Offer struct {
	Stream      uint64
	Node        uint64 // id of the node whose stream it is
	Incarnation uint64 // of that node
	Head        uint64 // the sender's applied of the stream
}

// AppendOffer appends the frame of m.
func AppendOffer(dst []byte, m Offer) []byte {
	dst, b := beginFrame(dst, KindOffer, 0, offerLen)
	put3(b, m.Stream, m.Node, m.Incarnation)
	binary.LittleEndian.PutUint64(b[24:], m.Head)
	return dst
}

// DecodeOffer reads the body of an Offer.
func DecodeOffer(body []byte) (Offer, error) {
	if len(body) != offerLen {
		return Offer{}, ErrLength
	}
	x, y, z := get3(body)
	return Offer{Stream: x, Node: y, Incarnation: z, Head: binary.LittleEndian.Uint64(body[24:])}, nil
}

func put3(b []byte, x, y, z uint64) {
	binary.LittleEndian.PutUint64(b[16:], z)
	binary.LittleEndian.PutUint64(b, x)
	binary.LittleEndian.PutUint64(b[8:], y)
}

func get3(b []byte) (x, y, z uint64) {
	le := binary.LittleEndian
	return le.Uint64(b), le.Uint64(b[8:]), le.Uint64(b[16:])
}
