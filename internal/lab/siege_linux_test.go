package lab

import (
	"bufio"
	"bytes"
	"context"
	"flag"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// What may be thrown at a node, with figures: more than its memory, readers that do not read, more connections than descriptors,
// announces of nobody. In a test run each lasts seconds; -siege has the sizes that the figures are stated for.
var siege = flag.Bool("siege", false, "the tests of a node under siege with full sizes: minutes instead of seconds")

// besieged is short in a test run, and full under -siege.
func besieged[T any](short, full T) T {
	if *siege {
		return full
	}
	return short
}

// cage makes a control group with so many bytes of memory and returns the words that run a program in it; none where the machine
// does not let it.
func cage(t *testing.T, name string, limit int64) (wrap []string, ooms func() string) {
	t.Helper()
	for _, v := range []struct{ root, limit, events string }{
		{"/sys/fs/cgroup/memory", "memory.limit_in_bytes", "memory.oom_control"}, {"/sys/fs/cgroup", "memory.max", "memory.events"},
	} {
		dir := filepath.Join(v.root, fmt.Sprintf("covey-lab-%d-%s", os.Getpid(), name))
		if os.Mkdir(dir, 0o755) != nil {
			continue
		}
		t.Cleanup(func() { _ = os.Remove(dir) })
		if os.WriteFile(filepath.Join(dir, v.limit), []byte(strconv.FormatInt(limit, 10)), 0o644) != nil {
			continue
		}
		return []string{"sh", "-c", `echo $$ > "$0"; exec "$@"`, filepath.Join(dir, "cgroup.procs")}, func() string {
			text, _ := os.ReadFile(filepath.Join(dir, v.events))
			return strings.Join(strings.Fields(string(text)), " ")
		}
	}
	t.Log("no control group can be made here: the limit is looked at, and not enforced")
	return nil, func() string { return "not enforced" }
}

// peakMiB is the most memory that the node has had in use.
func peakMiB(t *testing.T, n *Node) int {
	t.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", n.PID()))
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(text), "VmHWM:")
	kib, err := strconv.Atoi(strings.Fields(rest)[0])
	if err != nil {
		t.Fatal(err)
	}
	return kib >> 10
}

// flood writes so many bytes of values of all sizes to a node, and reports what went wrong.
func flood(conn net.Conn, seed uint64, total int) error {
	random := rand.New(rand.NewPCG(seed, 1))
	value := noise(1 << 20)
	errs := make(chan error, 1)
	count := make(chan int, 1<<20)
	go func() {
		in := bufio.NewReaderSize(conn, 64<<10)
		for range count {
			line, err := in.ReadString('\n')
			if err == nil && line != "+OK\r\n" {
				err = fmt.Errorf("SET is answered %q", line)
			}
			if err != nil {
				errs <- err
				_ = conn.Close()
				return
			}
		}
		errs <- nil
	}()
	out := bufio.NewWriterSize(conn, 64<<10)
	for sent, i := 0, 0; sent < total; i++ {
		size := 1 << random.IntN(21)
		size -= random.IntN(size/2 + 1)
		fmt.Fprintf(out, "*3\r\n$3\r\nSET\r\n$20\r\n%020d\r\n$%d\r\n", random.Uint64()%1e15, size)
		_, _ = out.Write(value[:size])
		if _, err := out.WriteString("\r\n"); err != nil {
			break // the reader says why
		}
		count <- i
		sent += size
	}
	_ = out.Flush()
	close(count)
	return <-errs
}

