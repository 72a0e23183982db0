package codec

import (
	"bytes"
	"fmt"
	"slices"
)

// ProtocolError is a breach of RESP. Text is what Redis says after "-ERR ";
// the connection is closed once it has been written.
type ProtocolError struct{ Text string }

func (e *ProtocolError) Error() string { return e.Text }

var (
	errArrayLength = &ProtocolError{"Protocol error: invalid multibulk length"}
	errBulkLength  = &ProtocolError{"Protocol error: invalid bulk length"}
	errInlineSize  = &ProtocolError{"Protocol error: too big inline request"}
	errQuotes      = &ProtocolError{"Protocol error: unbalanced quotes in request"}
	errCommandSize = &ProtocolError{"Protocol error: too big request"}
	errHTTP        = &ProtocolError{"Protocol error: this port speaks RESP, not HTTP"}
)

// Parser takes RESP commands from the front of a buffer. The zero value is ready
// to use; one parser serves one connection.
//
// It works in these steps:
//  1. The first byte decides: '*' opens an array of bulks, anything else a line.
//  2. An array of few arguments that is all there, as nearly all are, is taken at
//     once (whole). What is not goes the long way, from its start:
//  3. The headers of an array are read one after the other. Where each argument
//     lies is kept as offsets, so that the buffer may move between calls.
//  4. When bytes are missing, the place is kept, and the next call goes on there:
//     no byte before it is read again, so the work is O(bytes) for any split.
//  5. When the command is whole, the offsets become slices of the buffer.
//
// As Redis does, it takes the byte after a '\r' and the two bytes after a bulk for
// granted: what matters are the lengths.
type Parser struct {
	spans []span // arguments of the command so far
	pos   int    // everything before it has been dealt with
	left  int    // bulks still to come
	need  int    // bytes that must be there before a call can succeed
	open  bool   // inside of an array
	text  []byte // arguments of an inline command, unescaped; reused
}

// span is where an argument lies in the buffer, bytes.
type span struct{ off, end uint32 }

const spanBytes = 8 // of a span

// Next takes one command from the start of buf, and appends its arguments to args. It
// returns the count n of bytes it took: the caller drops these before it calls again.
//
//   - n == 0, err == nil: more bytes are needed (see Need). At the next call buf must
//     start with the same bytes; it may lie elsewhere. Nothing was appended.
//   - n > 0 and no new args: an empty line or array was taken; there is nothing to do.
//   - err != nil: always a *ProtocolError. The connection is to be closed.
//
// The arguments alias buf, or the parser's own memory for an inline command: these are
// valid until the next call.
func (p *Parser) Next(args [][]byte, buf []byte) (_ [][]byte, n int, err error) {
	if len(buf) == 0 {
		p.need = 1
		return args, 0, nil
	}
	if !p.open {
		if buf[0] != '*' {
			return p.line(args, buf)
		}
		if list, n := whole(args, buf); n > 0 {
			p.need = 1
			return list, n, nil
		}
		count, pos, ok := length(buf, 1)
		if !ok || count > MaxArgs {
			return args, 0, errArrayLength
		}
		if pos == 0 {
			p.need = len(buf) + 1
			return args, 0, nil
		}
		if count <= 0 {
			p.need = 1
			return args, pos, nil
		}
		p.trim()
		p.open, p.left, p.pos = true, int(count), pos
	}
	if err := p.bulks(buf); err != nil {
		return args, 0, err
	}
	if p.left > 0 {
		return args, 0, nil
	}
	args = slices.Grow(args, len(p.spans)) // a million slices that grow step by step are copied and scanned for a fifth of a second
	for _, s := range p.spans {
		args = append(args, buf[s.off:s.end:s.end])
	}
	n = p.pos
	p.open, p.pos, p.spans = false, 0, p.spans[:0]
	p.trim()
	return args, n, nil
}

// Forget leaves the command that has been begun: the next call takes its buf from the start.
func (p *Parser) Forget() {
	p.open, p.pos, p.spans = false, 0, p.spans[:0]
	p.trim()
}

// whole takes an array of 1 to 99 arguments of up to 9,999 bytes that is all there. n is 0
// for everything else, be it longer, short of bytes or wrong: nothing was taken.
func whole(args [][]byte, buf []byte) (_ [][]byte, n int) {
	if len(buf) < 5 {
		return args, 0
	}
	count, pos := int(buf[1])-'0', 4
	if count < 1 || count > 9 {
		return args, 0
	}
	if buf[2] != '\r' {
		second := int(buf[2]) - '0'
		if second < 0 || second > 9 || buf[3] != '\r' {
			return args, 0
		}
		count, pos = 10*count+second, 5
	}
	list := args
	for ; count > 0; count-- {
		if pos+bulkLeast > len(buf) || buf[pos] != '$' {
			return args, 0
		}
		b := buf[pos+1:]
		_ = b[bulkLeast-2]
		first, second := b[0]-'0', b[1]-'0'
		var size, from int
		switch { // a length of one digit, of two, of more
		case b[1] == '\r' && first <= 9:
			size, from = int(first), 3
		case b[2] == '\r' && first-1 <= 8 && second <= 9:
			size, from = 10*int(first)+int(second), 4
		default:
			if size, from = longLength(b); from == 0 {
				return args, 0
			}
		}
		end := from + size
		if end+2 > len(b) {
			return args, 0
		}
		list = append(list, b[from:end:end])
		pos += end + 3
	}
	return list, pos
}

