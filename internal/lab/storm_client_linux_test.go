package lab

import (
	"bufio"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"math/rand/v2"
	"net"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// stormReply bounds the wait for a reply: longer than a node is stopped.
const stormReply = 30 * time.Second

// A raw is one connection to a node, and no more than one: WAIT speaks of the writes of its own connection, so a client that
// dials again by itself would take the word of another for it.
type raw struct {
	conn net.Conn
	in   *bufio.Reader
}

func dialRaw(h *Host, password string) (*raw, error) {
	ctx, cancel := context.WithTimeout(context.Background(), dialLimit)
	defer cancel()
	conn, err := h.Dial(ctx, "tcp4", "127.0.0.1:9000")
	if err != nil {
		return nil, err
	}
	r := &raw{conn: conn, in: bufio.NewReaderSize(conn, 64<<10)}
	if password != "" {
		if got, err := r.call([]string{"AUTH", password}); err != nil || got[0] != "OK" {
			conn.Close()
			return nil, fmt.Errorf("AUTH is answered %v, %v", got, err)
		}
	}
	return r, nil
}

// A refusal is an error that the node answered with.
type refusal string

func (r refusal) Error() string { return string(r) }

// call sends commands at once and returns the replies that came: an error ends them early.
func (r *raw) call(commands ...[]string) (replies []any, err error) {
	r.conn.SetDeadline(time.Now().Add(stormReply))
	sent := make(chan error, 1)
	go func() { // large replies and large commands would wait for each other
		out := bufio.NewWriterSize(r.conn, 64<<10)
		for _, words := range commands {
			fmt.Fprintf(out, "*%d\r\n", len(words))
			for _, word := range words {
				fmt.Fprintf(out, "$%d\r\n", len(word))
				out.WriteString(word)
				out.WriteString("\r\n")
			}
		}
		sent <- out.Flush()
	}()
	for range commands {
		var one any
		if one, err = r.reply(); err != nil {
			r.conn.Close()
			break
		}
		replies = append(replies, one)
	}
	return replies, errors.Join(err, <-sent)
}

// reply reads one: a string, an int64, nil, a refusal or a list of them.
func (r *raw) reply() (any, error) {
	line, err := r.in.ReadString('\n')
	if err != nil {
		return nil, err
	}
	kind, rest := line[0], strings.TrimSuffix(line[1:], "\r\n")
	switch kind {
	case '+':
		return rest, nil
	case '-':
		return refusal(rest), nil
	}
	n, err := strconv.ParseInt(rest, 10, 64)
	switch {
	case err != nil:
		return nil, err
	case kind == ':':
		return n, nil
	case n < 0:
		return nil, nil
	case kind == '$':
		b := make([]byte, n+2)
		_, err := io.ReadFull(r.in, b)
		return string(b[:n]), err
	}
	list := make([]any, n)
	for i := range list {
		if list[i], err = r.reply(); err != nil {
			return nil, err
		}
	}
	return list, nil
}

// sealed makes a value of a key of about so many bytes that tells its name, and whether a byte of it is wrong.
func sealedValue(key, name string, size int) string {
	head := name + "|" + key + "|"
	if size < len(head)+4 {
		return name
	}
	b := make([]byte, 0, size+8)
	b = append(b, head...)
	random := rand.NewPCG(uint64(size), uint64(crc32.ChecksumIEEE(b)))
	for len(b) < size-4 {
		b = binary.LittleEndian.AppendUint64(b, random.Uint64())
	}
	return string(binary.LittleEndian.AppendUint32(b, crc32.ChecksumIEEE(b)))
}

// nameOf is the name of such a value that was read under a key.
func nameOf(key, value string) (string, error) {
	name, rest, long := strings.Cut(value, "|")
	if !long {
		return name, nil
	}
	body := value[:len(value)-min(4, len(value))]
	if !strings.HasPrefix(rest, key+"|") || len(value) < 4 || binary.LittleEndian.Uint32([]byte(value[len(body):])) != crc32.ChecksumIEEE([]byte(body)) {
		return "", fmt.Errorf("%d bytes of %s, which begin with %.60q, are not a value that was written there", len(value), key, value)
	}
	return name, nil
}

// stormHoldings are the names of all values of a node by their keys, and whether they have an end.
func stormHoldings(h *Host, password string) (map[string]string, error) {
	conn, err := dialRaw(h, password)
	if err != nil {
		return nil, err
	}
	defer conn.conn.Close()
	held := map[string]string{}
	for cursor := "0"; ; {
		replies, err := conn.call([]string{"SCAN", cursor, "COUNT", "500"})
		if err != nil {
			return nil, err
		}
		page, ok := replies[0].([]any)
		if !ok {
			return nil, fmt.Errorf("SCAN is answered %v", replies[0])
		}
		for _, one := range page[1].([]any) {
			key := one.(string)
			replies, err := conn.call([]string{"GET", key}, []string{"PEXPIRETIME", key})
			if err != nil {
				return nil, err
			}
			value, ok := replies[0].(string)
			if !ok {
				continue // its time is over
			}
			name, err := nameOf(key, value)
			if err != nil {
				return nil, err
			}
			held[key] = name
			if ends, ok := replies[1].(int64); ok && ends > 0 {
				held[key] += " for a while"
			}
		}
		if cursor = page[0].(string); cursor == "0" {
			return held, nil
		}
	}
}

// stormWins are the numbers that clients of one node wrote by WATCH and EXEC: within one start of it no two write the same.
type stormWins struct {
	starts *atomic.Int64
	mu     sync.Mutex
	since  int64
	all    map[int]bool
}

// count adds 1 to a key of the node with WATCH, GET, MULTI, SET, EXEC, again and again.
func (x *stormWins) count(ctx context.Context, s *storm, h *Host) {
	var conn *raw
	var since int64
	key := "cas-" + h.Name
	for ctx.Err() == nil {
		<-time.After(5 * time.Millisecond)
		if conn == nil {
			since = x.starts.Load()
			conn, _ = dialRaw(h, s.password)
			continue
		}
		first, err := conn.call([]string{"WATCH", key}, []string{"GET", key})
		if err != nil {
			conn = nil
			continue
		}
		text, _ := first[1].(string)
		if _, refused := first[1].(refusal); refused {
			continue
		}
		n, _ := strconv.Atoi(text)
		second, err := conn.call([]string{"MULTI"}, []string{"SET", key, strconv.Itoa(n + 1)}, []string{"EXEC"})
		if err != nil {
			conn = nil
			continue
		}
		if done, ok := second[2].([]any); ok && len(done) == 1 && done[0] == "OK" && since == x.starts.Load() {
			x.note(s, h, since, n+1)
		}
	}
}

func (x *stormWins) note(s *storm, h *Host, since int64, n int) {
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.since != since {
		x.since, x.all = since, nil
	}
	if x.all == nil {
		x.all = map[int]bool{}
	}
	if x.all[n] {
		s.faults.add("%s: two transactions that watched one key wrote %d", h.Name, n)
	}
	x.all[n] = true
}
