// Stalled has many clients stop half-way through values of 16 MiB and prints what a node, and other servers, take for them, and how
// others are served meanwhile. It starts the servers on free ports of the loopback and ends them. It is to be started in the folder
// bench/rivals, after `make build`; it takes some 5 s a row:
//
//	go run ./cmd/stalled -memory 64MiB,1GiB
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"net"
	"os"
	"runtime"
	"strings"
	"time"

	"covey/bench/rivals/internal/report"
	"covey/bench/rivals/internal/server"
)

const (
	valueBytes = 16 << 20
	patience   = 3 * time.Second // for a client whose bytes nobody takes
	rest       = time.Second     // after the last of them, and after they are gone
)

func main() {
	runtime.LockOSThread() // what is started ends with the thread that started it
	out := report.Path()
	fleet := &server.Fleet{}
	flag.StringVar(&fleet.Binary, "binary", "../../bin/covey", "the node's program")
	flag.StringVar(&fleet.Before, "before", "", "another `program` of a node")
	servers := flag.String("servers", "covey,redis", "which `servers`: covey, before, redis")
	memory := flag.String("memory", "64MiB,256MiB,1GiB", "what --max-memory a node gets, a `list`")
	clients := flag.Int("clients", 100, "how many stop half-way")
	flag.Parse()
	if err := run(fleet, *out, *servers, *memory, *clients); err != nil {
		report.Fail(err)
	}
}

func run(fleet *server.Fleet, out, servers, memory string, clients int) (err error) {
	if fleet.Folder, err = os.MkdirTemp("", "covey-stalled-"); err != nil {
		return err
	}
	defer os.RemoveAll(fleet.Folder)
	defer func() { err = errors.Join(err, fleet.End()) }()
	r := report.BeginAnyLoad(out, "Clients that stop half-way through large values", nil)
	r.Text("%d clients announce values of 16 MiB and send 8 MiB each, and no more. MiB are resident memory; us is the longest of 150 small", clients)
	r.Text("commands of another client meanwhile.\n")
	var lines [][]string
	for name := range strings.SplitSeq(servers, ",") {
		budgets := strings.Split(memory, ",")
		if name == "redis" {
			budgets = []string{""}
		}
		for _, budget := range budgets {
			line, err := stall(fleet, name, budget, clients)
			if err != nil {
				return fmt.Errorf("%s %s: %w", name, budget, err)
			}
			lines = append(lines, line)
		}
	}
	r.Table([]string{"server, --max-memory", "MiB before", "half-way", "all gone", "others, us"}, lines)
	return r.End()
}

// stall measures one server.
func stall(fleet *server.Fleet, name, budget string, clients int) ([]string, error) {
	var more []string
	if budget != "" {
		more = []string{"--max-memory", budget}
	}
	s, err := fleet.Start(context.Background(), name, more...)
	if err != nil {
		return nil, err
	}
	line := []string{strings.TrimSpace(name + " " + budget)}
	if line, err = weigh(line, s); err != nil {
		return nil, err
	}
	value := make([]byte, valueBytes/2)
	var all []net.Conn
	for i := range clients {
		c, err := net.Dial("tcp4", s.Addr)
		if err != nil {
			return nil, err
		}
		defer c.Close()
		all = append(all, c)
		if err := c.SetDeadline(time.Now().Add(patience)); err != nil {
			return nil, err
		}
		key := fmt.Sprint("stalled ", i)
		head := fmt.Appendf(nil, "*3\r\n$3\r\nSET\r\n$%d\r\n%s\r\n$%d\r\n", len(key), key, valueBytes)
		_, _ = c.Write(append(head, value...)) // some are turned away
	}
	time.Sleep(rest)
	if line, err = weigh(line, s); err != nil {
		return nil, err
	}
	longest, err := others(s)
	if err != nil {
		return nil, err
	}
	for _, c := range all {
		c.Close()
	}
	time.Sleep(rest)
	if line, err = weigh(line, s); err != nil {
		return nil, err
	}
	return append(line, fmt.Sprint(longest.Microseconds())), fleet.End()
}

func weigh(line []string, s *server.Server) ([]string, error) {
	rss, _, err := report.RSS(s.Pid())
	return append(line, fmt.Sprintf("%.1f", float64(rss)/(1<<20))), err
}

// others is the longest time that a small command of another client takes, which has none of the values.
func others(s *server.Server) (longest time.Duration, err error) {
	for range 50 {
		for _, c := range []struct{ command, reply string }{{"SET small x\r\n", "+OK\r\n"}, {"GET small\r\n", "$1\r\nx\r\n"}, {"DBSIZE\r\n", ":1\r\n"}} {
			begun := time.Now()
			reply, err := s.Ask(c.command)
			if err != nil || reply != c.reply {
				return 0, fmt.Errorf("%q was answered %q, %w", c.command, reply, err)
			}
			longest = max(longest, time.Since(begun))
		}
	}
	return longest, nil
}
