package generator

import (
	"context"
	"fmt"
	"net"
	"time"

	"covey/codec"
)

// Denied says that a node answers and does not take the plan's password.
type Denied struct {
	Said string // the node's answer
}

func (d *Denied) Error() string { return "the node does not take the secret: " + d.Said }

// enter authenticates a connection, where the plan has a password for that. It returns at once when ctx ends.
func enter(ctx context.Context, conn net.Conn, p *Plan) error {
	if p.Password == "" {
		return nil
	}
	if err := conn.SetDeadline(time.Now().Add(DialPatience)); err != nil {
		return err
	}
	heard := context.AfterFunc(ctx, func() { _ = conn.SetDeadline(time.Unix(1, 0)) })
	err := authenticate(conn, p)
	if !heard() {
		return ctx.Err() // the deadline may stand still
	}
	if err != nil {
		return err
	}
	return conn.SetDeadline(time.Time{})
}

// authenticate sends the password and reads the answer.
func authenticate(conn net.Conn, p *Plan) error {
	request := codec.AppendAuth(nil, 0, codec.Auth{Password: []byte(p.Password)})
	if p.Protocol == RESP {
		request = fmt.Appendf(nil, "*2\r\n$4\r\nAUTH\r\n$%d\r\n%s\r\n", len(p.Password), p.Password)
	}
	if _, err := conn.Write(request); err != nil {
		return err
	}
	replies, in := newScanner(p.Protocol), make([]byte, 0, minInput)
	for {
		n, o, sentence, err := replies.next(in)
		switch {
		case err != nil:
			return err
		case n > 0 && o == served:
			return nil
		case n > 0:
			return &Denied{Said: string(sentence[:min(len(sentence), MaxSentence)])}
		case len(in) == cap(in):
			return fmt.Errorf("the node answers AUTH with more than %d bytes", len(in))
		}
		n, err = conn.Read(in[len(in):cap(in)])
		if in = in[:len(in)+n]; n == 0 && err != nil {
			return fmt.Errorf("the node closed the connection instead of taking the secret: %w", err)
		}
	}
}
