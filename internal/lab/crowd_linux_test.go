package lab

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"slices"
	"sync"
	"syscall"
	"testing"
	"time"
)

// p99 is that of so many requests of a client that sends one at a time.
func p99(t *testing.T, h *Host, requests int) time.Duration {
	t.Helper()
	conn := h.MustDial("tcp4", "127.0.0.1:9000")
	defer conn.Close()
	in := bufio.NewReader(conn)
	took := make([]time.Duration, 0, requests)
	for range requests {
		began := time.Now()
		if _, err := io.WriteString(conn, "*2\r\n$3\r\nGET\r\n$4\r\nnone\r\n"); err != nil {
			t.Fatal(err)
		}
		if line, err := in.ReadString('\n'); err != nil || line != "$-1\r\n" {
			t.Fatalf("%q, %v", line, err)
		}
		took = append(took, time.Since(began))
	}
	slices.Sort(took)
	return took[len(took)*99/100]
}

// usual is the p99 of a good client as things are: the best of three, for on a machine that others use one look at a percentile
// says little.
func usual(t *testing.T, h *Host) time.Duration {
	t.Helper()
	requests := besieged(2_000, 20_000)
	return min(p99(t, h, requests), p99(t, h, requests), p99(t, h, requests))
}

// beside compares the p99 of a good client beside what else there is with what it is without. Some is let pass in a short run.
func beside(t *testing.T, h *Host, what string, without time.Duration) {
	t.Helper()
	got := usual(t, h)
	t.Logf("p99 of a good client: %v without, %v beside %s", without, got, what)
	if limit := 2*without + besieged(5*time.Millisecond, 100*time.Microsecond); got > limit {
		t.Errorf("p99 is %v beside %s, at most %v", got, what, limit)
	}
}

// processorAtRest is what part of a core the node takes while no good client is served.
func processorAtRest(t *testing.T, n *Node, what string, most float64) {
	t.Helper()
	before, begin := n.Processor(), time.Now()
	<-time.After(besieged(200*time.Millisecond, 5*time.Second))
	part := (n.Processor() - before).Seconds() / time.Since(begin).Seconds()
	t.Logf("%s: the node takes %.3f of a core", what, part)
	if *siege && part > most { // in a short run the first moments count
		t.Errorf("%s: the node takes %.3f of a core, at most %.3f", what, part, most)
	}
}

// crowded opens connections from the node's own machine to one of its ports.
func crowded(t *testing.T, h *Host, port, count int) (all []net.Conn) {
	t.Helper()
	for range count {
		all = append(all, h.MustDial("tcp4", fmt.Sprintf("127.0.0.1:%d", port)))
	}
	return all
}

// drip has each connection send a byte a second, one after the other, until end is called.
func drip(all []net.Conn) (end func()) {
	stop, stopped := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(stopped)
		beat := time.NewTicker(time.Second / time.Duration(len(all)))
		defer beat.Stop()
		for i := 0; ; i++ {
			_, _ = io.WriteString(all[i%len(all)], "x")
			select {
			case <-beat.C:
			case <-stop:
				return
			}
		}
	}()
	return sync.OnceFunc(func() { close(stop); <-stopped })
}

// elsewhere is the p99 of a good client beside a crowd that drips at another program of the machine, which reads it: what those
// who send take by themselves, and are to take beside the node too.
func elsewhere(t *testing.T, h *Host, count int) time.Duration {
	t.Helper()
	sink := h.Listen("127.0.0.1:9100")
	go func() {
		for {
			conn, err := sink.Accept()
			if err != nil {
				return
			}
			go func() { _, _ = io.Copy(io.Discard, conn); _ = conn.Close() }()
		}
	}()
	all := crowded(t, h, 9100, count)
	end := drip(all)
	defer func() {
		end()
		for _, c := range all {
			_ = c.Close()
		}
		_ = sink.Close()
	}()
	return usual(t, h)
}

