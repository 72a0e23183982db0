package codec

import "bytes"

// split cuts an inline command into words: p.spans of p.text. Double quotes know
// \n \r \t \b \a \xHH and \" escapes, single quotes only \'. It reports false
// for quotes that do not close, or that close inside of a word.
// The rules are those of sdssplitargs in Redis 7.0; a zero byte ends the line.
func (p *Parser) split(line []byte) bool {
	p.spans, p.text = p.spans[:0], p.text[:0]
	if i := bytes.IndexByte(line, 0); i >= 0 {
		line = line[:i]
	}
	for i := 0; ; {
		for i < len(line) && isSpace(line[i]) {
			i++
		}
		if i == len(line) {
			return true
		}
		start := len(p.text)
		n, ok := p.word(line[i:])
		if !ok {
			return false
		}
		i += n
		p.spans = append(p.spans, span{uint32(start), uint32(len(p.text))})
	}
}

// word appends the word at the start of line to p.text and returns its raw length.
func (p *Parser) word(line []byte) (n int, ok bool) {
	for i := 0; i < len(line); i++ {
		switch c := line[i]; c {
		case ' ', '\t', '\r':
			return i, true
		case '"', '\'':
			n, ok := p.quoted(line[i:])
			i += n
			// The closing quote must end the word.
			return i, ok && (i == len(line) || isSpace(line[i]))
		default:
			p.text = append(p.text, c)
		}
	}
	return len(line), true
}

// quoted appends what stands between the quote that opens line and the one that
// closes it, and returns the raw length with both quotes.
func (p *Parser) quoted(line []byte) (n int, ok bool) {
	quote := line[0]
	for i := 1; i < len(line); i++ {
		c := line[i]
		rest := line[i+1:]
		switch {
		case c == quote:
			return i + 1, true
		case c == '\\' && quote == '"' && len(rest) >= 3 && rest[0] == 'x' && isHex(rest[1]) && isHex(rest[2]):
			p.text = append(p.text, unhex(rest[1])<<4|unhex(rest[2]))
			i += 3
		case c == '\\' && quote == '"' && len(rest) >= 1:
			p.text = append(p.text, unescape(rest[0]))
			i++
		case c == '\\' && quote == '\'' && len(rest) >= 1 && rest[0] == '\'':
			p.text = append(p.text, '\'')
			i++
		default:
			p.text = append(p.text, c)
		}
	}
	return 0, false
}

// isHTTP reports whether an inline command is the start of an HTTP request: a
// browser that was led to this port must not run commands hidden in a request's
// body. None of these lines is a valid command.
func isHTTP(args [][]byte) bool {
	if len(args) == 0 {
		return false
	}
	if bytes.EqualFold(args[0], []byte("POST")) || bytes.EqualFold(args[0], []byte("Host:")) {
		return true
	}
	if len(args) != 3 || !bytes.HasPrefix(args[2], []byte("HTTP/")) {
		return false
	}
	switch string(args[0]) {
	case "GET", "HEAD", "PUT", "DELETE", "OPTIONS", "PATCH", "CONNECT", "TRACE", "PRI":
		return true
	}
	return false
}

func unescape(c byte) byte {
	switch c {
	case 'n':
		return '\n'
	case 'r':
		return '\r'
	case 't':
		return '\t'
	case 'b':
		return '\b'
	case 'a':
		return '\a'
	}
	return c
}

// isSpace is C's isspace for single bytes.
func isSpace(c byte) bool { return c == ' ' || (c >= '\t' && c <= '\r') }

func isHex(c byte) bool {
	return c-'0' <= 9 || (c|0x20)-'a' <= 5
}

func unhex(c byte) byte {
	if c-'0' <= 9 {
		return c - '0'
	}
	return (c | 0x20) - 'a' + 10
}
