package command

import "bytes"

// canonical appends a Lua script to dst in a form in which layout makes no difference: without comments, white space that separates no two
// words, and semicolons; strings in double quotes, and command names in lower case. Two scripts of one form do the same. It is not for
// reading on: what would need it, such as a string with a backslash or a quote in it, is not ok.
func canonical(dst, text []byte) (_ []byte, ok bool) {
	start := len(dst)
	for len(text) > 0 {
		n := 1
		switch b := text[0]; {
		case b == ';' || isSpace(b):
		case bytes.HasPrefix(text, []byte("--")):
			n = commentLen(text)
		case b == '"' || b == '\'':
			end := bytes.IndexByte(text[1:], b)
			if end < 0 || bytes.ContainsAny(text[1:1+end], "\\\"'\n") {
				return dst, false
			}
			dst = appendString(dst, start, text[1:1+end])
			n = end + 2
		default:
			n = tokenLen(text)
			if len(dst) > start && kindOf(dst[len(dst)-1]) == kindOf(b) && kindOf(b) != others {
				dst = append(dst, ' ')
			}
			dst = append(dst, text[:n]...)
		}
		text = text[n:]
	}
	return dst, true
}

// appendString appends a string. If it is the command in a call of one, what begins at start goes on with its name in lower case.
func appendString(dst []byte, start int, s []byte) []byte {
	called := bytes.HasSuffix(dst[start:], []byte("redis.call(")) || bytes.HasSuffix(dst[start:], []byte("redis.pcall("))
	dst = append(dst, '"')
	for _, b := range s {
		if called && 'A' <= b && b <= 'Z' {
			b += 'a' - 'A'
		}
		dst = append(dst, b)
	}
	return append(dst, '"')
}

// lexical is what a byte is part of. Two tokens of one kind, but of others, need a space between them.
type lexical uint8

const (
	others lexical = iota // a token by itself
	names                 // names and numbers
	operators
)

func kindOf(b byte) lexical {
	switch {
	case b >= '0' && b <= '9', b|0x20 >= 'a' && b|0x20 <= 'z', b == '_':
		return names
	case b == '=', b == '~', b == '<', b == '>', b == '.':
		return operators
	}
	return others
}

// tokenLen returns how many bytes the token at the start of text has.
func tokenLen(text []byte) int {
	n, kind := 1, kindOf(text[0])
	for kind != others && n < len(text) && kindOf(text[n]) == kind {
		n++
	}
	return n
}

// commentLen returns how many bytes the comment at the start of text has: to the end of its line, or from --[==[ to ]==] with as many
// signs. One that does not end ends with the text.
func commentLen(text []byte) int {
	if level := bytes.TrimLeft(text[min(3, len(text)):], "="); len(text) > 3 && text[2] == '[' && len(level) > 0 && level[0] == '[' {
		head := len(text) - len(level)
		end := append(append([]byte{']'}, text[3:head]...), ']')
		if i := bytes.Index(level, end); i >= 0 {
			return head + i + len(end)
		}
		return len(text)
	}
	if i := bytes.IndexByte(text, '\n'); i >= 0 {
		return i
	}
	return len(text)
}

func isSpace(b byte) bool { return b == ' ' || '\t' <= b && b <= '\r' }
