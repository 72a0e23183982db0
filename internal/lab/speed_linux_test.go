package lab

import (
	"bufio"
	"context"
	"flag"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

var (
	joinKeys = flag.Int("join-keys", 0, "how many keys of 100 bytes TestJoinSpeed has a node copy; 0: it is left out")
	joinRuns = flag.Int("join-runs", 3, "how many times, at rest and with clients")
)

// received is how many bytes have come to the host's card.
func (h *Host) received() (bytes uint64) {
	var text []byte
	var err error
	h.inside.visit(func() { text, err = os.ReadFile("/proc/thread-self/net/dev") }, &err)
	if err != nil {
		h.net.t.Fatal(err)
	}
	_, line, _ := strings.Cut(string(text), "eth0:")
	if _, err := fmt.Sscan(line, &bytes); err != nil {
		h.net.t.Fatalf("%s: no counter of eth0: %v", h.Name, err)
	}
	return bytes
}

// plainCopy sends bytes from one host to another over one connection, and returns how long that took.
func plainCopy(t *testing.T, from, to *Host, bytes uint64) time.Duration {
	t.Helper()
	listener := from.Listen("0.0.0.0:7")
	defer listener.Close()
	go func() {
		conn, err := listener.Accept()
		if err != nil {
			return
		}
		defer conn.Close()
		block := make([]byte, 256<<10)
		for sent := uint64(0); sent < bytes; sent += uint64(len(block)) {
			if _, err := conn.Write(block); err != nil {
				return
			}
		}
	}()
	conn, err := to.Dial(context.Background(), "tcp4", netip.AddrPortFrom(from.Addr, 7).String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	begin := time.Now()
	got, err := io.CopyBuffer(onlyWriter{}, onlyReader{conn}, make([]byte, 256<<10))
	if err != nil || uint64(got) < bytes {
		t.Fatalf("%d of %d bytes came: %v", got, bytes, err)
	}
	return time.Since(begin)
}

// What has no more than Read and Write is copied through memory, as a node does, not by the kernel.
type onlyReader struct{ net.Conn }

func (r onlyReader) Read(b []byte) (int, error) { return r.Conn.Read(b) }

type onlyWriter struct{}

func (onlyWriter) Write(b []byte) (int, error) { return len(b), nil }

// asker is a client that reads nine times and writes once, then again, a thousand a second, and notes how long each took.
type asker struct {
	mu    sync.Mutex
	times []time.Duration
}

func (a *asker) run(ctx context.Context, t *testing.T, h *Host, count int) {
	conn, err := h.Dial(ctx, "tcp4", "127.0.0.1:9000")
	if err != nil {
		t.Error(err)
		return
	}
	defer conn.Close()
	read := bufio.NewReader(conn)
	pace := time.NewTicker(loadPace)
	defer pace.Stop()
	for i := 0; ctx.Err() == nil; i++ {
		key, value := entry(i * 7919 % count)
		command := fmt.Sprintf("*2\r\n$3\r\nGET\r\n$%d\r\n%s\r\n", len(key), key)
		lines := 2
		if i%10 == 9 {
			command, lines = fmt.Sprintf("*3\r\n$3\r\nSET\r\n$%d\r\n%s\r\n$%d\r\n%s\r\n", len(key), key, len(value), value), 1
		}
		begin := time.Now()
		if _, err := conn.Write([]byte(command)); err != nil {
			t.Error(err)
			return
		}
		for range lines {
			if _, err := read.ReadSlice('\n'); err != nil {
				t.Error(err)
				return
			}
		}
		took := time.Since(begin)
		a.mu.Lock()
		a.times = append(a.times, took)
		a.mu.Unlock()
		<-pace.C
	}
}

// take returns the median and the 99th percentile since the last call.
func (a *asker) take() (median, p99 time.Duration) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if len(a.times) == 0 {
		return 0, 0
	}
	slices.Sort(a.times)
	median, p99 = a.times[len(a.times)/2], a.times[len(a.times)*99/100]
	a.times = a.times[:0]
	return median, p99
}

// A copying is one join as its card saw it.
type copying struct {
	bytes        uint64
	copied       time.Duration // from the first 64 KiB to all but a hundredth of it
	loaded       time.Duration // from the first 64 KiB to ready
	ready        time.Duration // since the start of the process
	giving       time.Duration // processor time of the donors meanwhile, the system's for them included
	taking       time.Duration // and of the node that joined
	median, p99  time.Duration // of a client of a donor meanwhile
	calm, calm99 time.Duration // before
}

// watchJoin starts a node and notes when its bytes came.
func watchJoin(t *testing.T, h *Host, donors []*Node) (c copying) {
	t.Helper()
	base := h.received()
	for _, d := range donors {
		c.giving -= d.Processor()
	}
	node := h.Start()
	type point struct {
		at    time.Time
		bytes uint64
	}
	var points []point
	client := redisClient(t, h)
	next := time.Now()
	Poll(t, patience, h.Name+" ready", func() bool {
		if time.Now().Before(next) {
			return false
		}
		next = time.Now().Add(5 * time.Millisecond)
		points = append(points, point{time.Now(), h.received() - base})
		key, _ := entry(0)
		return client.Get(context.Background(), key).Err() == nil
	})
	end := time.Now()
	for _, d := range donors {
		c.giving += d.Processor()
	}
	c.taking = node.Processor()
	c.bytes = points[len(points)-1].bytes
	first := points[slices.IndexFunc(points, func(p point) bool { return p.bytes >= 64<<10 })].at
	last := points[slices.IndexFunc(points, func(p point) bool { return p.bytes >= c.bytes/100*99 })].at
	c.copied, c.loaded, c.ready = last.Sub(first), end.Sub(first), end.Sub(node.Started)
	return c
}

// row is a line of the table that TestJoinSpeed prints.
func (c *copying) row(cable string, clients bool, plain time.Duration) string {
	rate := func(d time.Duration) float64 { return float64(c.bytes) / 1e6 / d.Seconds() }
	who, times := "none", " | |"
	if clients {
		us := func(d time.Duration) int64 { return d.Microseconds() }
		who = "two"
		times = fmt.Sprintf(" %d, %d | %d, %d |", us(c.calm), us(c.calm99), us(c.median), us(c.p99))
	}
	return fmt.Sprintf("| %s | %s | %.1f | %.2f | %.0f | %.0f | %.0f %% | %.2f | %.2f | %.2f | %.2f |%s", cable, who, float64(c.bytes)/1e6,
		c.copied.Seconds(), rate(c.copied), rate(plain), 100*plain.Seconds()/c.copied.Seconds(), c.loaded.Seconds(), c.ready.Seconds(),
		c.giving.Seconds(), c.taking.Seconds(), times)
}

// TestJoinSpeed measures how fast a third node copies what two hold, beside a plain copy of the same bytes over the same
// cable, and what clients of the two notice of it: with cables that carry what the machine can, and with those of a LAN. make
// join runs it.
func TestJoinSpeed(t *testing.T) {
	if *joinKeys == 0 {
		t.Skip("make join runs it")
	}
	Need(t, "tc")
	hosts, nodes := mesh(t, 2)
	third := hosts[0].net.Host()
	load(t, hosts[0], *joinKeys)
	c := redisClient(t, hosts[1])
	Poll(t, patience, "all keys on "+hosts[1].Name, func() bool { return c.DBSize(context.Background()).Val() == int64(*joinKeys) })
	converged(t, hosts[0], 2)
	t.Logf("%d keys; times in s, of clients in us", *joinKeys)
	t.Log("| cable | clients | MB | copied in | MB/s | plain copy, MB/s | share | ready after first bytes | after start | donors' processor time | joiner's | clients p50, p99 before | meanwhile |")
	t.Log("|---|---|---|---|---|---|---|---|---|---|---|---|---|")
	for _, cable := range []string{"as fast as it goes", "1 Gbit/s"} {
		if cable != "as fast as it goes" {
			hosts[0].net.Limit("1gbit")
		}
		for _, clients := range []bool{false, true} {
			for range *joinRuns {
				measureJoin(t, hosts, nodes, third, cable, clients)
			}
		}
	}
}

// measureJoin makes one run, and prints its line.
func measureJoin(t *testing.T, hosts []*Host, nodes []*Node, third *Host, cable string, clients bool) {
	t.Helper()
	ctx, stop := context.WithCancel(context.Background())
	defer stop()
	var a asker
	var calm, calm99 time.Duration
	if clients {
		for _, h := range hosts {
			go a.run(ctx, t, h, *joinKeys)
		}
		<-time.After(3 * time.Second) // a measurement of the calm
		calm, calm99 = a.take()
	} else {
		<-time.After(4 * time.Second) // until what was written last is of a closed epoch
	}
	j := watchJoin(t, third, nodes)
	j.calm, j.calm99 = calm, calm99
	j.median, j.p99 = a.take()
	stop()
	holdsAll(t, third, *joinKeys)
	third.nodes[len(third.nodes)-1].Kill()
	t.Log(j.row(cable, clients, plainCopy(t, hosts[0], third, j.bytes)))
}