// Clients write four times the memory of two nodes to each of them at once, so each gets as much again from its peer, in control
// groups of twice the memory.
func TestFourTimesTheMemoryFits(t *testing.T) {
	memory := besieged(192, 256)
	hosts := New(t).Hosts(2)
	var nodes []*Node
	var ooms []func() string
	for _, h := range hosts {
		wrap, events := cage(t, h.Name, int64(2*memory)<<20)
		nodes = append(nodes, h.Launch(Launch{Wrap: wrap, Args: []string{"run", "--max-memory", fmt.Sprintf("%dm", memory)}}))
		ooms = append(ooms, events)
	}
	waitMesh(t, hosts, time.Now())
	waitReady(t, hosts)
	const clients = 4
	begin, rounds := time.Now(), 0
	for ; rounds == 0 || time.Since(begin) < besieged(0, time.Minute); rounds++ {
		ends := make(chan error)
		for i := range 2 * clients {
			conn := hosts[i%2].MustDial("tcp4", "127.0.0.1:9000")
			go func() { ends <- flood(conn, uint64(rounds*100+i), 4*memory<<20/clients); conn.Close() }()
		}
		for range 2 * clients {
			if err := <-ends; err != nil {
				t.Error(err)
			}
		}
	}
	for i, n := range nodes {
		if !n.Running() {
			t.Fatalf("the node on %s is gone:\n%s", n.Host.Name, strings.Join(n.Lines(), "\n"))
		}
		peak := peakMiB(t, n)
		t.Logf("%s: %d times 4 x %d MiB written in %v: peak RSS %d MiB, %.2f of max-memory (limit 1.25); control group: %s",
			n.Host.Name, rounds, memory, time.Since(begin).Round(time.Millisecond), peak, float64(peak)/float64(memory), ooms[i]())
		if peak*100 > memory*125 {
			t.Errorf("%s: %d MiB of %d", n.Host.Name, peak, memory)
		}
	}
	stillWhole(t, hosts, nodes)
}

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

// beside compares the p99 of a good client alone and beside what else there is. On a machine that others use one look at a
// percentile says little: the best of three counts, and in a short run some ms are let pass.
func beside(t *testing.T, h *Host, what string, alone time.Duration) {
	t.Helper()
	requests := besieged(2_000, 20_000)
	best := time.Duration(1 << 62)
	for range 3 {
		best = min(best, p99(t, h, requests))
	}
	t.Logf("p99 of a good client: %v alone, %v beside %s", alone, best, what)
	if limit := 2*alone + besieged(5*time.Millisecond, time.Millisecond); best > limit {
		t.Errorf("p99 is %v beside %s, at most %v", best, what, limit)
	}
}

func alone(t *testing.T, h *Host) time.Duration {
	requests := besieged(2_000, 20_000)
	return min(p99(t, h, requests), p99(t, h, requests), p99(t, h, requests))
}

// crowded opens connections from the node's own machine.
func crowded(t *testing.T, h *Host, count int) (all []net.Conn) {
	t.Helper()
	for range count {
		all = append(all, h.MustDial("tcp4", "127.0.0.1:9000"))
	}
	return all
}

func TestIdleSlowAndDeafConnectionsCostOthersLittle(t *testing.T) {
	h := New(t).Host()
	node := h.Start("--max-memory", "256m")
	waitReady(t, []*Host{h})
	quiet := alone(t, h)
	if err := redisClient(t, h).Set(context.Background(), "large", noise(256<<10), 0).Err(); err != nil {
		t.Fatal(err)
	}
	before := residentMiB(t, node)

	idle := crowded(t, h, besieged(500, 5_000))
	for _, c := range idle {
		if _, err := io.WriteString(c, "PING\r\n"); err != nil { // who says nothing at all is closed after 5 s
			t.Fatal(err)
		}
	}
	slow := crowded(t, h, besieged(100, 1_000))
	stop, stopped := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(stopped)
		for beat := time.NewTicker(time.Second); ; {
			for _, c := range slow {
				_, _ = io.WriteString(c, "x")
			}
			select {
			case <-beat.C:
			case <-stop:
				return
			}
		}
	}()
	beside(t, h, fmt.Sprintf("%d idle connections and %d that send a byte a second", len(idle), len(slow)), quiet)

	deaf := crowded(t, h, besieged(20, 100))
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
	beside(t, h, fmt.Sprintf("%d that ask for 250 MiB each and read nothing, too", len(deaf)), quiet)
	grown := residentMiB(t, node) - before
	t.Logf("RSS grew by %d MiB", grown)
	if grown > 26+64 { // a tenth of the memory, and what lies in the heap until it is collected
		t.Errorf("RSS grew by %d MiB", grown)
	}
	close(stop)
	<-stopped
	stillWhole(t, []*Host{h}, []*Node{node})
}

