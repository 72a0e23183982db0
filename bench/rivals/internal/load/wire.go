package load

import (
	"bytes"
	"fmt"

	"covey/codec"
)

const (
	keyPrefix = "key:"
	keyDigits = 12
	// wholeCompare is up to which length a value that comes back is compared byte by byte; of a longer one, what stands
	// before it and its length.
	wholeCompare = 4 << 10
	maxSentence  = 200 // bytes of an unexpected reply that an error shows
)

// request is one formatted request and the place of its key's digits.
type request struct {
	bytes  []byte
	digits int
}

// wire is a protocol for values of one length. Every value is made of the letter x, as redis-benchmark has it, so what a reply
// must be is known beforehand.
type wire struct {
	get, set request
	greet    []byte // what an idle connection says once
	stored   []byte // the reply to a set
	hit      []byte // the reply to a get: all of it, or, when it is long, what stands before the value
	hitBytes int    // its whole length
	miss     []byte
}

func newWire(name string, valueBytes int) (*wire, error) {
	key, value := fmt.Appendf(nil, "%s%0*d", keyPrefix, keyDigits, 0), bytes.Repeat([]byte{'x'}, valueBytes)
	w := new(wire)
	var before, after []byte
	switch name {
	case "resp":
		w.get = newRequest(fmt.Appendf(nil, "*2\r\n$3\r\nGET\r\n$%d\r\n%s\r\n", len(key), key))
		w.set = newRequest(fmt.Appendf(nil, "*3\r\n$3\r\nSET\r\n$%d\r\n%s\r\n$%d\r\n%s\r\n", len(key), key, valueBytes, value))
		w.greet = []byte("*1\r\n$4\r\nPING\r\n")
		w.stored, w.miss = []byte("+OK\r\n"), []byte("$-1\r\n")
		before, after = fmt.Appendf(nil, "$%d\r\n", valueBytes), []byte("\r\n")
	case "memcached": // the meta commands of its text protocol
		w.get = newRequest(fmt.Appendf(nil, "mg %s v\r\n", key))
		w.set = newRequest(fmt.Appendf(nil, "ms %s %d\r\n%s\r\n", key, valueBytes, value))
		w.greet = []byte("mn\r\n")
		w.stored, w.miss = []byte("HD\r\n"), []byte("EN\r\n")
		before, after = fmt.Appendf(nil, "VA %d\r\n", valueBytes), []byte("\r\n")
	case "frames":
		w.get = newRequest(codec.AppendGetValue(nil, 0, codec.GetValue{Key: key}))
		w.set = newRequest(codec.AppendSetValue(nil, 0, codec.SetValue{Key: key, Value: value}))
		w.greet = codec.AppendGetValue(nil, 0, codec.GetValue{Key: []byte("nothing")})
		w.stored = codec.AppendValueResponse(nil, 0, codec.ValueResponse{Status: codec.StatusOK})
		w.miss = codec.AppendValueResponse(nil, 0, codec.ValueResponse{Status: codec.StatusNotFound})
		before = codec.AppendValueResponse(nil, 0, codec.ValueResponse{Status: codec.StatusOK, Value: value})
		before = before[:len(before)-valueBytes]
	default:
		return nil, fmt.Errorf("there is no protocol %q: resp, frames or memcached", name)
	}
	w.hitBytes = len(before) + valueBytes + len(after)
	w.hit = before
	if valueBytes <= wholeCompare {
		w.hit = append(append(before, value...), after...)
	}
	return w, nil
}

// newRequest finds the key in a request, where only a key can be first.
func newRequest(text []byte) request {
	return request{bytes: text, digits: bytes.Index(text, []byte(keyPrefix)) + len(keyPrefix)}
}

// put writes the number of a key into the copy of the request that begins at text.
func (q *request) put(text []byte, n uint64) {
	digits := text[q.digits : q.digits+keyDigits]
	for i := keyDigits - 1; i >= 0; i-- {
		digits[i] = '0' + byte(n%10)
		n /= 10
	}
}

// outcome is what a reply is.
type outcome uint8

const (
	incomplete outcome = iota
	hit
	stored
	missed
)

// next reads the reply at the start of in. n is its length, which may be more than there is of it: a long value is not looked
// at. A reply that is none of those that may come is an error, with what it says.
func (w *wire) next(in []byte) (n int, o outcome, err error) {
	switch {
	case bytes.HasPrefix(in, w.hit):
		return w.hitBytes, hit, nil
	case bytes.HasPrefix(in, w.stored):
		return len(w.stored), stored, nil
	case bytes.HasPrefix(in, w.miss):
		return len(w.miss), missed, nil
	case bytes.HasPrefix(w.hit, in), bytes.HasPrefix(w.stored, in), bytes.HasPrefix(w.miss, in):
		return 0, incomplete, nil
	}
	return 0, incomplete, fmt.Errorf("an unexpected reply: %q", in[:min(len(in), maxSentence)])
}
