package codec

import (
	"bytes"
	"fmt"
	"math"
	"strconv"
	"strings"
)

// ReplyKind is the first byte of a reply.
type ReplyKind byte

// The kinds of replies. ReplyNull stands for the null bulk and the null array of
// RESP2 too.
const (
	ReplySimple    ReplyKind = '+'
	ReplyError     ReplyKind = '-'
	ReplyInt       ReplyKind = ':'
	ReplyBulk      ReplyKind = '$'
	ReplyArray     ReplyKind = '*'
	ReplyNull      ReplyKind = '_'
	ReplyBool      ReplyKind = '#'
	ReplyDouble    ReplyKind = ','
	ReplyBigInt    ReplyKind = '('
	ReplyBulkError ReplyKind = '!'
	ReplyVerbatim  ReplyKind = '='
	ReplyMap       ReplyKind = '%'
	ReplySet       ReplyKind = '~'
	ReplyPush      ReplyKind = '>'
)

// replyAttribute precedes a reply; it is read and dropped.
const replyAttribute ReplyKind = '|'

// Reply is one parsed reply of a server.
type Reply struct {
	Kind     ReplyKind
	Str      []byte  // text of simple, error, bulk, verbatim (with its "txt:"), big integer; aliases the buffer
	Int      int64   // of an integer; 1 for true
	Double   float64 // of a double
	Elements []Reply // of an aggregate; of a map keys and values in turn
}

// ReplyScanner finds where replies end without keeping what they hold: no
// allocation, and work in proportion to the bytes however the input is split.
// The zero value is ready; one scanner serves one connection.
type ReplyScanner struct {
	pos  int   // everything before it has been dealt with
	seen int   // the end of a line has been looked for up to here
	left int64 // elements still to come, the reply itself included; 0 at rest. 64 heads may announce 2^31
}

// Next returns the length of the whole reply at the start of buf, or 0 when more
// bytes are needed; then buf must start with the same bytes at the next call.
// An error means that this is not RESP; the connection is of no use any more.
func (s *ReplyScanner) Next(buf []byte) (n int, err error) {
	if s.left == 0 {
		s.left = 1
	}
	for s.left > 0 {
		h, err := readReplyHead(buf, s.pos, max(s.pos, s.seen))
		if err != nil {
			return 0, err
		}
		if h.next == 0 {
			s.seen = len(buf)
			return 0, nil
		}
		if h.end() > len(buf) {
			return 0, nil
		}
		s.pos = h.end()
		s.left += int64(h.elements)
		if h.kind != replyAttribute {
			s.left--
		}
	}
	n = s.pos
	*s = ReplyScanner{}
	return n, nil
}

// ParseReply parses the reply at the start of buf and returns its length, or n == 0
// when it is not whole yet. The texts of the reply alias buf. Attributes are dropped.
// It starts from the front at each call: where a long aggregate arrives in many
// pieces, ask a ReplyScanner first.
func ParseReply(buf []byte) (r Reply, n int, err error) {
	n, err = parseReply(buf, 0, &r, 0)
	if err != nil || n == 0 {
		return Reply{}, 0, err
	}
	return r, n, nil
}

// parseReply returns the offset behind the reply that starts at pos, 0 for more.
func parseReply(buf []byte, pos int, r *Reply, depth int) (next int, err error) {
	h, err := readReplyHead(buf, pos, pos)
	if err != nil || h.next == 0 || h.end() > len(buf) {
		return 0, err
	}
	for h.kind == replyAttribute {
		pos = h.next
		for range h.elements {
			var dropped Reply
			if depth == MaxReplyDepth {
				return 0, errReplyDepth
			}
			if pos, err = parseReply(buf, pos, &dropped, depth+1); err != nil || pos == 0 {
				return 0, err
			}
		}
		h, err = readReplyHead(buf, pos, pos)
		if err != nil || h.next == 0 || h.end() > len(buf) {
			return 0, err
		}
	}
	*r = Reply{Kind: h.kind, Int: h.number}
	next = h.end()
	switch h.kind {
	case ReplySimple, ReplyError, ReplyBigInt:
		r.Str = h.line
	case ReplyDouble:
		r.Double, err = parseDouble(h.line)
	case ReplyBulk, ReplyBulkError, ReplyVerbatim:
		r.Str = buf[h.next : h.next+h.length : h.next+h.length]
	case ReplyArray, ReplySet, ReplyPush, ReplyMap:
		if depth == MaxReplyDepth {
			return 0, errReplyDepth
		}
		// An element takes three bytes or more: a count alone allocates nothing.
		r.Elements = make([]Reply, 0, min(h.elements, (len(buf)-next)/3))
		for range h.elements {
			var e Reply
			if next, err = parseReply(buf, next, &e, depth+1); err != nil || next == 0 {
				return 0, err
			}
			r.Elements = append(r.Elements, e)
		}
	}
	return next, err
}