func TestWithSixtyFourDescriptorsAClientStaysAndANewOneGetsIn(t *testing.T) {
	Need(t, "prlimit")
	hosts := New(t).Hosts(3)
	first := hosts[0].Launch(Launch{Wrap: []string{"prlimit", "--nofile=64"}, Args: []string{"run", "--loops", "1"}})
	nodes := []*Node{first, hosts[1].Start(), hosts[2].Start()}
	waitMesh(t, hosts, time.Now())
	waitReady(t, hosts)
	served := startTraffic(t, hosts[0])
	Poll(t, patience, "the client to be served", func() bool { return counted(hosts[0], "commands") > 10 })
	refused := 0
	for end := time.Now().Add(besieged(time.Second, 10*time.Second)); time.Now().Before(end); {
		open := crowded(t, hosts[0], 300)
		for _, c := range open {
			_ = c.SetDeadline(time.Now().Add(patience))
			_, _ = io.WriteString(c, "PING\r\n")
			if line, err := bufio.NewReader(c).ReadString('\n'); err != nil || strings.HasPrefix(line, "-ERR") {
				refused++
			}
		}
		for _, c := range open {
			_ = c.Close()
		}
	}
	begin := time.Now()
	Poll(t, time.Second, "a new client to be served", func() bool {
		c := hosts[0].MustDial("tcp4", "127.0.0.1:9000")
		defer c.Close()
		_ = c.SetDeadline(time.Now().Add(time.Second))
		_, _ = io.WriteString(c, "PING\r\n")
		line, _ := bufio.NewReader(c).ReadString('\n')
		return line == "+PONG\r\n"
	})
	t.Logf("%d connections refused, a new one served %v after", refused, time.Since(begin).Round(time.Millisecond))
	if refused == 0 {
		t.Error("nothing was refused")
	}
	served.finish(t, "300 connections on 64 descriptors")
	stillWhole(t, hosts, nodes)
}

// What the node cannot prevent, descriptors taken from it while it runs, ends it with a word and a status.
func TestAnEngineThatStopsEndsTheProcess(t *testing.T) {
	Need(t, "prlimit")
	h := New(t).Host()
	node := h.Start()
	waitReady(t, []*Host{h})
	if out := h.Exec("prlimit", "--pid", strconv.Itoa(node.PID()), "--nofile=8"); out.Code != 0 {
		t.Fatal(out.Stderr)
	}
	node.awaited = true
	if conn, err := h.Dial(context.Background(), "tcp4", "127.0.0.1:9000"); err == nil {
		defer conn.Close()
	}
	code, _ := node.WaitExit(patience)
	if code == 0 || node.Count("the engine stopped", "descriptors") == 0 {
		t.Errorf("exit %d:\n%s", code, strings.Join(node.Lines(), "\n"))
	}
}

func TestDeletesOfWhatIsNotThereCostNoMemory(t *testing.T) {
	hosts := New(t).Hosts(2)
	nodes := []*Node{hosts[0].Start("--max-memory", "256m"), hosts[1].Start("--max-memory", "256m")}
	waitMesh(t, hosts, time.Now())
	waitReady(t, hosts)
	before := []int{residentMiB(t, nodes[0]), residentMiB(t, nodes[1])}
	conn := hosts[0].MustDial("tcp4", "127.0.0.1:9000")
	count := besieged(300_000, 10_000_000)
	go func() {
		out := bufio.NewWriterSize(conn, 64<<10)
		for i := range count {
			fmt.Fprintf(out, "DEL absent-%d\r\n", i)
		}
		_ = out.Flush()
	}()
	in := bufio.NewReaderSize(conn, 64<<10)
	for range count {
		if line, err := in.ReadString('\n'); err != nil || line != ":0\r\n" {
			t.Fatalf("%q, %v", line, err)
		}
	}
	for i, n := range nodes {
		grown := residentMiB(t, n) - before[i]
		t.Logf("%s: RSS grew by %d MiB in %d deletes of absent keys", n.Host.Name, grown, count)
		if grown > 32 {
			t.Errorf("%s: RSS grew by %d MiB", n.Host.Name, grown)
		}
	}
	stillWhole(t, hosts, nodes)
}
