package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"time"

	"covey/bench/rivals/internal/report"
	"covey/bench/rivals/internal/server"
	"covey/bench/rivals/internal/trace"
	"covey/bench/rivals/internal/weigh"
)

// redisFigures are what redis-server takes for so many entries.
type redisFigures struct {
	version string
	entries int
	rss     int64
}

const (
	pipeline    = 1000            // commands sent before their replies are read
	steadyFor   = 3 * time.Second // its memory counts when it has not grown for so long: tables are moved in idle time
	steadyLooks = 100             // at most; then it is taken as it is
)

// weighRedis fills one redis-server up to each count in turn.
func weighRedis(counts []int) (out []redisFigures, err error) {
	version, err := exec.Command("redis-server", "--version").Output()
	if err != nil {
		return nil, fmt.Errorf("redis-server does not run (-redis=false leaves it out): %w", err)
	}
	folder, err := os.MkdirTemp("", "covey-memory-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(folder)
	fleet := server.Fleet{Folder: folder}
	defer func() { err = errors.Join(err, fleet.End()) }()
	redis, err := fleet.Start(context.Background(), "redis", "--maxmemory", "0")
	if err != nil {
		return nil, err
	}
	conn, err := net.Dial("tcp4", redis.Addr)
	if err != nil {
		return nil, err
	}
	defer conn.Close()
	done := 0
	for _, n := range counts {
		if err := fillRedis(conn, done, n); err != nil {
			return nil, err
		}
		done = max(done, n)
		rss, err := steady(redis.Pid())
		if err != nil {
			return nil, err
		}
		out = append(out, redisFigures{version: strings.Join(strings.Fields(string(version))[:3], " "), entries: done, rss: rss})
	}
	return out, nil
}

// fillRedis sets the keys of the numbers from first to end.
func fillRedis(conn net.Conn, first, end int) error {
	in := bufio.NewReader(conn)
	key, value := make([]byte, trace.KeyBytes), make([]byte, weigh.ValueBytes)
	var batch []byte
	for first < end {
		n := min(pipeline, end-first)
		batch = batch[:0]
		for i := range n {
			trace.PutKey(key, uint32(first+i))
			batch = append(batch, "*3\r\n$3\r\nSET\r\n"...)
			batch = bulk(bulk(batch, key), value)
		}
		if _, err := conn.Write(batch); err != nil {
			return err
		}
		for range n {
			if line, err := in.ReadString('\n'); err != nil || line != "+OK\r\n" {
				return fmt.Errorf("redis-server answers a SET with %q: %w", line, err)
			}
		}
		first += n
	}
	return nil
}

func bulk(dst, text []byte) []byte {
	dst = append(strconv.AppendInt(append(dst, '$'), int64(len(text)), 10), '\r', '\n')
	return append(append(dst, text...), '\r', '\n')
}

// steady waits until a process no longer changes its memory.
func steady(pid int) (int64, error) {
	last, since := int64(0), time.Now()
	for range steadyLooks {
		now, _, err := report.RSS(pid)
		if err != nil {
			return 0, err
		}
		if now != last {
			last, since = now, time.Now()
		}
		if time.Since(since) >= steadyFor {
			break
		}
		time.Sleep(steadyFor / 10)
	}
	return last, nil
}
