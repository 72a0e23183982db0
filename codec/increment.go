package codec

import "encoding/binary"

const (
	incrementFixed = 16
	numberLen      = 8
)

// Increment adds to the number under a key. A ValueResponse answers it, with the new number (DecodeNumber).
type Increment struct {
	Delta int64
	TTL   uint64 // milliseconds, at most MaxTTL, that the key lives unless it has an end already; 0: none
	Key   []byte
}

// AppendIncrement appends the frame of m.
func AppendIncrement(dst []byte, tag uint32, m Increment) []byte {
	dst, b := beginFrame(dst, KindIncrement, tag, incrementFixed+len(m.Key))
	binary.LittleEndian.PutUint64(b, uint64(m.Delta))
	binary.LittleEndian.PutUint64(b[8:], m.TTL)
	copy(b[incrementFixed:], m.Key)
	return dst
}

// DecodeIncrement reads the body of an Increment; Key aliases it.
func DecodeIncrement(body []byte) (Increment, error) {
	if len(body) < incrementFixed || len(body) > incrementFixed+MaxKey {
		return Increment{}, ErrLength
	}
	m := Increment{Delta: int64(binary.LittleEndian.Uint64(body)), TTL: binary.LittleEndian.Uint64(body[8:])}
	if m.TTL > MaxTTL {
		return Increment{}, ErrRange
	}
	m.Key = body[incrementFixed:len(body):len(body)]
	return m, nil
}

// AppendNumber appends a ValueResponse that answers an Increment or a TimeToLive.
func AppendNumber(dst []byte, tag uint32, n int64) []byte {
	dst, b := beginFrame(dst, KindValueResponse, tag, responseFixed+numberLen)
	binary.LittleEndian.PutUint32(b, uint32(StatusOK))
	binary.LittleEndian.PutUint64(b[responseFixed:], uint64(n))
	return dst
}

// DecodeNumber reads the value of such a ValueResponse.
func DecodeNumber(value []byte) (int64, error) {
	if len(value) != numberLen {
		return 0, ErrLength
	}
	return int64(binary.LittleEndian.Uint64(value)), nil
}
