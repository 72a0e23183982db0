package codec

import "encoding/binary"

const (
	comparedLen  = 24
	comparedLost = 1
)

// ComparedForm says which of the three frames that end a comparison one is.
type ComparedForm uint8

// The forms of Compared.
const (
	ComparedAsk    ComparedForm = iota + 1 // all listings of a round are sent: answer when all that they ask for is
	ComparedAnswer                         // it is
	ComparedEnd                            // what the answers asked for is sent too: both sides have compared all of it
)

// Compared ends the rounds of a comparison (R10, R19, R21).
type Compared struct {
	Epoch  uint64 // the lowest one that a part was compared of; in an answer that of the ask
	Newest uint64 // the highest stamp that the sender holds
	ID     uint32 // of the ask
	Form   ComparedForm
	Lost   bool // the sender gave up a part of what it was asked for: the comparison does not count
}

// AppendCompared appends the frame of m.
func AppendCompared(dst []byte, m Compared) []byte {
	dst, b := beginFrame(dst, KindCompared, 0, comparedLen)
	le := binary.LittleEndian
	le.PutUint64(b, m.Epoch)
	le.PutUint64(b[8:], m.Newest)
	le.PutUint32(b[16:], m.ID)
	b[20], b[21], b[22], b[23] = byte(m.Form), bit(m.Lost, comparedLost), 0, 0
	return dst
}

// DecodeCompared reads the body of a Compared.
func DecodeCompared(body []byte) (Compared, error) {
	if len(body) != comparedLen {
		return Compared{}, ErrLength
	}
	le := binary.LittleEndian
	if body[21]&^comparedLost != 0 || le.Uint16(body[22:]) != 0 {
		return Compared{}, ErrReserved
	}
	m := Compared{Epoch: le.Uint64(body), Newest: le.Uint64(body[8:]), ID: le.Uint32(body[16:]), Form: ComparedForm(body[20]), Lost: body[21] != 0}
	if m.Form < ComparedAsk || m.Form > ComparedEnd {
		return Compared{}, ErrRange
	}
	return m, nil
}
