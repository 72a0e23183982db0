package codec

import "encoding/binary"

// Large is a write whose value has not come whole: where in the bytes of the command that have come the value begins, and how
// long it is. Its stub is the same command with an empty value: what a node carries out once the value lies elsewhere.
type Large struct {
	Key  []byte // aliases the buffer
	Size int    // bytes of the value
	From int    // the value begins here
	head int    // RESP: its length is said from here on
}

// LargeSet finds a RESP command at the start of buf that sets one key, such as "SET key value ..." or "SETEX key seconds value",
// and whose value's length is there and is more than RefValue. Whether the rest makes sense is found out with the stub.
func LargeSet(buf []byte) (m Large, ok bool) {
	if len(buf) == 0 || buf[0] != '*' {
		return m, false
	}
	count, at, ok := length(buf, 1)
	if !ok || at == 0 || count < 3 || count > MaxArgs {
		return m, false
	}
	name, at := bulk(buf, at)
	between, one := largeForm(name)
	if between < 0 || one && count != 3 {
		return m, false
	}
	m.Key, m.head = bulk(buf, at)
	for range between {
		_, m.head = bulk(buf, m.head)
	}
	if m.head == 0 || len(m.Key) == 0 || len(m.Key) > MaxKey || m.head >= len(buf) || buf[m.head] != '$' {
		return m, false
	}
	size, from, ok := length(buf, m.head+1)
	if !ok || from == 0 || size <= RefValue || size > MaxValue {
		return m, false
	}
	m.Size, m.From = int(size), from
	return m, true
}

// largeForm tells of a command by its name, in letters of any case, how many arguments it has between the key and the value, -1 when
// it is none that sets one key, and whether it sets one only if there is nothing behind the value.
func largeForm(name []byte) (between int, one bool) {
	var letters [len("psetex")]byte
	if len(name) > len(letters) {
		return -1, false
	}
	for i, b := range name {
		letters[i] = b | 0x20
	}
	switch string(letters[:len(name)]) {
	case "set", "setnx", "getset":
		return 0, false
	case "mset":
		return 0, true
	case "setex", "psetex":
		return 1, false
	}
	return -1, false
}

// bulk reads a bulk that is there whole, and where the next begins; nothing if it is not.
func bulk(buf []byte, at int) (text []byte, next int) {
	if at == 0 || at >= len(buf) || buf[at] != '$' {
		return nil, 0
	}
	size, from, ok := length(buf, at+1)
	if !ok || from == 0 || size < 0 || size > int64(len(buf)-from-2) {
		return nil, 0
	}
	end := from + int(size)
	return buf[from:end:end], end + 2
}

// LargeSetValue finds a SetValue at the start of buf whose key is there and whose value is longer than RefValue. Whether its
// fields make sense is found out with the stub. If it may be one, and not so much of it has come that this can be told, ok is
// false and m.From is how many bytes must have.
func LargeSetValue(buf []byte) (m Large, ok bool) {
	h, ok, err := DecodeHeader(buf)
	if err != nil || !ok || h.Kind != KindSetValue || h.Length < setValueFixed {
		return m, false
	}
	if m.From = HeaderLen + setValueFixed; len(buf) < m.From {
		return m, false
	}
	key := binary.LittleEndian.Uint32(buf[HeaderLen+8:])
	from := HeaderLen + setValueFixed + int(key)
	size := HeaderLen + int(h.Length) - from
	if key == 0 || key > MaxKey || size <= RefValue || size > MaxValue {
		return Large{}, false
	}
	if m.From = from; len(buf) < from {
		return m, false
	}
	m.Key, m.Size, m.From = buf[HeaderLen+setValueFixed:from:from], size, from
	return m, true
}

// Stub turns the command in buf, of which no byte of the value is left, into its stub: buf ends with the last byte before the
// value. It becomes no longer.
func (m *Large) Stub(buf []byte) []byte {
	if m.head > 0 {
		return append(buf[:m.head], "$0\r\n"...)
	}
	binary.LittleEndian.PutUint32(buf[4:], uint32(m.From-HeaderLen))
	return buf
}