// bulkLeast is how short a bulk may be: "$0\r\n\r\n".
const bulkLeast = 6

// longLength reads a length of up to four digits, and says where what it is of begins; 0: it is no such length.
func longLength(b []byte) (size, from int) {
	n := 0
	for ; n < 4 && n < len(b); n++ {
		d := b[n] - '0'
		if d > 9 {
			break
		}
		size = 10*size + int(d)
	}
	if n == 0 || b[0] == '0' && n > 1 || n >= len(b) || b[n] != '\r' {
		return 0, 0
	}
	return size, n + 2
}

// Need returns how many bytes buf must hold before another call of Next can take a
// command: past a bulk's header, the end of that bulk. It lets the caller size the
// buffer a large value is put together in. At most MaxCommand; 1 at rest.
func (p *Parser) Need() int { return max(p.need, 1) }

// Room returns the bytes that the parser holds, beside the buffer, of the command that it is in.
// 0 for one like most.
func (p *Parser) Room() int {
	if cap(p.spans) <= keptArgs {
		return 0
	}
	return cap(p.spans) * spanBytes
}

// bulks reads bulks from p.pos on until none is left or bytes are missing.
func (p *Parser) bulks(buf []byte) error {
	for p.left > 0 {
		if p.pos >= len(buf) {
			p.need = p.pos + 1
			return nil
		}
		if buf[p.pos] != '$' {
			return &ProtocolError{fmt.Sprintf("Protocol error: expected '$', got '%s'", buf[p.pos:p.pos+1])}
		}
		size, off, ok := length(buf, p.pos+1)
		if !ok || size < 0 || size > MaxBulk {
			return errBulkLength
		}
		if off == 0 {
			p.need = len(buf) + 1
			return nil
		}
		end := off + int(size)
		if end+2 > MaxCommand {
			return errCommandSize
		}
		if end+2 > len(buf) {
			p.need = end + 2
			return nil
		}
		p.spans = append(p.spans, span{uint32(off), uint32(end)})
		p.pos = end + 2
		p.left--
	}
	p.need = 1
	return nil
}

// FirstBulk returns the first bulk of a command in the form of an array that Next has taken once, and the offset behind it.
func FirstBulk(buf []byte) (arg []byte, next int) {
	_, next, _ = length(buf, 1)
	return Bulk(buf, next)
}

// Bulk returns the bulk at an offset of such a command, and the offset behind it.
func Bulk(buf []byte, at int) (arg []byte, next int) {
	size, from, _ := length(buf, at+1)
	end := from + int(size)
	return buf[from:end:end], end + 2
}

// Bulks appends all bulks of such a command at an offset to args, and returns the offset behind it.
func Bulks(args [][]byte, buf []byte, at int) (_ [][]byte, next int) {
	n, at, _ := length(buf, at+1)
	for range n {
		var arg []byte
		arg, at = Bulk(buf, at)
		args = append(args, arg)
	}
	return args, at
}

// trim gives back the room of a command that had very many arguments.
func (p *Parser) trim() {
	if cap(p.spans) > keptArgs {
		p.spans = nil
	}
}

// length reads a decimal number that ends with "\r\n", strictly: no plus sign, no
// spaces, no leading zeros. next is the offset behind the line end, or 0 when bytes
// are missing. ok is false when what is there can never become a number; that is
// known after at most 20 bytes.
func length(b []byte, at int) (v int64, next int, ok bool) {
	i, neg := at, false
	if i < len(b) && b[i] == '-' {
		neg = true
		i++
	}
	first := i
	for ; i < len(b); i++ {
		d := b[i] - '0'
		if d > 9 {
			break
		}
		if i-first >= 18 || (i > first && b[first] == '0') {
			return 0, 0, false
		}
		v = v*10 + int64(d)
	}
	if i >= len(b) {
		return 0, 0, true
	}
	if b[i] != '\r' || i == first || (neg && v == 0) {
		return 0, 0, false
	}
	if i+1 >= len(b) {
		return 0, 0, true
	}
	if neg {
		v = -v
	}
	return v, i + 2, true
}

// line takes an inline command: words divided by spaces, with quotes as redis-cli
// writes them. p.pos remembers how far the line's end has been looked for.
func (p *Parser) line(args [][]byte, buf []byte) ([][]byte, int, error) {
	// A line of MaxInline bytes and its "\r\n" is the longest that is taken.
	limit := min(len(buf), MaxInline+2)
	i := bytes.IndexByte(buf[p.pos:limit], '\n')
	if i < 0 {
		if limit == MaxInline+2 {
			return args, 0, errInlineSize
		}
		p.pos, p.need = limit, limit+1
		return args, 0, nil
	}
	n := p.pos + i + 1
	p.pos, p.need = 0, 1
	text := bytes.TrimSuffix(buf[:n-1], []byte{'\r'})
	if len(text) > MaxInline {
		return args, 0, errInlineSize
	}
	p.trim()
	if !p.split(text) {
		return args, 0, errQuotes
	}
	start := len(args)
	for _, s := range p.spans {
		args = append(args, p.text[s.off:s.end:s.end])
	}
	p.spans = p.spans[:0]
	if isHTTP(args[start:]) {
		return args[:start], 0, errHTTP
	}
	return args, n, nil
}
