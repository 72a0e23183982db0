package main

import (
	"bufio"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"covey/bench/rivals/internal/report"
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
	pipeline      = 1000             // commands sent before their replies are read
	redisPatience = 10 * time.Second // for its start and its end
	steadyFor     = 3 * time.Second  // its memory counts when it has not grown for so long: tables are moved in idle time
	steadyLooks   = 100              // at most; then it is taken as it is
)

// weighRedis fills one redis-server up to each count in turn.
func weighRedis(program string, counts []int) (out []redisFigures, err error) {
	version, err := exec.Command(program, "--version").Output()
	if err != nil {
		return nil, fmt.Errorf("%s does not run (-redis '' leaves it out): %w", program, err)
	}
	folder, err := os.MkdirTemp("", "covey-memory-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(folder)
	socket := filepath.Join(folder, "redis.sock")
	server := exec.Command(program, "--port", "0", "--unixsocket", socket, "--save", "", "--appendonly", "no",
		"--dir", folder, "--daemonize", "no", "--maxmemory", "0")
	if err := server.Start(); err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, end(server)) }()
	conn, err := dial(socket)
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
		rss, err := steady(server.Process.Pid)
		if err != nil {
			return nil, err
		}
		out = append(out, redisFigures{version: strings.Join(strings.Fields(string(version))[:3], " "), entries: done, rss: rss})
	}
	return out, nil
}

// end ends a server that this program started.
func end(server *exec.Cmd) error {
	if err := server.Process.Signal(syscall.SIGTERM); err != nil {
		return err
	}
	ended := make(chan error, 1)
	go func() { ended <- server.Wait() }()
	select {
	case err := <-ended:
		var exit *exec.ExitError
		if errors.As(err, &exit) {
			return nil // by the signal
		}
		return err
	case <-time.After(redisPatience):
		return errors.Join(errors.New("redis-server does not end when asked to"), server.Process.Kill())
	}
}

func dial(socket string) (conn net.Conn, err error) {
	for deadline := time.Now().Add(redisPatience); time.Now().Before(deadline); time.Sleep(10 * time.Millisecond) {
		if conn, err = net.Dial("unix", socket); err == nil {
			return conn, nil
		}
	}
	return nil, fmt.Errorf("redis-server does not answer: %w", err)
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
