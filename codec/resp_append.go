package codec

import "strconv"

// The RESP versions a connection can speak: the proto argument below.
const (
	RESP2 = 2
	RESP3 = 3
)

// The functions below append one reply, or the header of an aggregate whose elements
// the caller appends next, and return the longer slice. They never fail and do not
// allocate when dst has room. Where the versions differ they take proto.

// AppendSimple appends a status such as OK. s has no line breaks.
func AppendSimple(dst []byte, s string) []byte {
	dst = append(dst, '+')
	dst = append(dst, s...)
	return append(dst, '\r', '\n')
}

// AppendError appends an error. It starts with a code in capitals: "ERR syntax
// error". Line breaks in it, which would end it early, become spaces.
func AppendError(dst []byte, s string) []byte {
	dst = append(dst, '-')
	for i := range len(s) {
		c := s[i]
		if c == '\r' || c == '\n' {
			c = ' '
		}
		dst = append(dst, c)
	}
	return append(dst, '\r', '\n')
}

// AppendInt appends an integer.
func AppendInt(dst []byte, n int64) []byte {
	return appendHeader(dst, ':', n)
}

// AppendBulk appends a string of any bytes.
func AppendBulk(dst, b []byte) []byte {
	dst = appendHeader(dst, '$', int64(len(b)))
	dst = append(dst, b...)
	return append(dst, '\r', '\n')
}

// AppendBulkHead appends the head of a bulk of n bytes; they, and the end of their line, have to follow.
func AppendBulkHead(dst []byte, n int) []byte { return appendHeader(dst, '$', int64(n)) }

// AppendBulkString appends a string of any bytes.
func AppendBulkString(dst []byte, s string) []byte {
	dst = appendHeader(dst, '$', int64(len(s)))
	dst = append(dst, s...)
	return append(dst, '\r', '\n')
}

// AppendBulkInt appends an integer in the clothes of a string.
func AppendBulkInt(dst []byte, n int64) []byte {
	var b [20]byte
	return AppendBulk(dst, strconv.AppendInt(b[:0], n, 10))
}

// bulkRoom is the longest header BeginBulk has to leave room for: "$16777216\r\n".
const bulkRoom = 11

// BeginBulk leaves room for the header of a bulk whose length is not known yet. The
// caller appends the bytes and ends with FinishBulk. guess is how long they may be:
// when it has as many digits as the length that comes, nothing needs to be moved.
func BeginBulk(dst []byte, guess int) []byte {
	const room = "$00000000\r\n"
	return append(dst, room[:digits(guess)+3]...)
}

// FinishBulk completes the bulk that BeginBulk began at offset start (the length of
// dst before it) with the same guess.
func FinishBulk(dst []byte, start, guess int) []byte {
	have := digits(guess) + 3
	size := len(dst) - start - have
	want := digits(size) + 3
	if want != have {
		body := dst[start+have:]
		if want > have {
			dst = append(dst, "00000000"[:want-have]...)
		}
		copy(dst[start+want:], body)
		dst = dst[:start+want+size]
	}
	appendHeader(dst[:start], '$', int64(size))
	return append(dst, '\r', '\n')
}

// digits is the count of decimal digits of n, 0 <= n <= MaxBulk.
func digits(n int) int {
	d := 1
	for n >= 10 && d < bulkRoom-3 {
		n /= 10
		d++
	}
	return d
}

// AppendNull appends what stands for no value.
func AppendNull(dst []byte, proto int) []byte {
	if proto >= RESP3 {
		return append(dst, "_\r\n"...)
	}
	return append(dst, "$-1\r\n"...)
}

// AppendNullArray appends what stands for no array.
func AppendNullArray(dst []byte, proto int) []byte {
	if proto >= RESP3 {
		return append(dst, "_\r\n"...)
	}
	return append(dst, "*-1\r\n"...)
}

// AppendArray begins an array of n elements.
func AppendArray(dst []byte, n int) []byte { return appendHeader(dst, '*', int64(n)) }

// AppendMap begins a map of n pairs; in RESP2 an array of 2 n elements.
func AppendMap(dst []byte, proto, n int) []byte {
	if proto >= RESP3 {
		return appendHeader(dst, '%', int64(n))
	}
	return appendHeader(dst, '*', 2*int64(n))
}

// AppendSet begins a set of n elements; in RESP2 an array.
func AppendSet(dst []byte, proto, n int) []byte {
	if proto >= RESP3 {
		return appendHeader(dst, '~', int64(n))
	}
	return appendHeader(dst, '*', int64(n))
}

// AppendPush begins a message of n elements that is no reply; in RESP2 an array.
func AppendPush(dst []byte, proto, n int) []byte {
	if proto >= RESP3 {
		return appendHeader(dst, '>', int64(n))
	}
	return appendHeader(dst, '*', int64(n))
}

// AppendVerbatim appends a text for people. format has three letters: "txt" or
// "mkd". In RESP2 it is a bulk without the format.
func AppendVerbatim(dst []byte, proto int, format string, text []byte) []byte {
	if proto < RESP3 {
		return AppendBulk(dst, text)
	}
	dst = appendHeader(dst, '=', int64(len(text)+4))
	dst = append(dst, format[:3]...)
	dst = append(dst, ':')
	dst = append(dst, text...)
	return append(dst, '\r', '\n')
}

// AppendCommand appends a command as clients send it.
func AppendCommand(dst []byte, args ...string) []byte {
	dst = AppendArray(dst, len(args))
	for _, a := range args {
		dst = AppendBulkString(dst, a)
	}
	return dst
}

func appendHeader(dst []byte, kind byte, n int64) []byte {
	dst = append(dst, kind)
	if uint64(n) < 10 {
		return append(dst, '0'+byte(n), '\r', '\n')
	}
	dst = strconv.AppendInt(dst, n, 10)
	return append(dst, '\r', '\n')
}
