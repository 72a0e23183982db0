package generator

import (
	"fmt"
	"io"
	"net"
	"strings"
	"time"

	"covey/codec"
)

// enter authenticates a connection, where the plan has a password for that.
func enter(conn net.Conn, p *Plan) error {
	if p.Password == "" {
		return nil
	}
	if err := conn.SetDeadline(time.Now().Add(DialPatience)); err != nil {
		return err
	}
	request := codec.AppendAuth(nil, 0, codec.Auth{Password: []byte(p.Password)})
	right := string(codec.AppendValueResponse(nil, 0, codec.ValueResponse{}))
	if p.Protocol == RESP {
		request = fmt.Appendf(nil, "*2\r\n$4\r\nAUTH\r\n$%d\r\n%s\r\n", len(p.Password), p.Password)
		right = "+OK\r\n"
	}
	if _, err := conn.Write(request); err != nil {
		return err
	}
	reply := make([]byte, len(right))
	if _, err := io.ReadFull(conn, reply); err != nil {
		return fmt.Errorf("the node closed the connection instead of taking the secret: %w", err)
	}
	if string(reply) != right {
		rest := make([]byte, MaxSentence)
		n, _ := conn.Read(rest)
		return fmt.Errorf("%w: %s", ErrDenied, strings.TrimSpace(strings.ToValidUTF8(printable(append(reply, rest[:n]...)), "")))
	}
	return conn.SetDeadline(time.Time{})
}

// printable is what of a reply a person can read.
func printable(b []byte) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' || r > '~' {
			return -1
		}
		return r
	}, string(b))
}
