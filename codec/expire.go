package codec

import "encoding/binary"

const expireFixed = 8

// Expire says how long a key lives from now on; a ValueResponse answers it: StatusOK, or StatusNotFound when there is no such key.
type Expire struct {
	TTL uint64 // milliseconds, at most MaxTTL; 0: for good
	Key []byte
}

// AppendExpire appends the frame of m.
func AppendExpire(dst []byte, tag uint32, m Expire) []byte {
	dst, b := beginFrame(dst, KindExpire, tag, expireFixed+len(m.Key))
	binary.LittleEndian.PutUint64(b, m.TTL)
	copy(b[expireFixed:], m.Key)
	return dst
}

// DecodeExpire reads the body of an Expire; Key aliases it.
func DecodeExpire(body []byte) (Expire, error) {
	if len(body) < expireFixed || len(body) > expireFixed+MaxKey {
		return Expire{}, ErrLength
	}
	m := Expire{TTL: binary.LittleEndian.Uint64(body)}
	if m.TTL > MaxTTL {
		return Expire{}, ErrRange
	}
	m.Key = body[expireFixed:len(body):len(body)]
	return m, nil
}

// TimeToLive asks how long a key has to live. A ValueResponse answers it: StatusOK with milliseconds (DecodeNumber), 0 for a key that
// lives for good, or StatusNotFound.
type TimeToLive struct {
	Key []byte
}

// AppendTimeToLive appends the frame of m.
func AppendTimeToLive(dst []byte, tag uint32, m TimeToLive) []byte {
	return appendKeyFrame(dst, KindTimeToLive, tag, m.Key)
}

// DecodeTimeToLive reads the body of a TimeToLive; Key aliases it.
func DecodeTimeToLive(body []byte) (TimeToLive, error) {
	if len(body) > MaxKey {
		return TimeToLive{}, ErrLength
	}
	return TimeToLive{Key: body}, nil
}