func TestIdleSlowAndDeafConnectionsCostOthersLittle(t *testing.T) {
	h := New(t).Host()
	node := h.Start("--max-memory", "256m")
	waitReady(t, []*Host{h})
	drips := besieged(100, 1_000)
	alone := usual(t, h)
	without := max(alone, elsewhere(t, h, drips))
	t.Logf("p99 of a good client: %v alone, %v or less beside as many at another program", alone, without)
	if err := redisClient(t, h).Set(context.Background(), "large", noise(256<<10), 0).Err(); err != nil {
		t.Fatal(err)
	}
	before := residentMiB(t, node)

	idle := crowded(t, h, 9000, besieged(500, 5_000))
	for _, c := range idle {
		if _, err := io.WriteString(c, "PING\r\n"); err != nil { // who says nothing at all is closed after 5 s
			t.Fatal(err)
		}
	}
	slow := crowded(t, h, 9000, drips)
	end := drip(slow)
	defer end()
	what := fmt.Sprintf("%d idle connections and %d that send a byte a second", len(idle), len(slow))
	processorAtRest(t, node, what, 0.1)
	beside(t, h, what, without)

	deaf := crowded(t, h, 9000, besieged(20, 100))
	for _, c := range deaf {
		raw, err := c.(*net.TCPConn).SyscallConn()
		if err == nil {
			err = raw.Control(func(fd uintptr) { _ = syscall.SetsockoptInt(int(fd), syscall.SOL_SOCKET, syscall.SO_RCVBUF, 4<<10) })
		}
		if err != nil {
			t.Fatal(err)
		}
		if _, err := c.Write(bytes.Repeat([]byte("GET large\r\n"), 1000)); err != nil {
			t.Fatal(err)
		}
	}
	what = fmt.Sprintf("%d that ask for 250 MiB each and read nothing, too", len(deaf))
	processorAtRest(t, node, what, 0.2) // their first replies are written in this time too
	beside(t, h, what, without)
	grown := residentMiB(t, node) - before
	t.Logf("RSS grew by %d MiB", grown)
	if grown > 26+64 { // a tenth of the memory, and what lies in the heap until it is collected
		t.Errorf("RSS grew by %d MiB", grown)
	}
	end()
	stillWhole(t, []*Host{h}, []*Node{node})
}

// A peer with a window of 4 KiB that stands still for a second, again and again, while a client writes more than it can take: the
// clients of the others do not notice, and what waits for it is bounded.
func TestAPeerThatReadsSlowlyCostsOthersLittle(t *testing.T) {
	hosts := New(t).Hosts(3)
	if out := hosts[2].Exec("sysctl", "-qw", "net.ipv4.tcp_rmem=4096 4096 4096"); out.Code != 0 {
		t.Fatal(out.Stderr)
	}
	var nodes []*Node
	for _, h := range hosts {
		nodes = append(nodes, h.Start("--max-memory", "256m"))
	}
	waitMesh(t, hosts, time.Now())
	waitReady(t, hosts)
	writer := steady(t, hosts[0])
	without, before := usual(t, hosts[0]), residentMiB(t, nodes[0])

	stop, stopped := make(chan struct{}), make(chan struct{})
	pid := nodes[2].PID()
	_ = syscall.Kill(pid, syscall.SIGSTOP)
	go func() {
		defer close(stopped)
		defer func() { _ = syscall.Kill(pid, syscall.SIGCONT) }()
		for {
			for _, next := range []struct {
				pass   time.Duration
				signal syscall.Signal
			}{{time.Second, syscall.SIGCONT}, {100 * time.Millisecond, syscall.SIGSTOP}} {
				select {
				case <-time.After(next.pass):
				case <-stop:
					return
				}
				_ = syscall.Kill(pid, next.signal)
			}
		}
	}()
	beside(t, hosts[0], "a peer that stands still most of the time", without)
	grown := residentMiB(t, nodes[0]) - before
	close(stop)
	<-stopped
	sets := writer()
	t.Logf("%d MiB written meanwhile, RSS grew by %d MiB", sets>>10, grown)
	if grown > 64 { // the ring has 4 MiB, the link as much; the store itself fills
		t.Errorf("RSS grew by %d MiB", grown)
	}
	waitMesh(t, hosts, time.Now())
	stillWhole(t, hosts, nodes)
}

// steady has a client set values of 1 KiB of 10,000 keys, 16 at a time and 8 MiB a second, until end is called, which says how many.
func steady(t *testing.T, h *Host) (end func() (sets int)) {
	const at, perSecond = 16, 8 << 10
	conn := h.MustDial("tcp4", "127.0.0.1:9000")
	value := noise(1 << 10)
	stop, stopped := make(chan struct{}), make(chan int)
	go func() {
		in := bufio.NewReader(conn)
		pace := time.NewTicker(loadPace)
		defer pace.Stop()
		begin := time.Now()
		var b []byte
		for sets := 0; ; {
			select {
			case <-stop:
				stopped <- sets
				return
			default:
			}
			if due := int(time.Since(begin).Seconds() * perSecond); sets > due {
				<-pace.C
				continue
			}
			b = b[:0]
			for i := range at {
				b = fmt.Appendf(b, "*3\r\n$3\r\nSET\r\n$12\r\nsteady-%05d\r\n$%d\r\n%s\r\n", (sets+i)%10_000, len(value), value)
			}
			if _, err := conn.Write(b); err != nil {
				t.Error(err)
			}
			for range at {
				if line, err := in.ReadString('\n'); err != nil || line != "+OK\r\n" {
					t.Errorf("SET is answered %q, %v", line, err)
					<-stop
					stopped <- sets
					return
				}
			}
			sets += at
		}
	}()
	return func() int { close(stop); return <-stopped }
}
