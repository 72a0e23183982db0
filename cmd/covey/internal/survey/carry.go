package survey

import (
	"bytes"
	"context"
	"io"
	"net"
	"net/netip"
	"strconv"
	"time"
)

const (
	// large is how many bytes are sent at once: more than a packet of any Ethernet card holds, so one of the full size is among them.
	large = 16 << 10
	// carryTimeout is how long the answer may take: some repetitions of what a busy network loses.
	carryTimeout = 3 * time.Second
)

// Stuck asks the nodes at addrs for an echo of a few bytes and then of many, several at a time, and returns those that answer the first
// and not the second: packets of the full size are lost on the way. Who answers neither is not told. A node with a secret
// refuses both, in a few bytes, which is an answer too: of the way back nothing is known then.
func Stuck(ctx context.Context, addrs []netip.AddrPort) []netip.AddrPort {
	var found []netip.AddrPort
	for i, stuck := range ofEach(addrs, func(addr netip.AddrPort) bool { return swallows(ctx, addr) }) {
		if stuck {
			found = append(found, addrs[i])
		}
	}
	return found
}

func swallows(ctx context.Context, addr netip.AddrPort) bool {
	dialer := net.Dialer{Timeout: dialTimeout}
	conn, err := dialer.DialContext(ctx, "tcp4", addr.String())
	if err != nil {
		return false
	}
	defer conn.Close()
	defer context.AfterFunc(ctx, func() { _ = conn.Close() })()
	if echo(conn, 1) != nil {
		return false
	}
	err = echo(conn, large)
	slow, ok := err.(net.Error)
	return ok && slow.Timeout()
}

// echo sends a command of so many bytes and waits for the reply: the same bytes, or a line that is an error.
func echo(conn net.Conn, size int) error {
	if err := conn.SetDeadline(time.Now().Add(carryTimeout)); err != nil {
		return err
	}
	length := strconv.Itoa(size)
	body := bytes.Repeat([]byte{'.'}, size)
	if _, err := conn.Write([]byte("*2\r\n$4\r\nECHO\r\n$" + length + "\r\n" + string(body) + "\r\n")); err != nil {
		return err
	}
	first := make([]byte, 1)
	if _, err := io.ReadFull(conn, first); err != nil {
		return err
	}
	if first[0] != '$' {
		return skipLine(conn)
	}
	_, err := io.CopyN(io.Discard, conn, int64(len(length)+2+size+2))
	return err
}

// skipLine reads to the end of a line: a byte at a time, for the next reply is behind it. The deadline bounds it.
func skipLine(conn net.Conn) error {
	b := make([]byte, 1)
	for b[0] != '\n' {
		if _, err := io.ReadFull(conn, b); err != nil {
			return err
		}
	}
	return nil
}