// replyHead is the first line of a reply.
type replyHead struct {
	kind     ReplyKind
	line     []byte // behind the kind, without the end
	number   int64  // of an integer or a bool
	length   int    // of a bulk
	body     int    // bytes that follow before a "\r\n"; -1: none follow at all
	elements int    // that follow
	next     int    // offset behind the line; 0: the line is not whole
}

// end is the offset behind the head and, of a bulk, its bytes.
func (h *replyHead) end() int {
	if h.body >= 0 {
		return h.next + h.body + 2
	}
	return h.next
}

var (
	errReplyLine  = &ProtocolError{"the reply has a line that is too long"}
	errReplyDepth = &ProtocolError{"the reply nests too deep"}
)

// readReplyHead reads the line at pos, whose end is not before from.
func readReplyHead(buf []byte, pos, from int) (h replyHead, err error) {
	if pos >= len(buf) {
		return h, nil
	}
	h.kind = ReplyKind(buf[pos])
	if strings.IndexByte("+-:$*_#,(!=%~>|", buf[pos]) < 0 {
		return h, &ProtocolError{fmt.Sprintf("the reply starts with %q, which is not RESP", buf[pos])}
	}
	limit := min(len(buf), pos+MaxReplyLine)
	i := -1
	if from < limit {
		i = bytes.IndexByte(buf[from:limit], '\n')
	}
	if i < 0 {
		if limit < len(buf) || limit == pos+MaxReplyLine {
			return h, errReplyLine
		}
		return h, nil
	}
	end := from + i
	h.line = bytes.TrimSuffix(buf[pos+1:end], []byte{'\r'})
	h.next, h.body = end+1, -1
	return h, h.measure()
}

// measure reads the number in the line of a kind that has one.
func (h *replyHead) measure() error {
	switch h.kind {
	case ReplyInt:
		n, err := strconv.ParseInt(string(h.line), 10, 64)
		if err != nil {
			return &ProtocolError{fmt.Sprintf("the reply has %q for an integer", h.line)}
		}
		h.number = n
	case ReplyBool:
		if len(h.line) != 1 || (h.line[0] != 't' && h.line[0] != 'f') {
			return &ProtocolError{fmt.Sprintf("the reply has %q for a bool", h.line)}
		}
		if h.line[0] == 't' {
			h.number = 1
		}
	case ReplyBulk, ReplyBulkError, ReplyVerbatim:
		n, err := h.count(MaxBulk + 4)
		if err != nil || n < 0 {
			return err
		}
		h.length, h.body = n, n
	case ReplyArray, ReplySet, ReplyPush, ReplyMap, replyAttribute:
		n, err := h.count(MaxReplyElements)
		if err != nil || n < 0 {
			return err
		}
		h.elements = n
		if h.kind == ReplyMap || h.kind == replyAttribute {
			h.elements = 2 * n
		}
	}
	return nil
}

// count reads a length up to limit. A length of -1 makes the reply a null.
func (h *replyHead) count(limit int) (int, error) {
	n, err := strconv.Atoi(string(h.line))
	if err != nil || n < -1 || n > limit {
		return 0, &ProtocolError{fmt.Sprintf("the reply has %q for a length", h.line)}
	}
	if n == -1 {
		h.kind = ReplyNull
	}
	return n, nil
}

func parseDouble(line []byte) (float64, error) {
	switch string(line) {
	case "inf":
		return math.Inf(1), nil
	case "-inf":
		return math.Inf(-1), nil
	case "nan":
		return math.NaN(), nil
	}
	v, err := strconv.ParseFloat(string(line), 64)
	if err != nil {
		return 0, &ProtocolError{fmt.Sprintf("the reply has %q for a double", line)}
	}
	return v, nil
}
